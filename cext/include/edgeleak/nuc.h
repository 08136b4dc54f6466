// SPDX-License-Identifier: Apache-2.0
/* Non-uniformity correction (paper, equation 1) and bad-pixel replacement.
 *
 * counts UQ14.0 in place, gain Q2.14 (negative gains are allowed and end at 0), offset Q14.0:
 *     counts = clamp(((counts * gain + 8192) >> 14) + offset, 0, 16383)
 * The product is rounded half up before the offset is added; a count above 16383 is 16383.
 */
#include "edgeleak/isa.h"

#ifndef EL_ISA /* seen from outside */
#ifndef EDGELEAK_NUC_H
#define EDGELEAK_NUC_H

#include "edgeleak/fixed.h"

#define EL_BAD_COLUMNS 5 /* flat index of the bad pixel, then of its four sources */

EL_INLINE uint16_t
el_nuc_pixel(uint16_t raw, int16_t gain_q14, int16_t offset)
{
    const int32_t product = (int32_t)el_counts_limit(raw) * gain_q14;
    const int32_t value =
        ((product + (EL_GAIN_ONE_Q14 >> 1)) >> EL_GAIN_FRAC_BITS) + offset;
    return (uint16_t)(value < 0 ? 0 : value > EL_MAX_COUNTS ? EL_MAX_COUNTS : value);
}

/* Rows [0, n) of a table sorted by its first column; each value is the rounded mean of four
 * sources.  Rows run in order, so a source that is itself listed earlier is already mended. */
static inline void
el_replace_bad_pixels(uint16_t *counts, const int32_t *table, size_t n)
{
    for (const int32_t *row = table; row < table + n * EL_BAD_COLUMNS; row += EL_BAD_COLUMNS) {
        const unsigned sum = (unsigned)counts[row[1]] + counts[row[2]] + counts[row[3]] +
                             counts[row[4]];
        counts[row[0]] = (uint16_t)((sum + 2) >> 2);
    }
}

#define EL_ISA_BODY "edgeleak/nuc.h"
#include "edgeleak/isa_passes.h"

/* raw may be counts itself. */
static inline void
el_nuc_row(const uint16_t *raw, uint16_t *counts, const int16_t *gain_q14, const int16_t *offset,
           size_t n)
{
    EL_ISA_CALL(el_nuc_row, raw, counts, gain_q14, offset, n);
}

#endif /* EDGELEAK_NUC_H */
#else  /* the body, once per instruction set */

#if EL_X86
#include "edgeleak/lanes.h"

/* (2 * raw * gain + 16384) >> 15, which is the rounded Q14 product. */
EL_INLINE EL_LANES_T
EL_ISA(el_nuc_product)(EL_LANES_T twice, EL_LANES_T gain)
{
#if EL_ISA_AVX2
    return _mm256_mulhrs_epi16(twice, gain);
#else
    const __m128i high = _mm_mulhi_epi16(twice, gain);
    const __m128i low = _mm_srli_epi16(_mm_mullo_epi16(twice, gain), 14);
    return _mm_add_epi16(_mm_add_epi16(high, high), _mm_avg_epu16(low, _mm_setzero_si128()));
#endif
}

EL_INLINE void
EL_ISA(el_nuc_lanes)(const uint16_t *raw, uint16_t *counts, const int16_t *gain_q14,
                     const int16_t *offset)
{
#if EL_ISA_AVX2
    const EL_LANES_T from = _mm256_min_epu16(EL_LANES_LOAD(raw),
                                             _mm256_set1_epi16(EL_MAX_COUNTS));
    const EL_LANES_T twice = _mm256_add_epi16(from, from);
#else /* no unsigned minimum: 3 * 16384 more stops at 65535, the shift drops it again */
    const EL_LANES_T from = _mm_adds_epu16(EL_LANES_LOAD(raw), _mm_set1_epi16(-16384));
    const EL_LANES_T twice = _mm_srli_epi16(_mm_slli_epi16(from, 2), 1);
#endif
    const EL_LANES_T product = EL_ISA(el_nuc_product)(twice, EL_LANES_LOAD(gain_q14));
    const EL_LANES_T sum = EL_LANES(adds_epi16)(product, EL_LANES_LOAD(offset));
    const EL_LANES_T top = EL_LANES(set1_epi16)(EL_MAX_COUNTS);
    EL_LANES_STORE(counts, EL_LANES(max_epi16)(EL_LANES(min_epi16)(sum, top), EL_LANES_ZERO()));
}
#define EL_NUC_STEP (EL_LANES_BYTES / 2)
#elif EL_NEON
EL_INLINE void
EL_ISA(el_nuc_lanes)(const uint16_t *raw, uint16_t *counts, const int16_t *gain_q14,
                     const int16_t *offset)
{
    const uint16x8_t from = vminq_u16(vld1q_u16(raw), vdupq_n_u16(EL_MAX_COUNTS));
    const int16x8_t twice = vreinterpretq_s16_u16(vshlq_n_u16(from, 1));
    const int16x8_t product = vqrdmulhq_s16(twice, vld1q_s16(gain_q14));
    const int16x8_t sum = vminq_s16(vqaddq_s16(product, vld1q_s16(offset)),
                                    vdupq_n_s16(EL_MAX_COUNTS));
    vst1q_u16(counts, vreinterpretq_u16_s16(vmaxq_s16(sum, vdupq_n_s16(0))));
}
#define EL_NUC_STEP 8
#endif

static inline void
EL_ISA(el_nuc_row)(const uint16_t *raw, uint16_t *counts, const int16_t *gain_q14,
                   const int16_t *offset, size_t n)
{
    size_t i = 0;
#ifdef EL_NUC_STEP
    for (; i + 2 * EL_NUC_STEP <= n; i += 2 * EL_NUC_STEP) {
        const size_t k = i + EL_NUC_STEP;
        EL_ISA(el_nuc_lanes)(raw + i, counts + i, gain_q14 + i, offset + i);
        EL_ISA(el_nuc_lanes)(raw + k, counts + k, gain_q14 + k, offset + k);
    }
#endif
    for (; i < n; i++)
        counts[i] = el_nuc_pixel(raw[i], gain_q14[i], offset[i]);
}
#undef EL_NUC_STEP

#endif /* EL_ISA */
