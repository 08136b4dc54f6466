# SPDX-License-Identifier: Apache-2.0
"""What of a frame carries information: pixels that are not clipped, and contrast beyond noise.

Clipping is judged on raw counts: a correction moves clipped pixels away from the ends of the range,
so afterwards nothing shows.
"""

import numpy as np

from edgeleak import kernels
from edgeleak.frame import EIGHT_BIT_SHIFT
from edgeleak.pipeline.arena import Arena
from edgeleak.pipeline.gain import grid_size, grid_step
from edgeleak.pipeline.profile import Profile
from edgeleak.pipeline.structure import Structure

TILE_PX, MOST_TILES = 8, 32
EIGHT_BIT_TOP = 255 << EIGHT_BIT_SHIFT


class Clipping:
    """Share of a grid of raw pixels at the ends of what the sensor can say.

    is_full, is_dark : more than the allowed share is at the top, or at the bottom
    percent          : that share; NaN when it is within the limit
    """

    def __init__(self, profile: Profile, arena: Arena, top_counts: int) -> None:
        self._raw: np.ndarray = arena["counts"]
        self._keys = arena["keys"]
        self._step = grid_step(arena.shape)
        self._to_percent = 100 / grid_size(arena.shape)
        full = round(10 * (100 - profile["guard.max_saturated_percent"]))
        # Of 200 pixels one may be dead or hot, so the outermost 0.5 % do not count as a plateau.
        self._parts = (min(1000 - full, 995), max(full, 5), 5, 995)
        self._least_counts = profile["guard.min_span_counts"]
        self._full_from = saturated_from(top_counts)
        self.is_full = self.is_dark = False
        self.percent = float("nan")

    def look(self, is_eight_bit: bool) -> None:
        """Look at `counts` before they are corrected.

        A plateau at the top or bottom of 14-bit counts is clipping too, whatever its value: a
        source of fewer bits, or one that clips after a correction of its own.
        """
        dark, full, low, high = kernels.count_range(self._raw, self._step, self._parts, self._keys)
        has_span = high - low >= self._least_counts and not is_eight_bit
        full_from = EIGHT_BIT_TOP if is_eight_bit else self._full_from
        self.is_full = full >= full_from or (has_span and full == high)
        self.is_dark = not self.is_full and (dark == 0 or (has_span and dark == low))
        if self.is_full:
            self._count(min(full, full_from), 65535)
        elif self.is_dark:
            self._count(0, dark)

    def _count(self, low: int, high: int) -> None:
        found = kernels.count_between(self._raw, self._step, low, high)
        self.percent = self._to_percent * found


class Tiles:
    """Means of tiles of at least 8x8 pixels: the scene without the noise of its pixels."""

    def __init__(self, arena: Arena) -> None:
        h, w = arena.shape
        rows, columns = (min(MOST_TILES, max(1, side // TILE_PX)) for side in (h, w))
        self._counts: np.ndarray = arena["counts"].view(np.int16)  # 14 bits fit
        self._means = np.zeros((rows, columns), np.int16)
        self._step = max(1, int((h * w / (rows * columns)) ** 0.5) // TILE_PX)
        self._keys = arena["keys"]
        self.structure = Structure(arena["counts"], self._keys, (rows, columns), self._step)

    def span(self) -> int:
        """Counts between the lowest and the highest mean, without the outermost 0.5 %.

        Measures `structure` of the same means.
        """
        kernels.local_level(self._counts, self._means, 32767, self._step)
        if self.structure.can_tell:
            self.structure.measure(self._means)
        means = self._means.view(np.uint16)
        low, high = kernels.count_range(means, 1, (5, 995), self._keys)
        return high - low


def saturated_from(top_counts: int) -> int:
    """Counts from which a pixel is saturated: the last 1/256 of the sensor's range."""
    return top_counts - (top_counts >> 8)
