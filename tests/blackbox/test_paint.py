# SPDX-License-Identifier: Apache-2.0
"""Painted frames: whole for the driver, damaged where the recorded ones were."""

import numpy as np
import pytest

from edgeleak.blackbox import paint
from edgeleak.blackbox.calls import Call
from edgeleak.drivers import el640_link
from edgeleak.kernels import pack_el640, seal_el640, unpack_el640

SHAPE = (32, 64)


def frame(rng, number=77, flags=1):
    counts = rng.normal(6000, 30, SHAPE).astype(np.uint16)
    packets = np.zeros((SHAPE[0] + 1, el640_link.packet_bytes(SHAPE[1])), np.uint8)
    pack_el640(counts, packets, number, flags)
    seal_el640(packets[-1], SHAPE[1], paint.TELEMETRY_LINE, number, flags)
    return counts, packets


def painted(packets):
    call = Call("spi", (packets.size,), packets.tobytes(), 0, 10, 5, 3)
    sketcher, painter = paint.Sketcher(SHAPE), paint.Painter()
    record = sketcher.of(call)
    if record is None:
        return None
    for one in sketcher.templates:
        painter.add(one)
    made = painter.call(record).picture()
    assert len(record.asked) < packets.size / 4
    return np.frombuffer(made, np.uint8).reshape(packets.shape)


def unpacked(packets):
    counts = np.zeros(SHAPE, np.uint16)
    unpack_el640(np.ascontiguousarray(packets), counts)
    return counts


def test_level_noise_number_and_flags_stay(rng):
    counts, packets = frame(rng)
    again = painted(packets)
    found = unpacked(again)
    assert abs(found.mean() - counts.mean()) < 3
    assert 0.7 < found.std() / counts.std() < 1.4
    assert (again[:-1, :8] == packets[:-1, :8]).all()


def test_damaged_lines_keep_their_bytes(rng):
    _, packets = frame(rng)
    packets[5, 20] ^= 0x10
    packets[9, :2] = 0
    again = painted(packets)
    assert (again[[5, 9]] == packets[[5, 9]]).all()


@pytest.mark.parametrize("spoil", ["short", "shifted", "noise"])
def test_what_is_no_frame_is_left_alone(rng, spoil):
    _, packets = frame(rng)
    if spoil == "short":
        call = Call("spi", (packets.size,), packets.tobytes()[:-100], 0, 1, 1, 1)
        assert paint.Sketcher(SHAPE).of(call) is None
        return
    spoiled = np.roll(packets.ravel(), 3) if spoil == "shifted" else rng.integers(
        0, 256, packets.size)  # fmt: skip
    assert painted(spoiled.astype(np.uint8).reshape(packets.shape)) is None


def test_noise_is_the_same_for_the_same_frame_and_another_for_the_next():
    first = paint.noise(SHAPE, 5, 20.0)
    assert (first == paint.noise(SHAPE, 5, 20.0)).all()
    assert (first != paint.noise(SHAPE, 6, 20.0)).mean() > 0.9
    assert 18 < first.std() < 22
