// SPDX-License-Identifier: Apache-2.0
/* Pixels from residuals: the decoder's side of codec_predict.h.
 * Part of codec.h, included once per instruction set; no guard on purpose. */
#ifndef EL_ISA
#error "include edgeleak/codec.h"
#endif

/* Pixels x0..x0+n-1 of a row from their residuals; each needs the one before. */
EL_INLINE void
EL_ISA(el_codec_restore_as)(int code, const uint16_t *restrict z, uint16_t *row,
                            const uint16_t *up, const uint16_t *up2, size_t width, size_t x0,
                            size_t n)
{
    uint16_t left = x0 ? row[x0 - 1] : up[0];
    uint16_t up_left = x0 ? up[x0 - 1] : up[0];
    for (size_t i = 0; i < n; i++) {
        const size_t x = x0 + i;
        const uint16_t up_right = up[x + 1 < width ? x + 1 : x];
        const uint16_t p = EL_ISA(el_codec_predict)(code, left, up_left, up[x], up_right, up2[x]);
        left = (uint16_t)(p + EL_ISA(el_codec_unzigzag)(z[i]));
        up_left = up[x];
        row[x] = left;
    }
}

static void
EL_ISA(el_codec_restore)(int code, const uint16_t *z, uint16_t *counts, size_t width, size_t y,
                         size_t x0, size_t n)
{
    uint16_t *row = counts + y * width;
    const uint16_t *up = row - (y ? width : 0);
    const uint16_t *up2 = up - (y > 1 ? width : 0);
    if (y == 0) {
        uint16_t left = x0 ? row[x0 - 1] : 0;
        for (size_t i = 0; i < n; i++)
            row[x0 + i] = left = (uint16_t)(left + EL_ISA(el_codec_unzigzag)(z[i]));
        return;
    }
    switch (code) {
    case EL_CODEC_MED:
        EL_ISA(el_codec_restore_as)(EL_CODEC_MED, z, row, up, up2, width, x0, n);
        break;
    case EL_CODEC_SMOOTH:
        EL_ISA(el_codec_restore_as)(EL_CODEC_SMOOTH, z, row, up, up2, width, x0, n);
        break;
    case EL_CODEC_SLOPE:
        EL_ISA(el_codec_restore_as)(EL_CODEC_SLOPE, z, row, up, up2, width, x0, n);
        break;
    default:
        EL_ISA(el_codec_restore_as)(EL_CODEC_COLUMN, z, row, up, up2, width, x0, n);
    }
}
