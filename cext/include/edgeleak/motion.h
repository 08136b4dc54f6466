// SPDX-License-Identifier: Apache-2.0
/* Shift of the camera from the sums of rows and columns: integers only. */
#ifndef EDGELEAK_MOTION_H
#define EDGELEAK_MOTION_H

#include <stddef.h>
#include <stdint.h>

#define EL_MOTION_MAX_SIDE  4096
#define EL_MOTION_MAX_REACH 64

typedef struct {
    int32_t shift_q8;
    int64_t best, still, structure;
} el_motion_found;

/* columns: w sums, rows: h sums; each picture row is read once. */
static inline void
el_motion_project(const uint16_t *counts, size_t h, size_t w, uint32_t *columns, uint32_t *rows)
{
    for (size_t x = 0; x < w; x++)
        columns[x] = 0;
    for (size_t y = 0; y < h; y++) {
        const uint16_t *row = counts + y * w;
        uint32_t sum = 0;
        for (size_t x = 0; x < w; x++) {
            columns[x] += row[x];
            sum += row[x];
        }
        rows[y] = sum;
    }
}

static inline int64_t
el_motion_slope(const uint32_t *sums, size_t i)
{
    return (int64_t)sums[i + 1] - (int64_t)sums[i];
}

static inline int64_t
el_motion_magnitude(int64_t v)
{
    return v < 0 ? -v : v;
}

/* n > 2 * reach + 1.  Slopes, so that the level of the frame drops out. */
static inline el_motion_found
el_motion_shift(const uint32_t *past, const uint32_t *now, size_t n, size_t reach)
{
    int64_t sad[2 * EL_MOTION_MAX_REACH + 1];
    size_t best = 0;
    el_motion_found found = {0, 0, 0, 0};
    for (size_t k = 0; k <= 2 * reach; k++) {
        sad[k] = 0;
        for (size_t i = reach; i < n - 1 - reach; i++)
            sad[k] += el_motion_magnitude(el_motion_slope(now, i)
                                          - el_motion_slope(past, i + reach - k));
        if (sad[k] < sad[best])
            best = k;
    }
    for (size_t i = reach; i < n - 1 - reach; i++)
        found.structure += el_motion_magnitude(el_motion_slope(now, i));
    found.best = sad[best];
    found.still = sad[reach];
    found.shift_q8 = ((int32_t)best - (int32_t)reach) * 256;
    if (best > 0 && best < 2 * reach) { /* the foot of a V with equal flanks */
        const int64_t left = sad[best - 1], right = sad[best + 1];
        const int64_t rise = (left > right ? left : right) - sad[best];
        const int64_t lean = 128 * el_motion_magnitude(left - right);
        if (rise > 0)
            found.shift_q8 += (int32_t)(left > right ? lean / rise : -(lean / rise));
    }
    return found;
}

#endif
