// SPDX-License-Identifier: Apache-2.0
/* change.h on x86: 8- and 16-bit lanes of SSE2 or AVX2; a body of isa.h. */
#include "edgeleak/lanes.h"
#define EL_SET16(x) EL_LANES(set1_epi16)((int16_t)(uint16_t)(x))

EL_INLINE EL_LANES_T
EL_ISA(el_change_pick)(EL_LANES_T where, EL_LANES_T a, EL_LANES_T b)
{
    return EL_LANES_OR(EL_LANES_AND(where, a), EL_LANES_ANDNOT(where, b));
}

EL_INLINE void
EL_ISA(el_follow_lanes)(const uint16_t *counts, uint16_t *bg, int16_t *diff, EL_LANES_T is_free,
                        const struct el_follow *s)
{
    const EL_LANES_T sign = EL_SET16(0x8000), over = EL_SET16(0xFFFF - EL_CHANGE_MAX_Q2);
    const EL_LANES_T b = EL_LANES_LOAD(bg);
    /* adding 3 * 16384 stops at 16383 counts, and the shift drops it again */
    const EL_LANES_T capped = EL_LANES(adds_epu16)(EL_LANES_LOAD(counts), EL_SET16(0xC000));
    const EL_LANES_T t = EL_ISA(el_bg_target_lanes)(EL_LANES(slli_epi16)(capped, 2), s->level,
                                                    EL_CHANGE_MAX_Q2);
    const EL_LANES_T is_up = EL_ISA(el_bg_at_least)(t, b);
    const EL_LANES_T step =
        EL_ISA(el_change_pick)(is_free, EL_SET16(s->step), EL_SET16(s->held_step));
    const EL_LANES_T up = EL_LANES(adds_epu16)(b, EL_LANES_AND(is_up, step));
    const EL_LANES_T moved = EL_LANES(subs_epu16)(up, EL_LANES_ANDNOT(is_up, step));
    EL_LANES_STORE(diff, EL_LANES(subs_epi16)(EL_LANES_XOR(t, sign), EL_LANES_XOR(b, sign)));
    EL_LANES_STORE(bg, EL_LANES(subs_epu16)(EL_LANES(adds_epu16)(moved, over), over));
}

/* 128 + (now * gain + 128) / 256, saturated to int16. */
EL_INLINE EL_LANES_T
EL_ISA(el_change_gas_lanes)(EL_LANES_T now, int32_t gain_q8)
{
#if EL_ISA_AVX2 /* half the products' width: (2 * now * (gain << 7) + 32768) >> 16 is the same */
    if (gain_q8 <= EL_CHANGE_LOW_GAIN)
        return _mm256_adds_epi16(_mm256_mulhrs_epi16(now, EL_SET16(gain_q8 << 7)), EL_SET16(128));
#endif
    const EL_LANES_T gain = EL_SET16(gain_q8), half = EL_LANES(set1_epi32)(128);
    const EL_LANES_T low = EL_LANES(mullo_epi16)(now, gain);
    EL_LANES_T high = EL_LANES(mulhi_epi16)(now, gain);
    if (gain_q8 > INT16_MAX) /* taken as gain - 65536 by the line above */
        high = EL_LANES(add_epi16)(high, now);
    const EL_LANES_T a = EL_LANES(add_epi32)(EL_LANES(unpacklo_epi16)(low, high), half);
    const EL_LANES_T b = EL_LANES(add_epi32)(EL_LANES(unpackhi_epi16)(low, high), half);
    return EL_LANES(adds_epi16)(
        EL_LANES(packs_epi32)(EL_LANES(srai_epi32)(a, 8), EL_LANES(srai_epi32)(b, 8)),
        EL_SET16(128));
}

/* The larger of the floor and the scaled noise of swaying pixels; both at most 32767. */
EL_INLINE EL_LANES_T
EL_ISA(el_change_threshold_lanes)(EL_LANES_T known, const struct el_change *s)
{
    const EL_LANES_T usual = EL_LANES(cmpeq_epi16)(
        EL_LANES(subs_epu16)(known, EL_SET16(s->most_noise)), EL_LANES_ZERO());
    const EL_LANES_T own = EL_LANES_ANDNOT(usual, known), factor = EL_SET16(s->factor_q4);
    const EL_LANES_T high = EL_LANES(mulhi_epu16)(own, factor);
    const EL_LANES_T low = EL_LANES(srli_epi16)(EL_LANES(mullo_epi16)(own, factor), 6);
    const EL_LANES_T too_large = EL_LANES(cmpgt_epi16)(high, EL_SET16(31));
    const EL_LANES_T scaled =
        EL_LANES_OR(EL_LANES_OR(EL_LANES(slli_epi16)(high, 10), low), too_large);
    return EL_LANES(max_epi16)(EL_LANES_AND(scaled, EL_SET16(INT16_MAX)), EL_SET16(s->floor_q2));
}

EL_INLINE EL_LANES_T
EL_ISA(el_change_noise_lanes)(EL_LANES_T known, EL_LANES_T change, EL_LANES_T has_crossed,
                              EL_LANES_T is_free, const struct el_change *s)
{
    const EL_LANES_T step = EL_SET16(s->noise_step);
    const EL_LANES_T most = EL_ISA(el_change_pick)(
        has_crossed, EL_SET16(s->sway_noise), EL_LANES_AND(is_free, EL_SET16(s->most_noise)));
    const EL_LANES_T room = EL_LANES(subs_epu16)(most, known);
    const EL_LANES_T up = EL_LANES(sub_epi16)(room, EL_LANES(subs_epu16)(room, step));
    const EL_LANES_T down = EL_LANES_AND(is_free, step);
    /* change * 4 > known, without leaving 16 bits */
    const EL_LANES_T rises = EL_LANES(cmpgt_epi16)(change, EL_LANES(srli_epi16)(known, 2));
    return EL_LANES(subs_epu16)(EL_LANES(add_epi16)(known, EL_LANES_AND(rises, up)),
                                EL_LANES_ANDNOT(rises, down));
}

/* Half a mask vector; gas: words, to be packed. */
EL_INLINE EL_LANES_T
EL_ISA(el_change_lanes)(const int16_t *smoothed, const int16_t *past, uint16_t *noise,
                        EL_LANES_T is_free, EL_LANES_T *gas, const struct el_change *s)
{
    const EL_LANES_T now = EL_LANES_LOAD(smoothed), before = EL_LANES_LOAD(past);
    const EL_LANES_T known = EL_LANES_LOAD(noise), zero = EL_LANES_ZERO();
    const EL_LANES_T moved = EL_LANES(subs_epi16)(now, before);
    const EL_LANES_T size = EL_LANES(max_epi16)(now, EL_LANES(subs_epi16)(zero, now));
    const EL_LANES_T change = EL_LANES(max_epi16)(moved, EL_LANES(subs_epi16)(zero, moved));
    const EL_LANES_T threshold = EL_ISA(el_change_threshold_lanes)(known, s);
    const EL_LANES_T has_crossed =
        EL_LANES_AND(EL_LANES(cmpgt_epi16)(zero, EL_LANES_XOR(now, before)),
                     EL_LANES(cmpgt_epi16)(change, threshold));
    EL_LANES_STORE(noise,
                   EL_ISA(el_change_noise_lanes)(known, change, has_crossed, is_free, s));
    *gas = EL_ISA(el_change_gas_lanes)(now, s->gain_q8);
    return EL_LANES(cmpgt_epi16)(size, threshold);
}
#undef EL_SET16

EL_INLINE size_t
EL_ISA(el_follow_run)(const uint16_t *counts, uint16_t *background, int16_t *difference,
                      const uint8_t *hold, size_t n, struct el_follow s)
{
    const size_t half = EL_LANES_BYTES / 2;
    size_t i = 0;
    for (; i + EL_LANES_BYTES <= n; i += EL_LANES_BYTES) {
        const EL_LANES_T held = EL_LANES_CROSS(EL_LANES_LOAD(hold + i));
        const EL_LANES_T is_free = EL_LANES(cmpeq_epi8)(held, EL_LANES_ZERO());
        EL_ISA(el_follow_lanes)(counts + i, background + i, difference + i,
                                EL_LANES(unpacklo_epi8)(is_free, is_free), &s);
        EL_ISA(el_follow_lanes)(counts + i + half, background + i + half, difference + i + half,
                                EL_LANES(unpackhi_epi8)(is_free, is_free), &s);
    }
    return i;
}

EL_INLINE size_t
EL_ISA(el_change_run)(const int16_t *smoothed, const int16_t *past, uint16_t *noise,
                      uint8_t *gas, uint8_t *mask, uint8_t *hold, size_t n, struct el_change s)
{
    const EL_LANES_T drop = EL_LANES(set1_epi8)((int8_t)(uint8_t)s.hold_drop);
    const size_t half = EL_LANES_BYTES / 2;
    size_t i = 0;
    for (; i + EL_LANES_BYTES <= n; i += EL_LANES_BYTES) {
        const EL_LANES_T held = EL_LANES_CROSS(EL_LANES_LOAD(hold + i));
        const EL_LANES_T is_free = EL_LANES(cmpeq_epi8)(held, EL_LANES_ZERO());
        EL_LANES_T gas0, gas1;
        const EL_LANES_T over0 =
            EL_ISA(el_change_lanes)(smoothed + i, past + i, noise + i,
                                    EL_LANES(unpacklo_epi8)(is_free, is_free), &gas0, &s);
        const EL_LANES_T over1 =
            EL_ISA(el_change_lanes)(smoothed + i + half, past + i + half, noise + i + half,
                                    EL_LANES(unpackhi_epi8)(is_free, is_free), &gas1, &s);
        const EL_LANES_T over = EL_LANES(packs_epi16)(over0, over1);
        const EL_LANES_T left = EL_LANES_OR(over, EL_LANES(subs_epu8)(held, drop));
        EL_LANES_STORE(mask + i, EL_LANES_CROSS(over));
        EL_LANES_STORE(hold + i, EL_LANES_CROSS(left));
        EL_LANES_STORE(gas + i, EL_LANES_CROSS(EL_LANES(packus_epi16)(gas0, gas1)));
    }
    return i;
}
