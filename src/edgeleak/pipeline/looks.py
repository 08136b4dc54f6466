# SPDX-License-Identifier: Apache-2.0
"""A few times a second: whose outline is it that changed, a thing's or nobody's?"""

from math import nan

import numpy as np

from edgeleak import kernels
from edgeleak.pipeline.arena import Arena, Member
from edgeleak.pipeline.ghosts import Ghosts, ghost_members
from edgeleak.pipeline.objects import Objects, object_members
from edgeleak.pipeline.profile import Profile


def look_members(cells: tuple[int, int]) -> list[Member]:
    """What the looks need for a grid of (rows, columns) places."""
    outline = Member("outline", (*cells, 2, 4), "i4", "steps along the outline of what changed")
    return [outline, *ghost_members(cells), *object_members(cells)]


class NoLooks:
    """A profile that does not ask."""

    ghost_share = ghost_limit = nan
    waits = False


class Looks:
    """Takes the outlines of the mask and passes them to the rules that live on them."""

    def __init__(self, profile: Profile, arena: Arena, cell_px: int, size: int) -> None:
        self._arena, self._cell_px = arena, cell_px
        self._reach = max(1, size // 2)
        self._every_s = profile["ghost.every_s"]
        self._noise_factor = profile["ghost.step_sigma"]
        self._ghosts = Ghosts(profile, arena, cell_px, self._reach)
        self._objects = Objects(profile, arena, cell_px, self._reach)
        self._since_s = 0.0

    @property
    def ghost_share(self) -> float:
        return self._ghosts.share

    @property
    def ghost_limit(self) -> float:
        return self._ghosts.limit

    @property
    def waits(self) -> bool:
        """Something is a ghost and not yet healed."""
        return self._ghosts.waits

    def reset(self) -> None:
        """Another background: nothing has been compared with it yet."""
        self._since_s = 0.0
        self._ghosts.reset()
        self._objects.reset()

    def look(self, past: np.ndarray, dt_s: float, noise_counts: float) -> None:
        """When it is time; the mask must be this frame's and not yet thinned.

        past : (H, W) int16, the smoothed difference about a second ago
        """
        self._since_s += dt_s
        if self._since_s < self._every_s:
            return
        elapsed_s, self._since_s = self._since_s, 0.0
        least_q2 = max(1, min(65535, round(self._noise_factor * 4 * noise_counts)))
        self._take_outline(least_q2)
        self._objects.look(past, elapsed_s, noise_counts)
        healed = self._ghosts.look(least_q2)
        if healed is not None:
            self._objects.forget(healed)

    def _take_outline(self, least_q2: int) -> None:
        arena = self._arena
        kernels.place_sums(arena["mask"], arena["smoothed"], arena["sums"], cell_px=self._cell_px)
        kernels.outline_sums(
            arena["mask"], arena["smoothed"], arena["difference"], arena["counts"],
            arena["background"], arena["sums"], arena["outline"], cell_px=self._cell_px,
            reach=self._reach, least_q2=least_q2,
        )  # fmt: skip
