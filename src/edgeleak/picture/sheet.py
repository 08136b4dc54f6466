# SPDX-License-Identifier: Apache-2.0
"""Several pictures on one page, each with its caption."""

from collections.abc import Sequence

import numpy as np

from edgeleak.errors import UsageError
from edgeleak.picture.canvas import FAINT, Canvas, Picture, fit_rgb

GAP_PX = 10
CAPTION_PX = 24
HEAD_PX = 40


def contact_sheet(
    pictures: Sequence[tuple[np.ndarray, str]], title: str, columns: int = 3, cell_px: int = 420
) -> Picture:
    """Lay pictures out in reading order.

    pictures : (rgb (H, W, 3) uint8, caption) pairs, at least one
    title    : first line of the page
    columns  : pictures in a row, at most
    cell_px  : width of one picture on the page
    """
    if not pictures:
        raise UsageError("a contact sheet needs at least one picture")
    columns = min(columns, len(pictures))
    share = max(rgb.shape[0] / rgb.shape[1] for rgb, _ in pictures)
    cell_height = min(round(cell_px * share), 2 * cell_px)
    rows = -(-len(pictures) // columns)
    canvas = Canvas(
        columns * (cell_px + GAP_PX) + GAP_PX,
        HEAD_PX + rows * (cell_height + CAPTION_PX + GAP_PX),
    )
    canvas.text((GAP_PX, HEAD_PX // 2), title, 18, room_px=canvas.width - 2 * GAP_PX)
    places = []
    for index, (rgb, caption) in enumerate(pictures):
        row, column = divmod(index, columns)
        x = GAP_PX + column * (cell_px + GAP_PX)
        y = HEAD_PX + row * (cell_height + CAPTION_PX + GAP_PX)
        small = fit_rgb(rgb, cell_px, cell_height)
        canvas.paste(small, (x, y))
        places.append([x, y, x + small.shape[1], y + small.shape[0]])
        canvas.text((x, y + cell_height + CAPTION_PX // 2), caption, 14, ink=FAINT, room_px=cell_px)
    return Picture(canvas.rgb(), {"title": title, "places_px": places, "words": canvas.words})
