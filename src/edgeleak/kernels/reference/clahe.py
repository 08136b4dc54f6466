# SPDX-License-Identifier: Apache-2.0
"""NumPy reference for kernels/clahe: contrast limited adaptive histogram equalisation.

Written from the algorithm (Zuiderveld 1994) with the roundings OpenCV makes, in single
precision: the tests hold it against OpenCV as well as against the compiled kernel.
"""

import numpy as np

LEVELS = 256


def _padded(grey, tiles_x, tiles_y):
    height, width = grey.shape
    if height % tiles_y == 0 and width % tiles_x == 0:
        return grey
    below, right = tiles_y - height % tiles_y, tiles_x - width % tiles_x
    return np.pad(grey, ((0, below), (0, right)), mode="reflect")


def _clipped(histogram, clip_limit):
    """Cut the peaks and deal what was cut out over the bins, leftovers at equal distances."""
    area = int(histogram.sum())
    limit = max(int(clip_limit * area / LEVELS), 1)
    kept = np.minimum(histogram, limit)
    batch, residual = divmod(area - int(kept.sum()), LEVELS)
    kept += batch
    if residual:
        kept[: residual * (LEVELS // residual) : LEVELS // residual] += 1
    return kept


def _tile_map(tile, clip_limit):
    histogram = np.bincount(tile.reshape(-1), minlength=LEVELS)
    if clip_limit > 0:
        histogram = _clipped(histogram, clip_limit)
    scale = np.float32(LEVELS - 1) / np.float32(tile.size)
    return np.rint(np.cumsum(histogram).astype(np.float32) * scale).clip(0, 255)


def _neighbours(side, tile_side, tiles):
    """For every row or column: the tiles before and after it and the weight of the latter."""
    place = np.arange(side, dtype=np.float32) * (np.float32(1) / np.float32(tile_side))
    place -= np.float32(0.5)
    before = np.floor(place)
    after_weight = place - before
    first = before.astype(np.int64)
    return np.maximum(first, 0), np.minimum(first + 1, tiles - 1), after_weight


def clahe(grey, tiles=(8, 8), clip_limit=2.0):
    """See edgeleak.kernels.clahe; same contract, any speed."""
    tiles_x, tiles_y = tiles
    for name, value in (("tiles_x", tiles_x), ("tiles_y", tiles_y)):
        if not 1 <= value <= 64:
            raise ValueError(f"{name} must be 1..64, got {value}")
    if clip_limit != clip_limit:
        raise ValueError("clip_limit must be a number, got NaN")
    if grey.size == 0:
        return
    whole = _padded(grey, tiles_x, tiles_y)
    tile_h, tile_w = whole.shape[0] // tiles_y, whole.shape[1] // tiles_x
    blocks = whole.reshape(tiles_y, tile_h, tiles_x, tile_w).swapaxes(1, 2)
    maps = np.array([[_tile_map(tile, clip_limit) for tile in row] for row in blocks])
    maps = maps.astype(np.float32)
    top, bottom, lower = (a[:, None] for a in _neighbours(grey.shape[0], tile_h, tiles_y))
    first, last, right = (a[None, :] for a in _neighbours(grey.shape[1], tile_w, tiles_x))
    left, upper = np.float32(1) - right, np.float32(1) - lower
    over = maps[top, first, grey] * left + maps[top, last, grey] * right
    under = maps[bottom, first, grey] * left + maps[bottom, last, grey] * right
    grey[...] = np.rint(over * upper + under * lower)
