// SPDX-License-Identifier: Apache-2.0
/* Whose outline is it: of something in the background that has left, or in the picture?
 *
 * A thing has a sharp outline: across it the difference steps from next to nothing to its full
 * size within twice `reach` pixels.  Where the background makes that step and the picture does
 * not, the thing has left and the place is a ghost; gas steps nowhere, and what it hides of a
 * textured background still shows in the picture.
 *
 * Only pixels under the mask are looked at, about 60 instructions each, in masked cells.
 */
#ifndef EDGELEAK_GHOSTS_H
#define EDGELEAK_GHOSTS_H

#include "edgeleak/places.h"

#define EL_GHOSTS_MAX_COUNTS 16383
#define EL_GHOSTS_MAX_Q2     65532
#define EL_GHOSTS_MAX_REACH  15

/* One cell, once for what is below the background and once for what is above: pixels at the
 * rim of the mask, pixels across which the difference steps, those where only the background
 * steps, those where only the picture does. */
enum { EL_GHOST_RIM, EL_GHOST_STEPS, EL_GHOST_LEFT, EL_GHOST_HERE, EL_GHOST_SUMS };
#define EL_GHOST_SIGNS 2

struct el_outline {
    const uint8_t *mask;
    const int16_t *smoothed, *difference;
    const uint16_t *counts, *background;
    size_t h, w, reach;
    int32_t least_q2; /* smallest step, sum of three pixels */
};

struct el_ghosts {
    int32_t reach;
    int32_t share_q16; /* least share of an outline that has left */
    int32_t least_px;  /* least pixels of it */
    int32_t points;    /* points after which it is healed */
};

/* What was measured of the groups: cells to heal, cells that wait, largest share. */
struct el_ghosts_found {
    int32_t heal, wait, share;
};

static inline int32_t
el_ghosts_size(int32_t value)
{
    return value < 0 ? -value : value;
}

static inline int32_t
el_ghosts_counts(uint16_t value)
{
    return 4 * (value < EL_GHOSTS_MAX_COUNTS ? value : EL_GHOSTS_MAX_COUNTS);
}

/* Sum of three pixels that lie `side` apart. */
static inline int32_t
el_ghosts_three(const int16_t *at, ptrdiff_t side)
{
    return at[-side] + at[0] + at[side];
}

static inline int32_t
el_ghosts_step_of_counts(const uint16_t *at, ptrdiff_t to, ptrdiff_t side)
{
    int32_t step = 0;
    for (ptrdiff_t k = -side; k <= side; k += side)
        step += el_ghosts_counts(at[to + k]) - el_ghosts_counts(at[k - to]);
    return el_ghosts_size(step);
}

static inline int32_t
el_ghosts_step_of_background(const uint16_t *at, ptrdiff_t to, ptrdiff_t side)
{
    int32_t step = 0;
    for (ptrdiff_t k = -side; k <= side; k += side)
        step += at[to + k] - at[k - to];
    return el_ghosts_size(step);
}

static inline int
el_ghosts_is_rim(const uint8_t *mask, ptrdiff_t w)
{
    return !(mask[-1] && mask[1] && mask[-w] && mask[w]);
}

static inline void
el_ghosts_add_pixel(const struct el_outline *s, size_t i, int32_t least, int32_t *sums)
{
    const ptrdiff_t w = (ptrdiff_t)s->w, reach = (ptrdiff_t)s->reach;
    const int16_t *d = s->difference + i;
    const int32_t left = el_ghosts_three(d - reach, w), right = el_ghosts_three(d + reach, w);
    const int32_t up = el_ghosts_three(d - reach * w, 1),
                  down = el_ghosts_three(d + reach * w, 1);
    const int is_across = el_ghosts_size(right - left) >= el_ghosts_size(down - up);
    const int32_t a = is_across ? left : up, b = is_across ? right : down;
    const int32_t large = el_ghosts_size(a) > el_ghosts_size(b) ? a : b, small = a + b - large;
    sums[(s->smoothed[i] > 0) * EL_GHOST_SUMS + EL_GHOST_RIM] +=
        el_ghosts_is_rim(s->mask + i, w);
    if (el_ghosts_size(large) < least || 4 * el_ghosts_size(small) > el_ghosts_size(large))
        return;
    const ptrdiff_t to = is_across ? reach : reach * w, side = is_across ? w : 1;
    const int32_t now = el_ghosts_step_of_counts(s->counts + i, to, side);
    const int32_t before = el_ghosts_step_of_background(s->background + i, to, side);
    int32_t *sum = sums + (large > 0) * EL_GHOST_SUMS;
    sum[EL_GHOST_STEPS] += 1;
    sum[EL_GHOST_LEFT] += 2 * now < before;
    sum[EL_GHOST_HERE] += 2 * before < now;
}

/* A step is at least half the mean difference of its cell: 3 pixels * 1/2. */
static inline int32_t
el_ghosts_least(const struct el_outline *s, const int32_t *place)
{
    const int64_t half = 3 * (int64_t)place[EL_PLACE_ABSOLUTE] / (2 * place[EL_PLACE_AREA]);
    return half > s->least_q2 ? (int32_t)half : s->least_q2;
}

static inline void
el_ghosts_cell(const struct el_outline *s, size_t top, size_t left, size_t cell, int32_t least,
               int32_t *sums)
{
    const size_t r = s->reach;
    const size_t y1 = top + cell < s->h - r ? top + cell : s->h - r;
    const size_t x0 = left > r ? left : r, x1 = left + cell < s->w - r ? left + cell : s->w - r;
    for (size_t y = top > r ? top : r; y < y1; y++)
        for (size_t x = x0; x < x1; x++)
            if (s->mask[y * s->w + x])
                el_ghosts_add_pixel(s, y * s->w + x, least, sums);
}

/* places: what el_places_sums wrote for this mask; outline: written. */
static inline void
el_ghosts_outline(const struct el_outline *s, const int32_t *places, size_t cell,
                  int32_t *outline)
{
    const size_t rows = el_places_cells(s->h, cell), columns = el_places_cells(s->w, cell);
    memset(outline, 0, rows * columns * EL_GHOST_SIGNS * EL_GHOST_SUMS * sizeof *outline);
    if (s->h <= 2 * s->reach || s->w <= 2 * s->reach)
        return;
    for (size_t i = 0; i < rows * columns; i++) {
        const int32_t *place = places + i * EL_PLACE_SUMS;
        if (place[EL_PLACE_AREA] > 0)
            el_ghosts_cell(s, i / columns * cell, i % columns * cell, cell,
                           el_ghosts_least(s, place),
                           outline + i * EL_GHOST_SIGNS * EL_GHOST_SUMS);
    }
}

/* Share of the outline that has left; where it is not sharp all round, of the mask's rim. */
static inline int32_t
el_ghosts_share(const int64_t *sum, const struct el_ghosts *s)
{
    const int64_t round = 2 * s->reach * sum[EL_GHOST_RIM];
    const int64_t whole = sum[EL_GHOST_STEPS] > round ? sum[EL_GHOST_STEPS] : round;
    if (whole <= 0 || sum[EL_GHOST_LEFT] < s->least_px)
        return 0;
    return (int32_t)(sum[EL_GHOST_LEFT] * 65535 / whole);
}

/* A group that is a ghost as a whole gains three points a look; one sign of a group, one point:
 * what stands next to the place it left, on the other side of the background, is not learnt. */
static inline void
el_ghosts_measure(const int32_t *outline, uint8_t *seen, const uint16_t *stack, size_t size,
                  const struct el_ghosts *s, struct el_ghosts_found *found)
{
    int64_t sum[EL_GHOST_SIGNS][EL_GHOST_SUMS] = {{0}}, both[EL_GHOST_SUMS];
    for (size_t i = 0; i < size; i++)
        for (size_t k = 0; k < EL_GHOST_SIGNS * EL_GHOST_SUMS; k++)
            sum[k / EL_GHOST_SUMS][k % EL_GHOST_SUMS] +=
                outline[(size_t)stack[i] * EL_GHOST_SIGNS * EL_GHOST_SUMS + k];
    for (size_t k = 0; k < EL_GHOST_SUMS; k++)
        both[k] = sum[0][k] + sum[1][k];
    const int32_t whole = el_ghosts_share(both, s);
    for (size_t sign = 0; sign < EL_GHOST_SIGNS; sign++) {
        const int32_t part = el_ghosts_share(sum[sign], s), share = part > whole ? part : whole;
        const int gain = whole >= s->share_q16 ? 3 : part >= s->share_q16 ? 1 : 0;
        found->share = share > found->share ? share : found->share;
        for (size_t i = 0; i < size; i++) {
            uint8_t *known = seen + stack[i] * EL_GHOST_SIGNS + sign;
            *known = gain ? (uint8_t)(*known + gain < 255 ? *known + gain : 255) : 0;
            found->heal += *known >= s->points;
            found->wait += *known > 0 && *known < s->points;
        }
    }
}

/* seen: points of a cell's group from looks in a row, below and above; updated. */
static inline struct el_ghosts_found
el_ghosts_judge(const int32_t *places, const int32_t *outline, uint8_t *seen, size_t rows,
                size_t columns, const struct el_ghosts *s)
{
    struct el_ghosts_found found = {0, 0, 0};
    uint16_t stack[EL_PLACES_MAX_CELLS];
    uint8_t done[EL_PLACES_MAX_CELLS];
    memset(done, 0, sizeof done);
    for (size_t first = 0; first < rows * columns; first++) {
        if (!places[first * EL_PLACE_SUMS + EL_PLACE_AREA])
            memset(seen + first * EL_GHOST_SIGNS, 0, EL_GHOST_SIGNS);
        if (done[first] || !places[first * EL_PLACE_SUMS + EL_PLACE_AREA])
            continue;
        size_t size = 1;
        done[first] = 1;
        stack[0] = (uint16_t)first;
        for (size_t i = 0; i < size; i++)
            size = el_places_spread(places, done, rows, columns, stack[i], stack, size);
        el_ghosts_measure(outline, seen, stack, size, s, &found);
    }
    return found;
}

/* Large differences keep their own sign where something of the other sign stands next to them
 * and smoothing mixes the two. */
static inline int
el_ghosts_sign(int32_t difference, int32_t smoothed, uint8_t mask, int32_t least_q2)
{
    if (el_ghosts_size(difference) >= least_q2)
        return difference > 0;
    return mask ? smoothed > 0 : -1;
}

/* Background := picture in cells with that many points, for their sign; nothing differs there
 * now, nor did it in the last `slots` pictures of the lag. */
static inline int32_t
el_ghosts_heal(uint16_t *background, int16_t *difference, int16_t *smoothed, uint8_t *mask,
               uint8_t *hold, int16_t *lag, size_t slots, size_t h, size_t w, size_t cell,
               const uint8_t *seen, int points, int32_t least_q2)
{
    const size_t columns = el_places_cells(w, cell);
    int32_t healed = 0;
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            const size_t i = y * w + x;
            const uint8_t *known = seen + (y / cell * columns + x / cell) * EL_GHOST_SIGNS;
            const int sign = el_ghosts_sign(difference[i], smoothed[i], mask[i], least_q2);
            if (sign < 0 || known[sign] < points)
                continue;
            const int32_t moved = background[i] + difference[i];
            const int32_t most = moved < EL_GHOSTS_MAX_Q2 ? moved : EL_GHOSTS_MAX_Q2;
            background[i] = (uint16_t)(most > 0 ? most : 0);
            difference[i] = smoothed[i] = 0;
            mask[i] = hold[i] = 0;
            for (size_t k = 0; k < slots; k++)
                lag[k * h * w + i] = 0;
            healed++;
        }
    return healed;
}

#endif
