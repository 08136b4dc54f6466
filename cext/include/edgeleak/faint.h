// SPDX-License-Identifier: Apache-2.0
/* Gas too faint for single pixels: means of whole cells over seconds, a few times a second.
 *
 * Values are counts Q6 (means, noise) or Q14 (slow planes), squares Q12 and Q20, ratios Q8 or
 * Q16.  A plane holds one int64 a cell.  What whole rows, columns or the picture share is taken
 * out by medians: level, drift and the column noise of uncooled sensors.
 */
#ifndef EDGELEAK_FAINT_H
#define EDGELEAK_FAINT_H

#include "edgeleak/places.h"
#include "edgeleak/scan.h"

#define EL_FAINT_MAX_WIDTH 4096
#define EL_FAINT_MAX_DIFF  131071 /* 2047 counts: squares and their shares stay below 2^62 */
#define EL_FAINT_MAX_NOISE (1 << 20)
#define EL_FAINT_SIGMA_Q8  321 /* sqrt(pi / 2): deviation over mean size of white noise */
#define EL_FAINT_MEDIAN_Q8 380 /* 1.4826: deviation over median size */
#define EL_FAINT_TOP_Q8    (1 << 20)
#define EL_FAINT_DRIFTS_Q8 512 /* 2 noises: the whole picture has left its reference */
#define EL_FAINT_TOP_LOOKS 64 /* noises of a look: more adds nothing but a longer memory */

enum {
    EL_FAINT_REFERENCE, EL_FAINT_LAST, EL_FAINT_NOISE, EL_FAINT_SLOW, EL_FAINT_CHANGE,
    EL_FAINT_ENERGY, EL_FAINT_THING, EL_FAINT_WARM, EL_FAINT_COLD, EL_FAINT_NOW,
    EL_FAINT_SIGMAS, EL_FAINT_STEP, EL_FAINT_SPARE, EL_FAINT_OTHER, EL_FAINT_SHORT,
    EL_FAINT_TREND, EL_FAINT_STOOD, EL_FAINT_PLANES
};

struct el_faint {
    int32_t slow_q16, memory_q16, duty_q16; /* share of each memory that a look replaces */
    int32_t follow_q16, held_q16;           /* steps of the reference, in noises */
    int32_t learn_q16;                      /* share of the noise that a look replaces */
    int32_t floor_q8;                       /* least scale of the picture, in noises */
    int32_t cell_q8, root_q8;               /* sigmas of a cell that belongs, that proves */
    int32_t flicker_q16, share_q16;         /* least flicker and duty of a cell that proves */
    int32_t sign_q16;                       /* least square of the mean over mean square */
    int32_t rough_q16;                      /* least change of one look over that of the lag */
    int32_t outline_q16, thing_looks;       /* share that makes a thing, looks it is remembered */
    int32_t strong_q6, stand_looks;         /* counts that single pixels show; a thing that stays */
    int32_t still_q16;                      /* what is strong and flickers less is a thing */
    int32_t least_q6;                       /* smallest noise of a cell */
    int32_t first_sign;                     /* 1: either sign proves; -1: only what is colder */
};

static inline int64_t
el_faint_abs(int64_t a)
{
    return a < 0 ? -a : a;
}

static inline int64_t
el_faint_clip(int64_t a, int64_t low, int64_t high)
{
    return a < low ? low : a > high ? high : a;
}

/* totals += sum of the pixels of every cell. */
static inline void
el_faint_totals(const uint16_t *counts, size_t h, size_t w, size_t cell, int64_t *totals)
{
    uint32_t line[EL_FAINT_MAX_WIDTH];
    const size_t columns = el_places_cells(w, cell);
    for (size_t top = 0; top < h; top += cell) {
        const size_t height = top + cell < h ? cell : h - top;
        el_scan_columns(counts + top * w, w, height, w, line);
        for (size_t k = 0; k < columns; k++) {
            int64_t sum = 0;
            for (size_t x = k * cell; x < (k + 1) * cell && x < w; x++)
                sum += line[x];
            totals[top / cell * columns + k] += sum;
        }
    }
}

/* The rank-th smallest of n values, which are put in another order. */
static inline int64_t
el_faint_select(int64_t *values, size_t n, size_t rank)
{
    size_t low = 0, high = n - 1;
    while (low < high) {
        const int64_t pivot = values[low + (high - low) / 2];
        size_t i = low, k = high;
        for (;;) {
            while (values[i] < pivot)
                i++;
            while (pivot < values[k])
                k--;
            if (i >= k)
                break;
            const int64_t kept = values[i];
            values[i++] = values[k];
            values[k--] = kept;
        }
        if (rank <= k)
            high = k;
        else
            low = k + 1;
    }
    return values[rank];
}

/* Lower median of n values, *step* apart. */
static inline int64_t
el_faint_median(const int64_t *values, size_t n, size_t step)
{
    int64_t copy[EL_PLACES_MAX_CELLS];
    for (size_t i = 0; i < n; i++)
        copy[i] = values[i * step];
    return el_faint_select(copy, n, (n - 1) / 2);
}

static inline void
el_faint_less(int64_t *values, size_t n, size_t step, int64_t what)
{
    for (size_t i = 0; i < n; i++)
        values[i * step] -= what;
}

/* Without what the picture, its columns and its rows share; then limited. */
static inline void
el_faint_flatten(int64_t *plane, size_t rows, size_t columns)
{
    const size_t cells = rows * columns;
    el_faint_less(plane, cells, 1, el_faint_median(plane, cells, 1));
    for (size_t x = 0; x < columns; x++)
        el_faint_less(plane + x, rows, columns, el_faint_median(plane + x, rows, columns));
    for (size_t y = 0; y < rows; y++)
        el_faint_less(plane + y * columns, columns, 1,
                      el_faint_median(plane + y * columns, columns, 1));
    for (size_t i = 0; i < cells; i++)
        plane[i] = el_faint_clip(plane[i], -EL_FAINT_MAX_DIFF, EL_FAINT_MAX_DIFF);
}

/* Sum of a cell and its eight neighbours. */
static inline int64_t
el_faint_around(const int64_t *plane, size_t rows, size_t columns, size_t at)
{
    const size_t y = at / columns, x = at % columns;
    int64_t sum = 0;
    for (size_t v = y ? y - 1 : 0; v < rows && v <= y + 1; v++)
        for (size_t u = x ? x - 1 : 0; u < columns && u <= x + 1; u++)
            sum += plane[v * columns + u];
    return sum;
}

static inline int64_t *
el_faint_plane(int64_t *state, size_t cells, int which)
{
    return state + (size_t)which * cells;
}

/* Means of the cells, counts Q6; totals begin anew. */
static inline void
el_faint_means(int64_t *totals, const int32_t *pixels, size_t cells, int64_t n_frames,
               int64_t *means)
{
    for (size_t i = 0; i < cells; i++) {
        means[i] = totals[i] * 64 / (pixels[i] * n_frames);
        totals[i] = 0;
    }
}

/* One look of learning: sums of the means and of the size of their changes. */
static inline void
el_faint_learn(int64_t *state, const int64_t *means, size_t rows, size_t columns, int is_first)
{
    const size_t cells = rows * columns;
    int64_t *reference = el_faint_plane(state, cells, EL_FAINT_REFERENCE);
    int64_t *last = el_faint_plane(state, cells, EL_FAINT_LAST);
    int64_t *now = el_faint_plane(state, cells, EL_FAINT_NOW);
    if (is_first) {
        memset(state, 0, EL_FAINT_PLANES * cells * sizeof *state);
    } else {
        for (size_t i = 0; i < cells; i++)
            now[i] = means[i] - last[i];
        el_faint_flatten(now, rows, columns);
        for (size_t i = 0; i < cells; i++)
            el_faint_plane(state, cells, EL_FAINT_NOISE)[i] += el_faint_abs(now[i]);
    }
    for (size_t i = 0; i < cells; i++) {
        reference[i] += means[i];
        last[i] = means[i];
    }
}

/* After *looks* looks: means to Q14, noise as a deviation of the cell's surroundings. */
static inline void
el_faint_settle(int64_t *state, size_t rows, size_t columns, int64_t looks, int64_t least_q6)
{
    const size_t cells = rows * columns;
    int64_t *noise = el_faint_plane(state, cells, EL_FAINT_NOISE);
    int64_t *now = el_faint_plane(state, cells, EL_FAINT_NOW);
    for (size_t i = 0; i < cells; i++) {
        const size_t y = i / columns, x = i % columns;
        const int64_t high = 1 + (y > 0) + (y + 1 < rows), wide = 1 + (x > 0) + (x + 1 < columns);
        const int64_t sum = el_faint_around(noise, rows, columns, i);
        now[i] = sum * EL_FAINT_SIGMA_Q8 / (high * wide * (looks - 1));
        el_faint_plane(state, cells, EL_FAINT_REFERENCE)[i] =
            el_faint_plane(state, cells, EL_FAINT_REFERENCE)[i] * 256 / looks;
    }
    const int64_t usual = el_faint_median(now, cells, 1);
    for (size_t i = 0; i < cells; i++) {
        const int64_t own = el_faint_clip(now[i], usual * 7 / 10, usual * 3);
        noise[i] = el_faint_clip(own, least_q6 * 256, (int64_t)EL_FAINT_MAX_NOISE * 256);
    }
    memset(el_faint_plane(state, cells, EL_FAINT_LAST), 0, cells * sizeof *state);
}

static inline int64_t
el_faint_toward(int64_t known, int64_t now, int64_t part_q16)
{
    return known + (((now - known) * part_q16) >> 16);
}

/* Slow mean, change and energy of one look; the reference and the noise follow where quiet. */
static inline void
el_faint_update(int64_t *state, const int64_t *means, const int64_t *past, size_t rows,
                size_t columns, const struct el_faint *s)
{
    const size_t cells = rows * columns;
    int64_t *now = el_faint_plane(state, cells, EL_FAINT_NOW);
    int64_t *slow = el_faint_plane(state, cells, EL_FAINT_SLOW);
    int64_t *change = el_faint_plane(state, cells, EL_FAINT_CHANGE);
    int64_t *energy = el_faint_plane(state, cells, EL_FAINT_ENERGY);
    int64_t *step = el_faint_plane(state, cells, EL_FAINT_STEP);
    int64_t *trend = el_faint_plane(state, cells, EL_FAINT_TREND);
    for (size_t i = 0; i < cells; i++)
        now[i] = means[i] - (el_faint_plane(state, cells, EL_FAINT_REFERENCE)[i] >> 8);
    el_faint_flatten(now, rows, columns);
    for (size_t i = 0; i < cells; i++) {
        const int64_t moved = past ? now[i] - past[i] : 0;
        const int64_t one = now[i] - el_faint_plane(state, cells, EL_FAINT_LAST)[i];
        step[i] = el_faint_toward(step[i], one * one * 256, s->memory_q16);
        const int64_t top = el_faint_plane(state, cells, EL_FAINT_NOISE)[i] * EL_FAINT_TOP_LOOKS;
        const int64_t size = el_faint_clip(now[i] * 256, -top, top);
        slow[i] = el_faint_toward(slow[i], size, s->slow_q16);
        change[i] = el_faint_toward(change[i], moved * moved * 256, s->memory_q16);
        energy[i] = el_faint_toward(energy[i], size * size / 256, s->memory_q16);
        trend[i] = el_faint_toward(trend[i], moved * 256, s->memory_q16);
    }
}

/* Sigmas of the slow mean, Q8 with sign, in units of its own noise and the whole picture's,
 * which is returned: noises, Q8. */
static inline int64_t
el_faint_sigmas(int64_t *state, size_t cells, const struct el_faint *s)
{
    const int64_t *slow = el_faint_plane(state, cells, EL_FAINT_SLOW);
    const int64_t *noise = el_faint_plane(state, cells, EL_FAINT_NOISE);
    int64_t *sigmas = el_faint_plane(state, cells, EL_FAINT_SIGMAS);
    for (size_t i = 0; i < cells; i++)
        sigmas[i] = el_faint_abs(slow[i]) * 256 / (noise[i] > 0 ? noise[i] : 1);
    const int64_t usual = (el_faint_median(sigmas, cells, 1) * EL_FAINT_MEDIAN_Q8) >> 8;
    const int64_t scale = usual > s->floor_q8 ? usual : s->floor_q8;
    for (size_t i = 0; i < cells; i++) {
        const int64_t size = sigmas[i] * 256 / scale;
        const int64_t top = size < EL_FAINT_TOP_Q8 ? size : EL_FAINT_TOP_Q8;
        sigmas[i] = slow[i] < 0 ? -top : top;
    }
    return scale;
}

/* Where a thing stood, and at its rim, the reference is the mean since it left; in the end what
 * it did is forgotten. */
static inline void
el_faint_forget(int64_t *state, size_t rows, size_t columns, size_t at, const struct el_faint *s)
{
    const size_t cells = rows * columns;
    static const int memories[] = {EL_FAINT_CHANGE, EL_FAINT_ENERGY, EL_FAINT_STEP, EL_FAINT_TREND};
    const int64_t left = el_faint_plane(state, cells, EL_FAINT_THING)[at];
    for (size_t k = 0; left == 1 && k < sizeof memories / sizeof *memories; k++)
        el_faint_plane(state, cells, memories[k])[at] = 0;
    if (!el_faint_around(el_faint_plane(state, cells, EL_FAINT_SPARE), rows, columns, at))
        return;
    const int64_t now = el_faint_plane(state, cells, EL_FAINT_NOW)[at];
    const int64_t since = left < s->thing_looks ? s->thing_looks - left : 0;
    el_faint_plane(state, cells, EL_FAINT_REFERENCE)[at] += now * 256 / (since + 1);
}

static inline void
el_faint_follow(int64_t *state, size_t rows, size_t columns, const struct el_faint *s)
{
    const size_t cells = rows * columns;
    int64_t *reference = el_faint_plane(state, cells, EL_FAINT_REFERENCE);
    int64_t *last = el_faint_plane(state, cells, EL_FAINT_LAST);
    int64_t *noise = el_faint_plane(state, cells, EL_FAINT_NOISE);
    const int64_t *now = el_faint_plane(state, cells, EL_FAINT_NOW);
    const int64_t *sigmas = el_faint_plane(state, cells, EL_FAINT_SIGMAS);
    const int64_t *thing = el_faint_plane(state, cells, EL_FAINT_THING);
    const int64_t *stood = el_faint_plane(state, cells, EL_FAINT_STOOD);
    int64_t *has_stood = el_faint_plane(state, cells, EL_FAINT_SPARE);
    for (size_t i = 0; i < cells; i++)
        has_stood[i] = stood[i] >= s->stand_looks;
    for (size_t i = 0; i < cells; i++) {
        const int is_quiet = el_faint_abs(sigmas[i]) <= s->cell_q8;
        const int64_t step = (noise[i] * (is_quiet ? s->follow_q16 : s->held_q16)) >> 16;
        const int64_t size = el_faint_abs(now[i] - last[i]) * EL_FAINT_SIGMA_Q8;
        reference[i] += el_faint_clip(now[i] * 256, -step, step);
        if (thing[i])
            el_faint_forget(state, rows, columns, i, s);
        if (is_quiet)
            noise[i] = el_faint_clip(el_faint_toward(noise[i], size, s->learn_q16),
                                     s->least_q6 * 256, (int64_t)EL_FAINT_MAX_NOISE * 256);
        last[i] = now[i];
    }
}

#endif
