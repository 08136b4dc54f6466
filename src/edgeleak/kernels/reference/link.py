# SPDX-License-Identifier: Apache-2.0
"""NumPy twin of the sensor links; the truth for edgeleak.kernels._link."""

import numpy as np

POLYNOMIAL = 0x1021
SYNC, TELEMETRY, IDLE = 0x454C, 0x7FFE, 0x7FFF
STEADY_FLAGS = 0x0033
MAX_COUNTS = 0x3FFF
MARK_PACKET = 20
GOOD, IDLES, BAD_SYNC, BAD_CRC, WRONG_LINE, WRONG_FRAME, WRONG_FLAGS, SKIPPED, LOST = range(9)
DISCARDS, V_BAD_CRC, V_WRONG_LINE, REPEATS, WRONG_PART, V_LOST = range(1, 7)


def _table() -> np.ndarray:
    value = np.arange(256, dtype=np.int64) << 8
    for _ in range(8):
        value = value << 1 ^ np.where(value & 0x8000, POLYNOMIAL, 0)
    return (value & 0xFFFF).astype(np.uint32)


TABLE = _table()


def _crc_rows(rows: np.ndarray, start: int) -> np.ndarray:
    """CRC of each row of (N, P) uint8: a byte of all rows at a time."""
    crc = np.full(len(rows), start, np.uint32)
    for column in rows.T.astype(np.uint32):
        crc = ((crc << 8) & 0xFFFF) ^ TABLE[(crc >> 8) ^ column]
    return crc


def crc16(data: np.ndarray | bytes, start: int = 0xFFFF) -> int:
    """CRC-16, polynomial 0x1021, most significant bit first."""
    row = np.frombuffer(bytes(data), np.uint8).reshape(1, -1)
    return int(_crc_rows(row, start)[0])


def _word(packet: np.ndarray, at: int) -> int:
    return int(packet[at]) << 8 | int(packet[at + 1])


def _judge(packet: np.ndarray, first: np.ndarray, row: int, height: int, crc: int) -> int:
    """What a packet is at a row of the frame whose row 0 is `first`."""
    if _word(packet, 0) != SYNC:
        return BAD_SYNC
    if crc:
        return BAD_CRC
    line = _word(packet, 2)
    if line == IDLE:
        return IDLES
    if line != (row if row < height else TELEMETRY):
        return WRONG_LINE if row else SKIPPED
    if row and _word(packet, 4) != _word(first, 4):
        return WRONG_FRAME
    if row and (_word(packet, 6) ^ _word(first, 6)) & STEADY_FLAGS:
        return WRONG_FLAGS
    return GOOD


def gather_el640(
    packets: np.ndarray, width: int, row: int, end: int, counts: np.ndarray
) -> int:  # fmt: skip
    """Keep what continues a frame of the packets just read into rows [row, end)."""
    height = len(packets) - 1
    crcs = _crc_rows(packets[row:end], 0xFFFF)
    for i, crc in enumerate(crcs, row):
        packet = packets[i]
        what = _judge(packet, packets[0], row, height, int(crc))
        counts[what] += 1
        if what == IDLES:
            continue
        if what != GOOD:
            counts[LOST] += row > 0
            row = 0
            if what < WRONG_LINE or _word(packet, 2) != 0:
                continue
            counts[GOOD] += 1
        packets[row] = packet
        row += 1
    return row


def unpack_el640(packets: np.ndarray, counts: np.ndarray) -> tuple[int, int]:
    """Pixels of a whole frame, and the flags of every and of any line."""
    height, width = counts.shape
    lines = packets[:height]
    bits = np.unpackbits(np.ascontiguousarray(lines[:, 8:-2]), axis=1).reshape(height, width, 14)
    counts[...] = bits @ (1 << np.arange(13, -1, -1, dtype=np.int64))
    flags = lines[:, 6].astype(np.uint16) << 8 | lines[:, 7]
    return int(np.bitwise_and.reduce(flags)), int(np.bitwise_or.reduce(flags))


def digest_el640(packets: np.ndarray, width: int) -> int:
    """FNV-1a over four parts of 7 bytes of every line, mixed downwards."""
    payload = width // 4 * 7
    total = 0xCBF29CE484222325
    for packet in packets[:-1]:
        for k in range(4):
            at = 8 + k * (payload // 4)
            part = int.from_bytes(packet[at : at + 7].tobytes(), "big")
            total = ((total ^ part) * 0x100000001B3) % (1 << 64)
            total ^= total >> 29
    return total


def pack_el640(counts: np.ndarray, packets: np.ndarray, frame: int, flags: int = 0) -> None:
    """Packets of the lines of a frame; the telemetry row is left as it is."""
    height, width = counts.shape
    limited = np.minimum(counts, MAX_COUNTS).astype(np.int64)
    bits = (limited[:, :, None] >> np.arange(13, -1, -1)) & 1
    packets[:height, 8:-2] = np.packbits(bits.astype(np.uint8).reshape(height, -1), axis=1)
    for line in range(height):
        seal_el640(packets[line], width, line, frame, flags)


def seal_el640(packet: np.ndarray, width: int, line: int, frame: int, flags: int = 0) -> None:
    """Header and CRC around the payload of one packet, in place."""
    for at, word in ((0, SYNC), (2, line), (4, frame & 0xFFFF), (6, flags)):
        packet[at], packet[at + 1] = word >> 8, word & 0xFF
    crc = crc16(packet[:-2])
    packet[-2], packet[-1] = crc >> 8, crc & 0xFF


def _bare(packets: np.ndarray) -> np.ndarray:
    bare = packets.copy()
    bare[:, 0] &= 15
    bare[:, 2:4] = 0
    return bare


def crc_vospi(packet: np.ndarray) -> int:
    """CRC of one VoSPI packet with the ID's top bits and the CRC field zero."""
    return int(_crc_rows(_bare(packet.reshape(1, -1)), 0)[0])


def _mark(packets: np.ndarray, per_segment: int, row: int, mark: int,
          counts: np.ndarray) -> int:  # fmt: skip
    """The row that a packet 20 of segment `mark` belongs to; a segment's begin drops it."""
    expected = row // per_segment + 1
    begin = (expected - 1) * per_segment
    if mark == expected:
        return row
    if mark == 0:
        counts[REPEATS] += 1
        return begin
    counts[WRONG_PART] += 1
    counts[V_LOST] += row >= per_segment
    if mark != 1:
        return 0
    packets[:MARK_PACKET] = packets[begin : begin + MARK_PACKET].copy()
    return MARK_PACKET


def gather_vospi(
    packets: np.ndarray, segments: int, row: int, end: int, counts: np.ndarray
) -> int:  # fmt: skip
    """Keep what continues a frame of the VoSPI packets just read into rows [row, end)."""
    per_segment = len(packets) // segments
    crcs = _crc_rows(_bare(packets[row:end]), 0)
    for i, crc in enumerate(crcs, row):
        packet = packets[i]
        number, mark = _word(packet, 0) & 0xFFF, int(packet[0]) >> 4 & 7
        if number & 0xF00 == 0xF00:
            counts[DISCARDS] += 1
            continue
        is_damaged = int(crc) != _word(packet, 2) or not packet.any()  # a line held low
        if is_damaged or number != row % per_segment:
            if is_damaged or row % per_segment:
                counts[V_BAD_CRC if is_damaged else V_WRONG_LINE] += 1
                counts[V_LOST] += row > 0
                row = 0
            if is_damaged or number:
                continue
        elif segments > 1 and number == MARK_PACKET:
            row = _mark(packets, per_segment, row, mark, counts)
            if row % per_segment != MARK_PACKET:
                continue
        packets[row] = packet
        counts[GOOD] += 1
        row += 1
    return row


def unpack_vospi(packets: np.ndarray, words: np.ndarray) -> None:
    """The 80 words of each VoSPI packet."""
    words[...] = packets[:, 4::2].astype(np.uint16) << 8 | packets[:, 5::2]


def pack_vospi(words: np.ndarray, mark: int, packets: np.ndarray) -> None:
    """VoSPI packets of one segment, numbered from 0."""
    number = np.arange(len(words))
    ids = number | np.where(number == MARK_PACKET, mark << 12, 0)
    packets[:, 0], packets[:, 1] = ids >> 8, ids & 0xFF
    packets[:, 2:4] = 0
    packets[:, 4::2], packets[:, 5::2] = words >> 8, words & 0xFF
    crcs = _crc_rows(_bare(packets), 0)
    packets[:, 2], packets[:, 3] = crcs >> 8, crcs & 0xFF
