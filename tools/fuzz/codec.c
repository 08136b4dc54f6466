// SPDX-License-Identifier: Apache-2.0
/* Round trips and damaged blobs for the frame codec; run it under the sanitizers:
 *
 *   gcc -std=gnu11 -g -O1 -Icext/include -Wall -Wextra -Wconversion -Werror \
 *       -fsanitize=address,undefined -fno-sanitize-recover=all \
 *       tools/fuzz/codec.c -o build/codec_fuzz && build/codec_fuzz [rounds]
 *
 * Blobs and frames have exactly their own size on the heap, so that one byte too far
 * is a report.  EDGELEAK_ISA=baseline takes the other path.  The digest of all blobs must
 * be the same on every machine: cross-compile with -static and run it under qemu-user.
 */
#include "edgeleak/codec.h"

#include <stdio.h>

static uint64_t state = UINT64_C(88172645463325252);

static uint32_t
draw(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16) % below;
}

static uint16_t
pixel(uint32_t kind)
{
    switch (kind) {
    case 0: return (uint16_t)draw(65536);
    case 1: return (uint16_t)(3000 + draw(16));
    case 2: return draw(2) ? 65535 : 0;
    case 3: return (uint16_t)(draw(50) ? 5000 + draw(3) : draw(65536));
    default: return 7;
    }
}

static void
damage(uint8_t *blob, size_t n)
{
    for (uint32_t left = 1 + draw(4); left && n; left--) {
        const size_t at = n > 16 && draw(3) ? 16 + draw((uint32_t)n - 16) : draw((uint32_t)n);
        blob[at] = (uint8_t)draw(256);
    }
    if (n >= 16 && draw(2)) { /* a header that agrees lets the damage reach the decoder */
        const uint32_t payload = (uint32_t)(n - 16);
        memcpy(blob + 12, &payload, sizeof payload);
    }
}

/* FNV-1a over all blobs: the same on every machine and instruction set. */
static uint64_t digest = UINT64_C(14695981039346656037);

static void
note(const uint8_t *blob, size_t n)
{
    for (size_t i = 0; i < n; i++)
        digest = (digest ^ blob[i]) * UINT64_C(1099511628211);
}

static int
round_trip(long *decoded, long *refused)
{
    const int one_row = draw(10) == 0;
    const size_t h = one_row ? 1 : 1 + draw(20);
    const size_t w = 1 + draw(one_row ? 400 : 67);
    uint16_t *const frame = malloc(h * w * sizeof *frame);
    uint16_t *const got = malloc(h * w * sizeof *got);
    uint8_t *const out = malloc(el_codec_bound(h, w));
    const uint32_t kind = draw(5);
    for (size_t i = 0; i < h * w; i++)
        frame[i] = pixel(kind);
    const size_t n = el_codec_pack(frame, h, w, (int)draw(2), out);
    int same = 1;
    note(out, n);
    for (int attempt = 0; attempt < 5 && same; attempt++) {
        const size_t cut = attempt && draw(4) == 0 ? draw((uint32_t)n + 1) : n;
        uint8_t *const blob = malloc(cut ? cut : 1);
        memcpy(blob, out, cut);
        if (attempt)
            damage(blob, cut);
        const int error = el_codec_unpack(blob, cut, got, h, w);
        if (attempt == 0)
            same = error == 0 && memcmp(frame, got, h * w * sizeof *frame) == 0;
        else
            *(error ? refused : decoded) += 1;
        free(blob);
    }
    free(frame);
    free(got);
    free(out);
    return same;
}

int
main(int argc, char **argv)
{
    const long rounds = argc > 1 ? atol(argv[1]) : 20000;
    long decoded = 0, refused = 0;
    for (long i = 0; i < rounds; i++)
        if (!round_trip(&decoded, &refused)) {
            printf("codec: round %ld does not give its frame back\n", i);
            return 1;
        }
    printf("codec: %ld round trips, %ld damaged blobs decoded, %ld refused,"
           " digest %016llx\n",
           rounds, decoded, refused, (unsigned long long)digest);
    return refused == 0 && rounds > 100;
}
