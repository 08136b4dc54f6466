// SPDX-License-Identifier: Apache-2.0
/* Prediction, zigzag and the choice of a predictor.
 * Part of codec.h, included once per instruction set; no guard on purpose. */
#ifndef EL_ISA
#error "include edgeleak/codec.h"
#endif

/* ---- prediction ------------------------------------------------------- */

/* All arithmetic is modulo 2^16, so encoder and decoder agree for any input. */
EL_INLINE uint16_t
EL_ISA(el_codec_predict)(int code, uint32_t left, uint32_t up_left, uint32_t up,
                         uint32_t up_right, uint32_t up2)
{
    const uint32_t low = left < up ? left : up;
    const uint32_t high = left < up ? up : left;
    switch (code) {
    case EL_CODEC_MED: {
        const int32_t plane = (int32_t)(left + up) - (int32_t)up_left;
        const int32_t bounded = plane < (int32_t)low ? (int32_t)low : plane;
        return (uint16_t)(bounded > (int32_t)high ? (int32_t)high : bounded);
    }
    case EL_CODEC_SMOOTH:
        return (uint16_t)((4 * left + up_left + 2 * up + up_right + 4) >> 3);
    case EL_CODEC_SLOPE: /* 4 * 65536 keeps the sum positive and vanishes modulo 2^16 */
        return (uint16_t)((2 * left + 2 * up + up_right + 4u * 65536u - up_left + 2) >> 2);
    default:
        return (uint16_t)((up + up2 + 1) >> 1);
    }
}

EL_INLINE uint16_t
EL_ISA(el_codec_zigzag)(uint16_t residual)
{
    const uint16_t sign = (uint16_t)((int16_t)residual >> 15);
    return (uint16_t)((uint16_t)(residual << 1) ^ sign);
}

EL_INLINE uint16_t
EL_ISA(el_codec_unzigzag)(uint16_t code)
{
    return (uint16_t)((code >> 1) ^ (uint16_t)-(code & 1));
}

/* Residuals of pixels x0..x0+n-1 of a row; up is NULL in the first row. */
EL_INLINE void
EL_ISA(el_codec_residuals_as)(int code, const uint16_t *restrict row, const uint16_t *restrict up,
                              const uint16_t *restrict up2, size_t width, size_t x0, size_t n,
                              uint16_t *restrict z)
{
    size_t i = 0;
    const size_t inner = x0 + n < width ? n : n - 1; /* the last column has no up-right */
    if (x0 == 0) {
        const uint16_t p = EL_ISA(el_codec_predict)(code, up[0], up[0], up[0],
                                                    up[width > 1], up2[0]);
        z[i++] = EL_ISA(el_codec_zigzag)((uint16_t)(row[0] - p));
    }
    for (; i < inner; i++) {
        const size_t x = x0 + i;
        const uint16_t p = EL_ISA(el_codec_predict)(code, row[x - 1], up[x - 1], up[x],
                                                    up[x + 1], up2[x]);
        z[i] = EL_ISA(el_codec_zigzag)((uint16_t)(row[x] - p));
    }
    for (; i < n; i++) {
        const size_t x = x0 + i;
        const uint16_t p = EL_ISA(el_codec_predict)(code, row[x - 1], up[x - 1], up[x],
                                                    up[x], up2[x]);
        z[i] = EL_ISA(el_codec_zigzag)((uint16_t)(row[x] - p));
    }
}

EL_INLINE void
EL_ISA(el_codec_first_row)(const uint16_t *restrict row, size_t x0, size_t n, uint16_t *restrict z)
{
    for (size_t i = 0; i < n; i++) {
        const uint16_t left = x0 + i ? row[x0 + i - 1] : 0;
        z[i] = EL_ISA(el_codec_zigzag)((uint16_t)(row[x0 + i] - left));
    }
}

/* One specialised loop a predictor: the switch is outside of the loop. */
static void
EL_ISA(el_codec_residuals)(int code, const uint16_t *counts, size_t width, size_t y, size_t x0,
                           size_t n, uint16_t *z)
{
    const uint16_t *row = counts + y * width;
    const uint16_t *up = row - (y ? width : 0);
    const uint16_t *up2 = up - (y > 1 ? width : 0);
    if (y == 0) {
        EL_ISA(el_codec_first_row)(row, x0, n, z);
        return;
    }
    switch (code) {
    case EL_CODEC_MED:
        EL_ISA(el_codec_residuals_as)(EL_CODEC_MED, row, up, up2, width, x0, n, z);
        break;
    case EL_CODEC_SMOOTH:
        EL_ISA(el_codec_residuals_as)(EL_CODEC_SMOOTH, row, up, up2, width, x0, n, z);
        break;
    case EL_CODEC_SLOPE:
        EL_ISA(el_codec_residuals_as)(EL_CODEC_SLOPE, row, up, up2, width, x0, n, z);
        break;
    default:
        EL_ISA(el_codec_residuals_as)(EL_CODEC_COLUMN, row, up, up2, width, x0, n, z);
    }
}

/* The predictor with the smallest sum of zigzag residuals on one row; ties: the first. */
static uint8_t
EL_ISA(el_codec_choose)(const uint16_t *counts, size_t height, size_t width, size_t band)
{
    const size_t first = band * EL_CODEC_BAND_ROWS;
    const size_t middle = first + EL_CODEC_BAND_ROWS / 2;
    const size_t y = middle < height ? middle : height - 1;
    uint64_t least = UINT64_MAX;
    uint8_t best = 0;
    for (int code = 0; code < EL_CODEC_PREDICTORS; code++) {
        uint64_t sum = 0;
        for (size_t x = 0; x < width; x += EL_CODEC_BLOCK) {
            uint16_t z[EL_CODEC_BLOCK];
            const size_t n = width - x < EL_CODEC_BLOCK ? width - x : EL_CODEC_BLOCK;
            uint32_t part = 0;
            EL_ISA(el_codec_residuals)(code, counts, width, y, x, n, z);
            for (size_t i = 0; i < n; i++)
                part += z[i];
            sum += part;
        }
        if (sum < least) {
            least = sum;
            best = (uint8_t)code;
        }
    }
    return best;
}
