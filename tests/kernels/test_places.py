# SPDX-License-Identifier: Apache-2.0
"""Grid of places: twins on random masks; each rule with a trip and its clean twin."""

import numpy as np
import pytest

from edgeleak import kernels
from edgeleak.kernels.reference import places as reference

RULE = {
    "least_px": 3, "part_q16": 20000, "motion_part_q16": 9000, "share_q16": 40000,
    "still_q16": 24000, "balance_q16": 39000,
}  # fmt: skip


def memory(cells):
    state = np.zeros((*cells, 2), np.uint16)
    state[..., 1] = 65535
    return state, np.zeros((*cells, 2), np.int32), np.zeros(cells, np.uint8)


@pytest.mark.parametrize(("shape", "cell"), [((1, 1), 4), ((7, 30), 4), ((61, 83), 9)])
@pytest.mark.parametrize("share", [0.02, 0.3])
def test_bit_exact_over_time(rng, shape, cell, share):
    cells = (-(-shape[0] // cell), -(-shape[1] // cell))
    ours, twin = memory(cells), memory(cells)
    sums = np.full((2, *cells, 4), 7, np.int32)
    always = rng.random(shape) < share
    for _ in range(12):
        mask = ((rng.random(shape) < share) | always).astype(np.uint8) * 255
        now, past = rng.integers(-32768, 32768, (2, *shape), dtype=np.int16)
        kernels.place_sums(mask, now, past, sums[0], cell_px=cell, live_q2=9000)
        reference.place_sums(mask, now, past, sums[1], cell_px=cell, live_q2=9000)
        np.testing.assert_array_equal(sums[0], sums[1])
        found = kernels.judge_places(sums[0], *ours, **RULE)
        assert found == reference.judge_places(sums[1], *twin, **RULE)
        for a, b in zip(ours, twin, strict=True):
            np.testing.assert_array_equal(a, b)
        other = mask.copy()
        kernels.keep_places(mask, ours[2], cell_px=cell)
        reference.keep_places(other, twin[2], cell_px=cell)
        np.testing.assert_array_equal(mask, other)


def watch(frames, cells=(2, 4)):
    """Answer after showing (column, pixels, live pixels, signed, absolute) frame by frame."""
    state, balance, keep = memory(cells)
    for column, *values in frames:
        sums = np.zeros((*cells, 4), np.int32)
        sums[0, column] = values
        found = kernels.judge_places(sums, state, balance, keep, **RULE)
    return found


def test_what_stays_is_kept_and_what_passes_is_not():
    assert watch([(0, 30, 30, -900, 900)] * 20)[4]
    assert not watch([(t % 4, 30, 30, -900, 900) for t in range(20)])[4]


def test_what_flickers_is_kept_and_what_is_still_is_not():
    assert watch([(0, 30, 30 * (t % 2), -900, 900) for t in range(40)])[4]
    assert not watch([(0, 30, 0, -900, 900)] * 40)[4]


def test_one_sign_is_kept_and_both_signs_are_not():
    assert watch([(0, 30, 30, -900 * (1 + t % 2), 900 * (1 + t % 2)) for t in range(40)])[4]
    assert not watch([(0, 30, 30, 900 * (-1) ** t, 900) for t in range(40)])[4]


def test_an_eighth_of_the_pixels_is_motion():
    assert watch([(0, 32, 4, -900, 900)] * 40)[4]
    assert not watch([(0, 33, 4, -900, 900)] * 40)[4]


def test_the_largest_cell_holds_the_largest_sums():
    mask, now = np.full((255, 255), 255, np.uint8), np.full((255, 255), -32768, np.int16)
    sums = np.zeros((1, 1, 4), np.int32)
    kernels.place_sums(mask, now, now, sums, cell_px=255, live_q2=0)
    assert sums.ravel().tolist() == [255**2, 0, -32768 * 255**2, 32768 * 255**2]
    with pytest.raises(ValueError, match=r"cell_px must be 1\.\.255"):
        kernels.place_sums(mask, now, now, sums, cell_px=256, live_q2=0)


def test_bad_input_is_refused():
    mask, now = np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.int16)
    with pytest.raises(ValueError, match="sums has shape"):
        kernels.place_sums(mask, now, now, np.zeros((1, 2, 4), np.int32), cell_px=4, live_q2=1)
    with pytest.raises(ValueError, match="cells"):
        kernels.judge_places(np.zeros((65, 64, 4), np.int32), *memory((65, 64)), **RULE)
