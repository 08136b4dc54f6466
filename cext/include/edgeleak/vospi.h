// SPDX-License-Identifier: Apache-2.0
/* FLIR Lepton VoSPI packets: check, order, segments, 16-bit words out and in.
 *
 * Packet, big-endian: ID u16 | CRC u16 | 80 words.  ID & 0F00 = 0F00 is a discard packet.  The
 * CRC has start 0 and takes the ID's top four bits and its own field as zero.  A Lepton 2 sends
 * one segment a frame, a Lepton 3 four; packet 20 carries the segment's number in bits 12..14,
 * and a segment of number 0 is a repetition that must not be used.
 */
#ifndef EDGELEAK_VOSPI_H
#define EDGELEAK_VOSPI_H

#include "edgeleak/crc16.h"

#define EL_VOSPI_BYTES       164u
#define EL_VOSPI_HEADER      4u
#define EL_VOSPI_WORDS       80u
#define EL_VOSPI_MARK_PACKET 20u

/* What el_vospi_gather counts. */
enum el_vospi_count {
    EL_VOSPI_GOOD,       /* packets put in their place */
    EL_VOSPI_DISCARDS,   /* the camera had nothing ready */
    EL_VOSPI_BAD_CRC,    /* damaged, or out of step */
    EL_VOSPI_WRONG_LINE, /* whole, but not the packet that must come next */
    EL_VOSPI_REPEATS,    /* segments of number 0 */
    EL_VOSPI_WRONG_PART, /* a segment that is not the next one */
    EL_VOSPI_LOST,       /* frames begun and given up */
    EL_VOSPI_COUNTS
};

EL_INLINE unsigned
el_vospi_word(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static inline uint16_t
el_vospi_crc(const uint8_t *packet)
{
    const uint8_t head[EL_VOSPI_HEADER] = {packet[0] & 15, packet[1], 0, 0};
    return el_crc16(packet + EL_VOSPI_HEADER, EL_VOSPI_BYTES - EL_VOSPI_HEADER,
                    el_crc16_slices(head, EL_VOSPI_HEADER, 0));
}

/* With start 0 a line held low looks like a valid packet 0; a camera never sends one. */
EL_INLINE int
el_vospi_is_dead(const uint8_t *packet)
{
    return packet[0] == 0 && memcmp(packet, packet + 1, EL_VOSPI_BYTES - 1) == 0;
}

/* Where a packet that carries its segment's number belongs: its row, or 0 with *what changed. */
static inline size_t
el_vospi_part(uint8_t *packets, size_t per_segment, size_t row, unsigned mark,
              enum el_vospi_count *what)
{
    const size_t expected = row / per_segment + 1;
    if (mark == expected)
        return row;
    const size_t begin = (expected - 1) * per_segment;
    if (mark == 0) {
        *what = EL_VOSPI_REPEATS;
        return begin;
    }
    *what = EL_VOSPI_WRONG_PART;
    if (mark != 1)
        return 0;
    memmove(packets, packets + begin * EL_VOSPI_BYTES, EL_VOSPI_MARK_PACKET * EL_VOSPI_BYTES);
    return EL_VOSPI_MARK_PACKET;
}

/* Take the packets [row, end) that were just read and keep those that continue the frame, moved
 * together.  Discards and repeated segments vanish; damage gives the frame up, and the next
 * packet 0 begins again.  Returns the next free row: all of them when the frame is whole. */
static inline size_t
el_vospi_gather(uint8_t *packets, size_t per_segment, size_t segments, size_t row, size_t end,
                uint32_t *counts)
{
    for (size_t i = row; i < end; i++) {
        const uint8_t *packet = packets + i * EL_VOSPI_BYTES;
        const unsigned id = el_vospi_word(packet);
        const size_t number = id & 0xFFFu;
        if ((id & 0x0F00u) == 0x0F00u) {
            counts[EL_VOSPI_DISCARDS]++;
            continue;
        }
        enum el_vospi_count what = EL_VOSPI_GOOD;
        if (el_vospi_crc(packet) != el_vospi_word(packet + 2) || el_vospi_is_dead(packet))
            what = EL_VOSPI_BAD_CRC;
        else if (number != row % per_segment)
            what = EL_VOSPI_WRONG_LINE;
        if (what != EL_VOSPI_GOOD) {
            /* Inside what is skipped after a repeated segment this is no news. */
            const int is_skipping = what == EL_VOSPI_WRONG_LINE && row % per_segment == 0;
            counts[what] += !is_skipping;
            counts[EL_VOSPI_LOST] += row > 0 && !is_skipping;
            if (!is_skipping)
                row = 0;
            if (what == EL_VOSPI_BAD_CRC || number != 0)
                continue;
        } else if (segments > 1 && number == EL_VOSPI_MARK_PACKET) {
            const size_t kept = el_vospi_part(packets, per_segment, row, id >> 12 & 7, &what);
            counts[what] += what != EL_VOSPI_GOOD;
            counts[EL_VOSPI_LOST] += what == EL_VOSPI_WRONG_PART && row >= per_segment;
            row = kept;
            if (row % per_segment != EL_VOSPI_MARK_PACKET)
                continue;
        }
        if (i != row)
            memmove(packets + row * EL_VOSPI_BYTES, packet, EL_VOSPI_BYTES);
        counts[EL_VOSPI_GOOD]++;
        row++;
    }
    return row;
}

/* The 80 words of each of n packets. */
static inline void
el_vospi_unpack(const uint8_t *packets, size_t n, uint16_t *words)
{
    for (size_t k = 0; k < n; k++) {
        const uint8_t *at = packets + k * EL_VOSPI_BYTES + EL_VOSPI_HEADER;
        for (size_t x = 0; x < EL_VOSPI_WORDS; x++)
            words[k * EL_VOSPI_WORDS + x] = (uint16_t)el_vospi_word(at + 2 * x);
    }
}

/* n packets of one segment, numbered from 0; mark is the segment's number, 0..7. */
static inline void
el_vospi_pack(const uint16_t *words, size_t n, unsigned mark, uint8_t *packets)
{
    for (size_t k = 0; k < n; k++, packets += EL_VOSPI_BYTES) {
        const unsigned id = (unsigned)k | (k == EL_VOSPI_MARK_PACKET ? mark << 12 : 0);
        packets[0] = (uint8_t)(id >> 8), packets[1] = (uint8_t)id;
        for (size_t x = 0; x < EL_VOSPI_WORDS; x++) {
            packets[EL_VOSPI_HEADER + 2 * x] = (uint8_t)(words[k * EL_VOSPI_WORDS + x] >> 8);
            packets[EL_VOSPI_HEADER + 2 * x + 1] = (uint8_t)words[k * EL_VOSPI_WORDS + x];
        }
        const uint16_t crc = el_vospi_crc(packets);
        packets[2] = (uint8_t)(crc >> 8), packets[3] = (uint8_t)crc;
    }
}

#endif /* EDGELEAK_VOSPI_H */
