// SPDX-License-Identifier: Apache-2.0
/* +/-epsilon background, difference and mask of one image row, in one pass.
 *
 * Grey: frame UQ8.0, background UQ8.8.  Counts: frame UQ14.0, background UQ14.2, quarter
 * counts (q2).  The pixel minus `level` is compared with the background as it was; the
 * background moves afterwards (paper, equation 5: I >= B goes up).  Nothing wraps: frame
 * minus level is kept inside the background's range, a count above 16383 is 16383, a
 * background above its largest value is taken as that value.  Rows must not overlap.
 */
#ifndef EDGELEAK_BACKGROUND_H
#define EDGELEAK_BACKGROUND_H

#include "edgeleak/isa.h"

#define EL_BG_GREY_MAX_Q8  0xFF00u /* 255 levels */
#define EL_BG_MAX_Q2       0xFFFCu /* 16383 counts */
#define EL_BG_NOISE_MAX_Q2 0x0FFFu /* 1023.75 counts, so that noise * gain fits 16 bits */

typedef struct el_bg_rule {
    uint16_t eps;            /* step of the background, in its unit */
    uint16_t threshold;      /* levels (grey) or quarter counts */
    int32_t level;           /* subtracted from the frame, in the background's unit */
    int selective;           /* 0 or 1: pixels in the mask do not move */
    uint8_t noise_gain_q4;   /* threshold at least noise * gain / 16 */
    uint16_t noise_eps;      /* step of the noise, 0 leaves it untouched */
} el_bg_rule;

/* One step of a sample that stays inside 0..top. */
EL_INLINE uint16_t
el_bg_move(uint16_t cur, int is_up, unsigned eps, unsigned top)
{
    const unsigned from = cur < top ? cur : top;
    const unsigned room = top - from;
    const unsigned up = from + (room < eps ? room : eps);
    const unsigned down = from - (from < eps ? from : eps);
    return (uint16_t)(is_up ? up : down);
}

/* Frame minus level inside 0..top. */
EL_INLINE int32_t
el_bg_target(int32_t value, int32_t level, int32_t top)
{
    const int32_t moved = value - level;
    return moved < 0 ? 0 : moved > top ? top : moved;
}

EL_INLINE uint8_t
el_bg_round_q8(unsigned value_q8)
{
    const unsigned rounded = (value_q8 + 128) >> 8;
    return (uint8_t)(rounded > 255 ? 255 : rounded);
}

EL_INLINE void
el_bg_grey_pixel(const uint8_t *frame, uint16_t *bg, uint8_t *diff, uint8_t *mask,
                 const el_bg_rule *rule)
{
    const int32_t target = el_bg_target(*frame << 8, rule->level, EL_BG_GREY_MAX_Q8);
    const uint8_t now = el_bg_round_q8((unsigned)target);
    const uint8_t old = el_bg_round_q8(*bg);
    const uint8_t d = (uint8_t)(now > old ? now - old : old - now);
    const int is_gas = d > rule->threshold;
    const unsigned eps = is_gas && rule->selective ? 0 : rule->eps;
    *diff = d;
    *mask = is_gas ? 255 : 0;
    *bg = el_bg_move(*bg, target >= *bg, eps, EL_BG_GREY_MAX_Q8);
}

/* noise is only read when learns is 0; has_noise 0: threshold alone decides. */
EL_INLINE void
el_bg_counts_pixel(const uint16_t *frame, uint16_t *bg, int16_t *diff, uint8_t *mask,
                   uint16_t *noise, const el_bg_rule *rule, int has_noise, int learns)
{
    const int32_t counts = *frame < 16383 ? *frame : 16383, cur = *bg;
    const int32_t target = el_bg_target(counts << 2, rule->level, EL_BG_MAX_Q2);
    const int32_t d = target - cur;
    const unsigned size = (unsigned)(d < 0 ? -d : d);
    unsigned threshold = rule->threshold, known = 0;
    if (has_noise) {
        known = *noise;
        const unsigned capped = known < EL_BG_NOISE_MAX_Q2 ? known : EL_BG_NOISE_MAX_Q2;
        const unsigned scaled = capped * rule->noise_gain_q4 >> 4;
        threshold = scaled > threshold ? scaled : threshold;
    }
    const unsigned is_gas = size > threshold;
    const unsigned free = ~(0u - (is_gas & (unsigned)rule->selective)); /* all ones: may move */
    *diff = (int16_t)(d < INT16_MIN ? INT16_MIN : d > INT16_MAX ? INT16_MAX : d);
    *mask = (uint8_t)(0u - is_gas);
    *bg = el_bg_move((uint16_t)cur, d >= 0, rule->eps & free, EL_BG_MAX_Q2);
    if (learns)
        *noise = el_bg_move((uint16_t)known, size >= known, rule->noise_eps & free,
                            EL_BG_NOISE_MAX_Q2);
}

/* The plain loops: the reference, the last pixels of a row, and every other machine. */
EL_INLINE void
el_bg_grey_plain(const uint8_t *restrict frame, uint16_t *restrict bg, uint8_t *restrict diff,
                 uint8_t *restrict mask, size_t n, const el_bg_rule *rule)
{
    const el_bg_rule own = *rule;
    for (size_t i = 0; i < n; i++)
        el_bg_grey_pixel(frame + i, bg + i, diff + i, mask + i, &own);
}

EL_INLINE void
el_bg_counts_plain(const uint16_t *restrict frame, uint16_t *restrict bg,
                   int16_t *restrict diff, uint8_t *restrict mask, uint16_t *restrict noise,
                   size_t n, const el_bg_rule *rule)
{
    const el_bg_rule own = *rule;
    if (noise && own.noise_eps)
        for (size_t i = 0; i < n; i++)
            el_bg_counts_pixel(frame + i, bg + i, diff + i, mask + i, noise + i, &own, 1, 1);
    else if (noise)
        for (size_t i = 0; i < n; i++)
            el_bg_counts_pixel(frame + i, bg + i, diff + i, mask + i, noise + i, &own, 1, 0);
    else
        for (size_t i = 0; i < n; i++)
            el_bg_counts_pixel(frame + i, bg + i, diff + i, mask + i, NULL, &own, 0, 0);
}

#define EL_ISA_BODY "edgeleak/background_rows.h"
#include "edgeleak/isa_passes.h"

/* diff = |frame - level - background| in levels, both rounded; mask = diff > threshold. */
static inline void
el_bg_grey_rule_row(const uint8_t *frame, uint16_t *bg, uint8_t *diff, uint8_t *mask,
                    size_t n, const el_bg_rule *rule)
{
    EL_ISA_CALL(el_bg_grey_rule_row, frame, bg, diff, mask, n, rule);
}

/* diff = frame - level - background in quarter counts, saturated to int16;
 * mask = |frame - level - background| > max(threshold, noise * gain / 16). */
static inline void
el_bg_counts_row(const uint16_t *frame, uint16_t *bg, int16_t *diff, uint8_t *mask,
                 uint16_t *noise, size_t n, const el_bg_rule *rule)
{
    EL_ISA_CALL(el_bg_counts_row, frame, bg, diff, mask, noise, n, rule);
}

/* The grey step without a level. */
static inline void
el_bg_grey_row(const uint8_t *frame, uint16_t *bg, uint8_t *diff, uint8_t *mask, size_t n,
               uint16_t eps, uint8_t threshold, int selective)
{
    const el_bg_rule rule = {eps, threshold, 0, selective, 0, 0};
    el_bg_grey_rule_row(frame, bg, diff, mask, n, &rule);
}

#endif /* EDGELEAK_BACKGROUND_H */
