# SPDX-License-Identifier: Apache-2.0
"""Places whose thing has left: no gas, and learnt again at once.

What stands in the picture while the background is learnt becomes part of it.  When it goes, the
place differs from the background strongly, standing still, with a sharp outline.  That outline
is in the background and not in the picture; gas has none in either.
"""

from math import nan

from edgeleak import kernels
from edgeleak.pipeline.arena import Arena, Member
from edgeleak.pipeline.profile import Profile

WHOLE_POINTS = 3
"""A look at a group that is a ghost as a whole counts three times one at a sign of it."""


def ghost_members(cells: tuple[int, int]) -> list[Member]:
    """What the rule needs for a grid of (rows, columns) places."""
    return [
        Member("outline", (*cells, 2, 4), "i4", "steps along the outline of what changed"),
        Member("ghosts", (*cells, 2), "u1", "points of a cell's ghost"),
    ]


class NoGhosts:
    """A profile that does not ask."""

    share = limit = nan
    waits = False


class Ghosts:
    """Looks at the outlines of what is masked a few times a second, and heals.

    share   : largest share of an outline that has left at the last look; NaN before it
    limit   : share that makes a ghost
    waits   : something is a ghost and not yet healed
    """

    def __init__(self, profile: Profile, arena: Arena, cell_px: int, size: int) -> None:
        self._arena, self._cell_px = arena, cell_px
        self._reach = max(1, size // 2)
        self._every_s = profile["ghost.every_s"]
        self._noise_factor = profile["ghost.step_sigma"]
        self._points = WHOLE_POINTS * profile["ghost.looks"]
        self.limit = profile["ghost.share"]
        self._limits = {
            "reach": self._reach,
            "share_q16": round(65535 * self.limit),
            "least_px": profile["ghost.least_px"],
            "points": self._points,
        }
        self.reset()

    def reset(self) -> None:
        self._arena["ghosts"].fill(0)
        self._since_s, self.share, self.waits = 0.0, nan, False

    def look(self, dt_s: float, noise_counts: float) -> int:
        """Pixels healed in this frame; the mask must be this frame's and not yet thinned."""
        self._since_s += dt_s
        if self._since_s < self._every_s:
            return 0
        self._since_s = 0.0
        arena = self._arena
        kernels.place_sums(
            arena["mask"], arena["smoothed"], arena["smoothed"], arena["sums"],
            cell_px=self._cell_px, live_q2=0,
        )  # fmt: skip
        least_q2 = max(1, min(65535, round(self._noise_factor * 4 * noise_counts)))
        kernels.outline_sums(
            arena["mask"], arena["smoothed"], arena["difference"], arena["counts"],
            arena["background"], arena["sums"], arena["outline"], cell_px=self._cell_px,
            reach=self._reach, least_q2=least_q2,
        )  # fmt: skip
        heal, wait, share = kernels.judge_ghosts(
            arena["sums"], arena["outline"], arena["ghosts"], **self._limits
        )
        self.share, self.waits = share / 65535, wait > 0
        return self._heal(least_q2) if heal else 0

    def _heal(self, least_q2: int) -> int:
        """Rare, so it may allocate: one small array."""
        arena = self._arena
        healed = kernels.heal_ghosts(
            arena["background"], arena["difference"], arena["smoothed"], arena["mask"],
            arena["hold"], arena["lag"], arena["ghosts"], cell_px=self._cell_px,
            points=self._points, least_q2=least_q2,
        )  # fmt: skip
        cells = (arena["ghosts"] >= self._points).any(axis=-1)
        arena["places"][cells] = 0, 65535
        arena["balance"][cells] = 0
        arena["ghosts"][cells] = 0
        return healed
