# SPDX-License-Identifier: Apache-2.0
"""Text that has to fit."""

import pytest

from edgeleak.picture.canvas import Canvas

SIZE_PX = 14


def letter_by_letter(canvas, text, room_px):
    """The longest beginning that fits, found the slow way."""
    if canvas.text_width(text, SIZE_PX) <= room_px:
        return text
    while text and canvas.text_width(text + "…", SIZE_PX) > room_px:
        text = text[:-1].rstrip()
    return text + "…" if text else ""


@pytest.mark.parametrize(
    "text", ["", "a", "gas", "why not  now", "   ", "W" * 40, "the cap is on; " * 9]
)
def test_the_longest_beginning_that_fits(text):
    canvas = Canvas(640, 40)
    for room_px in (0, 5, 13, 14, 30, 61, 150, 333, 640, 2000):
        shown = canvas.shorten(text, SIZE_PX, room_px)
        assert shown == letter_by_letter(canvas, text, room_px)
        assert not shown or canvas.text_width(shown, SIZE_PX) <= room_px
