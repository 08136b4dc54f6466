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

/* ---- bit packing: 8 lanes of 16 values, lane j holds values j, j + 8, ... - */

static uint8_t *
EL_ISA(el_codec_put_packed)(const uint16_t *restrict z, unsigned bits, uint8_t *restrict out)
{
    uint16_t word[8] = {0};
    unsigned used = 0;
    *out++ = (uint8_t)bits;
    for (unsigned i = 0; bits && i < 16; i++) {
        const uint16_t *const v = z + 8 * i;
        for (unsigned j = 0; j < 8; j++)
            word[j] = (uint16_t)(word[j] | (uint16_t)(v[j] << used));
        used += bits;
        if (used >= 16) {
            memcpy(out, word, sizeof word);
            out += sizeof word;
            used -= 16;
            for (unsigned j = 0; j < 8; j++)
                word[j] = (uint16_t)(v[j] >> (bits - used));
        }
    }
    return out;
}

static void
EL_ISA(el_codec_get_packed)(const uint8_t *restrict in, unsigned bits, uint16_t *restrict z)
{
    const uint16_t keep = (uint16_t)((1u << bits) - 1u);
    uint16_t word[8] = {0};
    unsigned left = 0; /* bits of `word` not yet taken */
    for (unsigned i = 0; i < 16; i++) {
        uint16_t *const v = z + 8 * i;
        if (left >= bits) {
            for (unsigned j = 0; j < 8; j++) {
                v[j] = (uint16_t)(word[j] & keep);
                word[j] = (uint16_t)(word[j] >> bits);
            }
            left -= bits;
            continue;
        }
        uint16_t next[8];
        memcpy(next, in, sizeof next);
        in += sizeof next;
        for (unsigned j = 0; j < 8; j++) {
            v[j] = (uint16_t)((uint16_t)(word[j] | (uint16_t)(next[j] << left)) & keep);
            word[j] = (uint16_t)((uint32_t)next[j] >> (bits - left));
        }
        left += 16 - bits;
    }
}

/* ---- Rice: q zeros, a one, k low bits; least significant bit first ------- */

/* Estimated best k.  The sum of z >> k is the sum >> k less about half a unit a value. */
EL_INLINE unsigned
EL_ISA(el_codec_rice_k)(uint32_t sum, uint32_t *bits)
{
    unsigned best = 0;
    uint32_t least = EL_CODEC_BLOCK + sum;
    for (unsigned k = 1; k <= EL_CODEC_RICE_MAX_K; k++) {
        const uint32_t lost = (EL_CODEC_BLOCK / 2) * ((1u << k) - 1u);
        const uint32_t cost = EL_CODEC_BLOCK * (k + 1) + ((sum > lost ? sum - lost : 0) >> k);
        if (cost < least) {
            least = cost;
            best = k;
        }
    }
    *bits = least;
    return best;
}

/* May write up to 7 bytes beyond what it returns: the bound has room. */
static uint8_t *
EL_ISA(el_codec_put_rice)(const uint16_t *restrict z, unsigned k, uint8_t *restrict out)
{
    const uint32_t low_mask = (1u << k) - 1u;
    uint64_t acc = 0;
    unsigned held = 0;
    *out++ = (uint8_t)(EL_CODEC_RICE + k);
    for (size_t i = 0; i < EL_CODEC_BLOCK; i++) {
        const uint32_t q = (uint32_t)z[i] >> k;
        const uint32_t low = z[i] & low_mask;
        uint64_t code = (uint64_t)(1u | low << 1) << (q & 31u);
        unsigned length = q + 1 + k;
        if (q >= EL_CODEC_ESCAPE) {
            code = (uint64_t)(1u | (uint32_t)z[i] << 1) << EL_CODEC_ESCAPE;
            length = EL_CODEC_ESCAPE + 17;
        }
        acc |= code << held;
        held += length;
        memcpy(out, &acc, sizeof acc);
        out += held >> 3;
        acc >>= held & ~7u;
        held &= 7;
    }
    return out + (held ? 1 : 0);
}

/* Next value of a word that starts with it; adds its bits to *length. */
EL_INLINE uint16_t
EL_ISA(el_codec_rice_value)(uint64_t word, unsigned k, unsigned *length)
{
    const unsigned q = (unsigned)__builtin_ctzll(word | UINT64_C(1) << EL_CODEC_ESCAPE);
    const uint64_t rest = word >> (q + 1);
    if (q == EL_CODEC_ESCAPE) {
        *length += EL_CODEC_ESCAPE + 17;
        return (uint16_t)rest;
    }
    *length += q + 1 + k;
    return (uint16_t)(q << k | ((uint32_t)rest & ((1u << k) - 1u)));
}

/* At least 57 bits from `bit` on; 8 bytes must be readable there. */
EL_INLINE uint64_t
EL_ISA(el_codec_bits_at)(const uint8_t *in, size_t bit)
{
    uint64_t word;
    memcpy(&word, in + (bit >> 3), sizeof word);
    return word >> (bit & 7);
}

/* Decode one block; `in` must be readable for EL_CODEC_RICE_BYTES.  Returns bytes used.
 * Four values from one load halve the time; where they are longer than the load, each
 * gets its own. */
static size_t
EL_ISA(el_codec_get_rice)(const uint8_t *restrict in, unsigned k, uint16_t *restrict z)
{
    size_t bit = 0;
    for (size_t i = 0; i < EL_CODEC_BLOCK; i += 4) {
        const uint64_t word = EL_ISA(el_codec_bits_at)(in, bit);
        unsigned length = 0;
        size_t done = 0;
        for (; done < 4 && length < 57; done++)
            z[i + done] = EL_ISA(el_codec_rice_value)(word >> length, k, &length);
        if (done == 4 && length <= 57) {
            bit += length;
            continue;
        }
        for (size_t j = 0; j < 4; j++) {
            length = 0;
            z[i + j] = EL_ISA(el_codec_rice_value)(EL_ISA(el_codec_bits_at)(in, bit), k, &length);
            bit += length;
        }
    }
    return (bit + 7) >> 3;
}

/* ---- blocks -------------------------------------------------------------- */

static uint8_t *
EL_ISA(el_codec_put_block)(const uint16_t *restrict z, int fast, uint8_t *restrict out)
{
    uint32_t sum = 0;
    uint16_t any = 0;
    for (size_t i = 0; i < EL_CODEC_BLOCK; i++) {
        sum += z[i];
        any = (uint16_t)(any | z[i]);
    }
    const unsigned bits = any ? 32u - (unsigned)__builtin_clz(any) : 0;
    if (!fast && bits > 1) {
        uint32_t rice_bits;
        const unsigned k = EL_ISA(el_codec_rice_k)(sum, &rice_bits);
        if (rice_bits < bits * EL_CODEC_BLOCK) {
            uint8_t *const end = EL_ISA(el_codec_put_rice)(z, k, out);
            if ((size_t)(end - out) <= 1 + 2 * (size_t)bits * (EL_CODEC_BLOCK / 16))
                return end;
        }
    }
    return EL_ISA(el_codec_put_packed)(z, bits, out);
}

/* Returns the bytes used, or an el_codec_error. */
static int
EL_ISA(el_codec_get_block)(const uint8_t *in, size_t n, uint16_t *restrict z)
{
    if (n == 0)
        return EL_CODEC_CUT;
    const unsigned code = in[0];
    if (code <= 16) {
        if (n < 1 + 16 * (size_t)code)
            return EL_CODEC_CUT;
        if (code == 0)
            memset(z, 0, EL_CODEC_BLOCK * sizeof *z);
        else
            EL_ISA(el_codec_get_packed)(in + 1, code, z);
        return (int)(1 + 16 * code);
    }
    if (code < EL_CODEC_RICE || code > EL_CODEC_RICE + EL_CODEC_RICE_MAX_K)
        return EL_CODEC_BAD_CODE;
    if (n > EL_CODEC_RICE_BYTES)
        return (int)(1 + EL_ISA(el_codec_get_rice)(in + 1, code - EL_CODEC_RICE, z));
    uint8_t tail[EL_CODEC_RICE_BYTES] = {0}; /* never read behind the blob */
    memcpy(tail, in + 1, n - 1);
    const size_t used = EL_ISA(el_codec_get_rice)(tail, code - EL_CODEC_RICE, z);
    return used > n - 1 ? EL_CODEC_CUT : (int)(1 + used);
}

/* ---- frames -------------------------------------------------------------- */

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
