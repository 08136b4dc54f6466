// SPDX-License-Identifier: Apache-2.0
/* One spelling for SSE2 and AVX2 vectors of 8- and 16-bit lanes; for bodies of isa.h on x86.
 * Included again in every pass, so it has no guard.  EL_LANES(f) is _mm_f or _mm256_f.
 *
 * AVX2 packs and unpacks inside 128-bit halves.  Bytes that pass through EL_LANES_CROSS once
 * unpack into words in memory order, and words packed again meet them in the same order;
 * a second EL_LANES_CROSS before the store undoes it.
 */
#undef EL_LANES
#undef EL_LANES_T
#undef EL_LANES_BYTES
#undef EL_LANES_AND
#undef EL_LANES_ANDNOT
#undef EL_LANES_OR
#undef EL_LANES_XOR
#undef EL_LANES_ZERO
#undef EL_LANES_LOAD
#undef EL_LANES_STORE
#undef EL_LANES_CROSS

#if EL_ISA_AVX2
#define EL_LANES(name)          _mm256_##name
#define EL_LANES_T              __m256i
#define EL_LANES_BYTES          ((size_t)32)
#define EL_LANES_AND(a, b)      _mm256_and_si256(a, b)
#define EL_LANES_ANDNOT(a, b)   _mm256_andnot_si256(a, b)
#define EL_LANES_OR(a, b)       _mm256_or_si256(a, b)
#define EL_LANES_XOR(a, b)      _mm256_xor_si256(a, b)
#define EL_LANES_ZERO()         _mm256_setzero_si256()
#define EL_LANES_LOAD(p)        _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define EL_LANES_STORE(p, v)    _mm256_storeu_si256((__m256i *)(void *)(p), v)
#define EL_LANES_CROSS(v)       _mm256_permute4x64_epi64(v, 0xD8)
#else
#define EL_LANES(name)          _mm_##name
#define EL_LANES_T              __m128i
#define EL_LANES_BYTES          ((size_t)16)
#define EL_LANES_AND(a, b)      _mm_and_si128(a, b)
#define EL_LANES_ANDNOT(a, b)   _mm_andnot_si128(a, b)
#define EL_LANES_OR(a, b)       _mm_or_si128(a, b)
#define EL_LANES_XOR(a, b)      _mm_xor_si128(a, b)
#define EL_LANES_ZERO()         _mm_setzero_si128()
#define EL_LANES_LOAD(p)        _mm_loadu_si128((const __m128i *)(const void *)(p))
#define EL_LANES_STORE(p, v)    _mm_storeu_si128((__m128i *)(void *)(p), v)
#define EL_LANES_CROSS(v)       (v)
#endif
