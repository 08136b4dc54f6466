// SPDX-License-Identifier: Apache-2.0
/* Is it a thing?  A thing has a sharp outline, in the picture where it is and in the background
 * where it was; gas has little of either.  And what is gas changes all the time, by more than
 * its noise explains.
 *
 * A look is taken a few times a second: outlines from ghosts.h, squares here.  The means are
 * kept cell by cell for places.h to judge groups by.
 */
#ifndef EDGELEAK_OBJECTS_H
#define EDGELEAK_OBJECTS_H

#include "edgeleak/ghosts.h"

#define EL_OBJECTS_MAX_STILL (1 << 30)
#define EL_OBJECTS_SEEN_Q16  6554 /* a tenth of its memory holds outlines: it says something */

/* Sums of squares under the mask of a cell: of the difference, and of its change. */
enum { EL_SQUARES_ENERGY, EL_SQUARES_CHANGE, EL_SQUARES };

struct el_objects {
    int32_t reach;
    int32_t part_q16;        /* share of the memory of outlines that this look replaces */
    int32_t change_part_q16; /* the same of the change */
    int32_t still_q4; /* mean square of the change of a still pixel: its noise */
};

static inline void
el_objects_add_run(const int16_t *now, const int16_t *past, const uint8_t *mask, size_t n,
                   int64_t *squares)
{
    for (size_t x = 0; x < n; x++) {
        if (!mask[x])
            continue;
        const int32_t d = now[x], change = d - past[x];
        const int64_t size = change < -32767 ? 32767 : change > 32767 ? 32767 : change;
        squares[EL_SQUARES_ENERGY] += (int64_t)d * d;
        squares[EL_SQUARES_CHANGE] += size * size;
    }
}

/* One row of pixels; squares: of its band of cells. */
static inline void
el_objects_add_row(const uint8_t *mask, const int16_t *now, const int16_t *past, size_t w,
                   size_t cell, int64_t *squares)
{
    for (size_t x = 0; x < w; x += cell, squares += EL_SQUARES) {
        const size_t n = x + cell < w ? cell : w - x;
        if (el_scan_any(mask + x, n))
            el_objects_add_run(now + x, past + x, mask + x, n, squares);
    }
}

/* squares: written, for every cell the sums over what lies under the mask. */
static inline void
el_objects_squares(const uint8_t *mask, const int16_t *now, const int16_t *past, size_t h,
                   size_t w, size_t cell, int64_t *squares)
{
    const size_t band = el_places_cells(w, cell) * EL_SQUARES;
    memset(squares, 0, band * el_places_cells(h, cell) * sizeof *squares);
    for (size_t y = 0; y < h; y++)
        if (el_scan_any(mask + y * w, w))
            el_objects_add_row(mask + y * w, now + y * w, past + y * w, w, cell,
                               squares + y / cell * band);
}

/* What surrounds a cell, itself included. */
struct el_around {
    int64_t outline[EL_GHOST_SUMS], squares[EL_SQUARES], area;
};

static inline void
el_objects_gather(const int32_t *places, const int32_t *outline, const int64_t *squares,
                  size_t rows, size_t columns, size_t at, struct el_around *a)
{
    const size_t y = at / columns, x = at % columns;
    memset(a, 0, sizeof *a);
    for (size_t v = y ? y - 1 : 0; v < rows && v <= y + 1; v++)
        for (size_t u = x ? x - 1 : 0; u < columns && u <= x + 1; u++) {
            const size_t i = v * columns + u;
            a->area += places[i * EL_PLACE_SUMS + EL_PLACE_AREA];
            for (size_t k = 0; k < EL_SQUARES; k++)
                a->squares[k] += squares[i * EL_SQUARES + k];
            for (size_t k = 0; k < EL_GHOST_SIGNS * EL_GHOST_SUMS; k++)
                a->outline[k % EL_GHOST_SUMS] += outline[i * EL_GHOST_SIGNS * EL_GHOST_SUMS + k];
        }
}

/* Share of the outline that is a thing's, here now or left; and the mean square of the change
 * over that of the difference, without the noise.  Weight 0: nothing to be seen. */
static inline void
el_objects_see(const struct el_around *a, const struct el_objects *s, int32_t *now)
{
    const int64_t round = 2 * s->reach * a->outline[EL_GHOST_RIM];
    const int64_t steps = a->outline[EL_GHOST_STEPS], whole = steps > round ? steps : round;
    const int64_t things = a->outline[EL_GHOST_LEFT] + a->outline[EL_GHOST_HERE];
    const int64_t change = a->squares[EL_SQUARES_CHANGE] - a->area * s->still_q4;
    now[EL_OBJECT_SHARE] = whole > 0 ? (int32_t)(things * 65535 / whole) : 0;
    now[EL_OBJECT_SHARE_WEIGHT] = whole > 0 ? 65535 : 0;
    now[EL_OBJECT_CHANGE] = el_places_ratio(change, a->squares[EL_SQUARES_ENERGY]);
    now[EL_OBJECT_CHANGE_WEIGHT] = 65535;
}

/* One look; places, outline and squares belong to the same mask. */
static inline void
el_objects_remember(const int32_t *places, const int32_t *outline, const int64_t *squares,
                    int32_t *objects, size_t rows, size_t columns, const struct el_objects *s)
{
    for (size_t i = 0; i < rows * columns; i++) {
        int32_t now[EL_OBJECT_MEANS] = {0}, *known = objects + i * EL_OBJECT_MEANS;
        struct el_around around;
        if (places[i * EL_PLACE_SUMS + EL_PLACE_AREA]) {
            el_objects_gather(places, outline, squares, rows, columns, i, &around);
            el_objects_see(&around, s, now);
        }
        for (size_t k = 0; k < EL_OBJECT_MEANS; k++)
            known[k] = el_places_mean(known[k], now[k], k < EL_OBJECT_CHANGE ? s->part_q16
                                                                             : s->change_part_q16);
    }
}

#endif
