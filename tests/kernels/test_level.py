# SPDX-License-Identifier: Apache-2.0
"""Level, range, local level: twin, extremes, properties, bad input."""

import numpy as np
import pytest

from edgeleak import kernels
from edgeleak.kernels.reference import level as reference

SHAPES = [(1, 1), (1, 17), (3, 5), (61, 83), (120, 160)]


def keys_for(shape):
    return np.zeros(shape[0] * shape[1], np.uint32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("step", [1, 2, 7])
@pytest.mark.parametrize("top", [3, 16383, 65535])
def test_median_and_range_equal_the_twin(rng, shape, step, top):
    counts = rng.integers(0, top + 1, shape, dtype=np.uint16)
    background = rng.integers(0, min(4 * top, 65532) + 1, shape, dtype=np.uint16)
    parts = (0, 5, 500, 995, 1000)
    keys = keys_for(shape)

    assert kernels.median_shift(counts, background, step, keys) == reference.median_shift(
        counts, background, step
    )
    assert kernels.count_range(counts, step, parts, keys) == reference.count_range(
        counts, step, parts
    )


@pytest.mark.parametrize("extreme", [(0, 65535), (65535, 0), (16383, 0)])
def test_median_at_the_ends(extreme):
    counts = np.full((4, 4), extreme[0], np.uint16)
    background = np.full((4, 4), extreme[1], np.uint16)
    want = reference.median_shift(counts, background, 1)
    assert kernels.median_shift(counts, background, 1, keys_for((4, 4))) == want


@pytest.mark.parametrize("n_parts", [1, 2, 8])
def test_ranks_that_share_a_bin_equal_the_twin(rng, n_parts):
    counts = rng.integers(5000, 5007, (40, 50), dtype=np.uint16)
    parts = tuple(rng.integers(0, 1001, n_parts).tolist())
    got = kernels.count_range(counts, 1, parts, keys_for(counts.shape))
    assert got == reference.count_range(counts, 1, parts)


def test_range_takes_any_iterable(rng):
    counts = rng.integers(0, 16384, (9, 11), dtype=np.uint16)
    want = reference.count_range(counts, 1, (0, 500, 1000))
    for parts in ([0, 500, 1000], iter((0, 500, 1000)), (p for p in (0, 500, 1000))):
        assert kernels.count_range(counts, 1, parts, keys_for(counts.shape)) == want
    with pytest.raises(ValueError, match="number of permilles"):
        kernels.count_range(counts, 1, iter(()), keys_for(counts.shape))


def test_range_ignores_a_few_dead_pixels(rng):
    counts = rng.integers(5000, 5100, (60, 80), dtype=np.uint16)
    counts[3, :5], counts[9, :5] = 0, 16383
    low, high = kernels.count_range(counts, 1, (5, 995), keys_for(counts.shape))
    assert 5000 <= low < high < 5100


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("grid_shape", [(1, 1), (1, 2), (3, 4), (6, 8), (32, 32)])
@pytest.mark.parametrize("clip_q2", [0, 12, 32767])
def test_local_level_equals_the_twin(rng, shape, grid_shape, clip_q2):
    grid_shape = (min(grid_shape[0], shape[0]), min(grid_shape[1], shape[1]))
    difference = rng.integers(-32768, 32768, shape, dtype=np.int16)
    want_grid, got_grid = np.zeros(grid_shape, np.int16), np.zeros(grid_shape, np.int16)
    want = difference.copy()
    reference.local_level(difference, want_grid, clip_q2, 2)
    reference.remove_local_level(want, want_grid)

    kernels.local_level(difference, got_grid, clip_q2, 2)
    kernels.remove_local_level(difference, got_grid, np.zeros(shape[1], np.int32))

    np.testing.assert_array_equal(got_grid, want_grid)
    np.testing.assert_array_equal(difference, want)


def test_a_slow_gradient_disappears():
    row = np.linspace(-40, 40, 160)
    difference = (np.zeros((120, 1)) + row).astype(np.int16)
    grid = np.zeros((6, 8), np.int16)
    kernels.local_level(difference, grid, 100, 1)
    kernels.remove_local_level(difference, grid, np.zeros(160, np.int32))
    assert np.abs(difference[:, 10:-10]).max() <= 1


@pytest.mark.parametrize("shape", [(1, 63), (67, 131), (120, 160), (255, 64), (257, 64)])
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_area_counts_pixels(rng, shape, share):
    mask = (rng.random(shape) < share).astype(np.uint8) * 255
    assert kernels.area(mask) == reference.area(mask) == np.count_nonzero(mask)


def test_bad_input_is_refused():
    counts = np.zeros((4, 4), np.uint16)
    with pytest.raises(ValueError, match="hold 3 values"):
        kernels.count_range(counts, 1, (0,), np.zeros(3, np.uint32))
    with pytest.raises(ValueError, match="permille"):
        kernels.count_range(counts, 1, (1001,), keys_for((4, 4)))
    for parts in ((), (500,) * 9):
        with pytest.raises(ValueError, match="number of permilles"):
            kernels.count_range(counts, 1, parts, keys_for((4, 4)))
    with pytest.raises(ValueError, match="step"):
        kernels.median_shift(counts, counts.copy(), 0, keys_for((4, 4)))
    with pytest.raises(ValueError, match="grid rows"):
        kernels.local_level(np.zeros((2, 2), np.int16), np.zeros((3, 1), np.int16), 4, 1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("step", [1, 2, 7])
@pytest.mark.parametrize("span", [(0, 0), (0, 65535), (3, 2), (16320, 16383), (40000, 65535)])
def test_count_between_equals_the_twin(rng, shape, step, span):
    counts = rng.choice(np.array([0, 1, 16319, 16320, 16383, 65535], np.uint16), shape)
    found = kernels.count_between(counts, step, *span)
    assert found == reference.count_between(counts, step, *span)


def test_count_between_refuses_what_is_out_of_range():
    counts = np.zeros((3, 3), np.uint16)
    assert kernels.count_between(np.zeros((0, 3), np.uint16), 1, 0, 1) == 0
    for bad in [(0, 0, 1), (1, -1, 1), (1, 0, 65536)]:
        with pytest.raises(ValueError, match=r"step|low|high"):
            kernels.count_between(counts, *bad)
