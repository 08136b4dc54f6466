// SPDX-License-Identifier: Apache-2.0
/* Box mean of int16 differences, odd sizes 1..11, border pixel repeated outside.
 *
 * Column sums are kept for the whole row and slide down one row at a time; the row pass adds
 * `size` shifted loads, which vectorises, where a running sum would not.
 * Inputs count as at most +/-16383, so that size^2 * 16383 * round(65536/size^2) fits 32 bits.
 */
#include "edgeleak/isa.h"
#ifndef EL_ISA
#ifndef EDGELEAK_SMOOTH_H
#define EDGELEAK_SMOOTH_H

#define EL_SMOOTH_MAX_Q2   16383
#define EL_SMOOTH_MAX_SIZE 11

static inline int32_t
el_smooth_clip(int16_t v)
{
    const int32_t high = v < EL_SMOOTH_MAX_Q2 ? v : EL_SMOOTH_MAX_Q2;
    return high > -EL_SMOOTH_MAX_Q2 ? high : -EL_SMOOTH_MAX_Q2;
}

static inline int32_t
el_smooth_factor(size_t size)
{
    const size_t n = size * size;
    return (int32_t)((65536u + n / 2) / n);
}

static inline void
el_smooth_add_row(int32_t *columns, const int16_t *row, size_t w)
{
    for (size_t i = 0; i < w; i++)
        columns[i] += el_smooth_clip(row[i]);
}

#define EL_ISA_BODY "edgeleak/smooth.h"
#include "edgeleak/isa_passes.h"

/* columns: sums of column pixels; the row that enters, and the one that leaves. */
static inline void
el_smooth_slide(int32_t *columns, const int16_t *enters, const int16_t *leaves, size_t w)
{
    EL_ISA_CALL(el_smooth_slide, columns, enters, leaves, w);
}

/* columns: width + size - 1 of them, the image starting at size / 2. */
static inline void
el_smooth_row(const int32_t *columns, int16_t *out, size_t w, size_t size)
{
    EL_ISA_CALL(el_smooth_row, columns, out, w, size);
}

/* src, out: h rows of w; columns: w + size - 1 sums of scratch. */
static inline void
el_smooth(const int16_t *src, int16_t *out, size_t h, size_t w, size_t size, int32_t *columns)
{
    const size_t reach = size / 2;
    int32_t *middle = columns + reach;
    memset(middle, 0, w * sizeof *middle);
    for (size_t i = 0; i < size; i++) {
        const size_t y = i < reach ? 0 : i - reach;
        el_smooth_add_row(middle, src + (y < h ? y : h - 1) * w, w);
    }
    for (size_t y = 0; y < h; y++) {
        for (size_t i = 0; i < reach; i++) {
            columns[i] = middle[0];
            middle[w + i] = middle[w - 1];
        }
        el_smooth_row(columns, out + y * w, w, size);
        const size_t leaves = y > reach ? y - reach : 0;
        const size_t enters = y + reach + 1 < h ? y + reach + 1 : h - 1;
        el_smooth_slide(middle, src + enters * w, src + leaves * w, w);
    }
}

#endif
#else

static void
EL_ISA(el_smooth_slide)(int32_t *restrict columns, const int16_t *restrict enters,
                        const int16_t *restrict leaves, size_t w)
{
    for (size_t i = 0; i < w; i++)
        columns[i] += (int16_t)(el_smooth_clip(enters[i]) - el_smooth_clip(leaves[i]));
}

EL_INLINE void
EL_ISA(el_smooth_taps)(const int32_t *restrict columns, int16_t *restrict out, size_t w,
                       size_t size)
{
    const int32_t factor = el_smooth_factor(size);
    for (size_t x = 0; x < w; x++) {
        int32_t sum = columns[x];
        for (size_t i = 1; i < size; i++)
            sum += columns[x + i];
        out[x] = (int16_t)((sum * factor + 32768) >> 16);
    }
}

/* One constant size a case, so that the tap loop unrolls and the pixel loop vectorises. */
static void
EL_ISA(el_smooth_row)(const int32_t *restrict columns, int16_t *restrict out, size_t w,
                      size_t size)
{
    switch (size) {
    case 1: EL_ISA(el_smooth_taps)(columns, out, w, 1); break;
    case 3: EL_ISA(el_smooth_taps)(columns, out, w, 3); break;
    case 5: EL_ISA(el_smooth_taps)(columns, out, w, 5); break;
    case 7: EL_ISA(el_smooth_taps)(columns, out, w, 7); break;
    case 9: EL_ISA(el_smooth_taps)(columns, out, w, 9); break;
    default: EL_ISA(el_smooth_taps)(columns, out, w, 11); break;
    }
}
#endif
