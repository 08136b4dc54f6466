// SPDX-License-Identifier: Apache-2.0
/* First pass of clahe.h: histograms of tiles and the maps made of them.
 *
 * A map is round((sum of bins so far) * 255 / area), floats in OpenCV's order, halves to even.
 * The clipped excess is not stored into the bins: up to bin i it adds
 *     (i + 1) * (excess / 256) + min(i / step + 1, excess % 256),   step = 256 / (excess % 256)
 * to the running sum, which is OpenCV's loop in closed form.
 */
#include "edgeleak/isa.h"

#ifndef EL_ISA /* seen from outside */
#ifndef EDGELEAK_CLAHE_MAPS_H
#define EDGELEAK_CLAHE_MAPS_H

/* What clipping hands back to every bin and to the first `residual` steps. */
typedef struct el_clahe_excess {
    uint32_t batch, residual, step;
} el_clahe_excess;

static inline el_clahe_excess
el_clahe_share(uint32_t excess)
{
    el_clahe_excess share = {excess / EL_LEVELS, excess % EL_LEVELS, 1};
    if (share.residual)
        share.step = EL_LEVELS / share.residual;
    return share;
}

/* Nearest integer, halves to even, for 0 <= value < 2^22, as cvtps2dq does. */
EL_INLINE uint8_t
el_clahe_round(float value)
{
    const float shifted = value + 12582912.0f; /* 1.5 * 2^23: the fraction falls off */
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits -= 0x4B400000u;
    return (uint8_t)(bits > 255 ? 255 : bits);
}

/* Any tile size; histogram is left clipped. */
static inline void
el_clahe_map_wide(const el_clahe_plan *plan, const uint32_t *histogram, uint8_t *map)
{
    const uint32_t limit = (uint32_t)plan->limit;
    uint32_t kept = 0, sum = 0;
    for (size_t i = 0; i < EL_LEVELS; i++)
        kept += histogram[i] < limit ? histogram[i] : limit;
    const el_clahe_excess share = el_clahe_share((uint32_t)plan->area - kept);
    for (uint32_t i = 0; i < EL_LEVELS; i++) {
        const uint32_t steps = i / share.step + 1;
        sum += histogram[i] < limit ? histogram[i] : limit;
        const uint32_t given =
            (i + 1) * share.batch + (steps < share.residual ? steps : share.residual);
        map[i] = el_clahe_round((float)(int32_t)(sum + given) * plan->scale);
    }
}

#define EL_ISA_BODY "edgeleak/clahe_maps.h"
#include "edgeleak/isa_passes.h"

#endif /* EDGELEAK_CLAHE_MAPS_H */
#else  /* the body, once per instruction set */

/* el_clahe_run: running sums of min(histogram, limit); counters are read and cleared; returns
 * the last sum.  el_clahe_scale: levels of these sums plus their share of the excess. */
#if EL_X86
#include "edgeleak/lanes.h"
#if EL_ISA_AVX2
#define EL_SHIFT_BYTES(v, n) _mm256_slli_si256(v, n)
#define EL_CVT_PS(v)         _mm256_cvtepi32_ps(v)
#define EL_CVT_I32(v)        _mm256_cvtps_epi32(v)
#else
#define EL_SHIFT_BYTES(v, n) _mm_slli_si128(v, n)
#define EL_CVT_PS(v)         _mm_cvtepi32_ps(v)
#define EL_CVT_I32(v)        _mm_cvtps_epi32(v)
#endif
#define EL_WORDS (EL_LANES_BYTES / 2)

EL_INLINE uint32_t
EL_ISA(el_clahe_run)(uint16_t *ways, uint16_t limit, uint16_t *sums)
{
    const EL_LANES_T flip = EL_LANES(set1_epi16)(INT16_MIN), zero = EL_LANES_ZERO();
    const EL_LANES_T top = EL_LANES_XOR(EL_LANES(set1_epi16)((int16_t)limit), flip);
    EL_LANES_T carry = zero;
    for (size_t i = 0; i < EL_LEVELS; i += EL_WORDS) {
        EL_LANES_T n = EL_LANES(add_epi16)(
            EL_LANES(add_epi16)(EL_LANES_LOAD(ways + i), EL_LANES_LOAD(ways + EL_LEVELS + i)),
            EL_LANES(add_epi16)(EL_LANES_LOAD(ways + 2 * EL_LEVELS + i),
                                EL_LANES_LOAD(ways + 3 * EL_LEVELS + i)));
        for (size_t way = 0; way < EL_CLAHE_WAYS; way++)
            EL_LANES_STORE(ways + way * EL_LEVELS + i, zero);
        n = EL_LANES_XOR(EL_LANES(min_epi16)(EL_LANES_XOR(n, flip), top), flip);
        n = EL_LANES(add_epi16)(n, EL_SHIFT_BYTES(n, 2));
        n = EL_LANES(add_epi16)(n, EL_SHIFT_BYTES(n, 4));
        n = EL_LANES(add_epi16)(n, EL_SHIFT_BYTES(n, 8));
#if EL_ISA_AVX2
        const __m256i last = _mm256_set1_epi16(0x0F0E);
        n = _mm256_add_epi16(
            n, _mm256_shuffle_epi8(_mm256_permute2x128_si256(n, n, 0x08), last));
        n = _mm256_add_epi16(n, carry);
        carry = _mm256_shuffle_epi8(_mm256_permute4x64_epi64(n, 0xFF), last);
#else
        n = _mm_add_epi16(n, carry);
        carry = _mm_shuffle_epi32(_mm_shufflehi_epi16(n, 0xFF), 0xFF);
#endif
        EL_LANES_STORE(sums + i, n);
    }
    return sums[EL_LEVELS - 1];
}

EL_INLINE void
EL_ISA(el_clahe_scale)(const uint16_t *sums, el_clahe_excess share, float scale, uint8_t *map)
{
    static const uint16_t first[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const EL_LANES_T one = EL_LANES(set1_epi16)(1), zero = EL_LANES_ZERO();
    const EL_LANES_T words = EL_LANES(set1_epi16)((int16_t)EL_WORDS);
    const EL_LANES_T residual = EL_LANES(set1_epi16)((int16_t)share.residual);
    /* i / step as a product: exact for i < 256; step 1 does not fit 16 bits */
    const uint32_t inverse = share.step > 1 ? (65536 + share.step - 1) / share.step : 0;
    const EL_LANES_T per_step = EL_LANES(set1_epi16)((int16_t)inverse);
    const EL_LANES_T whole = EL_LANES(set1_epi16)(share.step > 1 ? 0 : -1);
    const EL_LANES_T batch = EL_LANES(set1_epi16)((int16_t)share.batch);
    EL_LANES_T at = EL_LANES_LOAD(first);
    for (size_t i = 0; i < EL_LEVELS; i += 2 * EL_WORDS) {
        EL_LANES_T half[2];
        for (size_t k = 0; k < 2; k++) {
            const EL_LANES_T steps = EL_LANES(add_epi16)(
                EL_LANES_OR(EL_LANES(mulhi_epu16)(at, per_step), EL_LANES_AND(at, whole)), one);
            at = EL_LANES(add_epi16)(at, words);
            const EL_LANES_T bins = EL_LANES(add_epi16)(
                EL_LANES(sub_epi16)(at, words), one); /* i + 1 */
            const EL_LANES_T given = EL_LANES(add_epi16)(
                EL_LANES(mullo_epi16)(bins, batch), EL_LANES(min_epi16)(steps, residual));
            const EL_LANES_T sum =
                EL_LANES(add_epi16)(EL_LANES_LOAD(sums + i + k * EL_WORDS), given);
            const EL_LANES_T low = EL_CVT_I32(EL_LANES(mul_ps)(
                EL_CVT_PS(EL_LANES(unpacklo_epi16)(sum, zero)), EL_LANES(set1_ps)(scale)));
            const EL_LANES_T high = EL_CVT_I32(EL_LANES(mul_ps)(
                EL_CVT_PS(EL_LANES(unpackhi_epi16)(sum, zero)), EL_LANES(set1_ps)(scale)));
            half[k] = EL_LANES(packs_epi32)(low, high);
        }
        EL_LANES_STORE(map + i, EL_LANES_CROSS(EL_LANES(packus_epi16)(half[0], half[1])));
    }
}
#undef EL_SHIFT_BYTES
#undef EL_CVT_PS
#undef EL_CVT_I32
#undef EL_WORDS
#elif EL_NEON
EL_INLINE uint32_t
EL_ISA(el_clahe_run)(uint16_t *ways, uint16_t limit, uint16_t *sums)
{
    const uint16x8_t zero = vdupq_n_u16(0), top = vdupq_n_u16(limit);
    uint16x8_t carry = zero;
    for (size_t i = 0; i < EL_LEVELS; i += 8) {
        uint16x8_t n = vaddq_u16(
            vaddq_u16(vld1q_u16(ways + i), vld1q_u16(ways + EL_LEVELS + i)),
            vaddq_u16(vld1q_u16(ways + 2 * EL_LEVELS + i), vld1q_u16(ways + 3 * EL_LEVELS + i)));
        n = vminq_u16(n, top);
        n = vaddq_u16(n, vextq_u16(zero, n, 7));
        n = vaddq_u16(n, vextq_u16(zero, n, 6));
        n = vaddq_u16(n, vextq_u16(zero, n, 4));
        n = vaddq_u16(n, carry);
        carry = vdupq_lane_u16(vget_high_u16(n), 3);
        vst1q_u16(sums + i, n);
    }
    memset(ways, 0, EL_CLAHE_COPY * sizeof *ways);
    return sums[EL_LEVELS - 1];
}

/* Levels of four sums. */
EL_INLINE uint16x4_t
EL_ISA(el_clahe_scale4)(uint16x4_t sum, float scale)
{
    const float32x4_t level = vmulq_n_f32(vcvtq_f32_u32(vmovl_u16(sum)), scale);
#if defined(__aarch64__)
    return vmovn_u32(vcvtnq_u32_f32(level));
#else /* 1.5 * 2^23: the fraction falls off */
    return vmovn_u32(vreinterpretq_u32_f32(vaddq_f32(level, vdupq_n_f32(12582912.0f))));
#endif
}

EL_INLINE void
EL_ISA(el_clahe_scale)(const uint16_t *sums, el_clahe_excess share, float scale, uint8_t *map)
{
    static const uint16_t first[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const uint16x8_t residual = vdupq_n_u16((uint16_t)share.residual), one = vdupq_n_u16(1);
    /* (bin - 1) / step as a product: exact below 256; step 1 does not fit 16 bits */
    const uint16_t inverse = (uint16_t)((65536 + share.step - 1) / share.step);
    const uint16x8_t whole = vdupq_n_u16(share.step > 1 ? 0 : 0xFFFF);
    uint16x8_t bin = vld1q_u16(first); /* i + 1 */
    for (size_t i = 0; i < EL_LEVELS; i += 8) {
        const uint16x8_t at = vsubq_u16(bin, one);
        const uint16x8_t steps = vaddq_u16(
            vorrq_u16(vandq_u16(at, whole),
                      vcombine_u16(vshrn_n_u32(vmull_n_u16(vget_low_u16(at), inverse), 16),
                                   vshrn_n_u32(vmull_n_u16(vget_high_u16(at), inverse), 16))),
            one);
        const uint16x8_t sum =
            vmlaq_n_u16(vaddq_u16(vld1q_u16(sums + i), vminq_u16(steps, residual)), bin,
                        (uint16_t)share.batch);
        const uint16x4_t low = EL_ISA(el_clahe_scale4)(vget_low_u16(sum), scale);
        const uint16x4_t high = EL_ISA(el_clahe_scale4)(vget_high_u16(sum), scale);
        vst1_u8(map + i, vqmovn_u16(vcombine_u16(low, high)));
        bin = vaddq_u16(bin, vdupq_n_u16(8));
    }
}
#else /* plain loops: the reference, vectorised by the compiler where it can */
EL_INLINE uint32_t
EL_ISA(el_clahe_run)(uint16_t *ways, uint16_t limit, uint16_t *sums)
{
    uint16_t clipped[EL_LEVELS];
    uint32_t sum = 0;
    for (size_t i = 0; i < EL_LEVELS; i++) {
        const uint16_t n = (uint16_t)(ways[i] + ways[EL_LEVELS + i] + ways[2 * EL_LEVELS + i] +
                                      ways[3 * EL_LEVELS + i]);
        clipped[i] = n < limit ? n : limit;
    }
    memset(ways, 0, EL_CLAHE_COPY * sizeof *ways);
    for (size_t i = 0; i < EL_LEVELS; i++) {
        sum += clipped[i];
        sums[i] = (uint16_t)sum;
    }
    return sum;
}

EL_INLINE void
EL_ISA(el_clahe_scale)(const uint16_t *sums, el_clahe_excess share, float scale, uint8_t *map)
{
    const uint32_t inverse = (65536 + share.step - 1) / share.step;
    for (uint32_t i = 0; i < EL_LEVELS; i++) {
        const uint32_t steps = (i * inverse >> 16) + 1;
        const uint32_t given =
            (i + 1) * share.batch + (steps < share.residual ? steps : share.residual);
        map[i] = el_clahe_round((float)(int32_t)(sums[i] + given) * scale);
    }
}
#endif

/* The map of a tile of at most 65535 pixels. */
EL_INLINE void
EL_ISA(el_clahe_map_narrow)(const el_clahe_plan *plan, uint16_t *ways, uint8_t *map)
{
    uint16_t sums[EL_LEVELS];
    const uint16_t limit = (uint16_t)(plan->limit < UINT16_MAX ? plan->limit : UINT16_MAX);
    const uint32_t kept = EL_ISA(el_clahe_run)(ways, limit, sums);
    const el_clahe_excess share = el_clahe_share((uint32_t)plan->area - kept);
    EL_ISA(el_clahe_scale)(sums, share, plan->scale, map);
}

/* Move the 16-bit counters of every tile to the 32-bit ones. */
static inline void
EL_ISA(el_clahe_drain)(el_clahe_plan *plan)
{
    for (int32_t tile = 0; tile < plan->tiles_x; tile++) {
        uint16_t *ways = plan->ways + (size_t)tile * EL_CLAHE_COPY;
        uint32_t *sums = plan->sums + (size_t)tile * EL_LEVELS;
        for (size_t i = 0; i < EL_LEVELS; i++)
            sums[i] += (uint32_t)ways[i] + ways[EL_LEVELS + i] + ways[2 * EL_LEVELS + i] +
                       ways[3 * EL_LEVELS + i];
        memset(ways, 0, EL_CLAHE_COPY * sizeof *ways);
    }
    plan->uncounted = 0;
}

static inline void
EL_ISA(el_clahe_finish_tiles)(el_clahe_plan *plan, int32_t tile_row)
{
    uint8_t *maps = plan->maps + (size_t)(tile_row * plan->tiles_x) * EL_LEVELS;
    const int is_wide = plan->area > UINT16_MAX;
    if (is_wide)
        EL_ISA(el_clahe_drain)(plan);
    plan->uncounted = 0;
    for (size_t tile = 0; tile < (size_t)plan->tiles_x; tile++) {
        uint8_t *map = maps + tile * EL_LEVELS;
        if (is_wide) {
            el_clahe_map_wide(plan, plan->sums + tile * EL_LEVELS, map);
            memset(plan->sums + tile * EL_LEVELS, 0, EL_LEVELS * sizeof *plan->sums);
        } else {
            EL_ISA(el_clahe_map_narrow)(plan, plan->ways + tile * EL_CLAHE_COPY, map);
        }
    }
}

EL_INLINE void
EL_ISA(el_clahe_count)(const uint8_t *grey, size_t n, uint16_t *ways)
{
    size_t i = 0;
#if EL_NEON
    uint16_t *second = ways + EL_LEVELS, *third = ways + 2 * EL_LEVELS;
    uint16_t *fourth = ways + 3 * EL_LEVELS;
    EL_OWN_BASE(second);
    EL_OWN_BASE(third);
    EL_OWN_BASE(fourth);
    for (; i + 8 <= n; i += 8) {
        uint64_t eight;
        memcpy(&eight, grey + i, sizeof eight);
        ways[eight & 0xFF]++;
        second[eight >> 8 & 0xFF]++;
        third[eight >> 16 & 0xFF]++;
        fourth[eight >> 24 & 0xFF]++;
        ways[eight >> 32 & 0xFF]++;
        second[eight >> 40 & 0xFF]++;
        third[eight >> 48 & 0xFF]++;
        fourth[eight >> 56]++;
    }
#else /* a byte load costs x86 no more than a shift */
    for (; i + 8 <= n; i += 8)
        for (size_t k = 0; k < 8; k++)
            ways[(k % EL_CLAHE_WAYS) * EL_LEVELS + grey[i + k]]++;
#endif
    for (; i < n; i++)
        ways[grey[i]]++;
}

/* Room for one more row in the 16-bit counters. */
EL_INLINE void
EL_ISA(el_clahe_begin_row)(el_clahe_plan *plan)
{
    if (plan->uncounted > UINT16_MAX - plan->tile_w)
        EL_ISA(el_clahe_drain)(plan);
    plan->uncounted += plan->tile_w;
}

/* Count row y from column x, which begins a tile, to the end of its padding.  The last row of a
 * row of tiles makes their maps. */
EL_INLINE void
EL_ISA(el_clahe_end_row)(el_clahe_plan *plan, int32_t x, int32_t y, const uint8_t *grey)
{
    for (; x < plan->padded_w; x++) {
        const int32_t from = x < plan->width ? x : plan->mirror[x - plan->width];
        plan->ways[(size_t)(x / plan->tile_w) * EL_CLAHE_COPY + grey[from]]++;
    }
    if ((y + 1) % plan->tile_h == 0)
        EL_ISA(el_clahe_finish_tiles)(plan, y / plan->tile_h);
}

/* Count row y of the padded image. */
static inline void
EL_ISA(el_clahe_take_row)(el_clahe_plan *plan, int32_t y, const uint8_t *grey)
{
    uint16_t *ways = plan->ways;
    int32_t x = 0;
    EL_ISA(el_clahe_begin_row)(plan);
    for (; x + plan->tile_w <= plan->width; x += plan->tile_w, ways += EL_CLAHE_COPY)
        EL_ISA(el_clahe_count)(grey + x, (size_t)plan->tile_w, ways);
    EL_ISA(el_clahe_end_row)(plan, x, y, grey);
}

#endif /* EL_ISA */
