// SPDX-License-Identifier: Apache-2.0
/* 128 residual codes to bits and back: bit packing and Rice.
 * Part of codec.h, included once per instruction set; no guard on purpose. */
#ifndef EL_ISA
#error "include edgeleak/codec.h"
#endif

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
