// SPDX-License-Identifier: Apache-2.0
/* CRC-16 with polynomial 0x1021, most significant bit first: CCITT-FALSE with start 0xFFFF, the
 * Lepton's with start 0.
 *
 * Long data is folded: 16-bit words that lie EL_CRC16_STEP bytes apart are added after a product
 * with x^(8 * step), which is a table of 16 entries a nibble, so one shuffle does 16 words; what
 * is left, and machines without a shuffle, take eight bytes at a time through eight tables.
 */
#include "edgeleak/isa.h"

#ifndef EL_ISA /* seen from outside */
#ifndef EDGELEAK_CRC16_H
#define EDGELEAK_CRC16_H

#define EL_CRC16_POLYNOMIAL 0x1021u
#define EL_CRC16_START      0xFFFFu
#define EL_CRC16_SLICES     8

static uint16_t el_crc16_table[EL_CRC16_SLICES][256];
/* [0] 32 bytes apart, [1] 64; then high and low byte of the product; nibble 0 is the highest. */
static uint8_t el_crc16_fold[2][2][4][16] __attribute__((unused));

/* Eight bytes a turn, then one at a time. */
EL_INLINE uint16_t
el_crc16_slices(const uint8_t *data, size_t n, uint16_t crc)
{
    for (; n >= EL_CRC16_SLICES; data += EL_CRC16_SLICES, n -= EL_CRC16_SLICES)
        crc = (uint16_t)(el_crc16_table[7][data[0] ^ (crc >> 8)] ^
                         el_crc16_table[6][data[1] ^ (crc & 255u)] ^ el_crc16_table[5][data[2]] ^
                         el_crc16_table[4][data[3]] ^ el_crc16_table[3][data[4]] ^
                         el_crc16_table[2][data[5]] ^ el_crc16_table[1][data[6]] ^
                         el_crc16_table[0][data[7]]);
    for (; n; data++, n--)
        crc = (uint16_t)((unsigned)crc << 8 ^ el_crc16_table[0][(crc >> 8) ^ *data]);
    return crc;
}

static inline void
el_crc16_fill_tables(void)
{
    for (unsigned value = 0; value < 256; value++) {
        unsigned crc = value << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = crc << 1 ^ (crc & 0x8000u ? EL_CRC16_POLYNOMIAL : 0);
        el_crc16_table[0][value] = (uint16_t)crc;
    }
    for (int k = 1; k < EL_CRC16_SLICES; k++)
        for (int value = 0; value < 256; value++) {
            const unsigned before = el_crc16_table[k - 1][value];
            el_crc16_table[k][value] =
                (uint16_t)((before & 255u) << 8 ^ el_crc16_table[0][before >> 8]);
        }
}

static inline void
el_crc16_fill_fold(void)
{
    uint8_t word[64] = {0};
    for (int wide = 0; wide < 2; wide++)
        for (unsigned nibble = 0; nibble < 4; nibble++)
            for (unsigned value = 0; value < 16; value++) {
                const unsigned w = value << (12 - 4 * nibble);
                word[0] = (uint8_t)(w >> 8), word[1] = (uint8_t)w;
                const uint16_t moved = el_crc16_slices(word, wide ? 64 : 32, 0);
                el_crc16_fold[wide][0][nibble][value] = (uint8_t)(moved >> 8);
                el_crc16_fold[wide][1][nibble][value] = (uint8_t)moved;
            }
}

__attribute__((constructor)) static void
el_crc16_init(void)
{
    el_crc16_fill_tables();
    el_crc16_fill_fold();
}

#define EL_ISA_BODY "edgeleak/crc16.h"
#include "edgeleak/isa_passes.h"

/* CRC of data[0..n), continued from crc. */
static inline uint16_t
el_crc16(const uint8_t *data, size_t n, uint16_t crc)
{
    return EL_ISA_CALL(el_crc16, data, n, crc);
}

#endif /* EDGELEAK_CRC16_H */
#else  /* the body, once per instruction set */

#if EL_ISA_AVX2
#define EL_CRC16_STEP 64u

/* Even and odd bytes of 64; the order inside is undone by el_crc16_join. */
EL_INLINE void
EL_ISA(el_crc16_split)(const uint8_t *data, __m256i *high, __m256i *low)
{
    const __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)data);
    const __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(data + 32));
    const __m256i even = _mm256_set1_epi16(0xFF);
    *high = _mm256_packus_epi16(_mm256_and_si256(a, even), _mm256_and_si256(b, even));
    *low = _mm256_packus_epi16(_mm256_srli_epi16(a, 8), _mm256_srli_epi16(b, 8));
}

EL_INLINE __m256i
EL_ISA(el_crc16_row)(int out, int nibble)
{
    const void *row = el_crc16_fold[1][out][nibble];
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)row));
}

EL_INLINE __m256i
EL_ISA(el_crc16_product)(const __m256i row[4], const __m256i nibble[4])
{
    return _mm256_xor_si256(_mm256_xor_si256(_mm256_shuffle_epi8(row[0], nibble[0]),
                                             _mm256_shuffle_epi8(row[1], nibble[1])),
                            _mm256_xor_si256(_mm256_shuffle_epi8(row[2], nibble[2]),
                                             _mm256_shuffle_epi8(row[3], nibble[3])));
}

/* Folds whole steps of data into state[64]; returns the bytes that were used. */
EL_INLINE size_t
EL_ISA(el_crc16_steps)(const uint8_t *data, size_t n, uint16_t crc, uint8_t *state)
{
    const __m256i low_bits = _mm256_set1_epi8(15);
    __m256i high_row[4], low_row[4], nibble[4], high, low, next_high, next_low;
    for (int k = 0; k < 4; k++)
        high_row[k] = EL_ISA(el_crc16_row)(0, k), low_row[k] = EL_ISA(el_crc16_row)(1, k);
    EL_ISA(el_crc16_split)(data, &high, &low);
    high = _mm256_xor_si256(high, _mm256_zextsi128_si256(_mm_cvtsi32_si128(crc >> 8)));
    low = _mm256_xor_si256(low, _mm256_zextsi128_si256(_mm_cvtsi32_si128(crc & 255)));
    size_t i = EL_CRC16_STEP;
    for (; i + EL_CRC16_STEP <= n; i += EL_CRC16_STEP) {
        nibble[0] = _mm256_and_si256(_mm256_srli_epi16(high, 4), low_bits);
        nibble[1] = _mm256_and_si256(high, low_bits);
        nibble[2] = _mm256_and_si256(_mm256_srli_epi16(low, 4), low_bits);
        nibble[3] = _mm256_and_si256(low, low_bits);
        EL_ISA(el_crc16_split)(data + i, &next_high, &next_low);
        high = _mm256_xor_si256(EL_ISA(el_crc16_product)(high_row, nibble), next_high);
        low = _mm256_xor_si256(EL_ISA(el_crc16_product)(low_row, nibble), next_low);
    }
    _mm256_storeu_si256((__m256i *)(void *)state, _mm256_unpacklo_epi8(high, low));
    _mm256_storeu_si256((__m256i *)(void *)(state + 32), _mm256_unpackhi_epi8(high, low));
    return i;
}
#elif EL_NEON
#define EL_CRC16_STEP 32u

EL_INLINE uint8x16_t
EL_ISA(el_crc16_lookup)(uint8x16_t row, uint8x16_t index)
{
#if defined(__aarch64__)
    return vqtbl1q_u8(row, index);
#else /* armv7 looks up eight at a time */
    const uint8x8x2_t table = {{vget_low_u8(row), vget_high_u8(row)}};
    return vcombine_u8(vtbl2_u8(table, vget_low_u8(index)), vtbl2_u8(table, vget_high_u8(index)));
#endif
}

EL_INLINE uint8x16_t
EL_ISA(el_crc16_product)(const uint8x16_t row[4], const uint8x16_t nibble[4])
{
    return veorq_u8(veorq_u8(EL_ISA(el_crc16_lookup)(row[0], nibble[0]),
                             EL_ISA(el_crc16_lookup)(row[1], nibble[1])),
                    veorq_u8(EL_ISA(el_crc16_lookup)(row[2], nibble[2]),
                             EL_ISA(el_crc16_lookup)(row[3], nibble[3])));
}

/* Folds whole steps of data into state[32]; returns the bytes that were used. */
EL_INLINE size_t
EL_ISA(el_crc16_steps)(const uint8_t *data, size_t n, uint16_t crc, uint8_t *state)
{
    const uint8x16_t low_bits = vdupq_n_u8(15);
    uint8x16_t high_row[4], low_row[4], nibble[4];
    for (int k = 0; k < 4; k++) {
        high_row[k] = vld1q_u8(el_crc16_fold[0][0][k]);
        low_row[k] = vld1q_u8(el_crc16_fold[0][1][k]);
    }
    uint8x16x2_t now = vld2q_u8(data);
    now.val[0] = veorq_u8(now.val[0], vsetq_lane_u8((uint8_t)(crc >> 8), vdupq_n_u8(0), 0));
    now.val[1] = veorq_u8(now.val[1], vsetq_lane_u8((uint8_t)crc, vdupq_n_u8(0), 0));
    size_t i = EL_CRC16_STEP;
    for (; i + EL_CRC16_STEP <= n; i += EL_CRC16_STEP) {
        nibble[0] = vshrq_n_u8(now.val[0], 4);
        nibble[1] = vandq_u8(now.val[0], low_bits);
        nibble[2] = vshrq_n_u8(now.val[1], 4);
        nibble[3] = vandq_u8(now.val[1], low_bits);
        const uint8x16x2_t next = vld2q_u8(data + i);
        now.val[0] = veorq_u8(EL_ISA(el_crc16_product)(high_row, nibble), next.val[0]);
        now.val[1] = veorq_u8(EL_ISA(el_crc16_product)(low_row, nibble), next.val[1]);
    }
    vst2q_u8(state, now);
    return i;
}
#else
#define EL_CRC16_STEP 0u
#endif

static inline uint16_t
EL_ISA(el_crc16)(const uint8_t *data, size_t n, uint16_t crc)
{
#if EL_CRC16_STEP
    if (n >= 2 * EL_CRC16_STEP) {
        uint8_t state[EL_CRC16_STEP];
        const size_t used = EL_ISA(el_crc16_steps)(data, n, crc, state);
        return el_crc16_slices(data + used, n - used, el_crc16_slices(state, EL_CRC16_STEP, 0));
    }
#endif
    return el_crc16_slices(data, n, crc);
}
#undef EL_CRC16_STEP

#endif
