# SPDX-License-Identifier: Apache-2.0
"""Which good pixels stand in for the bad ones.

Sources are chosen in opposite pairs, so that their centre of mass is the bad
pixel itself: a brightness gradient passes through a replaced pixel unbent.
Nearest-first alone would take three of four sources from one side of a dead
row.  Only where no pair is left (corners, large holes) the nearest good
pixels are taken one by one.
"""

import numpy as np

from edgeleak.errors import DataError

SOURCES = 4
PAIR_RADIUS_PX = 3
"""Farther pairs tell less about the pixel than nearer single neighbours do."""


def bad_pixel_table(bad_mask: np.ndarray) -> np.ndarray:
    """Table for `edgeleak.kernels.replace_bad_pixels`.

    bad_mask : (H, W), True where the pixel must be replaced

    Returns (N, 5) int32, sorted by the first column: flat index of the bad
    pixel, then of its four good sources (repeats allowed).  The same mask
    gives the same table.  Raises DataError when no good pixel is left.
    """
    bad = np.asarray(bad_mask, dtype=bool)
    if bad.ndim != 2:
        raise DataError(f"bad-pixel mask must be (H, W), got shape {bad.shape}; pass one frame")
    rows, cols = np.nonzero(bad)
    table = np.empty((rows.size, 1 + SOURCES), np.int32)
    if rows.size == 0:
        return table
    if rows.size == bad.size:
        raise DataError(
            f"all {bad.size} pixels are marked bad, none can stand in; check the frames"
        )
    table[:, 0] = rows * bad.shape[1] + cols
    table[:, 1:] = _sources(bad, rows, cols)
    return table


def _sources(bad: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    chosen, count = _pairs(bad, rows, cols)
    one_pair = count == 2
    chosen[one_pair, 2:] = chosen[one_pair, :2]
    alone = np.flatnonzero(count == 0)
    chosen[alone] = _nearest(bad, rows[alone], cols[alone])
    return chosen


def _pairs(bad: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Up to two opposite pairs a pixel, nearest first; how many sources were found."""
    chosen = np.zeros((rows.size, SOURCES), np.int64)
    count = np.zeros(rows.size, np.intp)
    for dy, dx in _offsets(PAIR_RADIUS_PX, PAIR_RADIUS_PX):
        if (dy, dx) < (0, 0) or dy * dy + dx * dx > PAIR_RADIUS_PX**2:
            continue  # the opposite one of a pair already tried, or too far
        before, before_good = _look(bad, rows - dy, cols - dx)
        after, after_good = _look(bad, rows + dy, cols + dx)
        take = np.flatnonzero(before_good & after_good & (count < SOURCES))
        chosen[take, count[take]] = before[take]
        chosen[take, count[take] + 1] = after[take]
        count[take] += 2
    return chosen, count


def _nearest(bad: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """The four nearest good pixels, repeated in turn where fewer exist."""
    chosen = np.zeros((rows.size, SOURCES), np.int64)
    count = np.zeros(rows.size, np.intp)
    wanted = min(SOURCES, int(bad.size - np.count_nonzero(bad)))
    open_ = np.arange(rows.size)
    reach = 8
    seen = -1
    while open_.size:
        for dy, dx in _offsets(min(reach, bad.shape[0]), min(reach, bad.shape[1])):
            distance2 = dy * dy + dx * dx
            if not seen < distance2 <= reach * reach or not open_.size:
                continue
            index, good = _look(bad, rows[open_] + dy, cols[open_] + dx)
            take = open_[good]
            chosen[take, count[take]] = index[good]
            count[take] += 1
            if take.size:
                open_ = open_[count[open_] < wanted]
        seen, reach = reach * reach, reach * 2
    return chosen[:, np.arange(SOURCES) % wanted]


def _offsets(reach_y: int, reach_x: int) -> list[tuple[int, int]]:
    """All steps but (0, 0), by distance, then row, then column."""
    steps = [
        (dy, dx)
        for dy in range(-reach_y, reach_y + 1)
        for dx in range(-reach_x, reach_x + 1)
        if dy or dx
    ]
    return sorted(steps, key=lambda step: (step[0] ** 2 + step[1] ** 2, step))


def _look(bad: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    height, width = bad.shape
    inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
    index = np.where(inside, rows * width + cols, 0)
    return index, inside & ~bad.ravel()[index]
