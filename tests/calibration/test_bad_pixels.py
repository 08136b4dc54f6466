# SPDX-License-Identifier: Apache-2.0
"""Sources of bad pixels: good, near, balanced, the same every time."""

import numpy as np
import pytest

from edgeleak.calibration.bad_pixels import bad_pixel_table
from edgeleak.errors import DataError

SHAPES = [(1, 2), (2, 1), (1, 17), (3, 5), (60, 80), (121, 163)]


def replaced(frame, table):
    flat = frame.astype(np.int64).ravel().copy()
    flat[table[:, 0]] = (flat[table[:, 1:]].sum(axis=1) + 2) >> 2
    return flat.reshape(frame.shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_every_bad_pixel_once_and_every_source_good(rng, shape, share):
    bad = rng.random(shape) < share
    bad.ravel()[rng.integers(bad.size)] = False

    table = bad_pixel_table(bad)

    assert table.dtype == np.int32
    assert table.shape == (np.count_nonzero(bad), 5)
    np.testing.assert_array_equal(table[:, 0], np.flatnonzero(bad))
    assert not bad.ravel()[table[:, 1:]].any()


def test_same_mask_same_table(rng):
    bad = rng.random((50, 60)) < 0.2
    np.testing.assert_array_equal(bad_pixel_table(bad), bad_pixel_table(bad.copy()))


def test_single_pixel_takes_its_four_neighbours():
    bad = np.zeros((5, 5), bool)
    bad[2, 2] = True
    assert sorted(bad_pixel_table(bad)[0, 1:]) == [7, 11, 13, 17]


def test_gradient_passes_through_isolated_pixels_and_a_dead_row():
    y, x = np.mgrid[0:40, 0:60]
    scene = 1000 + 12 * y + 7 * x
    bad = np.zeros(scene.shape, bool)
    bad[20] = True
    bad[5::9, 4::7] = True
    inner = bad.copy()
    inner[:, [0, -1]] = False

    got = replaced(np.where(bad, 16383, scene), bad_pixel_table(bad))

    np.testing.assert_array_equal(got[inner], scene[inner])


def test_dead_row_takes_its_sources_from_other_rows():
    bad = np.zeros((30, 40), bool)
    bad[13] = True
    rows = np.sort(bad_pixel_table(bad)[:, 1:] // 40, axis=1)
    np.testing.assert_array_equal(rows[1:-1], np.tile([12, 12, 14, 14], (38, 1)))
    np.testing.assert_array_equal(rows[[0, -1]], [[11, 12, 14, 15]] * 2)


def test_hole_is_filled_from_its_rim():
    bad = np.zeros((64, 64), bool)
    bad[10:50, 12:52] = True
    sources = bad_pixel_table(bad)[:, 1:]
    distance = np.hypot(*(np.stack(np.divmod(sources, 64)) - np.stack(np.nonzero(bad))[:, :, None]))
    assert distance.max() < 21.5  # half the hole's width, plus the reach of a second neighbour


def test_fewer_than_four_good_pixels_repeat():
    bad = np.ones((9, 9), bool)
    bad[0, 0] = bad[8, 8] = False
    assert set(bad_pixel_table(bad)[:, 1:].ravel()) == {0, 80}


def test_no_bad_pixels_is_an_empty_table():
    assert bad_pixel_table(np.zeros((4, 4), bool)).shape == (0, 5)


@pytest.mark.parametrize("mask", [np.ones((3, 3), bool), np.zeros(3, bool)])
def test_hopeless_masks_are_refused(mask):
    with pytest.raises(DataError):
        bad_pixel_table(mask)
