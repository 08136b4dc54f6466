# SPDX-License-Identifier: Apache-2.0
"""Box mean: twin over odd shapes and extremes, guard rows, constant stays constant."""

import numpy as np
import pytest

from edgeleak import kernels
from edgeleak.kernels.reference import smooth as reference

SHAPES = [(1, 1), (1, 17), (3, 5), (2, 90), (61, 83)]
SIZES = [1, 3, 5, 7, 9, 11]


def columns_for(shape, size):
    return np.zeros(shape[1] + size - 1, np.int32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("top", [3, 400, 32767])
def test_bit_exact_with_reference(rng, shape, size, top):
    difference = rng.integers(-top - 1, top + 1, shape, dtype=np.int16)
    want = np.empty(shape, np.int16)
    guarded = np.full((shape[0] + 2, shape[1]), 0x5EEF, np.int16)
    reference.smooth(difference, want, size)

    kernels.smooth(difference, guarded[1:-1], size, columns_for(shape, size))

    np.testing.assert_array_equal(guarded[1:-1], want)
    assert (guarded[[0, -1]] == 0x5EEF).all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("level", [-16383, -7, 0, 7, 16383])
def test_a_constant_keeps_its_value(size, level):
    difference = np.full((9, 13), level, np.int16)
    out = np.empty_like(difference)
    kernels.smooth(difference, out, size, columns_for(out.shape, size))
    assert np.abs(out.astype(int) - level).max() <= max(1, abs(level) // 1000 + 1)


def test_bad_input_is_refused():
    plane = np.zeros((4, 4), np.int16)
    with pytest.raises(ValueError, match="odd"):
        kernels.smooth(plane, plane.copy(), 4, np.zeros(99, np.int32))
    with pytest.raises(ValueError, match="columns hold"):
        kernels.smooth(plane, plane.copy(), 3, np.zeros(4, np.int32))
    with pytest.raises(ValueError, match="share memory"):
        kernels.smooth(plane, plane, 3, np.zeros(9, np.int32))
