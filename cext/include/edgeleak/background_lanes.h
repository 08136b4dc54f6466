// SPDX-License-Identifier: Apache-2.0
/* background.h on x86: 8- and 16-bit lanes of SSE2 or AVX2; a body of isa.h. */
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
