# SPDX-License-Identifier: Apache-2.0
"""Where a plume comes from and where it goes, from seconds of masks.

The root of a plume is masked nearly all the time, its far end only now and then: then the plume
goes from what is masked always to the centre of all that was seen.  A strong plume is masked all
along; then its narrower and denser end is the root.  The source is the upstream end of what is
masked nearly always.
"""

from math import atan2, degrees, exp, hypot, log, nan
from typing import NamedTuple

import numpy as np

TOP_SHARE = 0.8
"""Of the longest time under the mask: places masked nearly always."""
UPSTREAM_SHARE = 0.1
"""Of those the outermost tenth against the flow is the source: single pixels are noise."""
STEADY = 0.2
"""Below this the centre of the plume is as near to its root as chance puts it."""
FULL_SHARE = 0.6
"""From here on what is masked always is as long as the plume, and its middle says nothing."""
LONG = 1.5
"""A plume less long over wide than this has no axis to look along."""
END_SHARE = 0.25
"""The outermost quarter at either end is compared."""


class Source(NamedTuple):
    """Where it comes from.

    origin : x, y in pixels; NaN unknown
    error_px : spread of what it was taken from, half a coarse cell at least; where the flow is
               unknown the plume's own size
    direction_deg : where the plume goes, 0 right, 90 up; NaN unknown
    steadiness : 0..1, how clearly
    """

    origin: tuple[float, float]
    error_px: float
    direction_deg: float
    steadiness: float


NOWHERE = Source((nan, nan), nan, nan, nan)


class Shape:
    """Memory of one event on a coarse picture.

    shape   : (H, W) of the picture
    step    : sub-sampling
    cell_px : side of a place
    """

    def __init__(self, shape: tuple[int, int], step: int, cell_px: int) -> None:
        size = -(-shape[0] // step), -(-shape[1] // step)
        self._step = step
        self.duty, self.strength = np.zeros((2, *size), np.float32)
        self._cell_of = (
            np.arange(size[0]) * step // cell_px,
            np.arange(size[1]) * step // cell_px,
        )

    def take(self, cells: np.ndarray, mask: np.ndarray, strength: np.ndarray, dt_s: float,
             memory_s: float) -> None:  # fmt: skip
        """One look.

        cells    : (rows, columns) bool, the event's own places now
        mask     : sub-sampled, 0 or 255
        strength : sub-sampled size of the difference
        """
        keep, weight = exp(-dt_s / memory_s), max(dt_s, 1e-6)
        own = (mask > 0) & cells[np.ix_(*self._cell_of)]
        self.duty *= keep
        self.strength *= keep
        self.duty[own] += weight
        self.strength[own] += weight * strength[own]

    def source(self) -> Source:
        """Where it comes from and where it goes; NOWHERE before the first look."""
        most = float(self.duty.max())
        if not most > 0:
            return NOWHERE
        rows, columns = np.nonzero(self.duty >= TOP_SHARE * most)
        points = np.stack([columns, rows]).astype(float)
        flow, steadiness = self._flow(points)
        if steadiness >= STEADY:
            rank = flow @ points
            least = np.partition(rank, k := int(UPSTREAM_SHARE * (rank.size - 1)))[k]
            points = points[:, rank <= least]
        x, y = points.mean(axis=1)
        error = hypot(float(points[0].std()), float(points[1].std()), 0.5)
        is_known = steadiness >= STEADY
        return Source(
            ((float(x) + 0.5) * self._step, (float(y) + 0.5) * self._step),
            error * self._step,
            degrees(atan2(-flow[1], flow[0])) % 360 if is_known else nan,
            steadiness,
        )

    def _flow(self, top: np.ndarray) -> tuple[np.ndarray, float]:
        """Where it goes as a unit vector (x, y), and how clearly."""
        rows, columns = np.nonzero(self.duty)
        points = np.stack([columns, rows]).astype(float)
        weights = self.duty[rows, columns].astype(float)
        middle = points @ weights / weights.sum()
        spread = _spread(points, weights, middle)
        at_top = _spread(top, np.ones(top.shape[1]), top.mean(axis=1))
        if at_top[0] >= FULL_SHARE * spread[0]:
            return self._by_ends(points, weights, middle)
        dense = self.strength[rows, columns].astype(float)
        along = points @ dense / dense.sum() - top.mean(axis=1)
        length = hypot(*along)
        return along / max(length, 1e-9), min(1.0, length / max(hypot(*spread), 0.5))

    def _by_ends(self, points: np.ndarray, weights: np.ndarray,
                 middle: np.ndarray) -> tuple[np.ndarray, float]:  # fmt: skip
        """The narrower and denser end is the root."""
        away = points - middle[:, None]
        sizes, axes = np.linalg.eigh((away * weights) @ away.T / weights.sum())
        if sizes[1] <= LONG**2 * max(sizes[0], 0.25):
            return np.array([1.0, 0.0]), 0.0
        along, across = axes[:, 1], axes[:, 0]
        rank, side = along @ away, across @ away
        dense = self.strength[points[1].astype(int), points[0].astype(int)] / weights
        ends = np.quantile(rank, (END_SHARE, 1 - END_SHARE))
        low, high = rank <= ends[0], rank >= ends[1]
        width = [max(float(side[end].std()), 0.5) for end in (low, high)]
        mass = [max(float(dense[end].mean()), 1e-6) for end in (low, high)]
        is_low_root = log(mass[0] / mass[1]) + log(width[1] / width[0])
        return along * np.sign(is_low_root or 1.0), min(1.0, abs(is_low_root))


def _spread(points: np.ndarray, weights: np.ndarray, middle: np.ndarray) -> tuple[float, float]:
    """Longer and shorter half axis of weighed points, one sigma."""
    away = points - middle[:, None]
    sizes = np.linalg.eigvalsh((away * weights) @ away.T / weights.sum())
    return float(max(sizes[1], 0) ** 0.5), float(max(sizes[0], 0) ** 0.5)
