# SPDX-License-Identifier: Apache-2.0
"""The network's input: the same for every sensor that sees the same."""

import hashlib

import numpy as np
import pytest

from edgeleak.errors import UsageError
from edgeleak.segment.planes import binned, enlarged, grid_of, make_planes, proof_planes

ROWS, COLUMNS = 120, 160


@pytest.mark.parametrize(
    ("shape", "block", "used"),
    [((120, 160), 1, (120, 160)), ((240, 320), 2, (120, 160)), ((480, 640), 4, (120, 160)),
     ((121, 160), 2, (61, 80)), ((60, 80), 1, (60, 80)), ((320, 320), 3, (107, 107)),
     ((1, 1), 1, (1, 1))],
)  # fmt: skip
def test_the_smallest_block_that_fits(shape, block, used):
    grid = grid_of(shape, ROWS, COLUMNS)
    assert (grid.block, grid.used) == (block, used)


def test_an_empty_picture_is_refused():
    with pytest.raises(UsageError):
        grid_of((0, 5), ROWS, COLUMNS)


@pytest.mark.parametrize("shape", [(121, 163), (240, 320), (77, 50)])
def test_blocks_are_means_and_edges_repeat(shape):
    grid = grid_of(shape, ROWS, COLUMNS)
    plane = np.random.default_rng(1).integers(0, 16384, shape, dtype=np.uint16)
    found = binned(plane, grid)
    b = grid.block
    assert found.shape == (ROWS, COLUMNS)
    assert found[3, 4] == pytest.approx(plane[3 * b : 4 * b, 4 * b : 5 * b].mean())
    rows, columns = grid.used
    np.testing.assert_array_equal(found[rows:, :columns], np.tile(found[rows - 1, :columns],
                                                                  (ROWS - rows, 1)))  # fmt: skip


@pytest.mark.parametrize("shape", [(121, 163), (240, 320), (77, 50)])
def test_an_answer_comes_back_where_it_belongs(shape):
    grid = grid_of(shape, ROWS, COLUMNS)
    small = np.random.default_rng(2).integers(0, 256, (ROWS, COLUMNS), dtype=np.uint8)
    found = enlarged(small, grid, shape)
    y, x = np.indices(shape)
    np.testing.assert_array_equal(found, small[y // grid.block, x // grid.block])


def planes_of(gain=1, size=1):
    """A scene with a plume of 10 sigma, for a sensor of another gain or size."""
    rng = np.random.default_rng(3)
    scene = np.kron(rng.integers(500, 900, (ROWS, COLUMNS)), np.ones((size, size), int)) * gain
    plume = np.zeros_like(scene)
    plume[40 * size : 50 * size, 60 * size : 90 * size] = -20 * gain
    return make_planes(
        (scene + plume).astype(np.uint16), (4 * scene).astype(np.uint16),
        (4 * plume).astype(np.int16), 2.0 * gain,
        grid_of(scene.shape, ROWS, COLUMNS), 6.0,
    )  # fmt: skip


def test_the_difference_is_in_units_of_the_noise():
    planes = planes_of()
    assert planes.dtype == np.uint8
    assert (planes[45, 70, 2], planes[0, 0, 2]) == (128 - 60, 128)
    assert planes[..., 1].min() < 20 < 230 < planes[..., 1].max()


@pytest.mark.parametrize("changes", [{"gain": 7}, {"size": 2}, {"size": 4}])
def test_gain_and_size_of_the_sensor_do_not_matter(changes):
    np.testing.assert_allclose(planes_of(**changes).astype(int), planes_of(), atol=1)


def test_extremes_saturate():
    top = np.full((4, 4), 65535, np.uint16)
    planes = make_planes(top, np.zeros_like(top), np.full((4, 4), -32768, np.int16), 0.0,
                         grid_of((4, 4), ROWS, COLUMNS), 6.0)  # fmt: skip
    assert (planes[..., 0] == 255).all()
    assert (planes[..., 2] == 0).all()


def test_the_proof_picture_is_the_same_everywhere():
    digest = hashlib.sha256(proof_planes(ROWS, COLUMNS).tobytes()).hexdigest()
    assert digest[:16] == "2dd644b1467ce016"
