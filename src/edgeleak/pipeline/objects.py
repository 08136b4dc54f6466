# SPDX-License-Identifier: Apache-2.0
"""What tells a thing from gas: a sharp outline, and standing still.

A person, an animal, a fan steps from nothing to its full contrast within two pixels, in the
picture where it is or in the background where it was; gas thins out.  And the concentration in
a plume fluctuates by a fifth of its mean and more everywhere, while a parked thing changes by
no more than the noise.  Both are means over seconds, taken at the looks of `pipeline.looks`.
"""

from math import exp

import numpy as np

from edgeleak import kernels
from edgeleak.pipeline.arena import Arena, Member
from edgeleak.pipeline.profile import Profile

MOST_STILL_Q4 = 1 << 30
MOST_CHANGE = 4
"""Limits of change that are remembered, or one look.  Whoever passes before what stands still
changes all of it, 17 limits; fading from there it would flicker for 2.8 s more, which is GAS."""


def object_members(cells: tuple[int, int]) -> list[Member]:
    """What the rule needs for a grid of (rows, columns) places."""
    return [
        Member("squares", (*cells, 2), "i8", "squares of the difference and its change now"),
        Member("objects", (*cells, 4), "i4", "share of the outline that is a thing's, change"),
    ]


class Objects:
    """Memory of outlines and changes, place by place; `Places` judges by it."""

    def __init__(self, profile: Profile, arena: Arena, cell_px: int, reach: int) -> None:
        self._arena, self._cell_px, self._reach = arena, cell_px, reach
        self._memory_s = profile["object.memory_s"]
        self._change_memory_s = profile["object.change_memory_s"]
        self._change_q16 = min(65535, round(65535 * MOST_CHANGE * profile["object.change"]))
        self._most = np.full_like(arena["objects"], 65535)
        self._most_change = self._most[..., 2]
        self.reset()

    def reset(self) -> None:
        """Another background: nothing stands there yet."""
        self._arena["objects"].fill(0)

    def look(self, past: np.ndarray, elapsed_s: float, noise_counts: float) -> None:
        """One look; sums and outline of the arena are this mask's.

        past         : (H, W) int16, the smoothed difference about a second ago
        noise_counts : of the smoothed difference
        """
        arena = self._arena
        change_part_q16 = _part_q16(elapsed_s, self._change_memory_s)
        kernels.change_squares(
            arena["mask"], arena["smoothed"], past, arena["squares"], cell_px=self._cell_px
        )
        kernels.remember_objects(
            arena["sums"], arena["outline"], arena["squares"], arena["objects"], reach=self._reach,
            part_q16=_part_q16(elapsed_s, self._memory_s), change_part_q16=change_part_q16,
            still_q4=min(MOST_STILL_Q4, round(2 * (4 * noise_counts) ** 2)),
        )  # fmt: skip
        self._most_change.fill(max(self._change_q16, change_part_q16))
        np.minimum(arena["objects"], self._most, out=arena["objects"])

    def forget(self, cells: np.ndarray) -> None:
        """Places that begin anew.

        cells : (rows, columns) bool
        """
        self._arena["objects"][cells] = 0


def _part_q16(elapsed_s: float, memory_s: float) -> int:
    return round(65536 * (1 - exp(-elapsed_s / memory_s)))
