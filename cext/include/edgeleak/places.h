// SPDX-License-Identifier: Apache-2.0
/* Where the mask lies, on a coarse grid: for how long, and is it gas that lies there?
 *
 * Sums per cell are taken from the mask, which is nearly empty, so they cost a look at the
 * mask.  Cells that touch (8 neighbours) form a group; a group is kept when one of its cells
 * has been masked for long enough, when it goes on changing, has one sign, and has no outline
 * of its own (objects.h), and when more than one smoothed pixel made it.
 */
#ifndef EDGELEAK_PLACES_H
#define EDGELEAK_PLACES_H

#include "edgeleak/scan.h"

#define EL_PLACES_MAX_CELLS 4096
#define EL_PLACES_MAX_CELL_PX 255 /* 255^2 * 32768 is the largest sum that int32 holds */

/* One cell of one frame, all pixels under the mask: how many, sum of the difference, sum of
 * its size, its largest size. */
enum { EL_PLACE_AREA, EL_PLACE_SIGNED, EL_PLACE_ABSOLUTE, EL_PLACE_PEAK, EL_PLACE_SUMS };
/* Running means about a cell: share of the outline that is a thing's, and of change; and the
 * weights of both. */
enum {
    EL_OBJECT_SHARE,
    EL_OBJECT_SHARE_WEIGHT,
    EL_OBJECT_CHANGE,
    EL_OBJECT_CHANGE_WEIGHT,
    EL_OBJECT_MEANS
};

struct el_places {
    int32_t least_px;    /* pixels that make a cell masked */
    int32_t part_q16;    /* share of the memory that this frame replaces */
    int32_t share_q16;   /* duty that makes a place */
    int32_t change_q16;  /* least change of a group */
    int32_t balance_q16; /* least |signed| / absolute of a group */
    int32_t clear_q16;   /* least share of an outline that is no thing's */
    int32_t spread_q16;  /* least share of the difference that is not one pixel's */
    int32_t pixel_px;    /* sum over peak of one pixel, smoothed */
};

/* What is remembered of the cells. */
struct el_memory {
    uint16_t *duty;
    int32_t *balance;
    const int32_t *objects;
};

/* What was measured of the group that decides: the largest kept one, else the largest. */
struct el_group {
    int32_t area, duty, change, balance, clear, spread, is_kept;
};

static inline size_t
el_places_cells(size_t side, size_t cell)
{
    return (side + cell - 1) / cell;
}

static inline void
el_places_add_run(const int16_t *now, const uint8_t *mask, size_t n, int32_t *sums)
{
    for (size_t x = 0; x < n; x++) {
        if (!mask[x])
            continue;
        const int32_t d = now[x];
        sums[EL_PLACE_AREA] += 1;
        sums[EL_PLACE_SIGNED] += d;
        const int32_t size = d < 0 ? -d : d;
        sums[EL_PLACE_ABSOLUTE] += size;
        sums[EL_PLACE_PEAK] = size > sums[EL_PLACE_PEAK] ? size : sums[EL_PLACE_PEAK];
    }
}

/* One row of pixels; sums: of its band of cells. */
static inline void
el_places_add_row(const int16_t *now, const uint8_t *mask, size_t w, size_t cell, int32_t *sums)
{
    for (size_t x = 0; x < w; x += cell, sums += EL_PLACE_SUMS) {
        const size_t n = x + cell < w ? cell : w - x;
        if (el_scan_any(mask + x, n))
            el_places_add_run(now + x, mask + x, n, sums);
    }
}

static inline void
el_places_sums(const uint8_t *mask, const int16_t *now, size_t h, size_t w, size_t cell,
               int32_t *sums)
{
    const size_t band = el_places_cells(w, cell) * EL_PLACE_SUMS;
    memset(sums, 0, band * el_places_cells(h, cell) * sizeof *sums);
    for (size_t y = 0; y < h; y++)
        if (el_scan_any(mask + y * w, w))
            el_places_add_row(now + y * w, mask + y * w, w, cell, sums + y / cell * band);
}

static inline void
el_places_clear(uint8_t *mask, size_t height, size_t stride, size_t n)
{
    for (size_t y = 0; y < height; y++)
        memset(mask + y * stride, 0, n);
}

/* Neighbours that are not kept are cleared together: most of the picture, row by row. */
static inline void
el_places_keep(uint8_t *mask, size_t h, size_t w, size_t cell, const uint8_t *keep)
{
    const size_t columns = el_places_cells(w, cell);
    for (size_t top = 0; top < h; top += cell, keep += columns) {
        const size_t height = top + cell < h ? cell : h - top;
        for (size_t first = 0, k = 0; first < columns; first = ++k) {
            while (k < columns && !keep[k])
                k++;
            const size_t end = k * cell < w ? k * cell : w;
            if (k > first)
                el_places_clear(mask + top * w + first * cell, height, w, end - first * cell);
        }
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

static inline void
el_places_remember(const int32_t *sums, const struct el_memory *memory, size_t cells,
                   const struct el_places *s)
{
    for (size_t i = 0; i < cells; i++) {
        const int32_t *sum = sums + i * EL_PLACE_SUMS;
        int32_t *mean = memory->balance + 2 * i;
        memory->duty[i] = el_places_toward(memory->duty[i], sum[EL_PLACE_AREA] >= s->least_px,
                                           s->part_q16);
        mean[0] = el_places_mean(mean[0], sum[EL_PLACE_SIGNED], s->part_q16);
        mean[1] = el_places_mean(mean[1], sum[EL_PLACE_ABSOLUTE], s->part_q16);
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

/* part / whole in Q16; 1 for nothing at all. */
static inline int32_t
el_places_ratio(int64_t part, int64_t whole)
{
    for (; whole >= (INT64_C(1) << 46); whole /= 2)
        part /= 2;
    if (whole <= 0 || part >= whole)
        return 65535;
    return part > 0 ? (int32_t)(part * 65535 / whole) : 0;
}

static inline void
el_places_measure(const int32_t *sums, const struct el_memory *memory, const uint16_t *stack,
                  size_t size, const struct el_places *s, struct el_group *group)
{
    int64_t sign_sum = 0, size_sum = 0, now_sum = 0, peak = 0, means[EL_OBJECT_MEANS] = {0};
    memset(group, 0, sizeof *group);
    for (size_t i = 0; i < size; i++) {
        const size_t at = stack[i];
        const int32_t duty = memory->duty[at], *now = sums + at * EL_PLACE_SUMS;
        const int32_t area = now[EL_PLACE_AREA], *mean = memory->balance + 2 * at;
        group->area += area;
        now_sum += now[EL_PLACE_ABSOLUTE];
        peak = now[EL_PLACE_PEAK] > peak ? now[EL_PLACE_PEAK] : peak;
        group->duty = duty > group->duty ? duty : group->duty;
        sign_sum += mean[0] < 0 ? -(int64_t)mean[0] : mean[0];
        size_sum += mean[1];
        const int32_t *known = memory->objects + at * EL_OBJECT_MEANS;
        for (size_t k = 0; k < EL_OBJECT_MEANS; k++)
            means[k] += (int64_t)area * known[k];
    }
    group->balance = size_sum > 0 ? el_places_ratio(sign_sum, size_sum) : 0;
    group->change = el_places_ratio(means[EL_OBJECT_CHANGE], means[EL_OBJECT_CHANGE_WEIGHT]);
    group->clear =
        el_places_ratio(means[EL_OBJECT_SHARE_WEIGHT] - means[EL_OBJECT_SHARE],
                        means[EL_OBJECT_SHARE_WEIGHT]);
    group->spread = now_sum > 0 ? el_places_ratio(now_sum - peak * s->pixel_px, now_sum) : 0;
    group->is_kept = group->duty >= s->share_q16 && group->change >= s->change_q16 &&
                     group->balance >= s->balance_q16 && group->clear >= s->clear_q16 &&
                     group->spread >= s->spread_q16;
}

/* keep: written, 255 for the cells of kept groups, 0 elsewhere. */
static inline struct el_group
el_places_judge(const int32_t *sums, const struct el_memory *memory, uint8_t *keep, size_t rows,
                size_t columns, const struct el_places *s)
{
    struct el_group best = {0, 0, 0, 0, 0, 0, 0}, group;
    uint16_t stack[EL_PLACES_MAX_CELLS];
    el_places_remember(sums, memory, rows * columns, s);
    memset(keep, 0, rows * columns);
    for (size_t first = 0; first < rows * columns; first++) {
        if (keep[first] || !sums[first * EL_PLACE_SUMS + EL_PLACE_AREA])
            continue;
        size_t size = 1;
        keep[first] = 1;
        stack[0] = (uint16_t)first;
        for (size_t i = 0; i < size; i++)
            size = el_places_spread(sums, keep, rows, columns, stack[i], stack, size);
        el_places_measure(sums, memory, stack, size, s, &group);
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
