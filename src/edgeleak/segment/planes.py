# SPDX-License-Identifier: Apache-2.0
"""From linear counts to what the network sees: three planes of bytes on its own small grid.

    frame       counts, black to white from the 1st to the 99th percentile of the background
    background  the same scale
    difference  128 + levels_per_sigma * (frame - background) / noise, at plume scale

The difference is the one that the classical detector thresholds, in units of its own noise, so
that neither the sensor's size nor its gain matters.  Larger pictures are binned (means of whole
blocks); the grid's rest is filled with the last row and column.
"""

from typing import NamedTuple

import numpy as np

from edgeleak.errors import UsageError

MIDDLE = 128
LOW_PERCENT, HIGH_PERCENT = 1.0, 99.0
LOW_LEVEL, HIGH_LEVEL = 16.0, 240.0
LEAST_SPAN_COUNTS = 8.0
"""A flat scene stays flat, its noise is no structure."""


class Grid(NamedTuple):
    """How a picture lies on the network's input.

    rows, columns : of the input
    block         : pixels each way that are one pixel of the input
    used          : (rows, columns) of the input that the picture fills
    """

    rows: int
    columns: int
    block: int
    used: tuple[int, int]


def grid_of(shape: tuple[int, int], rows: int, columns: int) -> Grid:
    """The smallest block with which a picture of this shape fits."""
    height, width = shape
    if height < 1 or width < 1:
        raise UsageError(f"a picture of shape {shape} has no pixels")
    block = max(-(-height // rows), -(-width // columns), 1)
    return Grid(rows, columns, block, (-(-height // block), -(-width // block)))


def binned(plane: np.ndarray, grid: Grid) -> np.ndarray:
    """Means of blocks, (rows, columns) float32, edges repeated."""
    block, (used_rows, used_columns) = grid.block, grid.used
    height, width = plane.shape
    pad = ((0, used_rows * block - height), (0, used_columns * block - width))
    whole = np.pad(plane, pad, mode="edge") if any(after for _, after in pad) else plane
    means = whole.reshape(used_rows, block, used_columns, block).mean((1, 3), dtype=np.float32)
    rest = ((0, grid.rows - used_rows), (0, grid.columns - used_columns))
    return np.pad(means, rest, mode="edge")


def make_planes(
    counts: np.ndarray,
    background_q2: np.ndarray,
    smoothed_q2: np.ndarray,
    noise_counts: float,
    grid: Grid,
    levels_per_sigma: float,
) -> np.ndarray:
    """The network's input.

    counts        : (H, W) uint16
    background_q2 : (H, W) uint16, quarter counts
    smoothed_q2   : (H, W) int16, quarter counts: difference at plume scale
    noise_counts  : sigma of that difference
    returns (rows, columns, 3) uint8
    """
    frame, background = binned(counts, grid), binned(background_q2, grid) / 4
    low, high = np.percentile(background, (LOW_PERCENT, HIGH_PERCENT))
    scale = (HIGH_LEVEL - LOW_LEVEL) / max(float(high - low), LEAST_SPAN_COUNTS)
    gain = levels_per_sigma / (4 * max(noise_counts, 1e-3))
    planes = np.empty((grid.rows, grid.columns, 3), np.float32)
    planes[..., 0] = LOW_LEVEL + (frame - low) * scale
    planes[..., 1] = LOW_LEVEL + (background - low) * scale
    planes[..., 2] = MIDDLE + binned(smoothed_q2, grid) * gain
    return np.clip(np.rint(planes), 0, 255).astype(np.uint8)


def enlarged(small: np.ndarray, grid: Grid, shape: tuple[int, int]) -> np.ndarray:
    """An answer on the grid as a picture: every pixel of a block has its block's value."""
    rows, columns = grid.used
    tall = np.repeat(small[:rows, :columns], grid.block, axis=0)
    return np.ascontiguousarray(np.repeat(tall, grid.block, axis=1)[: shape[0], : shape[1]])


def proof_planes(rows: int, columns: int) -> np.ndarray:
    """Built-in test picture, the same bytes everywhere: a grade, a wall and a ragged dark cloud.

    returns (rows, columns, 3) uint8
    """
    y, x = np.indices((rows, columns), dtype=np.int64)
    scene = 60 + 90 * y // rows + 40 * (x > columns // 2)
    away = (4 * (x - columns // 3)) ** 2 // columns + (6 * (y - rows // 2)) ** 2 // rows
    torn = (x * 7 + y * 13) % 11
    cloud = np.clip(40 - away // 8 - torn, 0, None)
    grain = (x * 29 + y * 71) % 7 - 3
    planes = np.stack((scene - cloud // 8 + grain, scene, MIDDLE - cloud + grain), axis=-1)
    return np.clip(planes, 0, 255).astype(np.uint8)
