// SPDX-License-Identifier: Apache-2.0
/* Shift of the camera from the sums of rows and columns: integers only, plain loops that every
 * compiler turns into vectors. */
#include "edgeleak/isa.h"

#ifndef EL_ISA /* seen from outside */
#ifndef EDGELEAK_MOTION_H
#define EDGELEAK_MOTION_H

#define EL_MOTION_MAX_SIDE  4096
#define EL_MOTION_MAX_REACH 64
#define EL_MOTION_MAX_GAP   64
#define EL_MOTION_MAX_BANDS 8
#define EL_MOTION_PART      256 /* slopes looked at together */
#define EL_MOTION_FLAT      (1 << 22) /* slopes below this: a part's sum fits 32 bits */

typedef struct {
    int32_t shift_q8;
    int64_t best, still, structure, rough;
} el_motion_found;

EL_INLINE int64_t
el_motion_slope(const uint32_t *sums, size_t i, size_t gap)
{
    return (int64_t)sums[i + gap] - (int64_t)sums[i];
}

EL_INLINE int64_t
el_motion_magnitude(int64_t v)
{
    return v < 0 ? -v : v;
}

/* n slopes as 32 bits; 0 when one of them is not below EL_MOTION_FLAT. */
EL_INLINE int
el_motion_flatten(const uint32_t *sums, size_t n, size_t gap, int32_t *slopes)
{
    uint32_t steep = 0;
    for (size_t i = 0; i < n; i++) {
        /* the difference of the sums modulo 2^32 is right if it is small, and else refused */
        const uint32_t a = sums[i], b = sums[i + gap];
        slopes[i] = (int32_t)(b - a);
        steep |= b < a ? a - b : b - a;
    }
    return steep < EL_MOTION_FLAT;
}

/* Slopes `from` to `to` of the sums, 64 bits: the reference, and for what does not fit 32. */
EL_INLINE void
el_motion_part_wide(const uint32_t *past, const uint32_t *now, size_t from, size_t to,
                    size_t reach, size_t gap, int64_t *sad)
{
    for (size_t i = from; i < to; i++) {
        const int64_t slope = el_motion_slope(now, i, gap);
        for (size_t k = 0; k <= 2 * reach; k++)
            sad[k] += el_motion_magnitude(slope - el_motion_slope(past, i + reach - k, gap));
    }
}

/* What there is to recognise: the slopes without their mean, and the bends from pixel to pixel. */
EL_INLINE void
el_motion_look(const uint32_t *now, size_t from, size_t to, size_t gap, el_motion_found *found)
{
    int64_t sum = 0;
    for (size_t i = from; i < to; i++)
        sum += el_motion_slope(now, i, gap);
    const int64_t mean = sum / (int64_t)(to - from); /* toward 0 */
    for (size_t i = from; i < to; i++) {
        const int64_t bend = el_motion_slope(now, i + 1, 1) - el_motion_slope(now, i, 1);
        found->structure += el_motion_magnitude(el_motion_slope(now, i, gap) - mean);
        found->rough += el_motion_magnitude(bend);
    }
}

/* The shift between the flanks of the best one: the foot of a V with equal flanks. */
static inline el_motion_found
el_motion_best(const int64_t *sad, size_t reach)
{
    size_t best = 0;
    for (size_t k = 1; k <= 2 * reach; k++)
        best = sad[k] < sad[best] ? k : best;
    el_motion_found found = {((int32_t)best - (int32_t)reach) * 256, sad[best], sad[reach],
                             0, 0};
    if (best > 0 && best < 2 * reach) {
        const int64_t left = sad[best - 1], right = sad[best + 1];
        const int64_t rise = (left > right ? left : right) - sad[best];
        const int64_t lean = 128 * el_motion_magnitude(left - right);
        if (rise > 0)
            found.shift_q8 += (int32_t)(left > right ? lean / rise : -(lean / rise));
    }
    return found;
}

#define EL_ISA_BODY "edgeleak/motion.h"
#include "edgeleak/isa_passes.h"

/* columns: w sums, rows: h sums; each picture row is read once. */
static inline void
el_motion_project(const uint16_t *counts, size_t stride, size_t h, size_t w, uint32_t *columns,
                  uint32_t *rows)
{
    EL_ISA_CALL(el_motion_project, counts, stride, h, w, columns, rows);
}

/* columns: w sums of each of `bands` strips of rows, one strip after the other; rows: h sums of
 * each of `bands` strips of columns. */
static inline void
el_motion_project_bands(const uint16_t *counts, size_t h, size_t w, size_t bands,
                        uint32_t *columns, uint32_t *rows)
{
    for (size_t i = 0; i < bands; i++)
        for (size_t k = 0; k < bands; k++) {
            const size_t y = i * h / bands, x = k * w / bands;
            el_motion_project(counts + y * w + x, w, (i + 1) * h / bands - y,
                              (k + 1) * w / bands - x, columns + i * w + x, rows + k * h + y);
        }
}

/* n > 2 * reach + gap.  Slopes, so that the level of the frame drops out. */
static inline el_motion_found
el_motion_shift(const uint32_t *past, const uint32_t *now, size_t n, size_t reach, size_t gap)
{
    return EL_ISA_CALL(el_motion_shift, past, now, n, reach, gap);
}

#endif /* EDGELEAK_MOTION_H */
#else  /* the body, once per instruction set */

/* Four rows at once: the column sums are loaded and stored a quarter as often. */
static void
EL_ISA(el_motion_project)(const uint16_t *counts, size_t stride, size_t h, size_t w,
                          uint32_t *restrict columns, uint32_t *restrict rows)
{
    size_t y = 0;
    memset(columns, 0, w * sizeof *columns);
    for (; y + 4 <= h; y += 4) {
        const uint16_t *a = counts + y * stride, *b = a + stride, *c = b + stride, *d = c + stride;
        uint32_t sum_a = 0, sum_b = 0, sum_c = 0, sum_d = 0;
        for (size_t x = 0; x < w; x++) {
            sum_a += a[x];
            sum_b += b[x];
            sum_c += c[x];
            sum_d += d[x];
            columns[x] += (uint32_t)a[x] + b[x] + c[x] + d[x];
        }
        rows[y] = sum_a;
        rows[y + 1] = sum_b;
        rows[y + 2] = sum_c;
        rows[y + 3] = sum_d;
    }
    for (; y < h; y++) {
        const uint16_t *row = counts + y * stride;
        uint32_t sum = 0;
        for (size_t x = 0; x < w; x++) {
            columns[x] += row[x];
            sum += row[x];
        }
        rows[y] = sum;
    }
}

/* el_motion_part_wide in 32 bits; the slopes are those from `from` and from `from` - reach.
 * Whole vectors run along the slopes, the few that are left along the shifts. */
EL_INLINE void
EL_ISA(el_motion_part)(const int32_t *past, const int32_t *now, size_t n, size_t reach,
                       int64_t *sad)
{
    uint32_t rest[2 * EL_MOTION_MAX_REACH + 1] = {0}; /* shifts in reverse */
    const size_t whole = n & ~(size_t)7;
    for (size_t i = whole; i < n; i++)
        for (size_t k = 0; k <= 2 * reach; k++) {
            const int32_t d = now[i] - past[i + k];
            rest[k] += (uint32_t)(d < 0 ? -d : d);
        }
    size_t k = 0;
    for (; k + 1 <= 2 * reach; k += 2) { /* two shifts at once: slopes are loaded half as often */
        uint32_t sum = 0, next = 0;
        for (size_t i = 0; i < whole; i++) {
            const int32_t d = now[i] - past[i + k], e = now[i] - past[i + k + 1];
            sum += (uint32_t)(d < 0 ? -d : d);
            next += (uint32_t)(e < 0 ? -e : e);
        }
        sad[2 * reach - k] += sum + rest[k];
        sad[2 * reach - k - 1] += next + rest[k + 1];
    }
    for (; k <= 2 * reach; k++) {
        uint32_t sum = 0;
        for (size_t i = 0; i < whole; i++) {
            const int32_t d = now[i] - past[i + k];
            sum += (uint32_t)(d < 0 ? -d : d);
        }
        sad[2 * reach - k] += sum + rest[k];
    }
}

static el_motion_found
EL_ISA(el_motion_shift)(const uint32_t *past, const uint32_t *now, size_t n, size_t reach,
                        size_t gap)
{
    int64_t sad[2 * EL_MOTION_MAX_REACH + 1] = {0};
    int32_t was[EL_MOTION_PART + 2 * EL_MOTION_MAX_REACH], is[EL_MOTION_PART];
    const size_t end = n - gap - reach;
    for (size_t from = reach; from < end; from += EL_MOTION_PART) {
        const size_t part = end - from < EL_MOTION_PART ? end - from : EL_MOTION_PART;
        const int is_flat = el_motion_flatten(now + from, part, gap, is) &
                            el_motion_flatten(past + from - reach, part + 2 * reach, gap, was);
        if (is_flat)
            EL_ISA(el_motion_part)(was, is, part, reach, sad);
        else
            el_motion_part_wide(past, now, from, from + part, reach, gap, sad);
    }
    el_motion_found found = el_motion_best(sad, reach);
    el_motion_look(now, reach, end, gap, &found);
    return found;
}

#endif /* EL_ISA */
