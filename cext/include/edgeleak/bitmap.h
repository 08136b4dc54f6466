// SPDX-License-Identifier: Apache-2.0
/* Masks as bitmaps: 64 pixels a word, bit i of a word is pixel i; bytes other than 0 are set. */
#include "edgeleak/isa.h"

#ifndef EL_ISA /* seen from outside */
#ifndef EDGELEAK_BITMAP_H
#define EDGELEAK_BITMAP_H

#define EL_BITMAP_WORDS(width) (((size_t)(width) + 63) / 64)

/* The bits of the last word of a row that lie behind the row. */
EL_INLINE uint64_t
el_bitmap_behind(size_t width)
{
    return width % 64 ? ~UINT64_C(0) << (width % 64) : 0;
}

/* 8 pixels: a byte that is not 0 gives 1; the product gathers the ones in the top byte. */
EL_INLINE uint64_t
el_bitmap_pack8(const uint8_t *pixels)
{
    const uint64_t low7 = UINT64_C(0x7F7F7F7F7F7F7F7F);
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++) /* one load on little-endian machines */
        v |= (uint64_t)pixels[i] << (8 * i);
    v = (((v & low7) + low7) | v) & ~low7;
    return ((v >> 7) * UINT64_C(0x0102040810204080)) >> 56;
}

EL_INLINE uint64_t
el_bitmap_spread8(uint64_t bits8)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t picked = (bits8 * ones) & UINT64_C(0x8040201008040201);
    return (((picked + 0x7F * ones) >> 7) & ones) * 255;
}

#define EL_ISA_BODY "edgeleak/bitmap.h"
#include "edgeleak/isa_passes.h"

#endif /* EDGELEAK_BITMAP_H */
#else  /* the body, once per instruction set */

EL_INLINE uint64_t
EL_ISA(el_bitmap_pack64)(const uint8_t *pixels)
{
#if EL_ISA_AVX2
    const __m256i zero = _mm256_setzero_si256();
    const __m256i *p = (const __m256i *)(const void *)pixels;
    const __m256i a = _mm256_cmpeq_epi8(_mm256_loadu_si256(p), zero);
    const __m256i b = _mm256_cmpeq_epi8(_mm256_loadu_si256(p + 1), zero);
    return ~((uint64_t)(uint32_t)_mm256_movemask_epi8(a) |
             (uint64_t)(uint32_t)_mm256_movemask_epi8(b) << 32);
#elif EL_X86
    uint64_t clear = 0;
    for (unsigned i = 0; i < 4; i++) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(pixels + 16 * i));
        const __m128i is_zero = _mm_cmpeq_epi8(v, _mm_setzero_si128());
        clear |= (uint64_t)(uint32_t)_mm_movemask_epi8(is_zero) << (16 * i);
    }
    return ~clear;
#elif EL_NEON && defined(__aarch64__)
    const uint8x16_t weight = vreinterpretq_u8_u64(vdupq_n_u64(UINT64_C(0x8040201008040201)));
    uint8x16_t v[4];
    for (unsigned i = 0; i < 4; i++) {
        const uint8x16_t pixel = vld1q_u8(pixels + 16 * i);
        v[i] = vandq_u8(vtstq_u8(pixel, pixel), weight);
    }
    const uint8x16_t sum = vpaddq_u8(vpaddq_u8(v[0], v[1]), vpaddq_u8(v[2], v[3]));
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)), 0);
#else
    uint64_t bits = 0;
    for (unsigned i = 0; i < 8; i++)
        bits |= el_bitmap_pack8(pixels + 8 * i) << (8 * i);
    return bits;
#endif
}

/* Bits of 1..63 pixels; the rest of the word is 0. */
EL_INLINE uint64_t
EL_ISA(el_bitmap_pack_last)(const uint8_t *pixels, size_t n)
{
    uint8_t padded[64] = {0};
    memcpy(padded, pixels, n);
    return EL_ISA(el_bitmap_pack64)(padded);
}

/* Writes 64 pixels, 0 or 255. */
EL_INLINE void
EL_ISA(el_bitmap_spread64)(uint64_t bits, uint8_t *pixels)
{
#if EL_ISA_AVX2
    const __m256i weight = _mm256_set1_epi64x((long long)UINT64_C(0x8040201008040201));
    const __m256i which = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202,
                                             0x0303030303030303);
    for (unsigned i = 0; i < 2; i++) {
        const __m256i v =
            _mm256_shuffle_epi8(_mm256_set1_epi32((int)(uint32_t)(bits >> (32 * i))), which);
        _mm256_storeu_si256((__m256i *)(void *)(pixels + 32 * i),
                            _mm256_cmpeq_epi8(_mm256_and_si256(v, weight), weight));
    }
#elif EL_X86
    const __m128i weight = _mm_set1_epi64x((long long)UINT64_C(0x8040201008040201));
    for (unsigned i = 0; i < 4; i++) {
        __m128i v = _mm_cvtsi32_si128((int)(uint16_t)(bits >> (16 * i)));
        v = _mm_shufflelo_epi16(_mm_unpacklo_epi8(v, v), 0x50);
        v = _mm_and_si128(_mm_shuffle_epi32(v, 0x50), weight);
        _mm_storeu_si128((__m128i *)(void *)(pixels + 16 * i), _mm_cmpeq_epi8(v, weight));
    }
#else
    for (unsigned i = 0; i < 8; i++) {
        const uint64_t eight = el_bitmap_spread8(bits >> (8 * i) & 255);
        for (unsigned k = 0; k < 8; k++)
            pixels[8 * i + k] = (uint8_t)(eight >> (8 * k));
    }
#endif
}

/* One row into words, XORed with flip; bits behind the row are set. */
EL_INLINE void
EL_ISA(el_bitmap_pack_row)(const uint8_t *pixels, size_t width, uint64_t *words, uint64_t flip)
{
    size_t i = 0;
    for (; (i + 1) * 64 <= width; i++)
        words[i] = EL_ISA(el_bitmap_pack64)(pixels + 64 * i) ^ flip;
    if (width % 64)
        words[i] = (EL_ISA(el_bitmap_pack_last)(pixels + 64 * i, width % 64) ^ flip) |
                   el_bitmap_behind(width);
}

EL_INLINE void
EL_ISA(el_bitmap_spread_row)(const uint64_t *words, size_t width, uint8_t *pixels, uint64_t flip)
{
    size_t i = 0;
    for (; (i + 1) * 64 <= width; i++)
        EL_ISA(el_bitmap_spread64)(words[i] ^ flip, pixels + 64 * i);
    if (width % 64) {
        uint8_t padded[64];
        EL_ISA(el_bitmap_spread64)(words[i] ^ flip, padded);
        memcpy(pixels + 64 * i, padded, width % 64);
    }
}

#endif /* EL_ISA */
