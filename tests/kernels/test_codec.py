# SPDX-License-Identifier: Apache-2.0
"""Frame codec: lossless, equal to its twin byte for byte, and safe on damage."""

import numpy as np
import pytest

from edgeleak.kernels import _codec as fast
from edgeleak.kernels.reference import codec as reference

SHAPES = [(1, 1), (1, 2), (2, 1), (1, 200), (200, 1), (3, 5), (9, 17), (16, 128), (31, 67)]
GUARD = 0xA5


def pack(module, counts, quick=False):
    bound = module.packed_bound(*counts.shape)
    out = np.full(bound + 64, GUARD, np.uint8)
    size = module.pack_frame(counts, out[:bound], quick)
    assert (out[bound:] == GUARD).all()  # nothing behind the promised bound
    return out[:size].copy()


def unpack(module, blob, shape):
    guarded = np.full((shape[0] + 2, shape[1]), 0xBEEF, np.uint16)
    module.unpack_frame(blob, guarded[1:-1])
    assert (guarded[[0, -1]] == 0xBEEF).all()
    return guarded[1:-1].copy()


def frames(rng, shape):
    """Contents that reach every predictor, block code and the Rice escape."""
    yield "zeros", np.zeros(shape, np.uint16)
    yield "top", np.full(shape, 65535, np.uint16)
    yield "noise", rng.integers(0, 65536, shape, dtype=np.uint16)
    ramp = np.add.outer(np.arange(shape[0]) * 7, np.arange(shape[1]) * 3)
    yield "ramp", (ramp + rng.normal(3000, 3, shape)).astype(np.uint16)
    yield "columns", (rng.integers(0, 500, shape[1]) + rng.normal(4000, 2, shape)).astype(np.uint16)
    spikes = rng.normal(5000, 1, shape)
    spikes[rng.random(shape) < 0.02] = 60000
    yield "spikes", spikes.astype(np.uint16)
    yield "extremes", (rng.integers(0, 2, shape) * 65535).astype(np.uint16)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("quick", [False, True])
def test_same_bytes_as_reference_and_lossless(rng, shape, quick):
    for name, counts in frames(rng, shape):
        blob = pack(fast, counts, quick)
        np.testing.assert_array_equal(blob, pack(reference, counts, quick), err_msg=name)
        np.testing.assert_array_equal(unpack(fast, blob, shape), counts, err_msg=name)
        np.testing.assert_array_equal(unpack(reference, blob, shape), counts, err_msg=name)


def test_every_predictor_and_block_kind_is_reached(rng):
    codes, kinds = set(), set()
    for _, counts in frames(rng, (64, 160)):
        blob = pack(reference, counts)
        codes |= set(blob[16:24].tolist())
        at = 24
        while at < len(blob):
            kinds.add(int(blob[at]))
            at += reference.read_block(blob[at:].tobytes())[1]
    assert codes == {0, 1, 2, 3}
    assert any(kind >= 32 for kind in kinds)
    assert {0, 16} <= kinds


def test_thermal_frame_beats_bit_packing_and_bit_packing_beats_raw(rng):
    scene = 4000 + 300 * np.sin(np.arange(640) / 90) + 8 * rng.standard_normal((480, 640))
    counts = scene.astype(np.uint16)
    rice, packed = len(pack(fast, counts)), len(pack(fast, counts, quick=True))
    assert rice < 0.9 * packed < 0.9 * counts.nbytes / 2


def test_every_cut_and_every_extra_byte_is_noticed(rng):
    counts = rng.normal(3000, 40, (12, 40)).astype(np.uint16)
    blob = pack(fast, counts)
    for size in range(len(blob)):
        with pytest.raises(ValueError, match="compressed frame"):
            fast.unpack_frame(blob[:size].copy(), np.empty((12, 40), np.uint16))
    with pytest.raises(ValueError, match="left over"):
        fast.unpack_frame(np.append(blob, np.uint8(0)), np.empty((12, 40), np.uint16))


def test_damage_gives_an_error_or_the_reference_pixels(rng):
    """Without a checksum of its own a flipped bit may decode; then both decode alike."""
    counts = rng.normal(3000, 200, (9, 50)).astype(np.uint16)
    blob = pack(fast, counts)
    refused = 0
    for _ in range(400):
        bad = blob.copy()
        bad[rng.integers(0, len(bad))] ^= np.uint8(1 << rng.integers(0, 8))
        results = []
        for module in (fast, reference):
            try:
                results.append(unpack(module, bad, (9, 50)).tolist())
            except ValueError:
                results.append(None)
        assert results[0] == results[1]
        refused += results[0] is None
    assert refused > 20


def test_wrong_arguments_are_refused(rng):
    counts = rng.integers(0, 9, (4, 4), dtype=np.uint16)
    out = np.zeros(fast.packed_bound(4, 4), np.uint8)
    with pytest.raises(ValueError, match="are needed"):
        fast.pack_frame(counts, out[:-1].copy())
    with pytest.raises(ValueError, match="share memory"):
        fast.unpack_frame(counts.view(np.uint8).ravel(), counts)
    with pytest.raises(ValueError, match="rows and columns"):
        fast.pack_frame(np.zeros((0, 4), np.uint16), out)
    with pytest.raises(ValueError, match=r"ends early|empty|header"):
        fast.unpack_frame(np.zeros(0, np.uint8), counts)
    frozen = counts.copy()
    frozen.setflags(write=False)
    with pytest.raises(ValueError, match="read-only"):
        fast.unpack_frame(out, frozen)
    with pytest.raises((ValueError, TypeError)):
        fast.pack_frame(counts.astype(np.int32), out)
