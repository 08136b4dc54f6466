// SPDX-License-Identifier: Apache-2.0
/* Order statistics on a grid of pixels, and the local level surface.
 *
 * Order statistics: two counting passes over the keys (upper bits, then the lower bits within
 * the bins found), exact, no sorting.
 */
#include "edgeleak/isa.h"
#ifndef EL_ISA
#ifndef EDGELEAK_LEVEL_H
#define EDGELEAK_LEVEL_H

#define EL_LEVEL_MAX_COUNTS 16383
#define EL_LEVEL_MAX_TILES  32
#define EL_LEVEL_MAX_RANKS  8

/* The rank-th smallest (from 0) of n keys below 2^18. */
static inline uint32_t
el_level_select(const uint32_t *keys, size_t n, size_t rank)
{
    uint32_t bins[512] = {0};
    for (size_t i = 0; i < n; i++)
        bins[keys[i] >> 9]++;
    uint32_t high = 0;
    while (rank >= bins[high])
        rank -= bins[high++];
    memset(bins, 0, sizeof bins);
    for (size_t i = 0; i < n; i++)
        if (keys[i] >> 9 == high)
            bins[keys[i] & 511]++;
    uint32_t low = 0;
    while (rank >= bins[low])
        rank -= bins[low++];
    return high << 9 | low;
}

static inline uint32_t
el_level_clip(uint16_t counts)
{
    return counts < EL_LEVEL_MAX_COUNTS ? counts : EL_LEVEL_MAX_COUNTS;
}

/* keys: 65536 + counts * 4 - background, every step-th pixel of every step-th row. */
static inline size_t
el_level_shift_keys(const uint16_t *counts, const uint16_t *background, size_t h, size_t w,
                    size_t step, uint32_t *keys)
{
    size_t n = 0;
    for (size_t y = 0; y < h; y += step)
        for (size_t x = 0; x < w; x += step)
            keys[n++] = 65536u + (el_level_clip(counts[y * w + x]) << 2) - background[y * w + x];
    return n;
}

static inline size_t
el_level_count_keys(const uint16_t *counts, size_t h, size_t w, size_t step, uint32_t *keys)
{
    size_t n = 0;
    for (size_t y = 0; y < h; y += step)
        for (size_t x = 0; x < w; x += step)
            keys[n++] = el_level_clip(counts[y * w + x]);
    return n;
}

/* How many pixels of the grid hold `low` to `high`. */
static inline size_t
el_level_count_between(const uint16_t *counts, size_t h, size_t w, size_t step, uint16_t low,
                       uint16_t high)
{
    size_t n = 0;
    for (size_t y = 0; y < h; y += step)
        for (size_t x = 0; x < w; x += step)
            n += (counts[y * w + x] >= low) & (counts[y * w + x] <= high);
    return n;
}

/* The bin of *rank* among the 32 * 32 bins whose rows of 32 add up to `rows`; *rank* becomes the
 * rank within the bin. */
static inline uint32_t
el_level_find_bin(const uint32_t *rows, const uint32_t *bins, size_t *rank)
{
    uint32_t row = 0, bin;
    while (*rank >= rows[row])
        *rank -= rows[row++];
    for (bin = row * 32; *rank >= bins[bin]; bin++)
        *rank -= bins[bin];
    return bin;
}

/* The rank[i]-th smallest (from 0) of n keys below 2^14, for up to EL_LEVEL_MAX_RANKS ranks at
 * once; *rank* is used up.  Bins of 16 counts: equal neighbours, which would wait on each other,
 * are rare. */
static inline void
el_level_select_ranks(const uint32_t *keys, size_t n, size_t *rank, size_t n_ranks,
                      uint32_t *found)
{
    uint32_t bins[1024] = {0}, rows[32] = {0}, low[EL_LEVEL_MAX_RANKS + 1][16] = {{0}};
    uint8_t of_bin[1024] = {0}; /* 1 + index of the first rank that lies in this bin */
    for (size_t i = 0; i < n; i++)
        bins[keys[i] >> 4]++;
    for (size_t row = 0; row < 32; row++)
        for (size_t i = 0; i < 32; i++)
            rows[row] += bins[row * 32 + i];
    for (size_t k = 0; k < n_ranks; k++) {
        found[k] = el_level_find_bin(rows, bins, &rank[k]);
        of_bin[found[k]] = of_bin[found[k]] ? of_bin[found[k]] : (uint8_t)(k + 1);
    }
    for (size_t i = 0; i < n; i++) /* row 0 takes the rest: cheaper than a branch */
        low[of_bin[keys[i] >> 4]][keys[i] & 15]++;
    for (size_t k = 0; k < n_ranks; k++) {
        const uint32_t *counts = low[of_bin[found[k]]];
        uint32_t value = 0;
        while (rank[k] >= counts[value])
            rank[k] -= counts[value++];
        found[k] = found[k] << 4 | value;
    }
}

/* Sum of every step-th of n values, each clipped; n is a side of a picture: it fits 32 bits. */
static inline int32_t
el_level_clipped_sum(const int16_t *row, size_t n, size_t step, int32_t clip)
{
    int32_t sum = 0;
    for (size_t x = 0; x < n; x += step) {
        const int32_t high = row[x] < clip ? row[x] : clip;
        sum += high > -clip ? high : -clip;
    }
    return sum;
}

/* Mean, rounded down, of one tile's clipped pixels. */
static inline int16_t
el_level_tile_mean(const int16_t *difference, size_t w, size_t y0, size_t y1, size_t x0,
                   size_t x1, size_t step, int32_t clip)
{
    int64_t sum = 0;
    for (size_t y = y0; y < y1; y += step)
        sum += el_level_clipped_sum(difference + y * w + x0, x1 - x0, step, clip);
    const int64_t n = (int64_t)(((y1 - y0 + step - 1) / step) * ((x1 - x0 + step - 1) / step));
    const int64_t down = sum / n;
    return (int16_t)(down - (sum % n < 0));
}

/* First tile and weight (0..256) of the second for pixel i of size. */
static inline size_t
el_level_place(size_t i, size_t size, size_t tiles, int32_t *weight)
{
    int64_t place = (int64_t)((2 * i + 1) * tiles * 128 / size) - 128;
    const int64_t last = (int64_t)(tiles - 1) * 256;
    place = place < 0 ? 0 : place > last ? last : place;
    int64_t first = place >> 8;
    const int64_t last_first = tiles > 2 ? (int64_t)tiles - 2 : 0;
    first = first > last_first ? last_first : first;
    *weight = (int32_t)(place - (first << 8));
    return (size_t)first;
}

#define EL_ISA_BODY "edgeleak/level.h"
#include "edgeleak/isa_passes.h"

/* difference[x] -= (left * (256 - weight[x]) + right * weight[x]) / 4096, rounded.  The surface
 * lies between values of the grid, so it fits 16 bits. */
static inline void
el_level_subtract(int16_t *difference, const int32_t *weight, size_t n, int32_t left,
                  int32_t right)
{
    EL_ISA_CALL(el_level_subtract, difference, weight, n, left, right);
}

static inline size_t
el_level_area(const uint8_t *mask, size_t n)
{
    return EL_ISA_CALL(el_level_area, mask, n);
}

/* One row: down holds the surface at the tile centres of this row, Q4. */
static inline void
el_level_flatten_row(int16_t *row, const int32_t *weight, const size_t *start, size_t columns,
                     const int32_t *down)
{
    const size_t spans = columns > 1 ? columns - 1 : 1;
    for (size_t k = 0; k < spans; k++)
        el_level_subtract(row + start[k], weight + start[k], start[k + 1] - start[k], down[k],
                          down[k + 1 < columns ? k + 1 : k]);
}

/* weight: w values of scratch. */
static inline void
el_level_flatten(int16_t *difference, const int16_t *grid, size_t h, size_t w, size_t rows,
                 size_t columns, int32_t *weight)
{
    size_t start[EL_LEVEL_MAX_TILES + 1];
    int32_t down[EL_LEVEL_MAX_TILES];
    const size_t spans = columns > 1 ? columns - 1 : 1;
    size_t next = 0;
    for (size_t x = 0; x < w; x++) {
        const size_t first = el_level_place(x, w, columns, &weight[x]);
        while (next <= first)
            start[next++] = x;
    }
    while (next <= spans)
        start[next++] = w;
    for (size_t y = 0; y < h; y++) {
        int32_t part;
        const size_t first = el_level_place(y, h, rows, &part);
        const int16_t *upper = grid + first * columns;
        const int16_t *lower = first + 1 < rows ? upper + columns : upper;
        for (size_t k = 0; k < columns; k++)
            down[k] = (upper[k] * (256 - part) + lower[k] * part) >> 4;
        el_level_flatten_row(difference + y * w, weight, start, columns, down);
    }
}

#endif
#else
/* Zeros among n bytes: byte counters, so n is at most 255 vectors; a multiple of the vector. */
#if EL_X86
#include "edgeleak/lanes.h"
#define EL_AREA_STEP EL_LANES_BYTES
EL_INLINE size_t
EL_ISA(el_level_zeros)(const uint8_t *mask, size_t n)
{
    EL_LANES_T zeros = EL_LANES_ZERO();
    uint64_t sums[EL_LANES_BYTES / 8];
    size_t total = 0;
    for (size_t i = 0; i < n; i += EL_LANES_BYTES)
        zeros = EL_LANES(sub_epi8)(
            zeros, EL_LANES(cmpeq_epi8)(EL_LANES_LOAD(mask + i), EL_LANES_ZERO()));
    EL_LANES_STORE(sums, EL_LANES(sad_epu8)(zeros, EL_LANES_ZERO()));
    for (size_t k = 0; k < EL_LANES_BYTES / 8; k++)
        total += (size_t)sums[k];
    return total;
}
#elif EL_NEON
#define EL_AREA_STEP ((size_t)16)
EL_INLINE size_t
EL_ISA(el_level_zeros)(const uint8_t *mask, size_t n)
{
    uint8x16_t zeros = vdupq_n_u8(0);
    for (size_t i = 0; i < n; i += 16)
        zeros = vsubq_u8(zeros, vceqq_u8(vld1q_u8(mask + i), vdupq_n_u8(0)));
    const uint64x2_t sums = vpaddlq_u32(vpaddlq_u16(vpaddlq_u8(zeros)));
    return (size_t)(vgetq_lane_u64(sums, 0) + vgetq_lane_u64(sums, 1));
}
#else
#define EL_AREA_STEP ((size_t)1)
EL_INLINE size_t
EL_ISA(el_level_zeros)(const uint8_t *mask, size_t n)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += mask[i] == 0;
    return total;
}
#endif

static size_t
EL_ISA(el_level_area)(const uint8_t *mask, size_t n)
{
    const size_t whole = n - n % EL_AREA_STEP;
    size_t total = n, i = 0;
    while (i < whole) {
        const size_t part = whole - i < 255 * EL_AREA_STEP ? whole - i : 255 * EL_AREA_STEP;
        total -= EL_ISA(el_level_zeros)(mask + i, part);
        i += part;
    }
    for (; i < n; i++)
        total -= mask[i] == 0;
    return total;
}
#undef EL_AREA_STEP

/* base, slope: the surface is (base + slope * weight) >> 12. */
#if EL_ISA_AVX2
#define EL_LEVEL_STEP ((size_t)16)
EL_INLINE void
EL_ISA(el_level_subtract_lanes)(int16_t *difference, const int32_t *weight, int32_t base,
                                int32_t slope)
{
    const __m256i from = _mm256_set1_epi32(base), by = _mm256_set1_epi32(slope);
    const __m256i a = _mm256_mullo_epi32(by, EL_LANES_LOAD(weight));
    const __m256i b = _mm256_mullo_epi32(by, EL_LANES_LOAD(weight + 8));
    const __m256i surface = _mm256_packs_epi32(_mm256_srai_epi32(_mm256_add_epi32(from, a), 12),
                                               _mm256_srai_epi32(_mm256_add_epi32(from, b), 12));
    EL_LANES_STORE(difference,
                   _mm256_subs_epi16(EL_LANES_LOAD(difference), EL_LANES_CROSS(surface)));
}

EL_INLINE void
EL_ISA(el_level_subtract_half)(int16_t *difference, const int32_t *weight, int32_t base,
                               int32_t slope)
{
    const __m256i product = _mm256_mullo_epi32(_mm256_set1_epi32(slope), EL_LANES_LOAD(weight));
    const __m256i sum = _mm256_srai_epi32(_mm256_add_epi32(_mm256_set1_epi32(base), product), 12);
    const __m128i surface = _mm_packs_epi32(_mm256_castsi256_si128(sum),
                                            _mm256_extracti128_si256(sum, 1));
    __m128i *at = (__m128i *)(void *)difference;
    _mm_storeu_si128(at, _mm_subs_epi16(_mm_loadu_si128(at), surface));
}
#elif EL_NEON
#define EL_LEVEL_STEP ((size_t)8)
EL_INLINE void
EL_ISA(el_level_subtract_lanes)(int16_t *difference, const int32_t *weight, int32_t base,
                                int32_t slope)
{
    const int32x4_t from = vdupq_n_s32(base);
    const int32x4_t a = vmlaq_n_s32(from, vld1q_s32(weight), slope);
    const int32x4_t b = vmlaq_n_s32(from, vld1q_s32(weight + 4), slope);
    const int16x8_t surface = vcombine_s16(vshrn_n_s32(a, 12), vshrn_n_s32(b, 12));
    vst1q_s16(difference, vqsubq_s16(vld1q_s16(difference), surface));
}
#endif

static void
EL_ISA(el_level_subtract)(int16_t *restrict difference, const int32_t *restrict weight, size_t n,
                          int32_t left, int32_t right)
{
    const int32_t base = left * 256 + 2048, slope = right - left;
    size_t x = 0;
#ifdef EL_LEVEL_STEP
    for (; x + EL_LEVEL_STEP <= n; x += EL_LEVEL_STEP)
        EL_ISA(el_level_subtract_lanes)(difference + x, weight + x, base, slope);
#endif
#if EL_ISA_AVX2
    for (; x + 8 <= n; x += 8)
        EL_ISA(el_level_subtract_half)(difference + x, weight + x, base, slope);
#endif
    for (; x < n; x++) {
        const int32_t v = difference[x] - ((base + slope * weight[x]) >> 12);
        difference[x] = (int16_t)(v < -32768 ? -32768 : v > 32767 ? 32767 : v);
    }
}
#undef EL_LEVEL_STEP
#endif
