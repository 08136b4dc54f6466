// SPDX-License-Identifier: Apache-2.0
/* Second pass of clahe.h: every pixel becomes a blend of four tile maps.
 *
 * level = (a * left + b * right) * upper + (c * left + d * right) * lower
 * in single precision, each step rounded (no FMA), then halves to even: OpenCV's order.
 * The four levels of a pixel lie together in one 32-bit quad, so that one load fetches them.
 * On x86 b and c are masked but not shifted down: their weights are smaller by the same power
 * of two, and that rounds alike.
 */
#include "edgeleak/isa.h"

#ifndef EL_ISA /* seen from outside */
#ifndef EDGELEAK_CLAHE_BLEND_H
#define EDGELEAK_CLAHE_BLEND_H

EL_INLINE uint8_t
el_clahe_blend(uint32_t quad, float left, float right, float upper, float lower)
{
    const float a = (float)(int32_t)(quad & 0xFF), b = (float)(int32_t)(quad >> 8 & 0xFF);
    const float c = (float)(int32_t)(quad >> 16 & 0xFF), d = (float)(int32_t)(quad >> 24);
    const float top = a * left + b * right, bottom = c * left + d * right;
    const float shifted = top * upper + bottom * lower + 12582912.0f; /* 1.5 * 2^23 */
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    return (uint8_t)bits;
}

#define EL_ISA_BODY "edgeleak/clahe_blend.h"
#include "edgeleak/isa_passes.h"

#endif /* EDGELEAK_CLAHE_BLEND_H */
#else  /* the body, once per instruction set */

/* quads[v] = upper left, upper right, lower left, lower right level of v. */
EL_INLINE void
EL_ISA(el_clahe_quads)(uint32_t *restrict quads, const uint8_t *restrict a,
                       const uint8_t *restrict b, const uint8_t *restrict c,
                       const uint8_t *restrict d)
{
#if EL_X86
    for (size_t i = 0; i < EL_LEVELS; i += 16) {
        const __m128i va = _mm_loadu_si128((const __m128i *)(const void *)(a + i));
        const __m128i vb = _mm_loadu_si128((const __m128i *)(const void *)(b + i));
        const __m128i vc = _mm_loadu_si128((const __m128i *)(const void *)(c + i));
        const __m128i vd = _mm_loadu_si128((const __m128i *)(const void *)(d + i));
        const __m128i ab0 = _mm_unpacklo_epi8(va, vb), ab1 = _mm_unpackhi_epi8(va, vb);
        const __m128i cd0 = _mm_unpacklo_epi8(vc, vd), cd1 = _mm_unpackhi_epi8(vc, vd);
        __m128i *out = (__m128i *)(void *)(quads + i);
        _mm_storeu_si128(out, _mm_unpacklo_epi16(ab0, cd0));
        _mm_storeu_si128(out + 1, _mm_unpackhi_epi16(ab0, cd0));
        _mm_storeu_si128(out + 2, _mm_unpacklo_epi16(ab1, cd1));
        _mm_storeu_si128(out + 3, _mm_unpackhi_epi16(ab1, cd1));
    }
#elif EL_NEON
    for (size_t i = 0; i < EL_LEVELS; i += 16) {
        const uint8x16x4_t all = {{vld1q_u8(a + i), vld1q_u8(b + i), vld1q_u8(c + i),
                                   vld1q_u8(d + i)}};
        vst4q_u8((uint8_t *)(quads + i), all);
    }
#else
    for (size_t i = 0; i < EL_LEVELS; i++)
        quads[i] = (uint32_t)a[i] | (uint32_t)b[i] << 8 | (uint32_t)c[i] << 16 |
                   (uint32_t)d[i] << 24;
#endif
}

/* The quads between tile rows `band` - 1 and `band`; at an edge both are the same. */
static inline void
EL_ISA(el_clahe_build_band)(el_clahe_plan *plan, int32_t band)
{
    const int32_t tiles_x = plan->tiles_x;
    const int32_t lower_row = band < plan->tiles_y ? band : plan->tiles_y - 1;
    const uint8_t *upper = plan->maps + (size_t)((band > 0 ? band - 1 : 0) * tiles_x) * EL_LEVELS;
    const uint8_t *lower = plan->maps + (size_t)(lower_row * tiles_x) * EL_LEVELS;
    for (int32_t q = 0; q <= tiles_x; q++) {
        const size_t left = (size_t)(q > 0 ? q - 1 : 0) * EL_LEVELS;
        const size_t right = (size_t)(q < tiles_x ? q : tiles_x - 1) * EL_LEVELS;
        EL_ISA(el_clahe_quads)(plan->quads + (size_t)q * EL_LEVELS, upper + left, upper + right,
                               lower + left, lower + right);
    }
    plan->band = band;
}

#if EL_ISA_AVX2
/* Fetch the quads of a row.  A pass of its own: a gather between the arithmetic of the blend
 * made the two take 0.87 ns per pixel, one after the other they take 0.52.  Gathering into
 * zeroes keeps a gather from waiting for an older register. */
EL_INLINE void
EL_ISA(el_clahe_gather)(const el_clahe_plan *plan, const uint8_t *grey)
{
    const size_t width = (size_t)plan->width;
    const uint32_t *quads = plan->quads, *quad_at = plan->quad_at;
    uint32_t *out = plan->gathered;
    size_t x = 0;
    for (; x + 8 <= width; x += 8) {
        const __m256i v = _mm256_cvtepu8_epi32(
            _mm_loadl_epi64((const __m128i *)(const void *)(grey + x)));
        const __m256i at = _mm256_add_epi32(
            v, _mm256_load_si256((const __m256i *)(const void *)(quad_at + x)));
        const __m256i quad = _mm256_mask_i32gather_epi32(
            _mm256_setzero_si256(), (const int *)(const void *)quads, at,
            _mm256_set1_epi32(-1), 4);
        _mm256_store_si256((__m256i *)(void *)(out + x), quad);
    }
    for (; x < width; x++)
        out[x] = quads[quad_at[x] + grey[x]];
}

/* 8 pixels as 32-bit levels. */
EL_INLINE __m256i
EL_ISA(el_clahe_blend8)(const el_clahe_plan *plan, size_t x, __m256 upper, __m256 lower)
{
    const __m256i quad = _mm256_load_si256((const __m256i *)(const void *)(plan->gathered + x));
    const __m256 a = _mm256_cvtepi32_ps(_mm256_and_si256(quad, _mm256_set1_epi32(0xFF)));
    const __m256 b_q8 = _mm256_cvtepi32_ps(_mm256_and_si256(quad, _mm256_set1_epi32(0xFF00)));
    const __m256 c_q16 = _mm256_cvtepi32_ps(_mm256_and_si256(quad, _mm256_set1_epi32(0xFF0000)));
    const __m256 d = _mm256_cvtepi32_ps(_mm256_srli_epi32(quad, 24));
    const __m256 top = _mm256_add_ps(_mm256_mul_ps(a, _mm256_load_ps(plan->left + x)),
                                     _mm256_mul_ps(b_q8, _mm256_load_ps(plan->right_q8 + x)));
    const __m256 bottom = _mm256_add_ps(_mm256_mul_ps(c_q16, _mm256_load_ps(plan->left_q16 + x)),
                                        _mm256_mul_ps(d, _mm256_load_ps(plan->right + x)));
    return _mm256_cvtps_epi32(
        _mm256_add_ps(_mm256_mul_ps(top, upper), _mm256_mul_ps(bottom, lower)));
}

/* Whole groups of 32 pixels; returns how many pixels are done. */
EL_INLINE size_t
EL_ISA(el_clahe_blend_vectors)(const el_clahe_plan *plan, uint8_t *grey, float upper, float lower)
{
    const __m256 up = _mm256_set1_ps(upper), low = _mm256_set1_ps(lower);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const el_clahe_plan own = *plan; /* bytes written to grey cannot move its pointers */
    size_t x = 0;
    for (; x + 32 <= (size_t)own.width; x += 32) {
        const __m256i p0 = EL_ISA(el_clahe_blend8)(&own, x, up, low);
        const __m256i p1 = EL_ISA(el_clahe_blend8)(&own, x + 8, up, low);
        const __m256i p2 = EL_ISA(el_clahe_blend8)(&own, x + 16, up, low);
        const __m256i p3 = EL_ISA(el_clahe_blend8)(&own, x + 24, up, low);
        const __m256i packed =
            _mm256_packus_epi16(_mm256_packs_epi32(p0, p1), _mm256_packs_epi32(p2, p3));
        _mm256_storeu_si256((__m256i *)(void *)(grey + x),
                            _mm256_permutevar8x32_epi32(packed, order));
    }
    return x;
}
#else
#define EL_QUAD(v) _mm_cvtsi32_si128((int)quads[v])
/* Fetch the quads of a row; columns under one quad are one run. */
EL_INLINE void
EL_ISA(el_clahe_gather)(const el_clahe_plan *plan, const uint8_t *grey)
{
    uint32_t *restrict out = plan->gathered;
    int32_t x = 0;
    for (int32_t run = 0; run <= plan->tiles_x; run++) {
        const uint32_t *restrict quads = plan->quads + (size_t)run * EL_LEVELS;
        const int32_t end = plan->run_end[run];
#if EL_X86
        for (; x + 4 <= end; x += 4) {
            uint32_t four;
            memcpy(&four, grey + x, sizeof four);
            /* one store of four: stores are what bounds this loop */
            const __m128i low = _mm_unpacklo_epi32(EL_QUAD(four & 0xFF), EL_QUAD(four >> 8 & 0xFF));
            const __m128i high =
                _mm_unpacklo_epi32(EL_QUAD(four >> 16 & 0xFF), EL_QUAD(four >> 24));
            _mm_storeu_si128((__m128i *)(void *)(out + x), _mm_unpacklo_epi64(low, high));
        }
#else
        for (; x + 8 <= end; x += 8) {
            uint32_t *restrict to = out + x;
            uint64_t eight;
            memcpy(&eight, grey + x, sizeof eight);
            const uint32_t q0 = quads[eight & 0xFF], q1 = quads[eight >> 8 & 0xFF];
            const uint32_t q2 = quads[eight >> 16 & 0xFF], q3 = quads[eight >> 24 & 0xFF];
            const uint32_t q4 = quads[eight >> 32 & 0xFF], q5 = quads[eight >> 40 & 0xFF];
            const uint32_t q6 = quads[eight >> 48 & 0xFF], q7 = quads[eight >> 56];
            to[0] = q0;
            to[1] = q1;
            to[2] = q2;
            to[3] = q3;
            to[4] = q4;
            to[5] = q5;
            to[6] = q6;
            to[7] = q7;
        }
#endif
        for (; x < end; x++)
            out[x] = quads[grey[x]];
    }
}
#undef EL_QUAD

#if EL_X86
EL_INLINE __m128i
EL_ISA(el_clahe_blend4)(const el_clahe_plan *plan, size_t x, __m128 upper, __m128 lower)
{
    const __m128i quad = _mm_load_si128((const __m128i *)(const void *)(plan->gathered + x));
    const __m128 a = _mm_cvtepi32_ps(_mm_and_si128(quad, _mm_set1_epi32(0xFF)));
    const __m128 b_q8 = _mm_cvtepi32_ps(_mm_and_si128(quad, _mm_set1_epi32(0xFF00)));
    const __m128 c_q16 = _mm_cvtepi32_ps(_mm_and_si128(quad, _mm_set1_epi32(0xFF0000)));
    const __m128 d = _mm_cvtepi32_ps(_mm_srli_epi32(quad, 24));
    const __m128 top = _mm_add_ps(_mm_mul_ps(a, _mm_load_ps(plan->left + x)),
                                  _mm_mul_ps(b_q8, _mm_load_ps(plan->right_q8 + x)));
    const __m128 bottom = _mm_add_ps(_mm_mul_ps(c_q16, _mm_load_ps(plan->left_q16 + x)),
                                     _mm_mul_ps(d, _mm_load_ps(plan->right + x)));
    return _mm_cvtps_epi32(_mm_add_ps(_mm_mul_ps(top, upper), _mm_mul_ps(bottom, lower)));
}

EL_INLINE size_t
EL_ISA(el_clahe_blend_vectors)(const el_clahe_plan *plan, uint8_t *grey, float upper, float lower)
{
    const __m128 up = _mm_set1_ps(upper), low = _mm_set1_ps(lower);
    const el_clahe_plan own = *plan; /* bytes written to grey cannot move its pointers */
    size_t x = 0;
    for (; x + 16 <= (size_t)own.width; x += 16) {
        const __m128i p0 = EL_ISA(el_clahe_blend4)(&own, x, up, low);
        const __m128i p1 = EL_ISA(el_clahe_blend4)(&own, x + 4, up, low);
        const __m128i p2 = EL_ISA(el_clahe_blend4)(&own, x + 8, up, low);
        const __m128i p3 = EL_ISA(el_clahe_blend4)(&own, x + 12, up, low);
        _mm_storeu_si128((__m128i *)(void *)(grey + x),
                         _mm_packus_epi16(_mm_packs_epi32(p0, p1), _mm_packs_epi32(p2, p3)));
    }
    return x;
}
#elif EL_NEON
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
#else
EL_INLINE size_t
EL_ISA(el_clahe_blend_vectors)(const el_clahe_plan *plan, uint8_t *grey, float upper, float lower)
{
    (void)plan, (void)grey, (void)upper, (void)lower;
    return 0;
}
#endif
#endif

EL_INLINE void
EL_ISA(el_clahe_blend_row)(const el_clahe_plan *plan, uint8_t *grey, float upper, float lower)
{
    EL_ISA(el_clahe_gather)(plan, grey);
    size_t x = EL_ISA(el_clahe_blend_vectors)(plan, grey, upper, lower);
    for (; x < (size_t)plan->width; x++)
        grey[x] = el_clahe_blend(plan->gathered[x], plan->left[x], plan->right[x], upper, lower);
}
/* One row of the image in place; rows come from top to bottom, after all were counted. */
static inline void
EL_ISA(el_clahe_apply_row)(el_clahe_plan *plan, int32_t y, uint8_t *grey)
{
    int32_t tile;
    const float lower = el_clahe_weight(y, 1.0f / (float)plan->tile_h, &tile);
    if (y == 0 || tile + 1 != plan->band)
        EL_ISA(el_clahe_build_band)(plan, tile + 1);
    EL_ISA(el_clahe_blend_row)(plan, grey, 1.0f - lower, lower);
}

#endif /* EL_ISA */
