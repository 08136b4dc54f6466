# SPDX-License-Identifier: Apache-2.0
import re

import numpy as np
import pytest

from edgeleak.errors import StorageError, UsageError
from edgeleak.picture import Picture, contact_sheet, terminal_picture


def test_sheet_shows_every_picture_with_its_caption(rng):
    levels = rng.permutation(200)[:7] + 40
    pictures = [(np.full((48, 64, 3), level, np.uint8), f"no {level}") for level in levels]
    sheet = contact_sheet(pictures, "seven", columns=3, cell_px=200)
    for level, place in zip(levels, sheet.description["places_px"], strict=True):
        left, top, right, bottom = place
        assert (sheet.rgb[top + 2 : bottom - 2, left + 2 : right - 2] == level).all()
        assert f"no {level}" in sheet.description["words"]
    assert "seven" in sheet.description["words"]


def test_empty_sheet_is_refused():
    with pytest.raises(UsageError):
        contact_sheet([], "nothing")


def test_unwritable_picture_is_one_sentence(tmp_path):
    picture = Picture(np.zeros((2, 2, 3), np.uint8), {})
    with pytest.raises(StorageError, match=r"missing/a\.png"):
        picture.save(tmp_path / "missing" / "a.png")


def test_terminal_picture_keeps_colours_and_place():
    rgb = np.zeros((40, 80, 3), np.uint8)
    rgb[:20] = (255, 0, 0)
    rgb[20:] = (0, 0, 255)
    lines = terminal_picture(rgb, 40, 40).split("\n")
    assert len(lines) == 10
    cells = [re.findall(r"38;2;(\d+);(\d+);(\d+)", line) for line in lines]
    assert {len(row) for row in cells} == {40}
    assert cells[0][0] == ("255", "0", "0")
    assert cells[-1][-1] == ("0", "0", "255")


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (200, 3)])
def test_terminal_picture_fits(shape):
    lines = terminal_picture(np.zeros((*shape, 3), np.uint8), 60, 20).split("\n")
    assert len(lines) <= 20
    assert all(line.count("▀") <= 60 for line in lines)
