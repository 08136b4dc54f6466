# SPDX-License-Identifier: Apache-2.0
"""Camera shift: twin, extremes, known shifts, bad input."""

import numpy as np
import pytest

from edgeleak import kernels
from edgeleak.kernels.reference import motion as reference


def sums(run, counts, bands):
    h, w = counts.shape
    columns, rows = np.ones((bands, w), np.uint32), np.ones((bands, h), np.uint32)
    run(counts, columns, rows)
    return columns, rows


@pytest.mark.parametrize("shape", [(1, 1), (1, 37), (37, 1), (5, 6), (61, 83), (480, 640)])
@pytest.mark.parametrize("bands", [1, 3, 4, 8])
@pytest.mark.parametrize("low", [0, 65535])
def test_sums_equal_the_twin(rng, shape, bands, low):
    if bands > min(shape):
        pytest.skip("more strips than rows or columns")
    counts = rng.integers(low, 65536, shape, dtype=np.uint16)
    for got, want in zip(
        sums(kernels.project, counts, bands), sums(reference.project, counts, bands), strict=True
    ):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    ("n", "reach", "gap"), [(4, 1, 1), (34, 16, 1), (48, 16, 8), (160, 16, 8), (640, 64, 64)]
)
@pytest.mark.parametrize("top", [2, 1000, 2**22, 2**22 + 1, 2**32])
def test_shift_equals_the_twin(rng, n, reach, gap, top):
    past, now = (rng.integers(0, top, n, dtype=np.uint32) for _ in range(2))
    want = reference.profile_shift(past, now, reach, gap)
    assert kernels.profile_shift(past, now, reach, gap) == want


@pytest.mark.parametrize("steep_at", [0, 200, 300, 639])
@pytest.mark.parametrize("gap", [1, 8])
def test_one_steep_slope_among_flat_ones_equals_the_twin(rng, steep_at, gap):
    past, now = (rng.integers(0, 1000, 640, dtype=np.uint32) for _ in range(2))
    for sums in (past, now):
        sums[steep_at] = 2**32 - 1
        want = reference.profile_shift(past, now, 16, gap)
        assert kernels.profile_shift(past, now, 16, gap) == want


@pytest.mark.parametrize("shape", [(42, 43), (61, 83), (120, 160)])
@pytest.mark.parametrize("bands", [1, 4])
def test_both_directions_in_one_call_equal_the_twin(rng, shape, bands):
    h, w = shape
    counts = rng.integers(0, 16384, shape, dtype=np.uint16)
    columns = rng.integers(0, 16384 * h, (3, bands, w), dtype=np.uint32)
    rows = rng.integers(0, 16384 * w, (3, bands, h), dtype=np.uint32)
    twin_columns, twin_rows = columns.copy(), rows.copy()
    got = kernels.camera_shift(counts, columns, rows, 16, 8)
    assert got == reference.camera_shift(counts, twin_columns, twin_rows, 16, 8)
    assert len(got) == 2 * bands
    np.testing.assert_array_equal(columns, twin_columns)
    np.testing.assert_array_equal(rows, twin_rows)


@pytest.mark.parametrize("gap", [1, 8])
@pytest.mark.parametrize("moved", [-7, -2.5, -0.5, 0, 0.5, 1, 3.25, 12])
def test_a_known_shift_is_found(rng, moved, gap):
    x = np.arange(400)
    scene = np.convolve(rng.normal(0, 300, 400), np.ones(5) / 5, "same")
    past, now = (
        (120 * (5000 + np.interp(np.arange(100, 300) - d, x, scene))).astype(np.uint32)
        for d in (0, moved)
    )
    shift_q8, best, _, structure, _ = kernels.profile_shift(past, now, 16, gap)
    assert shift_q8 / 256 == pytest.approx(moved, abs=0.2)
    if moved == int(moved):
        assert best < 0.1 * structure
    assert kernels.profile_shift(now, past, 16, gap)[0] == pytest.approx(-shift_q8, abs=30)


def test_a_ramp_has_no_structure():
    ramp = (5000 + 300 * np.arange(100)).astype(np.uint32)
    assert kernels.profile_shift(ramp, ramp, 16, 8)[1:] == (0, 0, 0, 0)


def test_bad_input_is_refused():
    sums40 = np.zeros(40, np.uint32)
    for reach, gap in [(0, 1), (65, 1), (20, 1), (16, 8), (4, 0), (4, 65)]:
        with pytest.raises(ValueError, match=r"reach|gap|length"):
            kernels.profile_shift(sums40, sums40, reach, gap)
    with pytest.raises(ValueError, match="length of now"):
        kernels.profile_shift(sums40, sums40[:39].copy(), 4, 1)
    with pytest.raises(ValueError, match="rows"):
        kernels.project(
            np.zeros((3, 40), np.uint16), np.zeros((1, 40), np.uint32), np.zeros((1, 4), np.uint32)
        )
    with pytest.raises(ValueError, match="bands"):
        kernels.project(
            np.zeros((3, 40), np.uint16), np.zeros((4, 40), np.uint32), np.zeros((4, 3), np.uint32)
        )
    shapes = [((2, 4, 41), (2, 4, 50)), ((1, 4, 40), (2, 4, 50)), ((2, 4, 40), (1, 4, 50)),
              ((2, 4, 40), (2, 3, 50)), ((2, 9, 40), (2, 9, 50))]  # fmt: skip
    for columns, rows in shapes:
        with pytest.raises(ValueError, match=r"columns|rows|bands"):
            kernels.camera_shift(
                np.zeros((50, 40), np.uint16),
                np.zeros(columns, np.uint32),
                np.zeros(rows, np.uint32),
                8,
                8,
            )
    with pytest.raises(ValueError, match="length"):
        kernels.camera_shift(
            np.zeros((40, 50), np.uint16),
            np.zeros((2, 4, 50), np.uint32),
            np.zeros((2, 4, 40), np.uint32),
            16,
            8,
        )


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (70, 1), (37, 61), (120, 160)])
@pytest.mark.parametrize("dx_q8", [0, 1, 128, 255, 256, 700, -1, -128, -256, -700, 16384, -16384])
@pytest.mark.parametrize("dy_q8", [0, 77, -77, 5000, -5000, 16384, -16384])
def test_a_moved_picture_equals_the_twin(rng, shape, dx_q8, dy_q8):
    counts = rng.integers(0, 16384, shape, dtype=np.uint16)
    want = counts.copy()
    reference.move_picture(want, dx_q8=dx_q8, dy_q8=dy_q8)
    kernels.move_picture(counts, dx_q8=dx_q8, dy_q8=dy_q8)
    np.testing.assert_array_equal(counts, want)


def test_whole_pixels_are_moved_without_loss_and_rims_repeat(rng):
    counts = rng.integers(0, 16384, (40, 50), dtype=np.uint16)
    moved = counts.copy()
    kernels.move_picture(moved, dx_q8=3 * 256, dy_q8=-2 * 256)
    np.testing.assert_array_equal(moved[2:, :-3], counts[:-2, 3:])
    np.testing.assert_array_equal(moved[:2], moved[2:3].repeat(2, 0))
    np.testing.assert_array_equal(moved[:, -3:], moved[:, -4:-3].repeat(3, 1))


def test_thin_and_sharp_things_are_hardly_dulled():
    """A line as a lens shows it, at all parts of a pixel: the straight line between two pixels
    would take 12 of its 100 counts, at the next look none."""
    x = np.arange(40.0)

    def line(at):
        return np.rint(1000 + 100 * np.exp(-((x - at) ** 2) / 2)).astype(np.uint16)[None]

    for part in range(0, 256, 16):
        moved = line(20 + part / 256)
        kernels.move_picture(moved, dx_q8=part, dy_q8=0)
        assert np.abs(moved.astype(int) - line(20)).max() <= 5


def test_what_lies_beyond_14_bits_is_cut():
    counts = np.array([[0, 0, 16383, 16383, 0, 0]], np.uint16)
    kernels.move_picture(counts, dx_q8=128, dy_q8=0)
    assert counts.tolist() == [[0, 8192, 16383, 8192, 0, 0]]


@pytest.mark.parametrize(("dx_q8", "dy_q8"), [(16385, 0), (-16385, 0), (0, 16385), (0, -16385)])
def test_larger_moves_are_refused(dx_q8, dy_q8):
    with pytest.raises(ValueError, match=r"d[xy]_q8 must be"):
        kernels.move_picture(np.zeros((4, 4), np.uint16), dx_q8=dx_q8, dy_q8=dy_q8)


def test_no_pixels_are_moved_nowhere():
    memory = np.arange(8, dtype=np.uint16)
    kernels.move_picture(memory[:0].reshape(0, 4), dx_q8=9, dy_q8=9)
    assert memory.tolist() == list(range(8))
