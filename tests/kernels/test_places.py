# SPDX-License-Identifier: Apache-2.0
"""Grid of places: twins on random masks; each rule with a trip and its clean twin."""

import numpy as np
import pytest

from edgeleak import kernels
from edgeleak.kernels.reference import places as reference

RULE = {
    "least_px": 3, "part_q16": 20000, "share_q16": 40000, "change_q16": 4000,
    "balance_q16": 39000, "clear_q16": 42000, "spread_q16": 1311, "pixel_px": 9,
}  # fmt: skip
FULL = 65535


def memory(cells):
    """duty, balance, objects, keep: a place that is all change and no thing."""
    objects = np.zeros((*cells, 4), np.int32)
    objects[...] = 0, FULL, FULL, FULL
    keep = np.zeros(cells, np.uint8)
    return [np.zeros(cells, np.uint16), np.zeros((*cells, 2), np.int32), objects, keep]


@pytest.mark.parametrize(
    ("shape", "cell"), [((1, 1), 4), ((7, 30), 4), ((61, 83), 9), ((5, 131), 70)]
)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 1.0])
def test_bit_exact_over_time(rng, shape, cell, share):
    cells = (-(-shape[0] // cell), -(-shape[1] // cell))
    ours, twin = memory(cells), memory(cells)
    sums = np.full((2, *cells, 4), 7, np.int32)
    always = rng.random(shape) < share
    for _ in range(12):
        mask = ((rng.random(shape) < share) | always).astype(np.uint8) * 255
        now = rng.integers(-32768, 32768, shape, dtype=np.int16)
        kernels.place_sums(mask, now, sums[0], cell_px=cell)
        reference.place_sums(mask, now, sums[1], cell_px=cell)
        np.testing.assert_array_equal(sums[0], sums[1])
        ours[2][...] = twin[2][...] = rng.integers(0, FULL, (*cells, 4))
        found = kernels.judge_places(sums[0], *ours, **RULE)
        assert found == reference.judge_places(sums[1], *twin, **RULE)
        for a, b in zip(ours, twin, strict=True):
            np.testing.assert_array_equal(a, b)
        other = mask.copy()
        kernels.keep_places(mask, ours[-1], cell_px=cell)
        reference.keep_places(other, twin[-1], cell_px=cell)
        np.testing.assert_array_equal(mask, other)


@pytest.mark.parametrize("at", range(131))
def test_one_pixel_is_found_wherever_it_lies(at):
    mask, now = np.zeros((1, 131), np.uint8), np.full((1, 131), -9, np.int16)
    mask[0, at] = 1
    sums = np.empty((1, 2, 4), np.int32)
    kernels.place_sums(mask, now, sums, cell_px=70)
    assert sums[0, at // 70].tolist() == [1, -9, 9, 9]
    assert not sums[0, 1 - at // 70].any()


def watch(frames, cells=(2, 4), objects=(0, FULL, FULL, FULL)):
    """Answer after showing (column, pixels, signed, absolute, peak) frame by frame."""
    kept = memory(cells)
    kept[2][...] = objects
    for column, *values in frames:
        sums = np.zeros((*cells, 4), np.int32)
        sums[0, column] = values
        found = kernels.judge_places(sums, *kept, **RULE)
    return found


STAYS = [(0, 30, -900, 900, 40)] * 20


def test_what_stays_is_kept_and_what_passes_is_not():
    assert watch(STAYS)[-1]
    assert not watch([(t % 4, 30, -900, 900, 40) for t in range(20)])[-1]


@pytest.mark.parametrize("weight", [900, FULL])
def test_what_changes_is_kept_and_what_is_still_is_not(weight):
    least = RULE["change_q16"] / FULL * weight
    assert watch(STAYS, objects=(0, 1, int(least) + 1, weight))[-1]
    assert not watch(STAYS, objects=(0, 1, int(least) - 1, weight))[-1]


def test_one_sign_is_kept_and_both_signs_are_not():
    assert watch([(0, 30, -900 * (1 + t % 2), 900 * (1 + t % 2), 40) for t in range(40)])[-1]
    assert not watch([(0, 30, 900 * (-1) ** t, 900, 40) for t in range(40)])[-1]


@pytest.mark.parametrize("weight", [900, FULL])
def test_what_has_an_outline_is_a_thing(weight):
    most = (1 - RULE["clear_q16"] / FULL) * weight
    assert watch(STAYS, objects=(int(most) - 1, weight, 1, 1))[-1]
    assert not watch(STAYS, objects=(int(most) + 2, weight, 1, 1))[-1]


def test_one_pixel_is_not_kept_and_more_than_one_is():
    """Sum over peak of one smoothed pixel is 9 here: 900 of 100 is its spot, of 97 a bit more."""
    assert not watch([(0, 30, -900, 900, 100)] * 20)[-1]
    assert not watch([(0, 9, -900, 900, 150)] * 20)[-1]
    assert watch([(0, 30, -900, 900, 97)] * 20)[-1]


def test_the_peak_of_a_group_is_that_of_its_cells():
    kept = memory((2, 4))
    sums = np.zeros((2, 4, 4), np.int32)
    sums[0, 0], sums[0, 1] = (30, 500, 500, 70), (30, 400, 400, 90)
    for _ in range(20):
        found = kernels.judge_places(sums, *kept, **RULE)
    assert found[5] == (900 - 9 * 90) * FULL // 900


def test_what_nobody_looked_at_is_judged_by_the_other_rules():
    assert watch(STAYS, objects=(0, 0, 0, 0))[2:5] == (FULL, FULL, FULL)


def test_the_largest_cell_holds_the_largest_sums():
    mask, now = np.full((255, 255), 255, np.uint8), np.full((255, 255), -32768, np.int16)
    sums = np.zeros((1, 1, 4), np.int32)
    kernels.place_sums(mask, now, sums, cell_px=255)
    assert sums.ravel().tolist() == [255**2, -32768 * 255**2, 32768 * 255**2, 32768]
    with pytest.raises(ValueError, match=r"cell_px must be 1\.\.255"):
        kernels.place_sums(mask, now, sums, cell_px=256)


def test_bad_input_is_refused():
    mask, now = np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.int16)
    with pytest.raises(ValueError, match="sums has shape"):
        kernels.place_sums(mask, now, np.zeros((1, 2, 4), np.int32), cell_px=4)
    with pytest.raises(ValueError, match="cells"):
        kernels.judge_places(np.zeros((65, 64, 4), np.int32), *memory((65, 64)), **RULE)
    wrong = memory((2, 2))
    wrong[2] = np.zeros((2, 3, 4), np.int32)
    with pytest.raises(ValueError, match="objects has shape"):
        kernels.judge_places(np.zeros((2, 2, 4), np.int32), *wrong, **RULE)
