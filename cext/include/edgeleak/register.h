// SPDX-License-Identifier: Apache-2.0
/* A picture laid over another one: moved by parts of a pixel, in place.
 *
 * Between pixels by the cubic through four of them (Catmull-Rom): a straight line between two
 * dulls thin and sharp things by what the hand does just then, and that looks like gas.
 * First along the columns, in the direction in which every row but one is read before it is
 * overwritten, and that one is kept; then along each row by way of a line on the stack.  What
 * comes in at a rim repeats the rim. */
#include "edgeleak/isa.h"
#ifndef EL_ISA
#ifndef EDGELEAK_REGISTER_H
#define EDGELEAK_REGISTER_H

#define EL_REGISTER_MAX_SIDE  4096
#define EL_REGISTER_MAX_SHIFT 64 /* pixels */
#define EL_REGISTER_TOP       16383

static inline ptrdiff_t
el_register_clip(ptrdiff_t i, size_t n)
{
    return i < 0 ? 0 : i < (ptrdiff_t)n ? i : (ptrdiff_t)n - 1;
}

/* Weights Q12 of four pixels in a row, `part` 256ths from the second to the third; sum 4096. */
static inline void
el_register_weights(int32_t part, int32_t *weights)
{
    const int32_t one = part << 16, two = part * part << 8, three = part * part * part;
    weights[0] = (2 * two - one - three + 4096) >> 13;
    weights[2] = (one + 4 * two - 3 * three + 4096) >> 13;
    weights[3] = (three - two + 4096) >> 13;
    weights[1] = 4096 - weights[0] - weights[2] - weights[3];
}

#define EL_ISA_BODY "edgeleak/register.h"
#include "edgeleak/isa_passes.h"

/* out[i] between b[i] and c[i]; out may be any of the four.  Limited to 14 bits. */
static inline void
el_register_mix(const uint16_t *a, const uint16_t *b, const uint16_t *c, const uint16_t *d,
                size_t n, const int32_t *weights, uint16_t *out)
{
    EL_ISA_CALL(el_register_mix, a, b, c, d, n, weights, out);
}

static inline void
el_register_down(uint16_t *counts, size_t h, size_t w, int32_t shift_q8)
{
    uint16_t kept[2][EL_REGISTER_MAX_SIDE]; /* the row overwritten last, as it was, and this one */
    const uint16_t *rows[4];
    int32_t weights[4];
    const ptrdiff_t whole = shift_q8 >> 8;
    if (w > EL_REGISTER_MAX_SIDE)
        return; /* refused by the binding; said here, the compiler knows that a row fits */
    el_register_weights(shift_q8 & 255, weights);
    for (size_t i = 0; i < h; i++) {
        const size_t y = whole < 0 ? h - 1 - i : i;
        const size_t last = whole < 0 ? y + 1 : y - 1;
        for (ptrdiff_t k = 0; k < 4; k++) {
            const size_t from = (size_t)el_register_clip((ptrdiff_t)y + whole + k - 1, h);
            rows[k] = i > 0 && from == last ? kept[(i - 1) & 1] : counts + from * w;
        }
        memcpy(kept[i & 1], counts + y * w, w * sizeof *counts);
        el_register_mix(rows[0], rows[1], rows[2], rows[3], w, weights, counts + y * w);
    }
}

static inline void
el_register_along(uint16_t *counts, size_t h, size_t w, int32_t shift_q8)
{
    enum { RIM = EL_REGISTER_MAX_SHIFT + 2 };
    uint16_t line[EL_REGISTER_MAX_SIDE + 2 * RIM];
    int32_t weights[4];
    const ptrdiff_t whole = shift_q8 >> 8;
    if (w > EL_REGISTER_MAX_SIDE)
        return; /* refused by the binding; said here, the compiler knows that a row fits */
    el_register_weights(shift_q8 & 255, weights);
    for (size_t y = 0; y < h; y++) {
        uint16_t *row = counts + y * w;
        for (size_t i = 0; i < RIM; i++) {
            line[i] = row[0];
            line[RIM + w + i] = row[w - 1];
        }
        memcpy(line + RIM, row, w * sizeof *row);
        const uint16_t *from = line + RIM + whole;
        el_register_mix(from - 1, from, from + 1, from + 2, w, weights, row);
    }
}

/* counts[y, x] becomes what was at (y + dy, x + dx), 256ths of a pixel. */
static inline void
el_register_move(uint16_t *counts, size_t h, size_t w, int32_t dx_q8, int32_t dy_q8)
{
    if (dy_q8)
        el_register_down(counts, h, w, dy_q8);
    if (dx_q8)
        el_register_along(counts, h, w, dx_q8);
}

#endif
#else

/* Counts and weights are int16, and so is the sum (at most 1.25 times a count): half-width
 * products and limits, twice as many at once.  Not inlined: a compiler that knows the weights'
 * range widens them and loses that (aarch64: 8.5 instructions a pixel of a move, 6.5 without). */
static __attribute__((noinline)) void
EL_ISA(el_register_mix_plain)(const int16_t *a, const int16_t *b, const int16_t *c,
                              const int16_t *d, size_t n, const int32_t *weights, uint16_t *out)
{
    const int16_t wa = (int16_t)weights[0], wb = (int16_t)weights[1];
    const int16_t wc = (int16_t)weights[2], wd = (int16_t)weights[3];
#pragma GCC ivdep
    for (size_t i = 0; i < n; i++) {
        const int32_t sum = a[i] * wa + b[i] * wb + c[i] * wc + d[i] * wd + 2048;
        const int16_t between = (int16_t)(sum >> 12);
        const int16_t positive = between > 0 ? between : 0;
        out[i] = (uint16_t)(positive < EL_REGISTER_TOP ? positive : EL_REGISTER_TOP);
    }
}

#if EL_X86
#include "edgeleak/lanes.h"

/* (a * wa + b * wb + c * wc + d * wd + 2048) >> 12 of interleaved a b and c d. */
EL_INLINE EL_LANES_T
EL_ISA(el_register_sum)(EL_LANES_T ab, EL_LANES_T cd, EL_LANES_T wab, EL_LANES_T wcd)
{
    const EL_LANES_T sum = EL_LANES(add_epi32)(EL_LANES(madd_epi16)(ab, wab),
                                               EL_LANES(madd_epi16)(cd, wcd));
    return EL_LANES(srai_epi32)(EL_LANES(add_epi32)(sum, EL_LANES(set1_epi32)(2048)), 12);
}

EL_INLINE EL_LANES_T
EL_ISA(el_register_weight)(int32_t first, int32_t second)
{
    return EL_LANES(set1_epi32)((int32_t)((uint32_t)second << 16 | (uint16_t)first));
}

static size_t
EL_ISA(el_register_mix_lanes)(const int16_t *a, const int16_t *b, const int16_t *c,
                              const int16_t *d, size_t n, const int32_t *weights, uint16_t *out)
{
    const EL_LANES_T wab = EL_ISA(el_register_weight)(weights[0], weights[1]);
    const EL_LANES_T wcd = EL_ISA(el_register_weight)(weights[2], weights[3]);
    const EL_LANES_T top = EL_LANES(set1_epi16)(EL_REGISTER_TOP);
    const size_t step = EL_LANES_BYTES / 2;
    size_t i = 0;
    for (; i + step <= n; i += step) {
        const EL_LANES_T va = EL_LANES_LOAD(a + i), vb = EL_LANES_LOAD(b + i);
        const EL_LANES_T vc = EL_LANES_LOAD(c + i), vd = EL_LANES_LOAD(d + i);
        const EL_LANES_T low =
            EL_ISA(el_register_sum)(EL_LANES(unpacklo_epi16)(va, vb),
                                    EL_LANES(unpacklo_epi16)(vc, vd), wab, wcd);
        const EL_LANES_T high =
            EL_ISA(el_register_sum)(EL_LANES(unpackhi_epi16)(va, vb),
                                    EL_LANES(unpackhi_epi16)(vc, vd), wab, wcd);
        const EL_LANES_T between = EL_LANES(packs_epi32)(low, high);
        EL_LANES_STORE(out + i,
                       EL_LANES(max_epi16)(EL_LANES(min_epi16)(between, top), EL_LANES_ZERO()));
    }
    return i;
}
#endif

static void
EL_ISA(el_register_mix)(const uint16_t *a, const uint16_t *b, const uint16_t *c,
                        const uint16_t *d, size_t n, const int32_t *weights, uint16_t *out)
{
    const int16_t *pa = (const int16_t *)a, *pb = (const int16_t *)b;
    const int16_t *pc = (const int16_t *)c, *pd = (const int16_t *)d;
    size_t i = 0;
#if EL_X86
    i = EL_ISA(el_register_mix_lanes)(pa, pb, pc, pd, n, weights, out);
#endif
    EL_ISA(el_register_mix_plain)(pa + i, pb + i, pc + i, pd + i, n - i, weights, out + i);
}
#endif
