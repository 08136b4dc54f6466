// SPDX-License-Identifier: Apache-2.0
/* clahe_blend.h on x86: one row in place, with SSE2 or AVX2; a body of isa.h. */

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

EL_INLINE void
EL_ISA(el_clahe_blend_row)(const el_clahe_plan *plan, uint8_t *grey, float upper, float lower)
{
    EL_ISA(el_clahe_gather)(plan, grey);
    size_t x = EL_ISA(el_clahe_blend_vectors)(plan, grey, upper, lower);
    for (; x < (size_t)plan->width; x++)
        grey[x] = el_clahe_blend(plan->gathered[x], plan->left[x], plan->right[x], upper, lower);
}
#else
#define EL_QUAD(v) _mm_cvtsi32_si128((int)quads[v])
EL_INLINE __m128i
EL_ISA(el_clahe_blend4)(const el_clahe_plan *plan, const uint32_t *quads, const uint8_t *grey,
                        size_t x, __m128 upper, __m128 lower)
{
    const __m128i quad = _mm_unpacklo_epi64(
        _mm_unpacklo_epi32(EL_QUAD(grey[x]), EL_QUAD(grey[x + 1])),
        _mm_unpacklo_epi32(EL_QUAD(grey[x + 2]), EL_QUAD(grey[x + 3])));
    const __m128 a = _mm_cvtepi32_ps(_mm_and_si128(quad, _mm_set1_epi32(0xFF)));
    const __m128 b_q8 = _mm_cvtepi32_ps(_mm_and_si128(quad, _mm_set1_epi32(0xFF00)));
    const __m128 c_q16 = _mm_cvtepi32_ps(_mm_and_si128(quad, _mm_set1_epi32(0xFF0000)));
    const __m128 d = _mm_cvtepi32_ps(_mm_srli_epi32(quad, 24));
    const __m128 top = _mm_add_ps(_mm_mul_ps(a, _mm_loadu_ps(plan->left + x)),
                                  _mm_mul_ps(b_q8, _mm_loadu_ps(plan->right_q8 + x)));
    const __m128 bottom = _mm_add_ps(_mm_mul_ps(c_q16, _mm_loadu_ps(plan->left_q16 + x)),
                                     _mm_mul_ps(d, _mm_loadu_ps(plan->right + x)));
    return _mm_cvtps_epi32(_mm_add_ps(_mm_mul_ps(top, upper), _mm_mul_ps(bottom, lower)));
}
#undef EL_QUAD

/* Columns under one quad are one run: its quads are fetched and blended in one go. */
EL_INLINE void
EL_ISA(el_clahe_blend_row)(const el_clahe_plan *plan, uint8_t *grey, float upper, float lower)
{
    const __m128 up = _mm_set1_ps(upper), low = _mm_set1_ps(lower);
    const el_clahe_plan own = *plan; /* bytes written to grey cannot move its pointers */
    size_t x = 0;
    for (int32_t run = 0; run <= own.tiles_x; run++) {
        const uint32_t *quads = own.quads + (size_t)run * EL_LEVELS;
        const size_t end = (size_t)own.run_end[run];
        for (; x + 16 <= end; x += 16) {
            const __m128i p0 = EL_ISA(el_clahe_blend4)(&own, quads, grey, x, up, low);
            const __m128i p1 = EL_ISA(el_clahe_blend4)(&own, quads, grey, x + 4, up, low);
            const __m128i p2 = EL_ISA(el_clahe_blend4)(&own, quads, grey, x + 8, up, low);
            const __m128i p3 = EL_ISA(el_clahe_blend4)(&own, quads, grey, x + 12, up, low);
            _mm_storeu_si128((__m128i *)(void *)(grey + x),
                             _mm_packus_epi16(_mm_packs_epi32(p0, p1), _mm_packs_epi32(p2, p3)));
        }
        for (; x + 4 <= end; x += 4) {
            const __m128i p = EL_ISA(el_clahe_blend4)(&own, quads, grey, x, up, low);
            const __m128i words = _mm_packs_epi32(p, p);
            const int four = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
            memcpy(grey + x, &four, sizeof four);
        }
        for (; x < end; x++)
            grey[x] = el_clahe_blend(quads[grey[x]], own.left[x], own.right[x], upper, lower);
    }
}
#endif
