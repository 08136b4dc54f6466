// SPDX-License-Identifier: Apache-2.0
/* background.h on ARM: 16 pixels of NEON a turn; a body of isa.h. */

/* el_bg_move of eight samples. */
EL_INLINE uint16x8_t
EL_ISA(el_bg_move8)(uint16x8_t cur, uint16x8_t is_up, uint16x8_t eps, uint16x8_t top)
{
    const uint16x8_t from = vminq_u16(cur, top);
    return vbslq_u16(is_up, vminq_u16(vqaddq_u16(from, eps), top), vqsubq_u16(from, eps));
}

/* el_bg_target of eight samples: the distance `over` from top to 65535 rides along, so that
 * the first saturating step stops at top. */
EL_INLINE uint16x8_t
EL_ISA(el_bg_target8)(uint16x8_t value, int32_t level, unsigned top)
{
    const unsigned over = 0xFFFF - top;
    const unsigned up = over + (unsigned)(level < 0 ? -level : 0);
    const unsigned down = over + (unsigned)(level > 0 ? level : 0);
    return vqsubq_u16(vqaddq_u16(value, vdupq_n_u16((uint16_t)up)), vdupq_n_u16((uint16_t)down));
}

EL_INLINE uint8x16_t
EL_ISA(el_bg_round16)(uint16x8_t low, uint16x8_t high)
{
    return vcombine_u8(vqrshrn_n_u16(low, 8), vqrshrn_n_u16(high, 8));
}

/* Eight bytes of a mask as eight words. */
EL_INLINE uint16x8_t
EL_ISA(el_bg_wide8)(uint8x8_t mask)
{
    return vreinterpretq_u16_s16(vmovl_s8(vreinterpret_s8_u8(mask)));
}

EL_INLINE void
EL_ISA(el_bg_grey16)(const uint8_t *frame, uint16_t *bg, uint8_t *diff, uint8_t *mask,
                     const el_bg_rule *rule, int has_level, int selective)
{
    const uint16x8_t top = vdupq_n_u16(EL_BG_GREY_MAX_Q8), eps = vdupq_n_u16(rule->eps);
    const uint16x8_t b0 = vld1q_u16(bg), b1 = vld1q_u16(bg + 8);
    uint8x16_t now = vld1q_u8(frame);
    uint16x8_t t0 = vshll_n_u8(vget_low_u8(now), 8), t1 = vshll_n_u8(vget_high_u8(now), 8);
    if (has_level) {
        t0 = EL_ISA(el_bg_target8)(t0, rule->level, EL_BG_GREY_MAX_Q8);
        t1 = EL_ISA(el_bg_target8)(t1, rule->level, EL_BG_GREY_MAX_Q8);
        now = EL_ISA(el_bg_round16)(t0, t1);
    }
    const uint8x16_t d = vabdq_u8(now, EL_ISA(el_bg_round16)(b0, b1));
    const uint8x16_t is_gas = vcgtq_u8(d, vdupq_n_u8((uint8_t)rule->threshold));
    uint16x8_t eps0 = eps, eps1 = eps;
    if (selective) {
        eps0 = vbicq_u16(eps, EL_ISA(el_bg_wide8)(vget_low_u8(is_gas)));
        eps1 = vbicq_u16(eps, EL_ISA(el_bg_wide8)(vget_high_u8(is_gas)));
    }
    vst1q_u8(diff, d);
    vst1q_u8(mask, is_gas);
    vst1q_u16(bg, EL_ISA(el_bg_move8)(b0, vcgeq_u16(t0, b0), eps0, top));
    vst1q_u16(bg + 8, EL_ISA(el_bg_move8)(b1, vcgeq_u16(t1, b1), eps1, top));
}

/* noise * gain / 16, the noise limited so that it fits. */
EL_INLINE uint16x8_t
EL_ISA(el_bg_scaled8)(uint16x8_t noise, uint8_t gain_q4)
{
    const uint16x8_t capped = vminq_u16(noise, vdupq_n_u16(EL_BG_NOISE_MAX_Q2));
    const uint16x4_t gain = vdup_n_u16(gain_q4);
    return vcombine_u16(vshrn_n_u32(vmull_u16(vget_low_u16(capped), gain), 4),
                        vshrn_n_u32(vmull_u16(vget_high_u16(capped), gain), 4));
}

/* Half a mask vector, in words. */
EL_INLINE uint16x8_t
EL_ISA(el_bg_counts8)(const uint16_t *frame, uint16_t *bg, int16_t *diff, uint16_t *noise,
                      const el_bg_rule *rule, int has_noise, int selective)
{
    const uint16x8_t sign = vdupq_n_u16(0x8000), b = vld1q_u16(bg);
    /* counts above 16383 become 65535 here and the largest value in the next step */
    const uint16x8_t q2 = vqshlq_n_u16(vld1q_u16(frame), 2);
    const uint16x8_t t = EL_ISA(el_bg_target8)(q2, rule->level, EL_BG_MAX_Q2);
    const uint16x8_t size = vabdq_u16(t, b);
    uint16x8_t threshold = vdupq_n_u16(rule->threshold), n = sign;
    if (has_noise) {
        n = vld1q_u16(noise);
        threshold = vmaxq_u16(threshold, EL_ISA(el_bg_scaled8)(n, rule->noise_gain_q4));
    }
    const uint16x8_t is_gas = vcgtq_u16(size, threshold);
    uint16x8_t eps = vdupq_n_u16(rule->eps), noise_eps = vdupq_n_u16(rule->noise_eps);
    if (selective) {
        eps = vbicq_u16(eps, is_gas);
        noise_eps = vbicq_u16(noise_eps, is_gas);
    }
    if (has_noise && rule->noise_eps)
        vst1q_u16(noise, EL_ISA(el_bg_move8)(n, vcgeq_u16(size, n), noise_eps,
                                             vdupq_n_u16(EL_BG_NOISE_MAX_Q2)));
    vst1q_s16(diff, vqsubq_s16(vreinterpretq_s16_u16(veorq_u16(t, sign)),
                               vreinterpretq_s16_u16(veorq_u16(b, sign))));
    vst1q_u16(bg, EL_ISA(el_bg_move8)(b, vcgeq_u16(t, b), eps, vdupq_n_u16(EL_BG_MAX_Q2)));
    return is_gas;
}

EL_INLINE size_t
EL_ISA(el_bg_grey_run)(const uint8_t *frame, uint16_t *bg, uint8_t *diff, uint8_t *mask,
                       size_t n, const el_bg_rule *rule, int has_level, int selective)
{
    const el_bg_rule own = *rule; /* a copy, so that no store can change it */
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        EL_ISA(el_bg_grey16)(frame + i, bg + i, diff + i, mask + i, &own, has_level, selective);
    return i;
}

EL_INLINE size_t
EL_ISA(el_bg_counts_run)(const uint16_t *frame, uint16_t *bg, int16_t *diff, uint8_t *mask,
                         uint16_t *noise, size_t n, const el_bg_rule *rule, int selective)
{
    const el_bg_rule own = *rule;
    const int has_noise = noise != NULL;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        uint16x8_t is_gas[2];
        for (size_t k = 0; k < 2; k++) {
            const size_t at = i + 8 * k;
            is_gas[k] = EL_ISA(el_bg_counts8)(frame + at, bg + at, diff + at,
                                              has_noise ? noise + at : NULL, &own, has_noise,
                                              selective);
        }
        vst1q_u8(mask + i, vcombine_u8(vmovn_u16(is_gas[0]), vmovn_u16(is_gas[1])));
    }
    return i;
}
