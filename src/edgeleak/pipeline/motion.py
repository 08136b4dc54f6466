# SPDX-License-Identifier: Apache-2.0
"""Does the camera move?  Sums along four strips each way against those of half a second ago.

A plume or an animal shifts what is in one strip or two, a moving camera shifts it in all that have
structure.  Three answers, because a scene can also change without any shift that explains it:
still, moving, or unsure; the last one says nothing against GAS, but forbids to rule gas out.
"""

from math import nan

import numpy as np

from edgeleak import kernels
from edgeleak.pipeline.profile import Profile
from edgeleak.pipeline.rules import is_on

BANDS = 4
GAP_PX = 8
"""Slopes over so many pixels: soft structure of 4 counts under noise of 2 is measured to 0.2 pixels
by them, and not at all by slopes from pixel to pixel."""
REACH_PX = 16
LEAST_REACH_PX = 2
LEAST_SLOPES = 8
MOST_OF_STILL = 0.7
"""The shifted sums must differ by at most this part of what the unshifted ones do."""
MOST_OF_STRUCTURE = 0.6
"""And by at most this part of the structure: noise alone shifts by anything and leaves 1.2."""
LEAST_STRUCTURE = 3.0
"""Structure over what the noise of the sums leaves; below it a strip cannot tell anything."""
NOISE_OF_ROUGH = 0.577
"""White noise: a difference of two over a difference of four (1, -2, 1): sqrt(2 / 6)."""
MOVED_BANDS, DOUBTFUL_BANDS = 3, 2
PERIOD_S = 0.1
"""Between looks.  At 0.2 s a hand-held clip passed 16 frames as GAS, at 0.1 s one."""


class MotionGuard:
    """Whether the camera `is_moving`, by `shift_px`; or whether nobody can tell, `is_unsure`.

    unexplained : part of the structure that no shift explains, where it is unsure
    """

    def __init__(self, profile: Profile, counts: np.ndarray) -> None:
        h, w = counts.shape
        self.limit_px: float = profile["guard.motion_px"]
        self._limit_q8 = 256 * self.limit_px
        self._span_s: float = profile["guard.motion_span_s"]
        self._counts = counts
        # Of the columns and of the rows: now, half a span to a span ago, what follows that.
        self._columns, self._rows = (np.zeros((3, BANDS, side), np.uint32) for side in (w, h))
        self._reach = min(REACH_PX, (min(h, w) - GAP_PX - LEAST_SLOPES) // 2)
        self._is_small, self._is_on = self._reach < LEAST_REACH_PX, is_on(profile, "motion")
        self.reset()

    def reset(self) -> None:
        """A new scene begins: compare with nothing from before."""
        self._since_look_s, self._since_kept_s, self._kept = PERIOD_S, 0.0, 0
        self.is_moving, self.shift_px = False, nan
        self.is_unsure, self.unexplained = self._is_small and self._is_on, nan

    def look(self, dt_s: float) -> bool:
        """Look at the corrected counts, at most every PERIOD_S; the answer holds until then."""
        self._since_look_s += dt_s
        if self._is_small or not self._is_on or self._since_look_s < PERIOD_S - 1e-6:
            return self.is_moving
        self._since_kept_s += self._since_look_s
        self._since_look_s = 0.0
        self.is_moving = self.is_unsure = False
        found = kernels.camera_shift(self._counts, self._columns, self._rows, self._reach, GAP_PX)
        if self._kept >= 2:
            self._judge(found[:BANDS])
            self._judge(found[BANDS:])
        if self._kept == 0 or self._since_kept_s >= self._span_s / 2:
            self._keep()
        return self.is_moving

    def _judge(self, strips: tuple[tuple[int, int, int, int, int], ...]) -> None:
        """One direction: what each strip says, then what they say together."""
        moved = still = lost = 0
        largest, most = 0, 0.0
        for shift_q8, best, unshifted, structure, rough in strips:
            if structure <= LEAST_STRUCTURE * NOISE_OF_ROUGH * rough:
                continue
            if best >= MOST_OF_STRUCTURE * structure:
                lost, most = lost + 1, max(most, best / structure)
            elif best < MOST_OF_STILL * unshifted and abs(shift_q8) > self._limit_q8:
                moved, largest = moved + 1, max(largest, abs(shift_q8))
            else:
                still += 1
        if moved >= MOVED_BANDS:
            self.is_moving, self.shift_px = True, largest / 256
        elif not still and (moved >= DOUBTFUL_BANDS or lost >= MOVED_BANDS):
            self.is_unsure, self.unexplained = True, most

    def _keep(self) -> None:
        for sums in (self._columns, self._rows):
            sums[1], sums[2] = sums[2], sums[0]
        self._since_kept_s = 0.0
        self._kept = min(2, self._kept + 1)
