/* SPDX-License-Identifier: Apache-2.0 */
/* Deterministic input and checksums for the C harnesses; tests/c/kernel_digests.py
 * makes the same bytes in Python. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* One linear congruential stream a buffer; the high half of the state is used. */
static inline uint16_t
sample_next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (uint16_t)(*state >> 16);
}

enum sample_kind { SAMPLE_NOISE, SAMPLE_LOW, SAMPLE_HIGH, SAMPLE_COUNTS, SAMPLE_KINDS };

static inline uint16_t
sample_shape(uint16_t word, enum sample_kind kind)
{
    switch (kind) {
    case SAMPLE_LOW:
        return (uint16_t)(word & 3);
    case SAMPLE_HIGH:
        return (uint16_t)(0xFFFF - (word & 3));
    case SAMPLE_COUNTS:
        return (uint16_t)(word & 0x3FFF);
    default:
        return word;
    }
}

/* Exactly n elements from malloc, so that a sanitizer sees the first byte outside. */
static inline void *
sample_room(size_t n, size_t size)
{
    void *room = malloc(n ? n * size : 1);
    if (room == NULL) {
        fprintf(stderr, "sample: out of memory\n");
        exit(70);
    }
    return room;
}

static inline uint16_t *
sample_words(size_t n, uint32_t seed, enum sample_kind kind)
{
    uint16_t *words = (uint16_t *)sample_room(n, sizeof *words);
    for (size_t i = 0; i < n; i++)
        words[i] = sample_shape(sample_next(&seed), kind);
    return words;
}

static inline uint8_t *
sample_bytes(size_t n, uint32_t seed, enum sample_kind kind)
{
    uint8_t *bytes = (uint8_t *)sample_room(n, 1);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)sample_shape(sample_next(&seed), kind);
    return bytes;
}

/* CRC-32 (zlib) going on from *crc*, 0 to start. */
static inline uint32_t
sample_crc(uint32_t crc, const void *data, size_t n)
{
    const uint8_t *bytes = (const uint8_t *)data;
    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1u)));
    }
    return ~crc;
}

#endif /* SAMPLE_H */
