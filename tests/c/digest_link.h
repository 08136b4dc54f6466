/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of the sensor links: CRC of every length, el640 frames, VoSPI segments. */
#ifndef DIGEST_LINK_H
#define DIGEST_LINK_H

#include <string.h>

#include "edgeleak/el640.h"
#include "edgeleak/vospi.h"
#include "sample.h"

#define LINK_LONGEST 300
#define LINK_HEIGHT  5

static void
digest_crc16(void)
{
    uint32_t crc = 0;
    for (size_t n = 0; n <= LINK_LONGEST; n++) {
        uint8_t *data = sample_bytes(n, (uint32_t)n, SAMPLE_NOISE);
        const uint16_t value = el_crc16(data, n, (uint16_t)(n * 257));
        crc = sample_crc(crc, &value, sizeof value);
        free(data);
    }
    printf("crc16 %08x\n", crc);
}

/* Row and counts after one packet more than half of the frame was read with a wrong bit in it. */
static uint32_t
link_damaged(uint8_t *packets, size_t width, size_t height, uint32_t crc)
{
    uint32_t counts[EL640_COUNTS] = {0};
    packets[(height / 2) * el640_packet_bytes(width) + 11] ^= 4;
    const uint32_t row = (uint32_t)el640_gather(packets, width, height, 0, height + 1, counts);
    crc = sample_crc(crc, &row, sizeof row);
    return sample_crc(crc, counts, sizeof counts);
}

static void
digest_el640(void)
{
    static const size_t widths[] = {16, 20, 36, 100, 320, 640};
    for (size_t k = 0; k < sizeof widths / sizeof *widths; k++) {
        const size_t w = widths[k], h = LINK_HEIGHT, nbytes = el640_packet_bytes(w);
        uint16_t *pixels = sample_words(w * h, (uint32_t)k, SAMPLE_NOISE);
        uint8_t *packets = sample_bytes((h + 1) * nbytes, (uint32_t)k + 100, SAMPLE_NOISE);
        uint32_t counts[EL640_COUNTS] = {0};
        el640_pack(pixels, w, h, packets, 0xABCD, 5);
        el640_seal(packets + h * nbytes, w, EL640_TELEMETRY, 0xABCD, 1);
        uint32_t crc = sample_crc(0, packets, (h + 1) * nbytes);
        const uint32_t row = (uint32_t)el640_gather(packets, w, h, 0, h + 1, counts);
        crc = sample_crc(sample_crc(crc, &row, sizeof row), counts, sizeof counts);
        const uint32_t flags = el640_unpack(packets, w, h, pixels);
        const uint64_t digest = el640_digest(packets, w, h);
        crc = sample_crc(sample_crc(crc, pixels, 2 * w * h), &flags, sizeof flags);
        crc = link_damaged(packets, w, h, sample_crc(crc, &digest, sizeof digest));
        printf("el640 width %zu %08x\n", w, crc);
        free(pixels), free(packets);
    }
}

static void
digest_vospi(void)
{
    static const size_t layouts[][2] = {{1, 60}, {1, 63}, {4, 60}, {4, 61}};
    for (size_t k = 0; k < 4; k++) {
        const size_t segments = layouts[k][0], per = layouts[k][1], n = segments * per;
        uint16_t *words = sample_words(n * EL_VOSPI_WORDS, (uint32_t)k, SAMPLE_COUNTS);
        uint8_t *packets = (uint8_t *)sample_room(n, EL_VOSPI_BYTES);
        uint32_t counts[EL_VOSPI_COUNTS] = {0};
        for (size_t s = 0; s < segments; s++)
            el_vospi_pack(words + s * per * EL_VOSPI_WORDS, per, segments > 1 ? (unsigned)s + 1 : 0,
                          packets + s * per * EL_VOSPI_BYTES);
        uint32_t crc = sample_crc(0, packets, n * EL_VOSPI_BYTES);
        packets[7 * EL_VOSPI_BYTES] = 0x0F; /* a discard, so packet 8 is out of place */
        const uint32_t row = (uint32_t)el_vospi_gather(packets, per, segments, 0, n, counts);
        crc = sample_crc(sample_crc(crc, &row, sizeof row), counts, sizeof counts);
        el_vospi_unpack(packets, n, words);
        crc = sample_crc(crc, words, 2 * n * EL_VOSPI_WORDS);
        printf("vospi segments %zu of %zu %08x\n", segments, per, crc);
        free(words), free(packets);
    }
}

#endif /* DIGEST_LINK_H */
