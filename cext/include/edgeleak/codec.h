// SPDX-License-Identifier: Apache-2.0
/* Lossless codec for 14- and 16-bit frames, format ELC1 (docs/formats.md).
 *
 *     header, 16 bytes, little-endian:
 *         "ELC1" | height u16 | width u16 | zero u32 | payload bytes u32
 *     payload:
 *         ceil(height / 8) predictor codes, one byte a band of 8 rows
 *         per block of 128 residuals, raster order across rows, the last one
 *         filled up with zeros: one code byte, then
 *             0..16     bit packing: 16 * code bytes
 *             32 + k    Rice, k = 0..14, at most 41 bits a value, padded to bytes
 *
 * A residual is (pixel - prediction) mod 2^16, zigzag coded.  Rice beats bit
 * packing by 15..25 % on thermal frames, because one large residual does not
 * widen its 127 neighbours; `fast` encoding takes bit packing only, which
 * vectorises.  The decoder trusts nothing: every read is inside the blob and
 * every blob byte must be used.  The first row is predicted from the left, the
 * others by the band's code, with the edge column standing in for what lies
 * outside.  Bytes are the same on all machines.
 */
#include "edgeleak/isa.h"
#ifndef EL_ISA
#ifndef EDGELEAK_CODEC_H
#define EDGELEAK_CODEC_H

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the codec's words are little-endian"
#endif

#define EL_CODEC_HEADER_BYTES 16u
#define EL_CODEC_BLOCK        128u
#define EL_CODEC_BAND_ROWS    8u
#define EL_CODEC_RICE         32u
#define EL_CODEC_RICE_MAX_K   14u
#define EL_CODEC_ESCAPE       24u  /* this many zeros: a 16-bit value follows */
/* 128 values of 24 zeros, a one and 16 bits, and room for one 8-byte store. */
#define EL_CODEC_RICE_BYTES   (EL_CODEC_BLOCK * 41u / 8u + 16u)

enum el_codec_predictor {
    EL_CODEC_MED = 0,     /* median of left, up and left + up - up-left: edges, stripes */
    EL_CODEC_SMOOTH = 1,  /* (4 left + up-left + 2 up + up-right) / 8: noise */
    EL_CODEC_SLOPE = 2,   /* (2 left + 2 up + up-right - up-left) / 4: ramps */
    EL_CODEC_COLUMN = 3,  /* mean of the two above: column pattern of raw frames */
    EL_CODEC_PREDICTORS = 4
};

enum el_codec_error {
    EL_CODEC_BAD_HEADER = -1,  /* not ELC1, or another geometry */
    EL_CODEC_CUT = -2,         /* the blob ends early */
    EL_CODEC_BAD_CODE = -3,    /* a predictor or block code that does not exist */
    EL_CODEC_TRAILING = -4     /* bytes are left over */
};

/* Largest blob of a frame; `out` must have this many bytes. */
static inline size_t
el_codec_bound(size_t height, size_t width)
{
    const size_t blocks = (height * width + EL_CODEC_BLOCK - 1) / EL_CODEC_BLOCK;
    const size_t bands = (height + EL_CODEC_BAND_ROWS - 1) / EL_CODEC_BAND_ROWS;
    return EL_CODEC_HEADER_BYTES + bands + blocks * (1 + 2 * EL_CODEC_BLOCK) + EL_CODEC_RICE_BYTES;
}

static inline uint32_t
el_codec_load32(const uint8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static inline uint16_t
el_codec_load16(const uint8_t *bytes)
{
    uint16_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

#define EL_ISA_BODY "edgeleak/codec.h"
#include "edgeleak/isa_passes.h"

/* Encode one frame, return the blob's bytes.  `out` holds el_codec_bound bytes. */
static inline size_t
el_codec_pack(const uint16_t *counts, size_t height, size_t width, int fast, uint8_t *out)
{
    return EL_ISA_CALL(el_codec_pack, counts, height, width, fast, out);
}

/* Decode a blob of n bytes into (height, width) counts; 0 or an el_codec_error. */
static inline int
el_codec_unpack(const uint8_t *blob, size_t n, uint16_t *counts, size_t height, size_t width)
{
    return EL_ISA_CALL(el_codec_unpack, blob, n, counts, height, width);
}

#endif /* EDGELEAK_CODEC_H */
#else  /* the body, once per instruction set */

#include "edgeleak/codec_predict.h"
#include "edgeleak/codec_restore.h"
#include "edgeleak/codec_bits.h"
#include "edgeleak/codec_blocks.h"

static size_t
EL_ISA(el_codec_pack)(const uint16_t *counts, size_t height, size_t width, int fast, uint8_t *out)
{
    const size_t bands = (height + EL_CODEC_BAND_ROWS - 1) / EL_CODEC_BAND_ROWS;
    uint8_t *const codes = out + EL_CODEC_HEADER_BYTES;
    uint8_t *end = codes + bands;
    uint16_t z[EL_CODEC_BLOCK];
    size_t filled = 0;
    for (size_t y = 0; y < height; y++) {
        const size_t band = y / EL_CODEC_BAND_ROWS;
        if (y % EL_CODEC_BAND_ROWS == 0)
            codes[band] = EL_ISA(el_codec_choose)(counts, height, width, band);
        for (size_t x = 0; x < width;) {
            const size_t room = EL_CODEC_BLOCK - filled;
            const size_t n = width - x < room ? width - x : room;
            EL_ISA(el_codec_residuals)(codes[band], counts, width, y, x, n, z + filled);
            x += n;
            filled += n;
            if (filled == EL_CODEC_BLOCK) {
                end = EL_ISA(el_codec_put_block)(z, fast, end);
                filled = 0;
            }
        }
    }
    if (filled) {
        memset(z + filled, 0, (EL_CODEC_BLOCK - filled) * sizeof *z);
        end = EL_ISA(el_codec_put_block)(z, fast, end);
    }
    const uint16_t size[2] = {(uint16_t)height, (uint16_t)width};
    const uint32_t tail[2] = {0, (uint32_t)(size_t)(end - codes)};
    memcpy(out, "ELC1", 4);
    memcpy(out + 4, size, sizeof size);
    memcpy(out + 8, tail, sizeof tail);
    return (size_t)(end - out);
}

/* Header and predictor codes; 0 or an el_codec_error. */
static int
EL_ISA(el_codec_check)(const uint8_t *blob, size_t n, size_t height, size_t width)
{
    const size_t bands = (height + EL_CODEC_BAND_ROWS - 1) / EL_CODEC_BAND_ROWS;
    if (n < EL_CODEC_HEADER_BYTES || memcmp(blob, "ELC1", 4) != 0)
        return EL_CODEC_BAD_HEADER;
    if (el_codec_load16(blob + 4) != height || el_codec_load16(blob + 6) != width ||
        el_codec_load32(blob + 8) != 0)
        return EL_CODEC_BAD_HEADER;
    if (n - EL_CODEC_HEADER_BYTES != el_codec_load32(blob + 12))
        return n - EL_CODEC_HEADER_BYTES < el_codec_load32(blob + 12) ? EL_CODEC_CUT
                                                                      : EL_CODEC_TRAILING;
    if (n - EL_CODEC_HEADER_BYTES < bands)
        return EL_CODEC_CUT;
    for (size_t i = 0; i < bands; i++)
        if (blob[EL_CODEC_HEADER_BYTES + i] >= EL_CODEC_PREDICTORS)
            return EL_CODEC_BAD_CODE;
    return 0;
}

static int
EL_ISA(el_codec_unpack)(const uint8_t *blob, size_t n, uint16_t *counts, size_t height,
                        size_t width)
{
    const int bad = EL_ISA(el_codec_check)(blob, n, height, width);
    if (bad)
        return bad;
    const uint8_t *const codes = blob + EL_CODEC_HEADER_BYTES;
    size_t at = EL_CODEC_HEADER_BYTES + (height + EL_CODEC_BAND_ROWS - 1) / EL_CODEC_BAND_ROWS;
    uint16_t z[EL_CODEC_BLOCK];
    size_t taken = EL_CODEC_BLOCK;
    for (size_t y = 0; y < height; y++) {
        for (size_t x = 0; x < width;) {
            if (taken == EL_CODEC_BLOCK) {
                const int used = EL_ISA(el_codec_get_block)(blob + at, n - at, z);
                if (used < 0)
                    return used;
                at += (size_t)used;
                taken = 0;
            }
            const size_t room = EL_CODEC_BLOCK - taken;
            const size_t step = width - x < room ? width - x : room;
            EL_ISA(el_codec_restore)(codes[y / EL_CODEC_BAND_ROWS], z + taken, counts, width, y,
                                     x, step);
            x += step;
            taken += step;
        }
    }
    return at == n ? 0 : EL_CODEC_TRAILING;
}

#endif /* EL_ISA */
