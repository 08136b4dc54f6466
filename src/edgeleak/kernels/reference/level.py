# SPDX-License-Identifier: Apache-2.0
"""NumPy twins of the level and range estimates; the truth for edgeleak.kernels._level."""

from collections.abc import Sequence

import numpy as np


def median_shift(
    counts: np.ndarray, background: np.ndarray, step: int, keys: np.ndarray | None = None
) -> int:
    """Median of counts - background on a grid, in quarter counts: the level of this frame.

    counts     : (H, W) uint16, 14-bit; larger values count as 16383
    background : (H, W) uint16, UQ14.2
    step       : every step-th row and column from 0 is looked at, >= 1
    keys       : scratch of the compiled kernel, not needed here

    The lower middle value, so the result is one that occurs.
    """
    seen = np.minimum(counts[::step, ::step], 16383).astype(np.int32) << 2
    shift = np.sort((seen - background[::step, ::step]).ravel())
    return int(shift[(shift.size - 1) // 2])


def count_range(
    counts: np.ndarray, step: int, permilles: Sequence[int], keys: np.ndarray | None = None
) -> tuple[int, ...]:
    """Counts below which `permilles` of a grid of pixels lie; robust against dead pixels.

    counts    : (H, W) uint16, 14-bit; larger values count as 16383
    step      : every step-th row and column from 0 is looked at, >= 1
    permilles : 0..1000, ascending or not; 0 is the smallest, 1000 the largest value
    keys      : scratch of the compiled kernel, not needed here
    """
    seen = np.sort(np.minimum(counts[::step, ::step], 16383).ravel())
    return tuple(int(seen[(seen.size - 1) * part // 1000]) for part in permilles)


def count_between(counts: np.ndarray, step: int, low: int, high: int) -> int:
    """Number of pixels of a grid that hold `low` to `high`, both included.

    counts    : (H, W) uint16
    step      : every step-th row and column from 0 is looked at, >= 1
    low, high : 0..65535
    """
    seen = counts[::step, ::step]
    return int(np.count_nonzero((seen >= low) & (seen <= high)))


def area(mask: np.ndarray) -> int:
    """Number of pixels of (H, W) uint8 `mask` that are not 0."""
    return int(np.count_nonzero(mask))


def local_level(difference: np.ndarray, grid: np.ndarray, clip_q2: int, step: int) -> None:
    """Mean of the clipped difference in each tile: what clouds, drift and gain leave behind.

    difference : (H, W) int16, quarter counts
    grid       : (rows, columns) int16, written; 1..H by 1..W tiles
    clip_q2    : values outside +/-clip_q2 count as the limit, so a plume moves it little
    step       : every step-th row and column of a tile, from its corner

    Means are rounded down.
    """
    rows, columns = grid.shape
    h, w = difference.shape
    for i in range(rows):
        for k in range(columns):
            tile = difference[i * h // rows : (i + 1) * h // rows : step]
            tile = tile[:, k * w // columns : (k + 1) * w // columns : step]
            clipped = np.clip(tile.astype(np.int64), -clip_q2, clip_q2)
            grid[i, k] = clipped.sum() // clipped.size


def axis_weights(size: int, tiles: int) -> tuple[np.ndarray, np.ndarray]:
    """First tile and weight (0..256) of the second for each of *size* pixels."""
    place = ((2 * np.arange(size) + 1) * tiles * 128) // size - 128
    place = np.clip(place, 0, (tiles - 1) * 256)
    first = np.minimum(place >> 8, max(tiles - 2, 0))
    return first, place - (first << 8)


def remove_local_level(
    difference: np.ndarray, grid: np.ndarray, weights: np.ndarray | None = None
) -> None:
    """Subtract the bilinear surface through the tile means, in place, saturating.

    difference : (H, W) int16, quarter counts
    grid       : (rows, columns) int16 from local_level
    weights    : scratch of the compiled kernel, not needed here

    Between tile centres the surface is linear, outside constant; first down the
    columns (Q8, rounded down to Q4), then along the row (Q8, rounded to the nearest).
    """
    h, w = difference.shape
    first_y, part_y = axis_weights(h, grid.shape[0])
    first_x, part_x = axis_weights(w, grid.shape[1])
    values = grid.astype(np.int64)
    second_y = np.minimum(first_y + 1, grid.shape[0] - 1)
    down = (values[first_y] * (256 - part_y)[:, None] + values[second_y] * part_y[:, None]) >> 4
    second_x = np.minimum(first_x + 1, grid.shape[1] - 1)
    surface = (down[:, first_x] * (256 - part_x) + down[:, second_x] * part_x + 2048) >> 12
    difference[...] = np.clip(difference - surface, -32768, 32767)
