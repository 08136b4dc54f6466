// SPDX-License-Identifier: Apache-2.0
/* clahe_blend.h on ARM: whole groups of 16 pixels of NEON; a body of isa.h. */
/* Byte k of four quads as floats. */
#if defined(__aarch64__)
#define EL_LANE(k)   k, 255, 255, 255 /* 255 picks a zero */
#define EL_PICK(k)   {EL_LANE(k), EL_LANE(4 + k), EL_LANE(8 + k), EL_LANE(12 + k)}
#define EL_CORNER(k) vcvtq_f32_u32(vreinterpretq_u32_u8(vqtbl1q_u8(bytes, vld1q_u8(pick[k]))))
static const uint8_t EL_ISA(el_clahe_pick)[4][16] = {EL_PICK(0), EL_PICK(1), EL_PICK(2),
                                                     EL_PICK(3)};
#else
#define EL_CORNER(k) \
    vcvtq_f32_u32(vandq_u32(vshlq_u32(quad, vdupq_n_s32(-8 * k)), vdupq_n_u32(0xFF)))
#endif

EL_INLINE uint32x4_t
EL_ISA(el_clahe_blend4)(const el_clahe_plan *plan, size_t x, float upper, float lower)
{
    const uint32x4_t quad = vld1q_u32(plan->gathered + x);
#if defined(__aarch64__)
    const uint8_t (*pick)[16] = EL_ISA(el_clahe_pick);
    const uint8x16_t bytes = vreinterpretq_u8_u32(quad);
#endif
    const float32x4_t left = vld1q_f32(plan->left + x), right = vld1q_f32(plan->right + x);
    const float32x4_t top = vaddq_f32(vmulq_f32(EL_CORNER(0), left),
                                      vmulq_f32(EL_CORNER(1), right));
    const float32x4_t bottom = vaddq_f32(vmulq_f32(EL_CORNER(2), left),
                                         vmulq_f32(EL_CORNER(3), right));
    const float32x4_t level = vaddq_f32(vmulq_n_f32(top, upper), vmulq_n_f32(bottom, lower));
#if defined(__aarch64__)
    return vcvtnq_u32_f32(level);
#else /* 1.5 * 2^23: the fraction falls off */
    return vreinterpretq_u32_f32(vaddq_f32(level, vdupq_n_f32(12582912.0f)));
#endif
}
#undef EL_LANE
#undef EL_PICK
#undef EL_CORNER

/* The low bytes of 16 levels. */
EL_INLINE uint8x16_t
EL_ISA(el_clahe_narrow)(uint32x4_t p0, uint32x4_t p1, uint32x4_t p2, uint32x4_t p3)
{
    const uint16x8_t low = vuzpq_u16(vreinterpretq_u16_u32(p0), vreinterpretq_u16_u32(p1)).val[0];
    const uint16x8_t high = vuzpq_u16(vreinterpretq_u16_u32(p2), vreinterpretq_u16_u32(p3)).val[0];
    return vuzpq_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high)).val[0];
}

EL_INLINE size_t
EL_ISA(el_clahe_blend_vectors)(const el_clahe_plan *plan, uint8_t *grey, float upper, float lower)
{
    const el_clahe_plan own = *plan; /* bytes written to grey cannot move its pointers */
    size_t x = 0;
    for (; x + 16 <= (size_t)own.width; x += 16) {
        const uint32x4_t p0 = EL_ISA(el_clahe_blend4)(&own, x, upper, lower);
        const uint32x4_t p1 = EL_ISA(el_clahe_blend4)(&own, x + 4, upper, lower);
        const uint32x4_t p2 = EL_ISA(el_clahe_blend4)(&own, x + 8, upper, lower);
        const uint32x4_t p3 = EL_ISA(el_clahe_blend4)(&own, x + 12, upper, lower);
        vst1q_u8(grey + x, EL_ISA(el_clahe_narrow)(p0, p1, p2, p3));
    }
    return x;
}
