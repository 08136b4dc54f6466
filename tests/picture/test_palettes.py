# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from edgeleak.errors import UsageError
from edgeleak.picture import PALETTES, colour
from edgeleak.picture.palettes import palette


def test_there_are_six_and_one_is_inverted():
    assert len(PALETTES) >= 6
    np.testing.assert_array_equal(palette("grey-inverted"), palette("grey")[::-1])


@pytest.mark.parametrize("name", [n for n in PALETTES if n not in ("rainbow", "grey-inverted")])
def test_brightness_rises_with_level(name):
    luma = palette(name) @ np.array([0.2126, 0.7152, 0.0722])
    assert luma[-1] - luma[0] > 150
    assert (np.diff(luma) > -0.75).all()


@pytest.mark.parametrize("name", PALETTES)
def test_all_levels_stay_apart(name):
    assert len(np.unique(palette(name), axis=0)) > 180


def test_unknown_name_lists_the_known():
    with pytest.raises(UsageError, match="iron"):
        colour(np.zeros((2, 2), np.uint8), "irn")
