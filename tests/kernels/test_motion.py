# SPDX-License-Identifier: Apache-2.0
"""Camera shift: twin, extremes, known shifts, bad input."""

import numpy as np
import pytest

from edgeleak import kernels
from edgeleak.kernels.reference import motion as reference


def sums(run, counts):
    h, w = counts.shape
    columns, rows = np.zeros(w, np.uint32), np.zeros(h, np.uint32)
    run(counts, columns, rows)
    return columns, rows


@pytest.mark.parametrize("shape", [(1, 1), (1, 37), (37, 1), (61, 83), (480, 640)])
@pytest.mark.parametrize("low", [0, 65535])
def test_sums_equal_the_twin(rng, shape, low):
    counts = rng.integers(low, 65536, shape, dtype=np.uint16)
    for got, want in zip(
        sums(kernels.project, counts), sums(reference.project, counts), strict=True
    ):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(("n", "reach"), [(4, 1), (34, 16), (160, 16), (640, 64)])
@pytest.mark.parametrize("top", [2, 1000, 2**22, 2**22 + 1, 2**32])
def test_shift_equals_the_twin(rng, n, reach, top):
    past, now = (rng.integers(0, top, n, dtype=np.uint32) for _ in range(2))
    assert kernels.profile_shift(past, now, reach) == reference.profile_shift(past, now, reach)


@pytest.mark.parametrize("steep_at", [0, 200, 300, 639])
def test_one_steep_slope_among_flat_ones_equals_the_twin(rng, steep_at):
    past, now = (rng.integers(0, 1000, 640, dtype=np.uint32) for _ in range(2))
    for sums in (past, now):
        sums[steep_at] = 2**32 - 1
        assert kernels.profile_shift(past, now, 16) == reference.profile_shift(past, now, 16)


@pytest.mark.parametrize("shape", [(34, 35), (61, 83), (120, 160)])
def test_both_directions_in_one_call_equal_the_twin(rng, shape):
    h, w = shape
    counts = rng.integers(0, 16384, shape, dtype=np.uint16)
    columns = rng.integers(0, 16384 * h, (3, w), dtype=np.uint32)
    rows = rng.integers(0, 16384 * w, (3, h), dtype=np.uint32)
    twin_columns, twin_rows = columns.copy(), rows.copy()
    got = kernels.camera_shift(counts, columns, rows, 16)
    assert got == reference.camera_shift(counts, twin_columns, twin_rows, 16)
    np.testing.assert_array_equal(columns, twin_columns)
    np.testing.assert_array_equal(rows, twin_rows)


@pytest.mark.parametrize("moved", [-7, -2.5, -0.5, 0, 0.5, 1, 3.25, 12])
def test_a_known_shift_is_found(rng, moved):
    x = np.arange(400)
    scene = np.convolve(rng.normal(0, 300, 400), np.ones(5) / 5, "same")
    past, now = (
        (120 * (5000 + np.interp(np.arange(100, 300) - d, x, scene))).astype(np.uint32)
        for d in (0, moved)
    )
    shift_q8, best, _, structure = kernels.profile_shift(past, now, 16)
    assert shift_q8 / 256 == pytest.approx(moved, abs=0.2)
    if moved == int(moved):
        assert best < 0.1 * structure
    assert kernels.profile_shift(now, past, 16)[0] == pytest.approx(-shift_q8, abs=30)


def test_bad_input_is_refused():
    sums40 = np.zeros(40, np.uint32)
    for bad in (0, 65, 20):
        with pytest.raises(ValueError, match=r"reach|length"):
            kernels.profile_shift(sums40, sums40, bad)
    with pytest.raises(ValueError, match="length of now"):
        kernels.profile_shift(sums40, sums40[:39].copy(), 4)
    with pytest.raises(ValueError, match="rows"):
        kernels.project(np.zeros((3, 40), np.uint16), sums40, sums40)
    for columns, rows in [((2, 41), (2, 50)), ((1, 40), (2, 50)), ((2, 40), (1, 50))]:
        with pytest.raises(ValueError, match=r"columns|rows"):
            kernels.camera_shift(
                np.zeros((50, 40), np.uint16),
                np.zeros(columns, np.uint32),
                np.zeros(rows, np.uint32),
                16,
            )
    with pytest.raises(ValueError, match="height"):
        kernels.camera_shift(
            np.zeros((33, 40), np.uint16),
            np.zeros((2, 40), np.uint32),
            np.zeros((2, 33), np.uint32),
            16,
        )
