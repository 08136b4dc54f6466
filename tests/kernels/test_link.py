# SPDX-License-Identifier: Apache-2.0
"""Sensor links: the design's vectors, the twin bit for bit, and damage that never gets through."""

import binascii
import itertools

import numpy as np
import pytest

from edgeleak import kernels
from edgeleak.kernels.reference import link as reference

(
    GOOD, IDLES, BAD_SYNC, BAD_CRC, WRONG_LINE, WRONG_FRAME, WRONG_FLAGS, SKIPPED, LOST,
) = range(9)  # fmt: skip
WIDTHS = [16, 20, 36, 320, 640]
HEADER = bytes.fromhex("454C000301020001")


def packet_bytes(width):
    return 8 + width // 4 * 7 + 2


def make_frame(rng, width=32, height=6, frame=7, flags=1):
    counts = rng.integers(0, 1 << 14, (height, width), dtype=np.uint16)
    packets = rng.integers(0, 256, (height + 1, packet_bytes(width)), dtype=np.uint8)
    kernels.pack_el640(counts, packets, frame, flags)
    kernels.seal_el640(packets[height], width, reference.TELEMETRY, frame, flags)
    return counts, packets


def gather(packets, width, row=0, end=None, kernel=kernels):
    counts = np.zeros(9, np.uint32)
    result = kernel.gather_el640(packets, width, row, len(packets) if end is None else end, counts)
    return result, counts.tolist()


# --- vectors ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", [kernels, reference])
def test_vector_of_the_link_definition(kernel):
    pixels = np.tile(np.array([[0x0001, 0x2AAA, 0x1555, 0x3FFF]], np.uint16), (1, 4))
    packets = np.zeros((2, packet_bytes(16)), np.uint8)
    kernel.pack_el640(pixels, packets, 0x0102, 1)
    assert packets[0, 8:15].tobytes() == bytes.fromhex("0006AAA5557FFF")
    assert kernel.crc16(HEADER + bytes.fromhex("0006AAA5557FFF")) == 0x2CCB


@pytest.mark.parametrize("kernel", [kernels, reference])
def test_crc_check_value(kernel):
    assert kernel.crc16(b"123456789") == 0x29B1  # CRC-16/CCITT-FALSE
    assert kernel.crc16(b"123456789", 0) == 0x31C3  # the same with start 0


@pytest.mark.parametrize("n", [*range(1, 140), 570, 1130, 4099])
def test_crc_equals_twin_and_the_standard_library(rng, n):
    data = rng.integers(0, 256, n, dtype=np.uint8)
    for start in (0, 0xFFFF, 0x1D0F):
        want = binascii.crc_hqx(data.tobytes(), start)
        assert kernels.crc16(data, start) == want
        assert reference.crc16(data, start) == want
    cut = n // 3
    assert kernels.crc16(data[cut:], kernels.crc16(data[:cut])) == kernels.crc16(data)


# --- pixels ----------------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", ["random", "zero", "max", "steps"])
def test_pack_and_unpack_equal_the_twin(rng, width, kind):
    shape = (5, width)
    counts = {
        "random": rng.integers(0, 1 << 16, shape, dtype=np.uint16),
        "zero": np.zeros(shape, np.uint16),
        "max": np.full(shape, 0xFFFF, np.uint16),
        "steps": (np.arange(5 * width, dtype=np.uint16) * 37 % 16384).reshape(shape),
    }[kind]
    ours, twins = (np.full((6, packet_bytes(width)), 0xEE, np.uint8) for _ in range(2))
    kernels.pack_el640(counts, ours, 0x1FFFF, 0x8034)
    reference.pack_el640(counts, twins, 0x1FFFF, 0x8034)
    np.testing.assert_array_equal(ours, twins)
    assert (ours[5] == 0xEE).all()  # the telemetry row belongs to the caller

    back = np.full((7, width), 0xBEEF, np.uint16)
    assert kernels.unpack_el640(ours, back[1:-1]) == (0x8034, 0x8034)
    np.testing.assert_array_equal(back[1:-1], np.minimum(counts, 0x3FFF))
    assert (back[[0, -1]] == 0xBEEF).all()
    twin = np.empty(shape, np.uint16)
    reference.unpack_el640(ours, twin)
    np.testing.assert_array_equal(back[1:-1], twin)


def test_flags_of_all_and_of_any_line(rng):
    _, packets = make_frame(rng)
    kernels.seal_el640(packets[2], 32, 2, 7, 5)
    out = np.empty((6, 32), np.uint16)
    assert kernels.unpack_el640(packets, out) == (1, 5) == reference.unpack_el640(packets, out)


@pytest.mark.parametrize("width", WIDTHS)
def test_digest_follows_pixels_and_not_headers(rng, width):
    counts, packets = make_frame(rng, width)
    first = kernels.digest_el640(packets, width)
    assert first == reference.digest_el640(packets, width)
    kernels.pack_el640(counts, packets, 8, 0)
    assert kernels.digest_el640(packets, width) == first
    counts[3] ^= 1  # the least change of one line
    kernels.pack_el640(counts, packets, 8, 0)
    assert kernels.digest_el640(packets, width) != first


# --- order -----------------------------------------------------------------------------------


def test_a_clean_frame_is_whole(rng):
    _, packets = make_frame(rng)
    before = packets.copy()
    assert gather(packets, 32) == (7, [7, 0, 0, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(packets, before)


def idle_packet(width):
    packet = np.zeros(packet_bytes(width), np.uint8)
    kernels.seal_el640(packet, width, reference.IDLE, 0, 0)
    return packet


def test_idle_packets_vanish(rng):
    _, packets = make_frame(rng)
    want = packets[:4].copy()
    packets[[1, 3, 5]] = idle_packet(32)
    packets[[0, 2, 4, 6]] = want
    row, counts = gather(packets, 32)
    assert (row, counts[GOOD], counts[IDLES], counts[LOST]) == (4, 4, 3, 0)
    np.testing.assert_array_equal(packets[:4], want)


def test_a_frame_in_chunks(rng):
    _, packets = make_frame(rng, height=9)
    source, into = packets.copy(), np.zeros_like(packets)
    row, counts = 0, np.zeros(9, np.uint32)
    while row < 10:
        end = min(row + 3, 10)
        into[row:end] = source[row:end]
        row = kernels.gather_el640(into, 32, row, end, counts)
    np.testing.assert_array_equal(into, source)


DAMAGE = {
    "drop": (lambda p: p.__setitem__(slice(2, -1), p[3:].copy()), WRONG_LINE),
    "repeat": (lambda p: p.__setitem__(3, p[2]), WRONG_LINE),
    "swap": (lambda p: p.__setitem__([2, 3], p[[3, 2]]), WRONG_LINE),
    "sync": (lambda p: p.__setitem__((2, 0), 0), BAD_SYNC),
    "crc": (lambda p: p.__setitem__((2, 20), p[2, 20] ^ 16), BAD_CRC),
    "frame": (lambda p: kernels.seal_el640(p[2], 32, 2, 8, 1), WRONG_FRAME),
    "flags": (lambda p: kernels.seal_el640(p[2], 32, 2, 7, 0), WRONG_FLAGS),
}


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("kernel", [kernels, reference])
def test_damage_gives_the_frame_up(rng, name, kernel):
    _, packets = make_frame(rng)
    spoil, what = DAMAGE[name]
    spoil(packets)
    row, counts = gather(packets, 32, kernel=kernel)
    assert row < 7
    assert counts[what] >= 1
    assert counts[LOST] == 1


def test_a_new_line_0_begins_again_at_once(rng):
    _, old = make_frame(rng, frame=7)
    _, new = make_frame(rng, frame=8)
    mixed = np.concatenate([old[:3], new[:4]])
    row, counts = gather(mixed, 32)
    assert (row, counts[LOST]) == (4, 1)
    np.testing.assert_array_equal(mixed[:4], new[:4])


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_one_to_three_wrong_bits_are_always_seen(rng, bits):
    width = 32
    _, clean = make_frame(rng, width, height=1)
    n_bits = 8 * packet_bytes(width)
    places = (
        [(k,) for k in range(n_bits)]
        if bits == 1
        else [tuple(rng.choice(n_bits, bits, replace=False)) for _ in range(4000)]
    )
    for flips in places:
        packets = clean.copy()
        for bit in flips:
            packets[0, bit // 8] ^= 0x80 >> bit % 8
        row, counts = gather(packets, width, end=1)
        assert row == 0, f"bits {flips} went through"
        assert counts[GOOD] == 0


def test_no_one_two_or_three_bits_hide_in_the_longest_packet():
    """9040 single-bit syndromes differ, so two bits never cancel; the polynomial has x + 1 as a
    factor, so neither do three."""
    n_bytes = packet_bytes(640)
    seen = set()
    for byte in range(n_bytes):
        data = np.zeros(n_bytes, np.uint8)
        for bit in range(8):
            data[byte] = 1 << bit
            seen.add(kernels.crc16(data, 0))
    assert len(seen) == 8 * n_bytes
    assert 0 not in seen
    assert (0x1021 | 0x10000).bit_count() % 2 == 0


def test_random_streams_equal_the_twin(rng):
    """Lines of several frames, idle packets and damage in any order, in any chunks."""
    width = 16
    _, a = make_frame(rng, width, 4, frame=1)
    _, b = make_frame(rng, width, 4, frame=2)
    pool = np.concatenate([a, b, a, b, idle_packet(width)[None], b ^ 64])
    for _ in range(400):
        packets = pool[rng.integers(0, len(pool), 5)]
        if rng.random() < 0.5:
            k = int(rng.integers(1, 6))
            packets[:k] = a[:k]
        row = int(rng.integers(0, 3))
        packets[:row] = a[:row]
        ours, twins = packets.copy(), packets.copy()
        assert gather(ours, width, row) == gather(twins, width, row, kernel=reference)
        np.testing.assert_array_equal(ours, twins)


# --- VoSPI -----------------------------------------------------------------------------------

V_GOOD, DISCARDS, V_BAD_CRC, V_WRONG_LINE, REPEATS, WRONG_PART, V_LOST = range(7)


def vospi_frame(rng, segments=4, per_segment=60, marks=None):
    words = rng.integers(0, 1 << 14, (segments * per_segment, 80), dtype=np.uint16)
    packets = np.zeros((len(words), 164), np.uint8)
    for s, mark in enumerate(marks or range(1, segments + 1)):
        part = slice(s * per_segment, (s + 1) * per_segment)
        kernels.pack_vospi(words[part], mark if segments > 1 else 0, packets[part])
    return words, packets


def take(packets, segments, row=0, end=None, kernel=kernels):
    counts = np.zeros(7, np.uint32)
    end = len(packets) if end is None else end
    return kernel.gather_vospi(packets, segments, row, end, counts), counts.tolist()


@pytest.mark.parametrize(("segments", "per_segment"), [(1, 60), (1, 63), (4, 60), (4, 61)])
def test_vospi_round_trip_and_twin(rng, segments, per_segment):
    words, packets = vospi_frame(rng, segments, per_segment)
    twin = np.zeros_like(packets)
    for s in range(segments):
        part = slice(s * per_segment, (s + 1) * per_segment)
        reference.pack_vospi(words[part], s + 1 if segments > 1 else 0, twin[part])
    np.testing.assert_array_equal(packets, twin)
    assert take(packets, segments) == (len(packets), [len(packets), 0, 0, 0, 0, 0, 0])
    out, twin_out = np.zeros_like(words), np.zeros_like(words)
    kernels.unpack_vospi(packets, out)
    reference.unpack_vospi(packets, twin_out)
    np.testing.assert_array_equal(out, words)
    np.testing.assert_array_equal(twin_out, words)


def test_vospi_crc_ignores_the_top_of_the_id(rng):
    _, packets = vospi_frame(rng)
    marked = packets[20].copy()
    for top in range(8):
        marked[0] = (marked[0] & 15) | top << 4
        assert kernels.crc_vospi(marked) == reference.crc_vospi(packets[20])
    body = b"\0\x14\0\0" + packets[20, 4:].tobytes()
    assert kernels.crc_vospi(packets[20]) == binascii.crc_hqx(body, 0)


def test_repeated_segments_and_discards_vanish(rng):
    """Segment 0 between the real ones, and discards anywhere."""
    _, packets = vospi_frame(rng)
    _, repeat = vospi_frame(rng, marks=[0, 0, 0, 0])
    discard = np.full((1, 164), 0xFF, np.uint8)
    stream = [discard, packets[:30], discard, packets[30:60], repeat[:120], packets[60:]]
    counts = np.zeros(7, np.uint32)
    into, row, fed = np.zeros_like(packets), 0, np.concatenate(stream)
    while row < 240 and len(fed):
        n = min(17, 240 - row, len(fed))
        into[row : row + n], fed = fed[:n], fed[n:]
        row = kernels.gather_vospi(into, 4, row, row + n, counts)
    assert row == 240
    np.testing.assert_array_equal(into, packets)
    assert counts.tolist() == [240 + 40, 2, 0, 0, 2, 0, 0]


def test_segment_1_in_the_middle_begins_again(rng):
    _, packets = vospi_frame(rng)
    _, fresh = vospi_frame(rng)
    mixed = np.concatenate([packets[:60], fresh[:180]])
    row, counts = take(mixed, 4)
    assert (row, counts[WRONG_PART], counts[V_LOST]) == (180, 1, 1)
    np.testing.assert_array_equal(mixed[:180], fresh[:180])


@pytest.mark.parametrize("kernel", [kernels, reference])
def test_a_line_held_low_is_no_packet(rng, kernel):
    _, packets = vospi_frame(rng)
    packets[:] = 0
    assert kernels.crc_vospi(packets[0]) == 0  # so its CRC alone would pass
    row, counts = take(packets, 4, end=5, kernel=kernel)
    assert (row, counts[V_BAD_CRC]) == (0, 5)


def test_vospi_random_streams_equal_the_twin(rng):
    _, a = vospi_frame(rng, 2, 21)
    _, zero = vospi_frame(rng, 2, 21, marks=[0, 2])
    bad = a.copy()
    bad[5, 50] ^= 1
    bad[30, 3] ^= 128
    discard = np.full((3, 164), 0xFF, np.uint8)
    parts = [a, a[:21], a[21:], zero, bad, discard, a[:7], a[9:], zero[:21]]
    for _ in range(150):
        order = rng.integers(0, len(parts), 6)
        fed = np.concatenate([parts[k] for k in order])
        ours, twins, row = np.zeros((42, 164), np.uint8), np.zeros((42, 164), np.uint8), 0
        while len(fed):
            n = min(int(rng.integers(1, 43 - row)), len(fed))
            ours[row : row + n] = twins[row : row + n] = fed[:n]
            fed = fed[n:]
            got = take(ours, 2, row, row + n)
            assert got == take(twins, 2, row, row + n, kernel=reference)
            np.testing.assert_array_equal(ours, twins)
            row = got[0] % 42


# --- arguments -------------------------------------------------------------------------------


def test_bad_input_is_refused(rng):
    counts9, packets = np.zeros(9, np.uint32), np.zeros((7, packet_bytes(32)), np.uint8)
    with pytest.raises(ValueError, match="multiple of 4"):
        kernels.gather_el640(packets, 30, 0, 7, counts9)
    with pytest.raises(ValueError, match="have 66 bytes"):
        kernels.gather_el640(packets[:, :-1].copy(), 32, 0, 7, counts9)
    for row, end in itertools.chain([(3, 2), (0, 8), (-1, 3)]):
        with pytest.raises(ValueError, match="do not lie"):
            kernels.gather_el640(packets, 32, row, end, counts9)
    with pytest.raises(ValueError, match="expected 9"):
        kernels.gather_el640(packets, 32, 0, 7, counts9[:8])
    with pytest.raises(ValueError, match="has 7 packets, got 6"):
        kernels.unpack_el640(packets[:6], np.zeros((6, 32), np.uint16))
    with pytest.raises(ValueError, match="flags must be"):
        kernels.pack_el640(np.zeros((6, 32), np.uint16), packets, 0, 1 << 16)
    with pytest.raises(ValueError, match="164 bytes"):
        kernels.crc_vospi(np.zeros(163, np.uint8))
    with pytest.raises(ValueError, match="segments of more than 20"):
        kernels.gather_vospi(np.zeros((80, 164), np.uint8), 4, 0, 1, counts9[:7])
    with pytest.raises(ValueError, match="mark must be"):
        kernels.pack_vospi(np.zeros((2, 80), np.uint16), 8, np.zeros((2, 164), np.uint8))
