// SPDX-License-Identifier: Apache-2.0
/* Blocks: the shorter of the two codings, bounds checked on the way back.
 * Part of codec.h, included once per instruction set; no guard on purpose. */
#ifndef EL_ISA
#error "include edgeleak/codec.h"
#endif

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
