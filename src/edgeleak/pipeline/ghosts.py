# SPDX-License-Identifier: Apache-2.0
"""Places whose thing has left: no gas, and learnt again at once.

What stands in the picture while the background is learnt becomes part of it.  When it goes, the
place differs from the background strongly, standing still, with a sharp outline.  That outline
is in the background and not in the picture; gas has none in either.
"""

from math import nan

import numpy as np

from edgeleak import kernels
from edgeleak.pipeline.arena import Arena, Member
from edgeleak.pipeline.profile import Profile
from edgeleak.pipeline.rules import is_on

WHOLE_POINTS = 3
"""A look at a group that is a ghost as a whole counts three times one at a sign of it."""


def ghost_members(cells: tuple[int, int]) -> list[Member]:
    """What the rule needs for a grid of (rows, columns) places."""
    return [
        Member("ghosts", (*cells, 2), "u1", "points of a cell's ghost"),
    ]


class Ghosts:
    """Judges the outlines of what is masked, and heals.

    share   : largest share of an outline that has left at the last look; NaN before it
    limit   : share that makes a ghost
    waits   : something is a ghost and not yet healed
    """

    def __init__(self, profile: Profile, arena: Arena, cell_px: int, reach: int) -> None:
        self._arena, self._cell_px = arena, cell_px
        self._points = WHOLE_POINTS * profile["ghost.looks"]
        self.limit, self._is_on = profile["ghost.share"], is_on(profile, "ghost")
        self._limits = {
            "reach": reach,
            "share_q16": round(65535 * self.limit),
            "least_px": profile["ghost.least_px"],
            "points": self._points,
        }
        self.reset()

    def reset(self) -> None:
        """Another background: whoever stood in it may leave it from now on."""
        self._arena["ghosts"].fill(0)
        self.share, self.waits = nan, False

    def look(self, least_q2: int) -> np.ndarray | None:
        """Cells healed in this look, (rows, columns) bool, or None.

        The arena's sums and outline are this mask's.
        least_q2 : smallest step of an outline, quarter counts
        """
        if not self._is_on:
            return None
        arena = self._arena
        heal, wait, share = kernels.judge_ghosts(
            arena["sums"], arena["outline"], arena["ghosts"], **self._limits
        )
        self.share, self.waits = share / 65535, wait > 0
        return self._heal(least_q2) if heal else None

    def _heal(self, least_q2: int) -> np.ndarray:
        """Rare, so it may allocate: one small array."""
        arena = self._arena
        kernels.heal_ghosts(
            arena["background"], arena["difference"], arena["smoothed"], arena["mask"],
            arena["hold"], arena["lag"], arena["ghosts"], cell_px=self._cell_px,
            points=self._points, least_q2=least_q2,
        )  # fmt: skip
        cells = (arena["ghosts"] >= self._points).any(axis=-1)
        arena["places"][cells] = 0
        arena["balance"][cells] = 0
        arena["ghosts"][cells] = 0
        return np.asarray(cells)
