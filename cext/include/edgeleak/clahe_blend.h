// SPDX-License-Identifier: Apache-2.0
/* Second pass of clahe.h: every pixel becomes a blend of four tile maps.
 *
 * level = (a * left + b * right) * upper + (c * left + d * right) * lower
 * in single precision, each step rounded (no FMA), then halves to even: OpenCV's order.
 * The four levels of a pixel lie together in one 32-bit quad, so that one load fetches them.
 * Each machine has its own row: clahe_blend_x86.h, clahe_blend_neon.h, plain otherwise.
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

#if EL_X86
#include "edgeleak/clahe_blend_x86.h"
#else
/* Fetch the quads of a row; columns under one quad are one run. */
EL_INLINE void
EL_ISA(el_clahe_gather)(const el_clahe_plan *plan, const uint8_t *grey)
{
    uint32_t *restrict out = plan->gathered;
    int32_t x = 0;
    for (int32_t run = 0; run <= plan->tiles_x; run++) {
        const uint32_t *restrict quads = plan->quads + (size_t)run * EL_LEVELS;
        const int32_t end = plan->run_end[run];
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
        for (; x < end; x++)
            out[x] = quads[grey[x]];
    }
}

#if EL_NEON
#include "edgeleak/clahe_blend_neon.h"
#endif

EL_INLINE void
EL_ISA(el_clahe_blend_row)(const el_clahe_plan *plan, uint8_t *grey, float upper, float lower)
{
    size_t x = 0;
    EL_ISA(el_clahe_gather)(plan, grey);
#if EL_NEON
    x = EL_ISA(el_clahe_blend_vectors)(plan, grey, upper, lower);
#endif
    for (; x < (size_t)plan->width; x++)
        grey[x] = el_clahe_blend(plan->gathered[x], plan->left[x], plan->right[x], upper, lower);
}
#endif

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
