// SPDX-License-Identifier: Apache-2.0
/* Gain control: 14-bit counts to 8-bit levels through a table of 16384 levels.
 *
 * The tables are built from integers only, so that every machine builds the same bytes.
 * log: paper, equation 2, level = clamp(alpha * log2(counts) + beta), Q16, halves go up.
 */
#include "edgeleak/isa.h"

#ifndef EL_ISA /* seen from outside */
#ifndef EDGELEAK_AGC_H
#define EDGELEAK_AGC_H

#include "edgeleak/fixed.h"

#define EL_LUT_PADDED   (EL_COUNTS_BINS + 32) /* a 32-bit gather reads 3 bytes too many */
#define EL_LOG_FRAC_BITS 16
#define EL_LOG_ALPHA_MAX 32767
#define EL_LOG_BETA_MAX  1048576 /* alpha at its limit over all 14 octaves needs 458,738 */
#define EL_TOP_LEVEL_Q16 (255ull << 16)

/* log2(counts) in Q16, rounded down: one squaring of a Q31 mantissa gives one bit. */
static inline uint32_t
el_log2_q16(uint32_t counts)
{
    uint32_t log_q16 = 0;
    while (counts >> (log_q16 + 1))
        log_q16++;
    uint64_t mantissa_q31 = (uint64_t)counts << (31 - log_q16);
    for (int i = 0; i < EL_LOG_FRAC_BITS; i++) {
        mantissa_q31 = (mantissa_q31 * mantissa_q31) >> 31;
        const uint32_t bit = (uint32_t)(mantissa_q31 >> 32);
        mantissa_q31 >>= bit;
        log_q16 = log_q16 << 1 | bit;
    }
    return log_q16;
}

/* log_q16: 16384 values, entry 0 = entry 1 = log2(1). */
static inline void
el_log2_table(int32_t *log_q16)
{
    log_q16[0] = 0;
    for (uint32_t counts = 1; counts < EL_COUNTS_BINS; counts++)
        log_q16[counts] = (int32_t)el_log2_q16(counts);
}

static inline void
el_log_lut(uint8_t *lut, const int32_t *log_q16, int32_t alpha_q16, int64_t beta_q16)
{
    /* magnitude below 2^52 + 2^51: far inside 64 bits */
    const int64_t base = beta_q16 * 65536 + ((int64_t)1 << 31);
    for (size_t i = 0; i < EL_COUNTS_BINS; i++) {
        const int64_t level = ((int64_t)alpha_q16 * log_q16[i] + base) >> 32;
        lut[i] = (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
    }
}

/* low < high; halves go up. */
static inline void
el_linear_lut(uint8_t *lut, int32_t low, int32_t high)
{
    const int32_t span = high - low;
    for (int32_t i = 0; i < EL_COUNTS_BINS; i++) {
        const int32_t from = i < low ? 0 : i > high ? span : i - low;
        lut[i] = (uint8_t)((510 * from + span) / (2 * span));
    }
}

/* Plateau equalisation: each bin adds min(histogram, plateau) shares of the 255 levels, but
 * no more than slope_q16; what that leaves over is split evenly over both ends.  The first
 * filled bin starts at level 0.  One filled bin is a step: 0 below, 128 at, 255 above it. */
static inline void
el_plateau_lut(uint8_t *lut, const uint32_t *histogram, uint32_t plateau, uint64_t slope_q16)
{
    uint64_t total = 0, used = 0;
    size_t first = EL_COUNTS_BINS;
    for (size_t i = EL_COUNTS_BINS; i-- > 0;)
        if (histogram[i])
            first = i;
    for (size_t i = first + 1; i < EL_COUNTS_BINS; i++)
        total += histogram[i] < plateau ? histogram[i] : plateau;
    if (total == 0) {
        for (size_t i = 0; i < EL_COUNTS_BINS; i++)
            lut[i] = (uint8_t)(i < first ? 0 : i == first ? 128 : 255);
        return;
    }
    for (int fill = 0; fill < 2; fill++) { /* first the sum of the limited steps, then the table */
        const uint64_t start_q16 = (EL_TOP_LEVEL_Q16 - used) / 2;
        uint64_t sum = 0, before_q16 = 0;
        used = 0;
        for (size_t i = 0; i < EL_COUNTS_BINS; i++) {
            if (i > first && histogram[i]) {
                sum += histogram[i] < plateau ? histogram[i] : plateau;
                const uint64_t here_q16 = EL_TOP_LEVEL_Q16 * sum / total;
                const uint64_t step_q16 = here_q16 - before_q16;
                before_q16 = here_q16;
                used += step_q16 < slope_q16 ? step_q16 : slope_q16;
            }
            if (fill)
                lut[i] = (uint8_t)((start_q16 + used + 0x8000) >> 16);
        }
    }
}

/* Counts above 16383 go to the last bin; out is added to, not cleared. */
static inline void
el_histogram_row(const uint16_t *counts, size_t n, uint32_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[el_counts_limit(counts[i])]++;
}

/* el_counts_limit of four counts in one word. */
static inline uint64_t
el_counts_limit4(uint64_t four)
{
    uint64_t limited = 0;
    for (unsigned shift = 0; shift < 64; shift += 16)
        limited |= (uint64_t)el_counts_limit((uint16_t)(four >> shift)) << shift;
    return limited;
}

#define EL_ISA_BODY "edgeleak/agc.h"
#include "edgeleak/isa_passes.h"

/* lut: EL_LUT_PADDED bytes.  grey may start where counts starts: it is written forward and
 * never ahead of what was read. */
static inline void
el_agc_row(const uint16_t *counts, const uint8_t *lut, uint8_t *grey, size_t n)
{
    EL_ISA_CALL(el_agc_row, counts, lut, grey, n);
}

#endif /* EDGELEAK_AGC_H */
#else  /* the body, once per instruction set */

#if EL_ISA_AVX2
/* 16 pixels, in the order unpack left them; pack them again to restore it. */
EL_INLINE __m256i
EL_ISA(el_agc_lanes)(const uint16_t *counts, const uint8_t *lut)
{
    const __m256i top = _mm256_set1_epi16(EL_MAX_COUNTS), zero = _mm256_setzero_si256();
    const __m256i raw =
        _mm256_min_epu16(_mm256_loadu_si256((const __m256i *)(const void *)counts), top);
    const __m256i byte = _mm256_set1_epi32(0xFF);
    const int *table = (const int *)(const void *)lut;
    /* gathering into zeroes: the plain form makes each gather wait for an older register */
    const __m256i all = _mm256_set1_epi32(-1);
    const __m256i low = _mm256_mask_i32gather_epi32(
        zero, table, _mm256_unpacklo_epi16(raw, zero), all, 1);
    const __m256i high = _mm256_mask_i32gather_epi32(
        zero, table, _mm256_unpackhi_epi16(raw, zero), all, 1);
    return _mm256_packus_epi32(_mm256_and_si256(low, byte), _mm256_and_si256(high, byte));
}
#endif

static inline void
EL_ISA(el_agc_row)(const uint16_t *counts, const uint8_t *lut, uint8_t *grey, size_t n)
{
    size_t i = 0;
#if EL_ISA_AVX2
    for (; i + 32 <= n; i += 32) {
        const __m256i a = EL_ISA(el_agc_lanes)(counts + i, lut);
        const __m256i b = EL_ISA(el_agc_lanes)(counts + i + 16, lut);
        const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi16(a, b), 0xD8);
        _mm256_storeu_si256((__m256i *)(void *)(grey + i), packed);
    }
#else
    for (; i + 8 <= n; i += 8) { /* eight counts leave memory before a level enters it */
        uint64_t eight[2];
        memcpy(eight, counts + i, sizeof eight);
        if (__builtin_expect(((eight[0] | eight[1]) & 0xC000C000C000C000u) != 0, 0)) {
            eight[0] = el_counts_limit4(eight[0]);
            eight[1] = el_counts_limit4(eight[1]);
        }
        for (size_t k = 0; k < 8; k++)
            grey[i + k] = lut[eight[k / 4] >> (k % 4 * 16) & 0xFFFF];
    }
#endif
    for (; i < n; i++)
        grey[i] = lut[el_counts_limit(counts[i])];
}

#endif /* EL_ISA */
