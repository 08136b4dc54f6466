// SPDX-License-Identifier: Apache-2.0
/* Where the mask lies, on a coarse grid: has a place been masked for long, and does it flicker?
 *
 * Sums per cell are taken from the mask, which is nearly empty, so they cost a look at the
 * mask.  Cells that touch (8 neighbours) form a group; a group is kept when one of its cells
 * has been masked for long enough, and when it still moves.
 */
#ifndef EDGELEAK_PLACES_H
#define EDGELEAK_PLACES_H

#include "edgeleak/isa.h"

#define EL_PLACES_MAX_CELLS 4096
#define EL_PLACES_MAX_CELL_PX 255 /* 255^2 * 32768 is the largest sum that int32 holds */

/* One cell of one frame, all pixels under the mask: how many, how many of them changed since
 * the lag, sum of the difference, sum of its size. */
enum { EL_PLACE_AREA, EL_PLACE_LIVE, EL_PLACE_SIGNED, EL_PLACE_ABSOLUTE, EL_PLACE_SUMS };
/* What is remembered of a cell. */
enum { EL_PLACE_DUTY, EL_PLACE_MOTION, EL_PLACE_STATES };

struct el_places {
    int32_t least_px;        /* pixels that make a cell masked */
    int32_t part_q16;        /* share of the memory that this frame replaces */
    int32_t motion_part_q16; /* the same for motion */
    int32_t share_q16;       /* duty that makes a place */
    int32_t still_q16;       /* motion below which a group is still */
    int32_t balance_q16;     /* least |signed| / absolute of a group */
};

/* What was measured of the group that decides: the largest kept one, else the largest. */
struct el_group {
    int32_t area, duty, motion, balance, is_kept;
};

static inline size_t
el_places_cells(size_t side, size_t cell)
{
    return (side + cell - 1) / cell;
}

static inline void
el_places_add_run(const int16_t *now, const int16_t *past, const uint8_t *mask, size_t n,
                  int32_t live_q2, int32_t *sums)
{
    for (size_t x = 0; x < n; x++) {
        if (!mask[x])
            continue;
        const int32_t d = now[x], change = d - past[x];
        sums[EL_PLACE_AREA] += 1;
        sums[EL_PLACE_LIVE] += (change < 0 ? -change : change) > live_q2;
        sums[EL_PLACE_SIGNED] += d;
        sums[EL_PLACE_ABSOLUTE] += d < 0 ? -d : d;
    }
}

static inline int
el_places_any(const uint8_t *mask, size_t n)
{
    size_t x = 0;
    uint64_t found = 0, word;
    for (; x + 8 <= n; x += 8) {
        memcpy(&word, mask + x, 8);
        found |= word;
    }
    for (; x < n; x++)
        found |= mask[x];
    return found != 0;
}

static inline void
el_places_sums(const uint8_t *mask, const int16_t *now, const int16_t *past, size_t h, size_t w,
               size_t cell, int32_t live_q2, int32_t *sums)
{
    const size_t columns = el_places_cells(w, cell);
    memset(sums, 0, columns * el_places_cells(h, cell) * EL_PLACE_SUMS * sizeof *sums);
    for (size_t y = 0; y < h; y++) {
        const size_t row = y * w;
        if (!el_places_any(mask + row, w))
            continue;
        for (size_t k = 0; k < columns; k++) {
            const size_t x = k * cell, n = x + cell < w ? cell : w - x, at = row + x;
            if (el_places_any(mask + at, n))
                el_places_add_run(now + at, past + at, mask + at, n, live_q2,
                                  sums + (y / cell * columns + k) * EL_PLACE_SUMS);
        }
    }
}

static inline void
el_places_keep(uint8_t *mask, size_t h, size_t w, size_t cell, const uint8_t *keep)
{
    const size_t columns = el_places_cells(w, cell);
    for (size_t y = 0; y < h; y++)
        for (size_t k = 0; k < columns; k++) {
            const size_t x = k * cell, n = x + cell < w ? cell : w - x;
            if (!keep[y / cell * columns + k])
                memset(mask + y * w + x, 0, n);
        }
}

static inline uint16_t
el_places_toward(uint16_t value, int is_up, int32_t part_q16)
{
    const uint32_t left = is_up ? 65535u - value : value;
    const uint32_t move = (uint32_t)(((uint64_t)left * (uint32_t)part_q16) >> 16);
    return (uint16_t)(is_up ? value + move : value - move);
}

static inline int32_t
el_places_mean(int32_t value, int32_t now, int32_t part_q16)
{
    return (int32_t)(value + ((((int64_t)now - value) * part_q16) >> 16));
}

/* A cell that is not masked counts as moving, so that whatever comes has its time. */
static inline void
el_places_remember(const int32_t *sums, uint16_t *state, int32_t *balance, size_t cells,
                   const struct el_places *s)
{
    for (size_t i = 0; i < cells; i++) {
        const int32_t *sum = sums + i * EL_PLACE_SUMS;
        uint16_t *known = state + i * EL_PLACE_STATES;
        const int is_masked = sum[EL_PLACE_AREA] >= s->least_px;
        const int is_moving = !is_masked || 8 * sum[EL_PLACE_LIVE] >= sum[EL_PLACE_AREA];
        known[EL_PLACE_DUTY] =
            el_places_toward(known[EL_PLACE_DUTY], is_masked, s->part_q16);
        known[EL_PLACE_MOTION] =
            el_places_toward(known[EL_PLACE_MOTION], is_moving, s->motion_part_q16);
        balance[2 * i] = el_places_mean(balance[2 * i], sum[EL_PLACE_SIGNED], s->part_q16);
        balance[2 * i + 1] =
            el_places_mean(balance[2 * i + 1], sum[EL_PLACE_ABSOLUTE], s->part_q16);
    }
}

static inline size_t
el_places_spread(const int32_t *sums, uint8_t *keep, size_t rows, size_t columns, size_t at,
                 uint16_t *stack, size_t size)
{
    const size_t y = at / columns, x = at % columns;
    for (size_t v = y ? y - 1 : 0; v < rows && v <= y + 1; v++)
        for (size_t u = x ? x - 1 : 0; u < columns && u <= x + 1; u++) {
            const size_t next = v * columns + u;
            if (keep[next] || !sums[next * EL_PLACE_SUMS + EL_PLACE_AREA])
                continue;
            keep[next] = 1;
            stack[size++] = (uint16_t)next;
        }
    return size;
}

static inline void
el_places_measure(const int32_t *sums, const uint16_t *state, const int32_t *balance,
                  const uint16_t *stack, size_t size, const struct el_places *s,
                  struct el_group *group)
{
    int64_t sign_sum = 0, size_sum = 0;
    memset(group, 0, sizeof *group);
    for (size_t i = 0; i < size; i++) {
        const size_t at = stack[i];
        const int32_t duty = state[at * EL_PLACE_STATES + EL_PLACE_DUTY];
        const int32_t motion = state[at * EL_PLACE_STATES + EL_PLACE_MOTION];
        const int is_root = duty >= s->share_q16;
        group->area += sums[at * EL_PLACE_SUMS + EL_PLACE_AREA];
        group->duty = duty > group->duty ? duty : group->duty;
        group->motion = is_root && motion > group->motion ? motion : group->motion;
        sign_sum += balance[2 * at] < 0 ? -(int64_t)balance[2 * at] : balance[2 * at];
        size_sum += balance[2 * at + 1];
    }
    /* Running means are rounded down, so the first sum may come out a little larger. */
    sign_sum = sign_sum < size_sum ? sign_sum : size_sum;
    group->balance = size_sum > 0 ? (int32_t)(sign_sum * 65535 / size_sum) : 0;
    group->is_kept = group->duty >= s->share_q16 && group->motion >= s->still_q16 &&
                     group->balance >= s->balance_q16;
}

/* keep: written, 255 for the cells of kept groups, 0 elsewhere. */
static inline struct el_group
el_places_judge(const int32_t *sums, uint16_t *state, int32_t *balance, uint8_t *keep,
                size_t rows, size_t columns, const struct el_places *s)
{
    struct el_group best = {0, 0, 0, 0, 0}, group;
    uint16_t stack[EL_PLACES_MAX_CELLS];
    el_places_remember(sums, state, balance, rows * columns, s);
    memset(keep, 0, rows * columns);
    for (size_t first = 0; first < rows * columns; first++) {
        if (keep[first] || !sums[first * EL_PLACE_SUMS + EL_PLACE_AREA])
            continue;
        size_t size = 1;
        keep[first] = 1;
        stack[0] = (uint16_t)first;
        for (size_t i = 0; i < size; i++)
            size = el_places_spread(sums, keep, rows, columns, stack[i], stack, size);
        el_places_measure(sums, state, balance, stack, size, s, &group);
        for (size_t i = 0; group.is_kept && i < size; i++)
            keep[stack[i]] = 255;
        const int is_better = group.is_kept != best.is_kept ? group.is_kept
                                                            : group.area > best.area;
        best = is_better ? group : best;
    }
    for (size_t i = 0; i < rows * columns; i++)
        keep[i] = keep[i] == 255 ? 255 : 0;
    return best;
}

#endif
