// SPDX-License-Identifier: Apache-2.0
/* Which of what stands out faintly may be gas: it flickers as turbulence does, stays, lies within
 * the picture, and no thing stood there lately.
 *
 * Turbulence changes with the lag to the power 2/3 (squares), what sways or drifts with its
 * square: so the change from look to look, over that of the lag, tells them apart. */
#ifndef EDGELEAK_FAINT_JUDGE_H
#define EDGELEAK_FAINT_JUDGE_H

#include "edgeleak/faint.h"
#include "edgeleak/objects.h"

#define EL_FAINT_TOP_BASE_Q8 (1 << 14)
#define EL_FAINT_TRUST_Q8    307 /* 1.2: means of some seconds know the noise to a fifth */

struct el_faint_found {
    int32_t area, duty, flicker, sigma_q8, is_kept, strong;
};

/* Of a mean and its weight, Q16; *unknown* where too little was seen. */
static inline int32_t
el_faint_share(const int32_t *mean, int32_t unknown)
{
    return mean[1] > EL_OBJECTS_SEEN_Q16 ? el_places_ratio(mean[0], mean[1]) : unknown;
}

/* Where a thing stood lately, nothing faint counts: it leaves warmth, and a hole.  A thing has an
 * outline, or is as strong as single pixels show and stands still; what stays strong where single
 * pixels show nothing is in their background.  Returns how many cells are so strong. */
static inline int32_t
el_faint_things(int64_t *state, const int32_t *objects, size_t rows, size_t columns,
                const struct el_faint *s)
{
    const size_t cells = rows * columns;
    int64_t *thing = el_faint_plane(state, cells, EL_FAINT_THING);
    int64_t *is_thing = el_faint_plane(state, cells, EL_FAINT_SPARE);
    int64_t *stood = el_faint_plane(state, cells, EL_FAINT_STOOD);
    const int64_t *now = el_faint_plane(state, cells, EL_FAINT_NOW);
    int32_t strong = 0;
    for (size_t i = 0; i < cells; i++) {
        const int32_t *known = objects + EL_OBJECT_MEANS * i;
        const int is_strong = el_faint_abs(now[i]) > s->strong_q6;
        const int has_outline = el_faint_share(known + EL_OBJECT_SHARE, 0) > s->outline_q16;
        const int has_stood = stood[i] >= s->stand_looks;
        const int32_t change = el_faint_share(known + EL_OBJECT_CHANGE, has_stood ? 0 : 65535);
        is_thing[i] = has_outline || (is_strong && change < s->still_q16);
        strong += is_strong;
        if (stood[i] < s->stand_looks)
            stood[i] = is_strong ? stood[i] + 1 : 0;
    }
    for (size_t i = 0; i < cells; i++) {
        const int64_t left = thing[i] > 0 ? thing[i] - 1 : 0;
        thing[i] = el_faint_around(is_thing, rows, columns, i) ? s->thing_looks : left;
        stood[i] = thing[i] ? stood[i] : 0;
    }
    return strong;
}

static inline int
el_faint_is_out(const int64_t *state, size_t cells, size_t at, const struct el_faint *s)
{
    return el_faint_abs(state[EL_FAINT_SIGMAS * cells + at]) > s->cell_q8 &&
           !state[EL_FAINT_THING * cells + at];
}

/* Excess of a plane of squares over what the noise of quiet cells makes, where one stands out. */
static inline void
el_faint_excess(int64_t *state, size_t cells, int which, int64_t *excess, const struct el_faint *s)
{
    const int64_t *noise = el_faint_plane(state, cells, EL_FAINT_NOISE);
    const int64_t *squares = el_faint_plane(state, cells, which);
    for (size_t i = 0; i < cells; i++)
        excess[i] = squares[i] * 256 / ((noise[i] * noise[i] >> 8) + 1);
    const int64_t usual = el_faint_median(excess, cells, 1) * EL_FAINT_TRUST_Q8 >> 8;
    const int64_t base = el_faint_clip(usual, 0, EL_FAINT_TOP_BASE_Q8);
    for (size_t i = 0; i < cells; i++) {
        const int64_t usually = (noise[i] * noise[i] >> 8) * base >> 8;
        excess[i] = el_faint_is_out(state, cells, i, s) ? squares[i] - usually : 0;
    }
}

/* Change over the lag and from look to look beyond the noise, and energy, of what stands out. */
static inline void
el_faint_flickers(int64_t *state, size_t cells, const struct el_faint *s)
{
    const int64_t *energy = el_faint_plane(state, cells, EL_FAINT_ENERGY);
    int64_t *whole = el_faint_plane(state, cells, EL_FAINT_OTHER);
    el_faint_excess(state, cells, EL_FAINT_CHANGE, el_faint_plane(state, cells, EL_FAINT_SPARE),
                    s);
    el_faint_excess(state, cells, EL_FAINT_STEP, el_faint_plane(state, cells, EL_FAINT_SHORT), s);
    for (size_t i = 0; i < cells; i++)
        whole[i] = el_faint_is_out(state, cells, i, s) ? energy[i] : 0;
}

/* The change of the cells around is smooth, and a quarter of it is their trend: this is drift.
 * Turbulence is rough; what sways has no trend. */
static inline int
el_faint_is_drift(int64_t *state, size_t rows, size_t columns, size_t at,
                  const struct el_faint *s)
{
    const size_t cells = rows * columns, y = at / columns, x = at % columns;
    const int64_t *trend = el_faint_plane(state, cells, EL_FAINT_TREND);
    const int64_t *change = el_faint_plane(state, cells, EL_FAINT_CHANGE);
    int64_t drift = 0, whole = 0;
    for (size_t v = y ? y - 1 : 0; v < rows && v <= y + 1; v++)
        for (size_t u = x ? x - 1 : 0; u < columns && u <= x + 1; u++) {
            const int64_t mean = trend[v * columns + u];
            drift += mean * mean >> 8;
            whole += change[v * columns + u];
        }
    const int64_t *excess = el_faint_plane(state, cells, EL_FAINT_SPARE);
    const int64_t *brief = el_faint_plane(state, cells, EL_FAINT_SHORT);
    const int32_t rough = el_places_ratio(el_faint_around(brief, rows, columns, at),
                                          el_faint_around(excess, rows, columns, at));
    return 4 * drift > whole && rough < s->rough_q16;
}

/* Where the picture as a whole drifts (*scale*, noises Q8), what drifts does not flicker. */
static inline void
el_faint_discount(int64_t *state, int32_t *objects, size_t rows, size_t columns, int64_t scale,
                  const struct el_faint *s)
{
    const size_t cells = scale < EL_FAINT_DRIFTS_Q8 ? 0 : rows * columns;
    for (size_t i = 0; i < cells; i++)
        if (el_faint_is_drift(state, rows, columns, i, s))
            objects[EL_OBJECT_MEANS * i + EL_OBJECT_CHANGE] = 0;
}

/* It has one sign: the square of the mean is a good part of the mean square around the cell. */
static inline int
el_faint_has_sign(int64_t *state, size_t rows, size_t columns, size_t at,
                  const struct el_faint *s)
{
    const size_t cells = rows * columns, y = at / columns, x = at % columns;
    const int64_t *slow = el_faint_plane(state, cells, EL_FAINT_SLOW);
    const int64_t *whole = el_faint_plane(state, cells, EL_FAINT_OTHER);
    int64_t steady = 0;
    for (size_t v = y ? y - 1 : 0; v < rows && v <= y + 1; v++)
        for (size_t u = x ? x - 1 : 0; u < columns && u <= x + 1; u++)
            if (whole[v * columns + u])
                steady += slow[v * columns + u] * slow[v * columns + u] >> 8;
    return el_places_ratio(steady, el_faint_around(whole, rows, columns, at)) >= s->sign_q16;
}

/* Largest sum of 2x2 cells around this one, in the direction of *sign*; outside is 0.  A cell
 * adds *top* at most: a flickering pixel makes one cell of it stand out, gas at least two. */
static inline int64_t
el_faint_window(const int64_t *sigmas, size_t rows, size_t columns, size_t at, int sign,
                int64_t top)
{
    const size_t y = at / columns, x = at % columns;
    int64_t best = INT64_MIN;
    for (size_t corner = 0; corner < 4; corner++) {
        int64_t sum = 0;
        for (size_t k = 0; k < 4; k++) {
            const size_t v = y + corner / 2 + k / 2, u = x + corner % 2 + k % 2;
            if (v < 1 || u < 1 || v > rows || u > columns)
                continue;
            const int64_t one = sign * sigmas[(v - 1) * columns + u - 1];
            sum += one < top ? one : top;
        }
        best = sum > best ? sum : best;
    }
    return best;
}

/* Facts of one cell in one direction; is_kept: it proves at this look. */
static inline struct el_faint_found
el_faint_cell(int64_t *state, size_t rows, size_t columns, size_t at, int sign,
              const struct el_faint *s)
{
    const size_t cells = rows * columns, y = at / columns, x = at % columns;
    const int64_t *sigmas = el_faint_plane(state, cells, EL_FAINT_SIGMAS);
    struct el_faint_found f = {0, 0, 0, 0, 0, 0};
    if (sign * sigmas[at] <= s->cell_q8)
        return f;
    const int64_t *excess = el_faint_plane(state, cells, EL_FAINT_SPARE);
    const int64_t *whole = el_faint_plane(state, cells, EL_FAINT_OTHER);
    const int64_t *brief = el_faint_plane(state, cells, EL_FAINT_SHORT);
    const int64_t change = el_faint_around(excess, rows, columns, at);
    const int64_t top = 2 * (int64_t)s->root_q8;
    f.sigma_q8 = (int32_t)(el_faint_window(sigmas, rows, columns, at, sign, top) / 4);
    f.flicker = el_places_ratio(change, el_faint_around(whole, rows, columns, at));
    const int32_t rough = el_places_ratio(el_faint_around(brief, rows, columns, at), change);
    const int is_within = y > 0 && x > 0 && y + 1 < rows && x + 1 < columns;
    f.is_kept = is_within && f.sigma_q8 >= s->root_q8 && f.flicker >= s->flicker_q16 &&
                rough >= s->rough_q16 && !el_faint_plane(state, cells, EL_FAINT_THING)[at] &&
                el_faint_has_sign(state, rows, columns, at, s);
    return f;
}

static inline int
el_faint_is_body(int64_t *state, size_t cells, size_t at, int sign, const struct el_faint *s)
{
    return sign * el_faint_plane(state, cells, EL_FAINT_SIGMAS)[at] > s->cell_q8 &&
           !el_faint_plane(state, cells, EL_FAINT_THING)[at];
}

/* Keeps the group that cell *first* belongs to; its pixels. */
static inline int32_t
el_faint_spread(int64_t *state, const int32_t *pixels, uint8_t *keep, size_t rows,
                size_t columns, size_t first, int sign, const struct el_faint *s)
{
    uint16_t stack[EL_PLACES_MAX_CELLS];
    size_t size = 1;
    int32_t area = 0;
    keep[first] = 255;
    stack[0] = (uint16_t)first;
    while (size) {
        const size_t at = stack[--size], y = at / columns, x = at % columns;
        area += pixels[at];
        for (size_t v = y ? y - 1 : 0; v < rows && v <= y + 1; v++)
            for (size_t u = x ? x - 1 : 0; u < columns && u <= x + 1; u++) {
                const size_t next = v * columns + u;
                if (keep[next] || !el_faint_is_body(state, rows * columns, next, sign, s))
                    continue;
                keep[next] = 255;
                stack[size++] = (uint16_t)next;
            }
    }
    return area;
}

/* The facts of a are better than those of b: kept, then stronger. */
static inline int
el_faint_is_better(const struct el_faint_found *a, const struct el_faint_found *b)
{
    return a->is_kept != b->is_kept ? a->is_kept : a->sigma_q8 > b->sigma_q8;
}

/* keep: written, 255 for the cells of kept groups; area: of all of them. */
static inline struct el_faint_found
el_faint_judge(int64_t *state, const int32_t *pixels, uint8_t *keep, size_t rows, size_t columns,
               const struct el_faint *s)
{
    const size_t cells = rows * columns;
    struct el_faint_found best = {0, 0, 0, 0, 0, 0};
    int32_t area = 0;
    memset(keep, 0, cells);
    for (int sign = s->first_sign; sign >= -1; sign -= 2) {
        int64_t *duty = el_faint_plane(state, cells, sign > 0 ? EL_FAINT_WARM : EL_FAINT_COLD);
        for (size_t i = 0; i < cells; i++) {
            struct el_faint_found f = el_faint_cell(state, rows, columns, i, sign, s);
            duty[i] = el_faint_toward(duty[i], f.is_kept ? 65535 : 0, s->duty_q16);
            f.duty = (int32_t)duty[i];
            f.is_kept = f.is_kept && f.duty >= s->share_q16;
            best = el_faint_is_better(&f, &best) ? f : best;
            if (f.is_kept && !keep[i])
                area += el_faint_spread(state, pixels, keep, rows, columns, i, sign, s);
        }
    }
    best.area = area;
    return best;
}

#endif
