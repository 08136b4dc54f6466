# SPDX-License-Identifier: Apache-2.0
"""What tells a thing from gas: twins on random pictures, and each answer with its clean twin."""

import numpy as np
import pytest

from edgeleak import kernels
from edgeleak.kernels.reference import objects as reference

LARGEST = 255**2 * 32768**2


def cells_of(shape, cell):
    return (-(-shape[0] // cell), -(-shape[1] // cell))


@pytest.mark.parametrize(("shape", "cell"), [((1, 1), 4), ((7, 30), 4), ((61, 83), 9)])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
def test_squares_are_bit_exact(rng, shape, cell, share):
    mask = (rng.random(shape) < share).astype(np.uint8)
    now, past = rng.integers(-32768, 32768, (2, *shape)).astype(np.int16)
    ours = np.full((*cells_of(shape, cell), 2), 7, np.int64)
    twin = ours.copy()
    kernels.change_squares(mask, now, past, ours, cell_px=cell)
    reference.change_squares(mask, now, past, twin, cell_px=cell)
    np.testing.assert_array_equal(ours, twin)


def test_the_largest_cell_holds_the_largest_squares():
    mask = np.ones((255, 255), np.uint8)
    now, past = np.full((255, 255), -32768, np.int16), np.full((255, 255), 32767, np.int16)
    squares = np.zeros((1, 1, 2), np.int64)
    kernels.change_squares(mask, now, past, squares, cell_px=255)
    assert squares.ravel().tolist() == [LARGEST, 255**2 * 32767**2]


@pytest.mark.parametrize("largest", [10**5, LARGEST])
@pytest.mark.parametrize("still_q4", [0, 1 << 30])
@pytest.mark.parametrize("part_q16", [0, 1, 9000, 65536])
def test_memory_is_bit_exact_over_time(rng, largest, still_q4, part_q16):
    cells = (5, 7)
    ours = np.zeros((*cells, 4), np.int32)
    twin = ours.copy()
    rule = {
        "reach": 2, "part_q16": part_q16, "change_part_q16": 65536 - part_q16,
        "still_q4": still_q4,
    }  # fmt: skip
    for _ in range(8):
        sums = (rng.integers(0, 2, (*cells, 4)) * 65025).astype(np.int32)
        outline = rng.integers(0, 60, (*cells, 2, 4)).astype(np.int32)
        squares = rng.integers(0, largest, (*cells, 2)) * (sums[..., :1] > 0)
        kernels.remember_objects(sums, outline, squares, ours, **rule)
        reference.remember_objects(sums, outline, squares, twin, **rule)
        np.testing.assert_array_equal(ours, twin)


def looked(left=0, here=0, squares=(900, 900), still_q4=0, cells=1):
    """Share of the outline and change of the first cell, after one look that fills them."""
    sums = np.tile(np.array([30, 0, 900, 40], np.int32), (1, cells, 1))
    outline = np.tile(np.array([[10, 40, left, here], [0] * 4], np.int32), (1, cells, 1, 1))
    objects = np.zeros((1, cells, 4), np.int32)
    seen = np.tile(np.array(squares, np.int64), (1, cells, 1))
    kernels.remember_objects(sums, outline, seen, objects, reach=2, part_q16=65536,
                             change_part_q16=65536, still_q4=still_q4)  # fmt: skip
    share, share_weight, change, change_weight = objects[0, 0]
    return share / share_weight, change / change_weight


@pytest.mark.parametrize("cells", [1, 60])
def test_things_are_counted_where_they_are_and_where_they_were(cells):
    assert looked(cells=cells)[0] == 0
    assert looked(here=20, cells=cells)[0] == pytest.approx(0.5, abs=1e-4)
    assert looked(left=10, here=10, cells=cells)[0] == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize("size", [10**4, 10**13])
@pytest.mark.parametrize("cells", [1, 60])
def test_change_is_a_share_of_the_difference(size, cells):
    assert looked(squares=(size, size // 5), cells=cells)[1] == pytest.approx(0.2, abs=1e-4)
    assert looked(squares=(size, 3 * size), cells=cells)[1] == 1


def test_noise_is_no_change():
    assert looked(squares=(900, 900))[1] == 1
    assert looked(squares=(900, 900), still_q4=15)[1] == pytest.approx(0.5, abs=1e-4)
    assert looked(squares=(900, 900), still_q4=30)[1] == 0
    assert looked(squares=(900, 900), still_q4=99)[1] == 0


def test_what_is_gone_is_forgotten():
    sums, outline = np.zeros((1, 1, 4), np.int32), np.zeros((1, 1, 2, 4), np.int32)
    objects = np.full((1, 1, 4), 65535, np.int32)
    squares = np.zeros((1, 1, 2), np.int64)
    for _ in range(300):
        kernels.remember_objects(sums, outline, squares, objects, reach=2, part_q16=6554,
                                 change_part_q16=6554, still_q4=100)  # fmt: skip
    assert objects.max() <= 0


def test_bad_input_is_refused():
    mask, plane = np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.int16)
    squares = np.zeros((2, 2, 2), np.int64)
    with pytest.raises(ValueError, match="squares has shape"):
        kernels.change_squares(mask, plane, plane, squares, cell_px=8)
    with pytest.raises(ValueError, match="past has shape"):
        kernels.change_squares(mask, plane, plane[:4], squares, cell_px=4)
    sums, outline = np.zeros((2, 2, 4), np.int32), np.zeros((2, 2, 2, 4), np.int32)
    objects = np.zeros((2, 2, 4), np.int32)
    good = {"reach": 1, "part_q16": 1, "change_part_q16": 1, "still_q4": 0}
    for key, value in (
        ("reach", 0), ("part_q16", 65537), ("change_part_q16", -1), ("still_q4", (1 << 30) + 1),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=key):
            kernels.remember_objects(sums, outline, squares, objects, **{**good, key: value})


def test_where_there_is_no_outline_its_share_stays_unknown():
    sums, outline = np.array([[[30, 0, 900, 40]]], np.int32), np.zeros((1, 1, 2, 4), np.int32)
    objects, squares = np.zeros((1, 1, 4), np.int32), np.full((1, 1, 2), 900, np.int64)
    kernels.remember_objects(sums, outline, squares, objects, reach=2, part_q16=65536,
                             change_part_q16=65536, still_q4=0)  # fmt: skip
    assert objects.ravel().tolist() == [0, 0, 65535, 65535]
