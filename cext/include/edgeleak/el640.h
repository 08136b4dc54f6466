// SPDX-License-Identifier: Apache-2.0
/* The el640 sensor's packets: check, order, 14-bit pixels out and in.
 *
 * Packet, big-endian: 454C | line | frame | flags | W pixels of 14 bits, 4 in 7 bytes | CRC-16.
 * A frame buffer holds height + 1 packets: rows 0..height-1, then the telemetry line.
 */
#include "edgeleak/isa.h"

#ifndef EL_ISA /* seen from outside */
#ifndef EDGELEAK_EL640_H
#define EDGELEAK_EL640_H

#include "edgeleak/crc16.h"

#define EL640_SYNC      0x454Cu
#define EL640_TELEMETRY 0x7FFEu
#define EL640_IDLE      0x7FFFu
#define EL640_HEADER    8u
#define EL640_MAX       0x3FFFu
/* LED, shutter and channel must not change inside a frame; saturation may. */
#define EL640_STEADY_FLAGS 0x0033u

/* What el640_gather counts. */
enum el640_count {
    EL640_GOOD,        /* packets put in their place */
    EL640_IDLES,       /* the sensor had nothing ready */
    EL640_BAD_SYNC,    /* does not begin with 454C */
    EL640_BAD_CRC,     /* damaged */
    EL640_WRONG_LINE,  /* whole, but not the line that must come next */
    EL640_WRONG_FRAME, /* the right line of another frame */
    EL640_WRONG_FLAGS, /* LED, shutter or channel differ from line 0 */
    EL640_SKIPPED,     /* whole, passed over while waiting for a line 0 */
    EL640_LOST,        /* frames begun and given up */
    EL640_COUNTS
};

EL_INLINE unsigned
el640_word(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

EL_INLINE void
el640_put(uint8_t *at, unsigned word)
{
    at[0] = (uint8_t)(word >> 8), at[1] = (uint8_t)word;
}

EL_INLINE size_t
el640_packet_bytes(size_t width)
{
    return EL640_HEADER + width / 4 * 7 + 2;
}

/* Whether a whole packet may stand at row of the frame whose row 0 is at first. */
static inline enum el640_count
el640_fits(const uint8_t *packet, const uint8_t *first, size_t row, size_t height)
{
    if (el640_word(packet + 2) != (row < height ? (unsigned)row : EL640_TELEMETRY))
        return row ? EL640_WRONG_LINE : EL640_SKIPPED;
    if (row == 0)
        return EL640_GOOD;
    if (el640_word(packet + 4) != el640_word(first + 4))
        return EL640_WRONG_FRAME;
    const unsigned changed = el640_word(packet + 6) ^ el640_word(first + 6);
    return changed & EL640_STEADY_FLAGS ? EL640_WRONG_FLAGS : EL640_GOOD;
}

/* Take the packets [row, end) that were just read and keep those that continue the frame, moved
 * together; any damage gives the frame up, and the next line 0 begins a new one.  Returns the
 * next free row: height + 1 when the frame is whole. */
static inline size_t
el640_gather(uint8_t *packets, size_t width, size_t height, size_t row, size_t end,
             uint32_t *counts)
{
    const size_t nbytes = el640_packet_bytes(width);
    for (size_t i = row; i < end; i++) {
        const uint8_t *packet = packets + i * nbytes;
        enum el640_count what = EL640_BAD_SYNC;
        if (el640_word(packet) == EL640_SYNC) {
            what = EL640_BAD_CRC;
            if (el_crc16(packet, nbytes, EL_CRC16_START) == 0) {
                what = EL640_IDLES;
                if (el640_word(packet + 2) != EL640_IDLE)
                    what = el640_fits(packet, packets, row, height);
            }
        }
        counts[what]++;
        if (what == EL640_IDLES)
            continue;
        if (what != EL640_GOOD) {
            counts[EL640_LOST] += row > 0;
            row = 0;
            if (what < EL640_WRONG_LINE || el640_word(packet + 2) != 0)
                continue;
            counts[EL640_GOOD]++;
        }
        if (i != row)
            memmove(packets + row * nbytes, packet, nbytes);
        row++;
    }
    return row;
}

/* A number that follows the pixels and not the header: equal for equal pictures. */
static inline uint64_t
el640_digest(const uint8_t *packets, size_t width, size_t height)
{
    const size_t nbytes = el640_packet_bytes(width), payload = width / 4 * 7;
    uint64_t sum = 0xCBF29CE484222325u;
    for (size_t y = 0; y < height; y++)
        for (size_t k = 0; k < 4; k++) {
            uint64_t part = 0;
            const uint8_t *at = packets + y * nbytes + EL640_HEADER + k * (payload / 4);
            for (int byte = 0; byte < 7; byte++)
                part = part << 8 | at[byte];
            sum = (sum ^ part) * 0x100000001B3u;
            sum ^= sum >> 29;
        }
    return sum;
}

/* Header and CRC around the payload that stands in packet. */
static inline void
el640_seal(uint8_t *packet, size_t width, unsigned line, unsigned frame, unsigned flags)
{
    const size_t body = el640_packet_bytes(width) - 2;
    el640_put(packet, EL640_SYNC), el640_put(packet + 2, line);
    el640_put(packet + 4, frame), el640_put(packet + 6, flags);
    el640_put(packet + body, el_crc16(packet, body, EL_CRC16_START));
}

EL_INLINE uint64_t
el640_swap(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return __builtin_bswap64(word);
#else
    return word;
#endif
}

/* Four pixels a turn; the eighth byte touched is always inside the packet, before its end. */
EL_INLINE void
el640_unpack_fours(const uint8_t *payload, uint16_t *counts, size_t x, size_t width)
{
    for (; x < width; x += 4) {
        uint64_t word;
        memcpy(&word, payload + x / 4 * 7, 8);
        word = el640_swap(word);
        counts[x] = (uint16_t)(word >> 50), counts[x + 1] = (uint16_t)(word >> 36 & EL640_MAX);
        counts[x + 2] = (uint16_t)(word >> 22 & EL640_MAX);
        counts[x + 3] = (uint16_t)(word >> 8 & EL640_MAX);
    }
}

/* The inverse; values above 14 bits become 16383. */
static inline void
el640_pack_row(const uint16_t *counts, uint8_t *payload, size_t width)
{
    for (size_t x = 0; x < width; x += 4, payload += 7) {
        uint64_t word = 0;
        for (size_t k = 0; k < 4; k++)
            word = word << 14 | (counts[x + k] < EL640_MAX ? counts[x + k] : EL640_MAX);
        word = el640_swap(word << 8);
        memcpy(payload, &word, 8);
    }
}

#define EL_ISA_BODY "edgeleak/el640.h"
#include "edgeleak/isa_passes.h"

/* Pixels of height packets to counts; returns the flags that all lines have in the upper half
 * and those that any line has in the lower half. */
static inline uint32_t
el640_unpack(const uint8_t *packets, size_t width, size_t height, uint16_t *counts)
{
    const size_t nbytes = el640_packet_bytes(width);
    unsigned any = 0, all = 0xFFFFu;
    for (size_t y = 0; y < height; y++, packets += nbytes) {
        any |= el640_word(packets + 6), all &= el640_word(packets + 6);
        EL_ISA_CALL(el640_unpack_row, packets + EL640_HEADER, counts + y * width, width);
    }
    return all << 16 | any;
}

/* counts to height sealed packets. */
static inline void
el640_pack(const uint16_t *counts, size_t width, size_t height, uint8_t *packets, unsigned frame,
           unsigned flags)
{
    const size_t nbytes = el640_packet_bytes(width);
    for (size_t y = 0; y < height; y++, packets += nbytes) {
        el640_pack_row(counts + y * width, packets + EL640_HEADER, width);
        el640_seal(packets, width, (unsigned)y, frame, flags);
    }
}

#endif /* EDGELEAK_EL640_H */
#else  /* the body, once per instruction set */

/* Of four pixels in bytes 0..6: 01 >> 2; 12 << 4 | 3 >> 4; 34 << 2 | 5 >> 6; 56, all & 3FFF. */
static inline void
EL_ISA(el640_unpack_row)(const uint8_t *payload, uint16_t *counts, size_t width)
{
    size_t x = 0;
#if EL_ISA_AVX2
    const __m256i upper = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(-1, -1, 2, 1, 4, 3, 6, 5, -1, -1, 9, 8, 11, 10, 13, 12));
    const __m256i lower = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(1, 0, -1, 3, -1, 5, -1, -1, 8, 7, -1, 10, -1, 12, -1, -1));
    const __m256i left = _mm256_set1_epi64x(0x0001000400100000);
    const __m256i right = _mm256_set1_epi64x(0x0000000400104000);
    const __m256i top = _mm256_set1_epi16(EL640_MAX);
    for (; x + 16 <= width; x += 16, payload += 28) {
        const __m128i a = _mm_loadu_si128((const __m128i *)(const void *)payload);
        const __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(payload + 14));
        const __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
        const __m256i value = _mm256_or_si256(
            _mm256_mullo_epi16(_mm256_shuffle_epi8(both, upper), left),
            _mm256_mulhi_epu16(_mm256_shuffle_epi8(both, lower), right));
        _mm256_storeu_si256((__m256i *)(void *)(counts + x), _mm256_and_si256(value, top));
    }
    payload -= x / 4 * 7;
#elif EL_NEON && defined(__aarch64__)
    static const uint8_t upper_at[16] = {1, 0, 2, 1, 4, 3, 6, 5, 8, 7, 9, 8, 11, 10, 13, 12};
    static const uint8_t lower_at[16] = {99, 99, 3,  99, 5,  99, 99, 99,
                                         99, 99, 10, 99, 12, 99, 99, 99};
    static const int16_t upper_by[8] = {-2, 4, 2, 0, -2, 4, 2, 0};
    static const int16_t lower_by[8] = {0, -4, -6, 0, 0, -4, -6, 0};
    const uint8x16_t upper = vld1q_u8(upper_at), lower = vld1q_u8(lower_at);
    const int16x8_t left = vld1q_s16(upper_by), right = vld1q_s16(lower_by);
    const uint16x8_t top = vdupq_n_u16(EL640_MAX);
    for (; x + 8 <= width; x += 8) {
        const uint8x16_t bytes = vld1q_u8(payload + x / 4 * 7);
        const uint16x8_t a = vshlq_u16(vreinterpretq_u16_u8(vqtbl1q_u8(bytes, upper)), left);
        const uint16x8_t b = vshlq_u16(vreinterpretq_u16_u8(vqtbl1q_u8(bytes, lower)), right);
        vst1q_u16(counts + x, vandq_u16(vorrq_u16(a, b), top));
    }
#endif
    el640_unpack_fours(payload, counts, x, width);
}

#endif
