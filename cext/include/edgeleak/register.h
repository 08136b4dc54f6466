// SPDX-License-Identifier: Apache-2.0
/* A picture laid over another one: moved by parts of a pixel, in place.
 *
 * First along the columns, in the direction in which every row is read before it is overwritten,
 * then along each row by way of a line on the stack.  What comes in at a rim repeats the rim. */
#ifndef EDGELEAK_REGISTER_H
#define EDGELEAK_REGISTER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define EL_REGISTER_MAX_SIDE  4096
#define EL_REGISTER_MAX_SHIFT 64 /* pixels */

static inline ptrdiff_t
el_register_clip(ptrdiff_t i, size_t n)
{
    return i < 0 ? 0 : i < (ptrdiff_t)n ? i : (ptrdiff_t)n - 1;
}

/* out[i] between a[i] and b[i], `part` 256ths from a; out may be a or b. */
static inline void
el_register_mix(const uint16_t *a, const uint16_t *b, size_t n, uint32_t part, uint16_t *out)
{
#pragma GCC ivdep
    for (size_t i = 0; i < n; i++)
        out[i] = (uint16_t)((a[i] * (256 - part) + b[i] * part + 128) >> 8);
}

static inline void
el_register_down(uint16_t *counts, size_t h, size_t w, int32_t shift_q8)
{
    const ptrdiff_t whole = shift_q8 >> 8;
    const uint32_t part = (uint32_t)shift_q8 & 255;
    for (size_t i = 0; i < h; i++) {
        const size_t y = whole < 0 ? h - 1 - i : i;
        const ptrdiff_t from = (ptrdiff_t)y + whole;
        el_register_mix(counts + (size_t)el_register_clip(from, h) * w,
                        counts + (size_t)el_register_clip(from + 1, h) * w, w, part,
                        counts + y * w);
    }
}

static inline void
el_register_along(uint16_t *counts, size_t h, size_t w, int32_t shift_q8)
{
    enum { RIM = EL_REGISTER_MAX_SHIFT + 1 };
    uint16_t line[EL_REGISTER_MAX_SIDE + 2 * RIM];
    const ptrdiff_t whole = shift_q8 >> 8;
    if (w > EL_REGISTER_MAX_SIDE)
        return; /* refused by the binding; said here, the compiler knows that a row fits */
    for (size_t y = 0; y < h; y++) {
        uint16_t *row = counts + y * w;
        for (size_t i = 0; i < RIM; i++) {
            line[i] = row[0];
            line[RIM + w + i] = row[w - 1];
        }
        memcpy(line + RIM, row, w * sizeof *row);
        const uint16_t *from = line + RIM + whole;
        el_register_mix(from, from + 1, w, (uint32_t)shift_q8 & 255, row);
    }
}

/* counts[y, x] becomes what was at (y + dy, x + dx), 256ths of a pixel. */
static inline void
el_register_move(uint16_t *counts, size_t h, size_t w, int32_t dx_q8, int32_t dy_q8)
{
    if (dy_q8)
        el_register_down(counts, h, w, dy_q8);
    if (dx_q8)
        el_register_along(counts, h, w, dx_q8);
}

#endif
