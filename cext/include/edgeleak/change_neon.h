// SPDX-License-Identifier: Apache-2.0
/* change.h on ARM: 16 pixels of NEON a turn; a body of isa.h. */

EL_INLINE void
EL_ISA(el_follow8)(const uint16_t *counts, uint16_t *bg, int16_t *diff, uint8x8_t is_free,
                   const struct el_follow *s)
{
    const uint16x8_t sign = vdupq_n_u16(0x8000), b = vld1q_u16(bg);
    /* counts above 16383 become 65535 here and the largest value in the next step */
    const uint16x8_t q2 = vqshlq_n_u16(vld1q_u16(counts), 2);
    const uint16x8_t t = EL_ISA(el_bg_target8)(q2, s->level, EL_CHANGE_MAX_Q2);
    const uint16x8_t step =
        vbslq_u16(EL_ISA(el_bg_wide8)(is_free), vdupq_n_u16((uint16_t)s->step),
                  vdupq_n_u16((uint16_t)s->held_step));
    const uint16x8_t moved =
        vbslq_u16(vcgeq_u16(t, b), vqaddq_u16(b, step), vqsubq_u16(b, step));
    vst1q_s16(diff, vqsubq_s16(vreinterpretq_s16_u16(veorq_u16(t, sign)),
                               vreinterpretq_s16_u16(veorq_u16(b, sign))));
    vst1q_u16(bg, vminq_u16(moved, vdupq_n_u16(EL_CHANGE_MAX_Q2)));
}

/* 128 + (now * gain + 128) / 256, saturated to a level. */
EL_INLINE uint8x8_t
EL_ISA(el_change_gas8)(int16x8_t now, int32_t gain_q8)
{
    if (gain_q8 <= EL_CHANGE_LOW_GAIN) { /* (2 * now * (gain << 7) + 32768) >> 16 is the same */
        const int16x8_t near = vqrdmulhq_n_s16(now, (int16_t)(gain_q8 << 7));
        return vqmovun_s16(vqaddq_s16(near, vdupq_n_s16(128)));
    }
    const int32x4_t low = vmulq_n_s32(vmovl_s16(vget_low_s16(now)), gain_q8);
    const int32x4_t high = vmulq_n_s32(vmovl_s16(vget_high_s16(now)), gain_q8);
    const int16x8_t levels = vcombine_s16(vqrshrn_n_s32(low, 8), vqrshrn_n_s32(high, 8));
    return vqmovun_s16(vqaddq_s16(levels, vdupq_n_s16(128)));
}

/* The larger of the floor and the scaled noise of swaying pixels; a scaled noise above 32767
 * stays larger than every change, so it needs no limit. */
EL_INLINE uint16x8_t
EL_ISA(el_change_threshold8)(uint16x8_t known, const struct el_change *s)
{
    const uint16x8_t is_swaying = vcgtq_u16(known, vdupq_n_u16((uint16_t)s->most_noise));
    const uint16x8_t own = vandq_u16(known, is_swaying);
    const uint16x4_t factor = vdup_n_u16((uint16_t)s->factor_q4);
    const uint16x8_t scaled =
        vcombine_u16(vqshrn_n_u32(vmull_u16(vget_low_u16(own), factor), 6),
                     vqshrn_n_u32(vmull_u16(vget_high_u16(own), factor), 6));
    return vmaxq_u16(scaled, vdupq_n_u16((uint16_t)s->floor_q2));
}

/* Half a mask vector, in words. */
EL_INLINE uint16x8_t
EL_ISA(el_change8)(const int16_t *smoothed, const int16_t *past, uint16_t *noise, uint8_t *gas,
                   uint8x8_t free_bytes, const struct el_change *s)
{
    const int16x8_t now = vld1q_s16(smoothed), before = vld1q_s16(past);
    const uint16x8_t known = vld1q_u16(noise), is_free = EL_ISA(el_bg_wide8)(free_bytes);
    const uint16x8_t size = vreinterpretq_u16_s16(vqabsq_s16(now));
    const uint16x8_t change = vreinterpretq_u16_s16(vqabsq_s16(vqsubq_s16(now, before)));
    const uint16x8_t threshold = EL_ISA(el_change_threshold8)(known, s);
    const uint16x8_t step = vdupq_n_u16((uint16_t)s->noise_step);
    const uint16x8_t has_crossed =
        vandq_u16(vcltq_s16(veorq_s16(now, before), vdupq_n_s16(0)),
                  vcgtq_u16(change, threshold));
    const uint16x8_t most =
        vbslq_u16(has_crossed, vdupq_n_u16((uint16_t)s->sway_noise),
                  vandq_u16(is_free, vdupq_n_u16((uint16_t)s->most_noise)));
    const uint16x8_t up = vaddq_u16(known, vminq_u16(vqsubq_u16(most, known), step));
    const uint16x8_t down = vqsubq_u16(known, vandq_u16(is_free, step));
    /* change * 4 > known, without leaving 16 bits */
    const uint16x8_t rises = vcgtq_u16(change, vshrq_n_u16(known, 2));
    vst1q_u16(noise, vbslq_u16(rises, up, down));
    vst1_u8(gas, EL_ISA(el_change_gas8)(now, s->gain_q8));
    return vcgtq_u16(size, threshold);
}

EL_INLINE size_t
EL_ISA(el_follow_run)(const uint16_t *counts, uint16_t *background, int16_t *difference,
                      const uint8_t *hold, size_t n, struct el_follow s)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const uint8x16_t is_free = vceqq_u8(vld1q_u8(hold + i), vdupq_n_u8(0));
        EL_ISA(el_follow8)(counts + i, background + i, difference + i, vget_low_u8(is_free), &s);
        EL_ISA(el_follow8)(counts + i + 8, background + i + 8, difference + i + 8,
                           vget_high_u8(is_free), &s);
    }
    return i;
}

EL_INLINE size_t
EL_ISA(el_change_run)(const int16_t *smoothed, const int16_t *past, uint16_t *noise,
                      uint8_t *gas, uint8_t *mask, uint8_t *hold, size_t n, struct el_change s)
{
    const uint8x16_t drop = vdupq_n_u8((uint8_t)s.hold_drop);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const uint8x16_t held = vld1q_u8(hold + i), is_free = vceqq_u8(held, vdupq_n_u8(0));
        const uint16x8_t over0 = EL_ISA(el_change8)(smoothed + i, past + i, noise + i, gas + i,
                                                    vget_low_u8(is_free), &s);
        const uint16x8_t over1 =
            EL_ISA(el_change8)(smoothed + i + 8, past + i + 8, noise + i + 8, gas + i + 8,
                               vget_high_u8(is_free), &s);
        const uint8x16_t over = vcombine_u8(vmovn_u16(over0), vmovn_u16(over1));
        vst1q_u8(mask + i, over);
        vst1q_u8(hold + i, vorrq_u8(over, vqsubq_u8(held, drop)));
    }
    return i;
}
