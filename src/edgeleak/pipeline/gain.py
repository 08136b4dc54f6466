# SPDX-License-Identifier: Apache-2.0
"""Automatic alpha and beta of the log gain control (paper, equation 2), damped in time.

The darkest and brightest percentile of a grid of pixels become level 0 and 255.  Percentiles,
not extremes, so that dead and hot pixels do not set the gain.  The table is made new only when
a percentile moved by more than a dead band, because every new table shifts an 8-bit background.
"""

from math import exp, log2

import numpy as np

from edgeleak import kernels
from edgeleak.pipeline.arena import Arena, Member
from edgeleak.pipeline.profile import Profile

GRID_PX = 2048
"""Pixels looked at: the median of so many is known to 3 % of the noise of one pixel."""


def grid_step(shape: tuple[int, int]) -> int:
    """Largest step that still looks at about GRID_PX pixels."""
    return max(1, int((shape[0] * shape[1] / GRID_PX) ** 0.5))


def grid_size(shape: tuple[int, int]) -> int:
    step = grid_step(shape)
    return -(-shape[0] // step) * -(-shape[1] // step)


def equalise_members() -> list[Member]:
    """Tables that only the order equalise-then-log needs."""
    return [
        Member("found", (16384,), "u4", "histogram of the counts"),
        Member("total", (16384,), "i8", "its clipped sum"),
        Member("curve", (16384,), "i8", "equalised counts; 64 bits, as np.take indexes"),
        Member("straight", (16384,), "u1", "log table before the two are joined"),
    ]


class AutoGain:
    """Alpha, beta and the table; `alpha`, `beta` are what the table was made from.

    lock(alpha, beta) holds them by hand, unlock() returns to automatic.
    """

    def __init__(self, profile: Profile, arena: Arena) -> None:
        self._counts = arena["counts"]
        self._keys = arena["keys"]
        self.lut = arena["lut"]
        self._step = grid_step(arena.shape)
        self._tau_s = profile["gain.tau_s"]
        self._dead_band = profile["gain.dead_band_octaves"]
        self._least_octaves = profile["gain.least_octaves"]
        self._equalise = profile["gain.order"] == "equalise-then-log"
        low, high = profile["gain.low_percent"], profile["gain.high_percent"]
        self._parts = (round(10 * low), round(10 * high), 100, 900)
        self._plateau_percent = profile["gain.plateau_percent"] if self._equalise else 0.0
        if self._equalise:
            self._found, self._curve = arena["found"], arena["curve"]
            self._total, self._straight = arena["total"], arena["straight"]
        self.locked = profile["gain.mode"] == "locked"
        self.alpha, self.beta = profile["gain.alpha"], profile["gain.beta"]
        self.low_counts, self.high_counts = 0, 0
        self.inner_span = 0
        self._low = self._high = float("nan")
        self._used = (float("nan"), float("nan"))
        if self.locked:
            self.lock(self.alpha, self.beta)

    def lock(self, alpha: float, beta: float) -> None:
        """Hold alpha (levels an octave) and beta (levels) by hand."""
        self.locked, self.alpha, self.beta = True, float(alpha), float(beta)
        self._make_table()

    def unlock(self) -> None:
        """Automatic again, from the next update on without damping."""
        self.locked = False
        self.restart()

    def restart(self) -> None:
        """Forget the scene: the next update is without damping."""
        self._low, self._high = float("nan"), float("nan")
        self._used = (float("nan"), float("nan"))

    def update(self, elapsed_s: float) -> bool:
        """Look at `counts`; True when the table is new."""
        low, high, tenth, ninth = kernels.count_range(
            self._counts, self._step, self._parts, self._keys
        )
        self.inner_span = ninth - tenth
        self.low_counts, self.high_counts = low, high
        if self.locked:
            return False
        if self._equalise:
            self._follow_histogram(elapsed_s)
            low, high = int(self._curve[low]), int(self._curve[high])
        self._damp(log2(max(low, 1)), log2(max(high, 1)), elapsed_s)
        moved = max(abs(self._low - self._used[0]), abs(self._high - self._used[1]))
        if moved <= self._dead_band:
            return False
        self._used = (self._low, self._high)
        self.alpha = 255 / max(self._high - self._low, self._least_octaves)
        self.beta = -self.alpha * self._low
        self._make_table()
        return True

    def _damp(self, low: float, high: float, elapsed_s: float) -> None:
        if self._low != self._low:
            self._low, self._high = low, high
            return
        part = self._part(elapsed_s)
        self._low += part * (low - self._low)
        self._high += part * (high - self._high)

    def _part(self, elapsed_s: float) -> float:
        return 1 - exp(-elapsed_s / self._tau_s)

    def _make_table(self) -> None:
        # least_octaves keeps automatic values within the kernel's limits, profiles those by hand.
        kernels.log_lut(self.alpha, self.beta, out=self.lut)
        if self._equalise:
            self._straight[:] = self.lut
            np.take(self._straight, self._curve, out=self.lut, mode="clip")

    def _follow_histogram(self, elapsed_s: float) -> None:
        """Clipped, slope-limited cumulative histogram: the equalisation before the logarithm."""
        found, curve = self._found, self._curve
        kernels.histogram(self._counts, found, self._step)
        rows = -(-self._counts.shape[0] // self._step)
        plateau = max(1, round(rows * self._counts.shape[1] * self._plateau_percent / 100))
        # Widened by assignment: a cumsum that widens would take a buffer at every call.
        self._total[:] = found
        np.minimum(self._total, plateau, out=self._total)
        np.cumsum(self._total, out=self._total)
        # Q14 in 64 bits: the sum of a 4096x4096 picture times 16383 stays below 2^39.
        np.multiply(self._total, 16383, out=self._total)
        np.floor_divide(self._total, max(1, int(self._total[-1]) // 16383), out=self._total)
        np.minimum(self._total, 16383, out=self._total)
        if self._low == self._low:  # not the first time: move a part of the way
            np.subtract(self._total, curve, out=self._total)
            np.multiply(self._total, round(256 * self._part(elapsed_s)), out=self._total)
            np.right_shift(self._total, 8, out=self._total)
            np.add(curve, self._total, out=curve)
        else:
            curve[:] = self._total
