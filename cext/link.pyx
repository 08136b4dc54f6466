# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True
"""Compiled sensor links, el640 and Lepton; reference: kernels/reference/link.py."""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from checks cimport disjoint, in_range

cdef extern from "edgeleak/crc16.h" nogil:
    uint16_t el_crc16(const uint8_t *data, size_t n, uint16_t crc)

cdef extern from "edgeleak/el640.h" nogil:
    enum:
        EL640_COUNTS
    size_t el640_packet_bytes(size_t width)
    size_t el640_gather(uint8_t *packets, size_t width, size_t height, size_t row, size_t end,
                        uint32_t *counts)
    uint64_t c_digest "el640_digest"(const uint8_t *packets, size_t width, size_t height)
    uint32_t c_unpack "el640_unpack"(const uint8_t *packets, size_t width, size_t height,
                                     uint16_t *counts)
    void c_pack "el640_pack"(const uint16_t *counts, size_t width, size_t height,
                             uint8_t *packets, unsigned frame, unsigned flags)
    void c_seal "el640_seal"(uint8_t *packet, size_t width, unsigned line, unsigned frame,
                             unsigned flags)

cdef extern from "edgeleak/vospi.h" nogil:
    enum:
        EL_VOSPI_BYTES
        EL_VOSPI_WORDS
        EL_VOSPI_COUNTS
    size_t el_vospi_gather(uint8_t *packets, size_t per_segment, size_t segments, size_t row,
                           size_t end, uint32_t *counts)
    uint16_t el_vospi_crc(const uint8_t *packet)
    void el_vospi_unpack(const uint8_t *packets, size_t n, uint16_t *words)
    void el_vospi_pack(const uint16_t *words, size_t n, unsigned mark, uint8_t *packets)


def crc16(const uint8_t[::1] data not None, unsigned start=0xFFFF):
    """CRC-16, polynomial 0x1021, most significant bit first (CCITT-FALSE with start 0xFFFF).

    data  : (N,) uint8
    start : 0..65535; the result of an earlier part to continue it
    """
    in_range("start", start, 0, 0xFFFF)
    if data.shape[0] == 0:
        return start
    return el_crc16(&data[0], <size_t>data.shape[0], <uint16_t>start)


cdef int check_el640(Py_ssize_t nbytes, Py_ssize_t width) except -1:
    if width < 16 or width > 4096 or width % 4:
        raise ValueError(f"el640 lines have 16..4096 pixels, a multiple of 4, got {width}")
    if nbytes != <Py_ssize_t>el640_packet_bytes(<size_t>width):
        raise ValueError(f"packets of {width} pixels have {el640_packet_bytes(<size_t>width)}"
                         f" bytes, got {nbytes}")
    return 0


cdef int check_rows(Py_ssize_t row, Py_ssize_t end, Py_ssize_t rows) except -1:
    if not 0 <= row <= end <= rows:
        raise ValueError(f"rows {row}..{end} do not lie in a buffer of {rows} packets")
    return 0


def gather_el640(uint8_t[:, ::1] packets not None, Py_ssize_t width, Py_ssize_t row,
                 Py_ssize_t end, uint32_t[::1] counts not None):
    """Keep what continues a frame of the packets just read into rows [row, end).

    packets : (H + 1, P) uint8, one frame: lines 0..H-1, then telemetry; rows [0, row) hold
              what was kept before, and behind the result is scratch
    width   : pixels of a line
    counts  : (9,) uint32, added to: good, idle, bad sync, bad CRC, wrong line, wrong frame,
              wrong flags, skipped, frames lost

    Kept packets have sync word, CRC, line number in order, one frame number and one state of
    LED, shutter and channel; they are moved together over idle packets.  Damage gives the
    frame up and the next line 0 begins a new one.  Returns the next free row: H + 1 when the
    frame is whole.  Releases the GIL.
    """
    cdef size_t result
    check_el640(packets.shape[1], width)
    check_rows(row, end, packets.shape[0])
    if counts.shape[0] != EL640_COUNTS:
        raise ValueError(f"counts has {counts.shape[0]} values, expected {EL640_COUNTS}")
    if row == end:
        return row
    with nogil:
        result = el640_gather(&packets[0, 0], <size_t>width, <size_t>(packets.shape[0] - 1),
                              <size_t>row, <size_t>end, &counts[0])
    return result


cdef int check_frame(Py_ssize_t rows, Py_ssize_t nbytes, Py_ssize_t h, Py_ssize_t w) except -1:
    check_el640(nbytes, w)
    if h < 1 or rows != h + 1:
        raise ValueError(f"a frame of {h} lines has {h + 1} packets, got {rows}")
    return 0


def unpack_el640(const uint8_t[:, ::1] packets not None, uint16_t[:, ::1] counts not None):
    """Pixels of a whole, checked frame.

    packets : (H + 1, P) uint8 as gather_el640 left them
    counts  : (H, W) uint16, 14-bit, overwritten; no memory shared with packets

    Returns (flags that every line has, flags that any line has).  Checks nothing.  Releases
    the GIL.
    """
    cdef Py_ssize_t h = counts.shape[0], w = counts.shape[1]
    cdef uint32_t flags
    check_frame(packets.shape[0], packets.shape[1], h, w)
    disjoint(&packets[0, 0], <size_t>(packets.shape[0] * packets.shape[1]),
             &counts[0, 0], <size_t>(h * w) * sizeof(uint16_t))
    with nogil:
        flags = c_unpack(&packets[0, 0], <size_t>w, <size_t>h, &counts[0, 0])
    return flags >> 16, flags & 0xFFFF


def digest_el640(const uint8_t[:, ::1] packets not None, Py_ssize_t width):
    """64-bit number of a frame's pixels, not of its headers: equal for a repeated picture.

    packets : (H + 1, P) uint8, a whole frame

    Looks at 28 bytes of every line.
    """
    cdef uint64_t result
    check_el640(packets.shape[1], width)
    with nogil:
        result = c_digest(&packets[0, 0], <size_t>width, <size_t>(packets.shape[0] - 1))
    return result


def pack_el640(const uint16_t[:, ::1] counts not None, uint8_t[:, ::1] packets not None,
               unsigned frame, unsigned flags=0):
    """Packets of the lines of a frame; the telemetry row is left as it is.

    counts  : (H, W) uint16; above 16383 counts as 16383
    packets : (H + 1, P) uint8, rows 0..H-1 overwritten; no memory shared with counts
    frame   : low 16 bits are sent
    flags   : 0..65535, the same for every line

    Releases the GIL.
    """
    cdef Py_ssize_t h = counts.shape[0], w = counts.shape[1]
    in_range("flags", flags, 0, 0xFFFF)
    check_frame(packets.shape[0], packets.shape[1], h, w)
    disjoint(&packets[0, 0], <size_t>(packets.shape[0] * packets.shape[1]),
             &counts[0, 0], <size_t>(h * w) * sizeof(uint16_t))
    with nogil:
        c_pack(&counts[0, 0], <size_t>w, <size_t>h, &packets[0, 0], frame & 0xFFFF, flags)


def seal_el640(uint8_t[::1] packet not None, Py_ssize_t width, unsigned line, unsigned frame,
               unsigned flags=0):
    """Header and CRC around the payload that stands in one packet, in place.

    packet : (P,) uint8
    line   : 0..65535; frame: low 16 bits are sent; flags: 0..65535
    """
    check_el640(packet.shape[0], width)
    in_range("line", line, 0, 0xFFFF)
    in_range("flags", flags, 0, 0xFFFF)
    c_seal(&packet[0], <size_t>width, line, frame & 0xFFFF, flags)


cdef int check_vospi(Py_ssize_t nbytes) except -1:
    if nbytes != EL_VOSPI_BYTES:
        raise ValueError(f"VoSPI packets have {EL_VOSPI_BYTES} bytes, got {nbytes}")
    return 0


def gather_vospi(uint8_t[:, ::1] packets not None, Py_ssize_t segments, Py_ssize_t row,
                 Py_ssize_t end, uint32_t[::1] counts not None):
    """Keep what continues a frame of the VoSPI packets just read into rows [row, end).

    packets  : (N, 164) uint8, one frame of N / segments packets a segment; rows [0, row) hold
               what was kept before
    segments : 1 (Lepton 2) or 4 (Lepton 3)
    counts   : (7,) uint32, added to: good, discards, bad CRC, wrong line, repeated segments,
               wrong segments, frames lost

    Discards and segments of number 0 vanish.  Damage gives the frame up and the next packet 0
    begins a new one.  Returns the next free row: N when the frame is whole.  Releases the GIL.
    """
    cdef size_t result
    cdef Py_ssize_t rows = packets.shape[0]
    check_vospi(packets.shape[1])
    if not 1 <= segments <= 7 or rows % segments or rows // segments <= 20:
        raise ValueError(f"{rows} packets do not make {segments} segments of more than 20")
    check_rows(row, end, rows)
    if counts.shape[0] != EL_VOSPI_COUNTS:
        raise ValueError(f"counts has {counts.shape[0]} values, expected {EL_VOSPI_COUNTS}")
    with nogil:
        result = el_vospi_gather(&packets[0, 0], <size_t>(rows // segments), <size_t>segments,
                                 <size_t>row, <size_t>end, &counts[0])
    return result


def crc_vospi(const uint8_t[::1] packet not None):
    """CRC of one VoSPI packet, (164,) uint8, with the ID's top bits and the CRC field zero."""
    check_vospi(packet.shape[0])
    return el_vospi_crc(&packet[0])


def unpack_vospi(const uint8_t[:, ::1] packets not None, uint16_t[:, ::1] words not None):
    """The 80 words of each VoSPI packet.

    packets : (N, 164) uint8
    words   : (N, 80) uint16, overwritten; no memory shared with packets
    """
    cdef Py_ssize_t n = packets.shape[0]
    check_vospi(packets.shape[1])
    if words.shape[0] != n or words.shape[1] != EL_VOSPI_WORDS:
        raise ValueError(f"words has shape ({words.shape[0]}, {words.shape[1]}),"
                         f" expected ({n}, {EL_VOSPI_WORDS})")
    if n == 0:
        return
    disjoint(&packets[0, 0], <size_t>n * EL_VOSPI_BYTES, &words[0, 0],
             <size_t>n * EL_VOSPI_WORDS * sizeof(uint16_t))
    with nogil:
        el_vospi_unpack(&packets[0, 0], <size_t>n, &words[0, 0])


def pack_vospi(const uint16_t[:, ::1] words not None, unsigned mark,
               uint8_t[:, ::1] packets not None):
    """VoSPI packets of one segment, numbered from 0.

    words   : (N, 80) uint16
    mark    : segment number 0..7, sent in packet 20
    packets : (N, 164) uint8, overwritten; no memory shared with words
    """
    cdef Py_ssize_t n = words.shape[0]
    check_vospi(packets.shape[1])
    in_range("mark", mark, 0, 7)
    if packets.shape[0] != n or words.shape[1] != EL_VOSPI_WORDS:
        raise ValueError(f"words has shape ({n}, {words.shape[1]}),"
                         f" expected ({packets.shape[0]}, {EL_VOSPI_WORDS})")
    if n == 0:
        return
    disjoint(&packets[0, 0], <size_t>n * EL_VOSPI_BYTES, &words[0, 0],
             <size_t>n * EL_VOSPI_WORDS * sizeof(uint16_t))
    with nogil:
        el_vospi_pack(&words[0, 0], <size_t>n, mark, &packets[0, 0])
