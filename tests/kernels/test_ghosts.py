# SPDX-License-Identifier: Apache-2.0
"""Outlines of what has left: twins on random pictures, and each answer with its clean twin."""

import numpy as np
import pytest

from edgeleak import kernels
from edgeleak.kernels.reference import ghosts as reference

RULE = {"reach": 2, "share_q16": 33000, "least_px": 8, "points": 4}
CELL = 8


def cells_of(shape, cell=CELL):
    return (-(-shape[0] // cell), -(-shape[1] // cell))


def grid(shape, cell=CELL):
    cells = cells_of(shape, cell)
    return np.zeros((*cells, 4), np.int32), np.full((*cells, 2, 4), 7, np.int32)


@pytest.mark.parametrize(("shape", "cell"), [((1, 1), 4), ((7, 30), 4), ((61, 83), 9)])
@pytest.mark.parametrize("reach", [1, 2, 4])
@pytest.mark.parametrize("share", [0.1, 0.7])
def test_bit_exact(rng, shape, cell, reach, share):
    counts = rng.integers(0, 20000, shape).astype(np.uint16)
    mask = (rng.random(shape) < share).astype(np.uint8) * 255
    background = rng.integers(0, 65533, shape).astype(np.uint16)
    smoothed, difference = rng.integers(-32768, 32768, (2, *shape)).astype(np.int16)
    sums, ours = grid(shape, cell)
    twin = ours.copy()
    kernels.place_sums(mask, smoothed, sums, cell_px=cell)
    planes = mask, smoothed, difference, counts, background, sums
    how = {"cell_px": cell, "reach": reach, "least_q2": 400}
    kernels.outline_sums(*planes, ours, **how)
    reference.outline_sums(*planes, twin, **how)
    np.testing.assert_array_equal(ours, twin)


@pytest.mark.parametrize("share_q16", [2000, 12000, 40000])
def test_judge_is_bit_exact_over_time(rng, share_q16):
    cells = (5, 7)
    ours = rng.integers(0, 256, (*cells, 2), dtype=np.uint8)
    twin, rule = ours.copy(), {**RULE, "share_q16": share_q16}
    for _ in range(8):
        sums = rng.integers(0, 2, (*cells, 4)).astype(np.int32)
        outline = rng.integers(0, 60, (*cells, 2, 4)).astype(np.int32)
        found = kernels.judge_ghosts(sums, outline, ours, **rule)
        assert found == reference.judge_ghosts(sums, outline, twin, **rule)
        np.testing.assert_array_equal(ours, twin)


@pytest.mark.parametrize(("shape", "cell"), [((1, 1), 4), ((61, 83), 9)])
def test_heal_is_bit_exact(rng, shape, cell):
    background = rng.integers(0, 65533, shape).astype(np.uint16)
    difference, smoothed = rng.integers(-32768, 32768, (2, *shape)).astype(np.int16)
    difference //= 64
    mask, hold = rng.integers(0, 2, (2, *shape)).astype(np.uint8)
    lag = rng.integers(-99, 99, (3, *shape)).astype(np.int16)
    seen = rng.integers(0, 6, (*cells_of(shape, cell), 2)).astype(np.uint8)
    ours = background, difference, smoothed, mask, hold, lag
    twin = [plane.copy() for plane in ours]
    how = {"cell_px": cell, "points": 3, "least_q2": 200}
    assert kernels.heal_ghosts(*ours, seen, **how) == reference.heal_ghosts(*twin, seen, **how)
    for a, b in zip(ours, twin, strict=True):
        np.testing.assert_array_equal(a, b)


def scene():
    y, x = np.indices((64, 64))
    return 5000 + 8 * ((x // 4 + y // 4) % 2), np.hypot(y - 32, x - 32)


def judged(picture, background):
    """Points after one look, and the largest share."""
    counts, known = (np.rint(a).astype(np.uint16) for a in (picture, 4 * background))
    difference = (4 * counts.astype(np.int32) - known).astype(np.int16)
    smoothed = np.zeros_like(difference)
    kernels.smooth(difference, smoothed, 5, np.zeros(64 + 16, np.int32))
    mask = (np.abs(smoothed) > 16).astype(np.uint8) * 255
    sums, outline = grid(counts.shape)
    seen = np.zeros((*sums.shape[:2], 2), np.uint8)
    kernels.place_sums(mask, smoothed, sums, cell_px=CELL)
    kernels.outline_sums(mask, smoothed, difference, counts, known, sums, outline,
                         cell_px=CELL, reach=2, least_q2=30)  # fmt: skip
    return kernels.judge_ghosts(sums, outline, seen, **RULE)[2] / 65535, seen


def test_what_left_is_a_ghost_and_what_came_is_not():
    still, away = scene()
    thing = np.where(away < 12, 5200, still)
    assert judged(still, thing)[0] > 0.7
    assert judged(thing, still)[0] == 0


@pytest.mark.parametrize("opacity", [0.1, 0.5, 0.9])
def test_gas_is_none_whatever_it_hides(opacity):
    still, away = scene()
    still = still + 60.0 * (np.indices(still.shape)[1] // 4 % 2)
    soft = opacity * np.exp(-(away**2) / (2 * 8**2))
    assert judged(still + soft * (4900 - still), still)[0] < 0.2


def test_one_sign_alone_counts_slower():
    still, away = scene()
    beside = np.hypot(np.indices(still.shape)[0] - 32, np.indices(still.shape)[1] - 50)
    share, seen = judged(np.where(beside < 9, 5200, still), np.where(away < 9, 5200, still))
    assert share > 0.5
    assert (seen[..., 0].max(), seen[..., 1].max()) == (1, 0)


def test_bad_input_is_refused():
    mask, plane = np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.int16)
    sums, outline = grid((8, 8))
    wide = plane.astype(np.uint16)
    with pytest.raises(ValueError, match=r"reach must be 1\.\.15"):
        kernels.outline_sums(mask, plane, plane, wide, wide, sums, outline, cell_px=8, reach=0,
                             least_q2=1)  # fmt: skip
    with pytest.raises(ValueError, match="cells"):
        kernels.judge_ghosts(np.zeros((65, 64, 4), np.int32), np.zeros((65, 64, 2, 4), np.int32),
                             np.zeros((65, 64, 2), np.uint8), **RULE)  # fmt: skip
