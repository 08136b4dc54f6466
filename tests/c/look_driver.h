/* SPDX-License-Identifier: Apache-2.0 */
/* What the detector does besides the rows of chain_driver: levels, smoothing at plume scale,
 * places, and the looks a few times a second, with the settings of profile `sensitive`.
 *
 * The mask is one patch of a sixty-fourth of the picture, as a plume leaves it.  `structure` is
 * NumPy in the firmware; here it is the same sums as plain loops. */
#ifndef LOOK_DRIVER_H
#define LOOK_DRIVER_H

#include <string.h>

#include "edgeleak/faint_judge.h"
#include "edgeleak/level.h"
#include "edgeleak/motion.h"
#include "edgeleak/objects.h"
#include "edgeleak/smooth.h"
#include "sample.h"

enum { LOOK_CELLS = 40, LOOK_LOCAL_ROWS = 4, LOOK_LOCAL_COLUMNS = 6, LOOK_CLIP_Q2 = 32 };
enum { LOOK_BANDS = 4, LOOK_GAP = 8, LOOK_REACH = 16, LOOK_LEARNING = 8, LOOK_TILES = 32 };
enum { LOOK_KNOWN = 2 * LOOK_TILES + 3, LOOK_TILE_CELLS = LOOK_TILES * LOOK_TILES };

struct look {
    size_t h, w, cell, rows, columns, cells, size, reach, step;
    const uint16_t *counts, *background;
    int16_t *difference, *past, grid[LOOK_LOCAL_ROWS * LOOK_LOCAL_COLUMNS];
    uint8_t *mask, *keep, *seen;
    uint16_t *duty;
    int32_t *sums, *balance, *objects, *outline, *pixels, *weights;
    int64_t *squares, *totals, *means, *state, *before;
    uint32_t *along, *down, *keys;
    float *known, tiles[LOOK_TILE_CELLS], fit[LOOK_TILE_CELLS], parts[LOOK_KNOWN];
    uint16_t steps[LOOK_TILE_CELLS * 4];
    int64_t found;
};

/* As grid_step of pipeline/gain.py: about 2048 pixels are looked at. */
static inline size_t
look_step(size_t w, size_t h)
{
    size_t step = 1;
    while ((step + 1) * (step + 1) * 2048 <= h * w)
        step++;
    return step;
}

static void *
look_zeros(size_t n, size_t size)
{
    return memset(sample_room(n, size), 0, n * size);
}

static void
look_fill_mask(struct look *k)
{
    for (size_t y = k->h / 2; y < k->h / 2 + k->h / 8; y++)
        memset(k->mask + y * k->w + k->w / 2, 255, k->w / 8);
}

static void
look_fill_pixels(struct look *k)
{
    for (size_t i = 0; i < k->cells; i++) {
        const size_t y = i / k->columns * k->cell, x = i % k->columns * k->cell;
        const size_t high = y + k->cell < k->h ? k->cell : k->h - y;
        k->pixels[i] = (int32_t)(high * (x + k->cell < k->w ? k->cell : k->w - x));
    }
}

static void
look_learn(struct look *k)
{
    uint32_t seed = 9;
    for (int look = 0; look < LOOK_LEARNING; look++) {
        for (size_t i = 0; i < k->cells; i++)
            k->means[i] = 64 * 6000 + (sample_next(&seed) & 63);
        el_faint_learn(k->state, k->means, k->rows, k->columns, look == 0);
    }
    el_faint_settle(k->state, k->rows, k->columns, LOOK_LEARNING, 3);
    for (size_t i = 0; i < LOOK_KNOWN * LOOK_TILE_CELLS; i++)
        k->known[i] = (float)(sample_next(&seed) & 255) / 8192;
}

static void
look_make(struct look *k, const uint16_t *counts, const uint16_t *background, size_t w, size_t h)
{
    const size_t longer = w > h ? w : h;
    k->h = h, k->w = w, k->counts = counts, k->background = background;
    k->size = 2 * (h / 100) + 1, k->reach = k->size > 1 ? k->size / 2 : 1;
    k->cell = longer > 4 * LOOK_CELLS ? el_places_cells(longer, LOOK_CELLS) : 4;
    k->rows = el_places_cells(h, k->cell), k->columns = el_places_cells(w, k->cell);
    k->cells = k->rows * k->columns;
    k->step = look_step(w, h);
    int16_t **const shorts[] = {&k->difference, &k->past};
    for (size_t i = 0; i < sizeof shorts / sizeof *shorts; i++)
        *shorts[i] = (int16_t *)sample_words(h * w, (uint32_t)i + 3, SAMPLE_LOW);
    k->mask = (uint8_t *)look_zeros(h * w, 1);
    k->keep = (uint8_t *)look_zeros(k->cells, 1);
    k->seen = (uint8_t *)look_zeros(k->cells * EL_GHOST_SIGNS, 1);
    k->duty = (uint16_t *)look_zeros(k->cells, 2);
    k->sums = (int32_t *)look_zeros(k->cells * EL_PLACE_SUMS, 4);
    k->balance = (int32_t *)look_zeros(k->cells * 2, 4);
    k->objects = (int32_t *)look_zeros(k->cells * EL_OBJECT_MEANS, 4);
    k->outline = (int32_t *)look_zeros(k->cells * EL_GHOST_SIGNS * EL_GHOST_SUMS, 4);
    k->pixels = (int32_t *)look_zeros(k->cells, 4);
    k->weights = (int32_t *)look_zeros(w + k->size, 4);
    k->squares = (int64_t *)look_zeros(k->cells * EL_SQUARES, 8);
    int64_t **const planes[] = {&k->totals, &k->means, &k->before};
    for (size_t i = 0; i < sizeof planes / sizeof *planes; i++)
        *planes[i] = (int64_t *)look_zeros(k->cells, 8);
    k->state = (int64_t *)look_zeros(k->cells * EL_FAINT_PLANES, 8);
    k->along = (uint32_t *)look_zeros(2 * LOOK_BANDS * w, 4);
    k->down = (uint32_t *)look_zeros(2 * LOOK_BANDS * h, 4);
    k->keys = (uint32_t *)look_zeros(h * w, 4);
    k->known = (float *)look_zeros(LOOK_KNOWN * LOOK_TILE_CELLS, 4);
    look_fill_mask(k);
    look_fill_pixels(k);
    look_learn(k);
}

static void
look_level(struct look *k)
{
    const size_t n = el_level_shift_keys(k->counts, k->background, k->h, k->w, k->step, k->keys);
    k->found += el_level_select(k->keys, n, (n - 1) / 2);
}

static void
look_smooth(struct look *k)
{
    el_smooth(k->difference, k->past, k->h, k->w, k->size, k->weights);
}

static void
look_local(struct look *k)
{
    const size_t step = k->step / 2 ? k->step / 2 : 1;
    for (size_t i = 0; i < LOOK_LOCAL_ROWS; i++)
        for (size_t j = 0; j < LOOK_LOCAL_COLUMNS; j++)
            k->grid[i * LOOK_LOCAL_COLUMNS + j] = el_level_tile_mean(
                k->difference, k->w, i * k->h / LOOK_LOCAL_ROWS, (i + 1) * k->h / LOOK_LOCAL_ROWS,
                j * k->w / LOOK_LOCAL_COLUMNS, (j + 1) * k->w / LOOK_LOCAL_COLUMNS, step,
                LOOK_CLIP_Q2);
    el_level_flatten(k->difference, k->grid, k->h, k->w, LOOK_LOCAL_ROWS, LOOK_LOCAL_COLUMNS,
                     k->weights);
}

static void
look_places(struct look *k)
{
    const struct el_places settings = {32, 2300, 39321, 3932, 42598, 39976, 1311, 25};
    const struct el_memory memory = {k->duty, k->balance, k->objects};
    el_places_sums(k->mask, k->difference, k->h, k->w, k->cell, k->sums);
    k->found += el_places_judge(k->sums, &memory, k->keep, k->rows, k->columns, &settings).area;
    el_places_keep(k->mask, k->h, k->w, k->cell, k->keep);
    look_fill_mask(k); /* for the next frame */
}

static void
look_outlines(struct look *k)
{
    const struct el_outline s = {k->mask, k->difference, k->difference, k->counts, k->background,
                                 k->h, k->w, k->reach, 8};
    const struct el_objects objects = {(int32_t)s.reach, 5237, 14496, 8};
    const struct el_ghosts ghosts = {(int32_t)s.reach, 32768, 16, 255};
    el_places_sums(k->mask, k->difference, k->h, k->w, k->cell, k->sums);
    el_ghosts_outline(&s, k->sums, k->cell, k->outline);
    el_objects_squares(k->mask, k->difference, k->past, k->h, k->w, k->cell, k->squares);
    el_objects_remember(k->sums, k->outline, k->squares, k->objects, k->rows, k->columns, &objects);
    k->found += el_ghosts_judge(k->sums, k->outline, k->seen, k->rows, k->columns, &ghosts).share;
}

static void
look_motion(struct look *k)
{
    el_motion_project_bands(k->counts, k->h, k->w, LOOK_BANDS, k->along, k->down);
    for (size_t i = 0; i < LOOK_BANDS; i++) {
        k->found += el_motion_shift(k->along + (LOOK_BANDS + i) * k->w, k->along + i * k->w, k->w,
                                    LOOK_REACH, LOOK_GAP).best;
        k->found += el_motion_shift(k->down + (LOOK_BANDS + i) * k->h, k->down + i * k->h, k->h,
                                    LOOK_REACH, LOOK_GAP).best;
    }
}

static void
look_faint(struct look *k)
{
    const struct el_faint s = {10079, 5237, 6240, 1638, 164, 543, 51, 512, 1280, 3932, 32768,
                               27689, 16384, 25559, 40, 512, 12, 3932, 3, 1};
    for (size_t i = 0; i < k->cells; i++)
        k->totals[i] = (int64_t)k->pixels[i] * 3 * 6000;
    el_faint_means(k->totals, k->pixels, k->cells, 3, k->means);
    el_faint_update(k->state, k->means, k->before, k->rows, k->columns, &s);
    const int64_t scale = el_faint_sigmas(k->state, k->cells, &s);
    k->found += el_faint_things(k->state, k->objects, k->rows, k->columns, &s);
    el_faint_flickers(k->state, k->cells, &s);
    el_faint_discount(k->state, k->objects, k->rows, k->columns, scale, &s);
    k->found += el_faint_judge(k->state, k->pixels, k->keep, k->rows, k->columns, &s).area;
    el_faint_follow(k->state, k->rows, k->columns, &s);
}

/* The tiles without what a cover or the sensor can make. */
static void
look_fit(struct look *k)
{
    memset(k->fit, 0, sizeof k->fit);
    for (size_t p = 0; p < LOOK_KNOWN; p++) {
        const float *known = k->known + p * LOOK_TILE_CELLS;
        float part[8] = {0}; /* as wide as a BLAS sums */
        for (size_t i = 0; i < LOOK_TILE_CELLS; i += 8)
            for (size_t j = 0; j < 8; j++)
                part[j] += known[i + j] * k->tiles[i + j];
        k->parts[p] = part[0] + part[1] + part[2] + part[3] + part[4] + part[5] + part[6] + part[7];
        for (size_t i = 0; i < LOOK_TILE_CELLS; i++)
            k->fit[i] += known[i] * k->parts[p];
    }
}

static void
look_range(struct look *k, const uint16_t *values, size_t h, size_t w, size_t step)
{
    size_t rank[2] = {0, 1};
    uint32_t found[2];
    const size_t n = el_level_count_keys(values, h, w, step, k->keys);
    rank[1] = n - 1;
    el_level_select_ranks(k->keys, n, rank, 2, found);
    k->found += found[1] - found[0];
}

/* Means of tiles, their structure and the noise of neighbours; the range of the raw and of the
 * corrected picture, the noise of the pixels. */
static void
look_structure(struct look *k)
{
    const size_t rows = k->h / 8 < LOOK_TILES ? k->h / 8 : LOOK_TILES;
    const size_t columns = k->w / 8 < LOOK_TILES ? k->w / 8 : LOOK_TILES;
    const int16_t *counts = (const int16_t *)k->counts;
    size_t n = 0;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            k->tiles[i * columns + j] = el_level_tile_mean(
                counts, k->w, i * k->h / rows, (i + 1) * k->h / rows, j * k->w / columns,
                (j + 1) * k->w / columns, k->w / columns / 8 ? k->w / columns / 8 : 1, 32767);
    look_fit(k);
    for (size_t i = 0; i < LOOK_TILE_CELLS; i++)
        k->steps[i] = (uint16_t)(int32_t)(k->tiles[i] - k->fit[i]) & EL_LEVEL_MAX_COUNTS;
    look_range(k, k->steps, 1, rows * columns, 1);
    for (size_t y = 0; y + 1 < k->h; y += k->step)
        for (size_t x = 0; x < k->w; x += k->step)
            k->steps[n++] = (uint16_t)abs(counts[y * k->w + x] - counts[(y + 1) * k->w + x]);
    look_range(k, k->steps, 1, n, 1);
    for (int picture = 0; picture < 3; picture++)
        look_range(k, k->counts, k->h, k->w, k->step);
}

static int
look_run(struct look *k, const char *stage)
{
    static const struct {
        const char *name;
        void (*run)(struct look *);
    } stages[] = {{"frame_level", look_level}, {"local_level", look_local},
                  {"plume_smooth", look_smooth}, {"places", look_places},
                  {"outlines", look_outlines}, {"motion", look_motion},
                  {"faint_look", look_faint}, {"structure", look_structure}};
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        if (strcmp(stage, stages[i].name) == 0) {
            stages[i].run(k);
            return 1;
        }
    return 0;
}

#endif /* LOOK_DRIVER_H */
