# SPDX-License-Identifier: Apache-2.0
"""Is there a scene?  Structure in the picture that neither a cover nor the sensor can make.

A covered lens shows a surface without detail, out of focus.  What is left in the corrected picture
then is the sensor's own: shading and stripes, because the gain of the correction does not fit a
surface as far from the shutter's temperature, and noise.  All but the noise is a sum of something
per row and something per column, or smooth over the whole picture (a graded cover is, too), so
these are taken off the means of the tiles.  What stays has to be more than pixel noise leaves, and
more than the part of the level that sensors leave: a black body 10 K above the shutter's, seen by a
real one, leaves 4.2 counts, 0.7 % of its 573; real scenes leave 7 to 1500.
"""

from math import isfinite, nan

import numpy as np

from edgeleak import kernels

LEAST_COUNTS = 5.0
"""What drifts between two corrections leaves below that: 0.9 to 3 counts a kelvin on a real
uncooled sensor between -20 and 40 degC, and a correction is made anew after a third of one."""
NOISE_SHARE = 2.0
"""Of the span that white noise of the pixels leaves."""
LEVEL_SHARE = 0.015
"""Of the counts between picture and shutter, for what the gain leaves that is neither smooth nor
stripes: twice what the black body shows."""
PARTS = (25, 975)
"""Span between these thousandths of the tiles: bad pixels that nobody knows yet spoil a few."""
SIGMAS = 3.92
"""Those parts of a normal distribution span so many."""
SIGMA_OF_MEDIAN = 1.4826 / 2**0.5
"""From the median difference of two neighbours to the noise of one."""
LEAST_TILES = 6
"""A side; fewer leave nothing when rows, columns and smooth parts are off."""
GRID_PX = 2048
QUARTERS, MIDDLE, TOP = 4, 8192, 16383


class Structure:
    """What the tiles of one picture show besides the sensor.

    span_counts  : of the tile means, without what a cover or the sensor can make
    least_counts : what a scene must have
    shutter_counts : corrected counts of the shutter the correction was taken on; NaN unknown
    can_tell     : the picture has tiles enough
    has_scene    : more than a cover can show; True before the first look, and where nobody can tell
    """

    def __init__(self, counts: np.ndarray, keys: np.ndarray, tiles: tuple[int, int],
                 tile_step: int) -> None:  # fmt: skip
        h, w = counts.shape
        self.can_tell = min(tiles) >= LEAST_TILES
        self.span_counts = self.least_counts = self.shutter_counts = nan
        self._keys = keys
        self._left = np.zeros(tiles[0] * tiles[1], np.float32)
        self._sorted = np.zeros(tiles, np.uint16)
        self._known = _known_pictures(*tiles) if self.can_tell else self._left[np.newaxis]
        self._parts = np.zeros(len(self._known), np.float32)
        self._fit = np.zeros_like(self._left)
        self._mean = np.full_like(self._left, 1 / self._left.size)
        self._tile_px = max(1.0, h / tiles[0] / tile_step * (w / tiles[1] / tile_step))
        step = max(1, int((h * w / GRID_PX) ** 0.5))
        signed = counts.view(np.int16)  # 14 bits fit
        below = signed[1::step, ::step]
        self._neighbours = signed[: h - 1 : step, ::step][: len(below)], below
        self._steps, self._below = np.zeros((2, *below.shape), np.int16)

    @property
    def has_scene(self) -> bool:
        return not self.span_counts < self.least_counts

    def measure(self, means: np.ndarray) -> None:
        """From the means of the tiles, (R, C) int16 counts, and the picture they are of."""
        left = self._left
        np.copyto(left, means.reshape(-1))
        off_shutter = abs(float(np.dot(left, self._mean)) - self.shutter_counts)
        np.dot(self._known, left, out=self._parts)
        np.dot(self._parts, self._known, out=self._fit)
        np.subtract(left, self._fit, out=left)
        self.span_counts = self._span()
        self.least_counts = max(
            LEAST_COUNTS,
            NOISE_SHARE * SIGMAS * self._noise_counts() / self._tile_px**0.5,
            LEVEL_SHARE * off_shutter if isfinite(off_shutter) else 0.0,
        )

    def _span(self) -> float:
        """Counts between the tiles at `PARTS`; quarters in 14 bits are what the kernel sorts."""
        left = self._left
        np.multiply(left, QUARTERS, out=left)
        np.add(left, MIDDLE, out=left)
        np.clip(left, 0, TOP, out=left)
        np.copyto(self._sorted.reshape(-1), left, casting="unsafe")
        low, high = kernels.count_range(self._sorted, 1, PARTS, self._keys)
        return (high - low) / QUARTERS

    def _noise_counts(self) -> float:
        """Of one pixel, from neighbours in a column: stripes of columns are in both."""
        steps, below = self._steps, self._below
        np.copyto(steps, self._neighbours[0])
        np.copyto(below, self._neighbours[1])
        np.subtract(steps, below, out=steps)
        np.abs(steps, out=steps)
        found = kernels.count_range(steps.view(np.uint16), 1, (500,), self._keys)[0]
        return SIGMA_OF_MEDIAN * found


def _known_pictures(rows: int, columns: int) -> np.ndarray:
    """(rows + columns + 3, rows * columns) float32, orthonormal: a row, a column, and x or x
    squared by y or y squared; with these every surface of that order."""
    x, y = (np.linspace(-1, 1, side) for side in (columns, rows))
    pictures = [np.outer(row, np.ones(columns)) for row in np.eye(rows)]
    pictures += [np.outer(np.ones(rows), column) for column in np.eye(columns)[1:]]
    pictures += [np.outer(down, across) for down in (y, y * y) for across in (x, x * x)]
    flat = np.array(pictures).reshape(len(pictures), -1)
    return np.ascontiguousarray(np.linalg.qr(flat.T)[0].T, np.float32)
