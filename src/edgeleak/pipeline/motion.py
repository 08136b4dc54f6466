# SPDX-License-Identifier: Apache-2.0
"""Does the camera move?  Sums of rows and columns against those of half a second to a second ago.

An animal or a plume changes a part of the sums, a moving camera shifts all of them: only a shift
that explains most of the difference counts.
"""

from math import nan

import numpy as np

from edgeleak import kernels
from edgeleak.pipeline.profile import Profile

REACH_PX = 16
LEAST_SIDE_PX = 4 * REACH_PX
"""Smaller pictures have too few sums left within the reach; their motion is not looked for."""
MOST_OF_STILL = 0.7
"""The shifted sums must differ by at most this part of what the unshifted ones do."""
MOST_OF_STRUCTURE = 0.6
"""And by at most this part of the structure: noise alone shifts by anything and leaves 0.9."""
PERIOD_S = 0.1
"""Between looks.  At 0.2 s a hand-held clip passed 16 frames as GAS, at 0.1 s one."""


class MotionGuard:
    """Largest shift of the picture, `shift_px`, and whether it is over the limit, `is_moving`."""

    def __init__(self, profile: Profile, counts: np.ndarray) -> None:
        h, w = counts.shape
        self.limit_px: float = profile["guard.motion_px"]
        self._span_s: float = profile["guard.motion_span_s"]
        self._counts = counts
        # Of the columns and of the rows: now, half a span to a span ago, what follows that.
        self._columns, self._rows = (np.zeros((3, side), np.uint32) for side in (w, h))
        self._is_small = min(h, w) < LEAST_SIDE_PX
        self.reset()

    def reset(self) -> None:
        """A new scene begins: compare with nothing from before."""
        self._since_look_s, self._since_kept_s, self._kept = PERIOD_S, 0.0, 0
        self.is_moving, self.shift_px = False, nan

    def look(self, dt_s: float) -> bool:
        """Look at the corrected counts, at most every PERIOD_S; the answer holds until then."""
        self._since_look_s += dt_s
        if self._is_small or self._since_look_s < PERIOD_S - 1e-6:
            return self.is_moving
        self._since_kept_s += self._since_look_s
        self._since_look_s = 0.0
        self.is_moving = False
        for found in kernels.camera_shift(self._counts, self._columns, self._rows, REACH_PX):
            if self._kept >= 2:
                self._judge(*found)
        if self._kept == 0 or self._since_kept_s >= self._span_s / 2:
            self._keep()
        return self.is_moving

    def _judge(self, shift_q8: int, best: int, still: int, structure: int) -> None:
        is_shift = best < MOST_OF_STILL * still and best < MOST_OF_STRUCTURE * structure
        if is_shift and abs(shift_q8) > 256 * self.limit_px:
            self.is_moving, self.shift_px = True, abs(shift_q8) / 256

    def _keep(self) -> None:
        for sums in (self._columns, self._rows):
            sums[1], sums[2] = sums[2], sums[0]
        self._since_kept_s = 0.0
        self._kept = min(2, self._kept + 1)
