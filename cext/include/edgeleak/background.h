// SPDX-License-Identifier: Apache-2.0
/* +/-epsilon background, difference and mask of one image row, in one pass.
 *
 * Grey: frame UQ8.0, background UQ8.8.  Counts: frame UQ14.0, background UQ14.2, quarter
 * counts (q2).  The pixel minus `level` is compared with the background as it was; the
 * background moves afterwards (paper, equation 5: I >= B goes up).  Nothing wraps: frame
 * minus level is kept inside the background's range, a count above 16383 is 16383, a
 * background above its largest value is taken as that value.  Rows must not overlap.
 */
#include "edgeleak/isa.h"

#ifndef EL_ISA /* seen from outside */
#ifndef EDGELEAK_BACKGROUND_H
#define EDGELEAK_BACKGROUND_H

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

/* The plain loops: the reference, the last pixels of a row, and every machine but x86. */
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

#define EL_ISA_BODY "edgeleak/background.h"
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
#else  /* the body, once per instruction set */

#if EL_X86
#include "edgeleak/lanes.h"
#define EL_SET16(x) EL_LANES(set1_epi16)((int16_t)(uint16_t)(x))

/* el_bg_move on 16-bit lanes: min(cur + up, top) - down in two saturating steps, where the
 * distance `over` from top to 65535 rides along (it makes the first step stop at top). */
EL_INLINE EL_LANES_T
EL_ISA(el_bg_move_lanes)(EL_LANES_T cur, EL_LANES_T is_up, EL_LANES_T eps, EL_LANES_T over)
{
    const EL_LANES_T up = EL_LANES(add_epi16)(over, EL_LANES_AND(is_up, eps));
    const EL_LANES_T both = EL_LANES(add_epi16)(EL_LANES(add_epi16)(over, over), eps);
    return EL_LANES(subs_epu16)(EL_LANES(adds_epu16)(cur, up), EL_LANES(sub_epi16)(both, up));
}

/* el_bg_target on 16-bit lanes. */
EL_INLINE EL_LANES_T
EL_ISA(el_bg_target_lanes)(EL_LANES_T value, int32_t level, unsigned top)
{
    const unsigned over = 0xFFFF - top;
    const EL_LANES_T up = EL_SET16(over + (unsigned)(level < 0 ? -level : 0));
    const EL_LANES_T down = EL_SET16(over + (unsigned)(level > 0 ? level : 0));
    return EL_LANES(subs_epu16)(EL_LANES(adds_epu16)(value, up), down);
}

EL_INLINE EL_LANES_T
EL_ISA(el_bg_at_least)(EL_LANES_T a, EL_LANES_T b)
{
    return EL_LANES(cmpeq_epi16)(EL_LANES(subs_epu16)(b, a), EL_LANES_ZERO());
}

EL_INLINE EL_LANES_T
EL_ISA(el_bg_round_lanes)(EL_LANES_T low, EL_LANES_T high)
{
    const EL_LANES_T half = EL_SET16(128);
    low = EL_LANES(srli_epi16)(EL_LANES(adds_epu16)(low, half), 8);
    high = EL_LANES(srli_epi16)(EL_LANES(adds_epu16)(high, half), 8);
    return EL_LANES(packus_epi16)(low, high);
}

/* rule->threshold below 255: one more must fit a byte. */
EL_INLINE void
EL_ISA(el_bg_grey_lanes)(const uint8_t *frame, uint16_t *bg, uint8_t *diff, uint8_t *mask,
                         const el_bg_rule *rule, int has_level, int selective)
{
    const EL_LANES_T over = EL_SET16(0xFFFF - EL_BG_GREY_MAX_Q8), eps = EL_SET16(rule->eps);
    const EL_LANES_T least = EL_LANES(set1_epi8)((int8_t)(uint8_t)(rule->threshold + 1));
    uint16_t *bg1 = bg + EL_LANES_BYTES / 2;
    const EL_LANES_T b0 = EL_LANES_LOAD(bg), b1 = EL_LANES_LOAD(bg1);
    EL_LANES_T f = EL_LANES_CROSS(EL_LANES_LOAD(frame));
    EL_LANES_T t0 = EL_LANES(unpacklo_epi8)(EL_LANES_ZERO(), f);
    EL_LANES_T t1 = EL_LANES(unpackhi_epi8)(EL_LANES_ZERO(), f);
    if (has_level) {
        t0 = EL_ISA(el_bg_target_lanes)(t0, rule->level, EL_BG_GREY_MAX_Q8);
        t1 = EL_ISA(el_bg_target_lanes)(t1, rule->level, EL_BG_GREY_MAX_Q8);
        f = EL_ISA(el_bg_round_lanes)(t0, t1);
    }
    const EL_LANES_T old = EL_ISA(el_bg_round_lanes)(b0, b1);
    const EL_LANES_T d =
        EL_LANES_OR(EL_LANES(subs_epu8)(f, old), EL_LANES(subs_epu8)(old, f));
    const EL_LANES_T is_gas = EL_LANES(cmpeq_epi8)(EL_LANES(max_epu8)(d, least), d);
    EL_LANES_T eps0 = eps, eps1 = eps;
    if (selective) {
        eps0 = EL_LANES_ANDNOT(EL_LANES(unpacklo_epi8)(is_gas, is_gas), eps);
        eps1 = EL_LANES_ANDNOT(EL_LANES(unpackhi_epi8)(is_gas, is_gas), eps);
    }
    EL_LANES_STORE(diff, EL_LANES_CROSS(d));
    EL_LANES_STORE(mask, EL_LANES_CROSS(is_gas));
    EL_LANES_STORE(bg, EL_ISA(el_bg_move_lanes)(b0, EL_ISA(el_bg_at_least)(t0, b0), eps0, over));
    EL_LANES_STORE(bg1, EL_ISA(el_bg_move_lanes)(b1, EL_ISA(el_bg_at_least)(t1, b1), eps1, over));
}

/* Half a mask vector: all ones where the threshold is *not* exceeded. */
EL_INLINE EL_LANES_T
EL_ISA(el_bg_counts_lanes)(const uint16_t *frame, uint16_t *bg, int16_t *diff, uint16_t *noise,
                           const el_bg_rule *rule, int has_noise, int selective)
{
    const EL_LANES_T sign = EL_SET16(0x8000), over = EL_SET16(0xFFFF - EL_BG_MAX_Q2);
    const EL_LANES_T b = EL_LANES_LOAD(bg);
    /* adding 3 * 16384 stops at 16383 counts, and the shift drops it again */
    const EL_LANES_T capped = EL_LANES(adds_epu16)(EL_LANES_LOAD(frame), EL_SET16(0xC000));
    const EL_LANES_T t = EL_ISA(el_bg_target_lanes)(EL_LANES(slli_epi16)(capped, 2),
                                                    rule->level, EL_BG_MAX_Q2);
    const EL_LANES_T below = EL_LANES(subs_epu16)(b, t);
    const EL_LANES_T size = EL_LANES_OR(EL_LANES(subs_epu16)(t, b), below);
    const EL_LANES_T is_up = EL_LANES(cmpeq_epi16)(below, EL_LANES_ZERO());
    EL_LANES_T excess = EL_LANES(subs_epu16)(size, EL_SET16(rule->threshold));
    EL_LANES_T eps = EL_SET16(rule->eps), noise_eps = EL_SET16(rule->noise_eps), n = sign;
    if (has_noise) {
        n = EL_LANES_LOAD(noise);
        const EL_LANES_T known =
            EL_LANES(slli_epi16)(EL_LANES(adds_epu16)(n, EL_SET16(0xF000)), 4);
        const EL_LANES_T scaled =
            EL_LANES(mulhi_epu16)(known, EL_SET16((unsigned)rule->noise_gain_q4 << 8));
        const EL_LANES_T quiet = EL_LANES(cmpeq_epi16)(
            EL_LANES(subs_epu16)(size, scaled), EL_LANES_ZERO());
        excess = EL_LANES_ANDNOT(quiet, excess);
    }
    const EL_LANES_T is_calm = EL_LANES(cmpeq_epi16)(excess, EL_LANES_ZERO());
    if (selective) {
        eps = EL_LANES_AND(is_calm, eps);
        noise_eps = EL_LANES_AND(is_calm, noise_eps);
    }
    if (has_noise && rule->noise_eps)
        EL_LANES_STORE(noise, EL_ISA(el_bg_move_lanes)(n, EL_ISA(el_bg_at_least)(size, n),
                              noise_eps, EL_SET16(0xFFFF - EL_BG_NOISE_MAX_Q2)));
    EL_LANES_STORE(diff, EL_LANES(subs_epi16)(EL_LANES_XOR(t, sign), EL_LANES_XOR(b, sign)));
    EL_LANES_STORE(bg, EL_ISA(el_bg_move_lanes)(b, is_up, eps, over));
    return is_calm;
}
#undef EL_SET16

EL_INLINE size_t
EL_ISA(el_bg_grey_run)(const uint8_t *frame, uint16_t *bg, uint8_t *diff, uint8_t *mask,
                       size_t n, const el_bg_rule *rule, int has_level, int selective)
{
    const el_bg_rule own = *rule; /* a copy, so that no store can change it */
    size_t i = 0;
    for (; i + EL_LANES_BYTES <= n; i += EL_LANES_BYTES)
        EL_ISA(el_bg_grey_lanes)(frame + i, bg + i, diff + i, mask + i, &own, has_level,
                                 selective);
    return i;
}

EL_INLINE size_t
EL_ISA(el_bg_counts_run)(const uint16_t *frame, uint16_t *bg, int16_t *diff, uint8_t *mask,
                         uint16_t *noise, size_t n, const el_bg_rule *rule, int selective)
{
    const el_bg_rule own = *rule;
    const size_t half = EL_LANES_BYTES / 2;
    const int has_noise = noise != NULL;
    size_t i = 0;
    for (; i + EL_LANES_BYTES <= n; i += EL_LANES_BYTES) {
        EL_LANES_T calm[2];
        for (size_t k = 0; k < 2; k++) {
            const size_t at = i + k * half;
            calm[k] = EL_ISA(el_bg_counts_lanes)(frame + at, bg + at, diff + at,
                                                 has_noise ? noise + at : NULL, &own,
                                                 has_noise, selective);
        }
        const EL_LANES_T both = EL_LANES_CROSS(EL_LANES(packs_epi16)(calm[0], calm[1]));
        EL_LANES_STORE(mask + i, EL_LANES_XOR(both, EL_LANES(set1_epi8)(-1)));
    }
    return i;
}
#endif /* EL_X86 */

static void
EL_ISA(el_bg_grey_rule_row)(const uint8_t *frame, uint16_t *bg, uint8_t *diff, uint8_t *mask,
                            size_t n, const el_bg_rule *rule)
{
    size_t i = 0;
#if EL_X86
    if (rule->threshold > 254)
        i = 0;
    else if (rule->level)
        i = EL_ISA(el_bg_grey_run)(frame, bg, diff, mask, n, rule, 1, rule->selective);
    else if (rule->selective)
        i = EL_ISA(el_bg_grey_run)(frame, bg, diff, mask, n, rule, 0, 1);
    else
        i = EL_ISA(el_bg_grey_run)(frame, bg, diff, mask, n, rule, 0, 0);
#endif
    el_bg_grey_plain(frame + i, bg + i, diff + i, mask + i, n - i, rule);
}

static void
EL_ISA(el_bg_counts_row)(const uint16_t *frame, uint16_t *bg, int16_t *diff, uint8_t *mask,
                         uint16_t *noise, size_t n, const el_bg_rule *rule)
{
    size_t i = 0;
#if EL_X86
    if (noise && rule->selective)
        i = EL_ISA(el_bg_counts_run)(frame, bg, diff, mask, noise, n, rule, 1);
    else if (noise)
        i = EL_ISA(el_bg_counts_run)(frame, bg, diff, mask, noise, n, rule, 0);
    else if (rule->selective)
        i = EL_ISA(el_bg_counts_run)(frame, bg, diff, mask, NULL, n, rule, 1);
    else
        i = EL_ISA(el_bg_counts_run)(frame, bg, diff, mask, NULL, n, rule, 0);
#endif
    el_bg_counts_plain(frame + i, bg + i, diff + i, mask + i, noise ? noise + i : NULL, n - i,
                       rule);
}

#endif /* EL_ISA */
