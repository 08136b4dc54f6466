# SPDX-License-Identifier: Apache-2.0
"""Where the mask lies, on a coarse grid, for how long, and whether it may be gas."""

from math import exp, nan

import numpy as np

from edgeleak import kernels
from edgeleak.pipeline.arena import Arena
from edgeleak.pipeline.group import ALL_Q16, PLACE_RULES, Group
from edgeleak.pipeline.profile import Profile
from edgeleak.pipeline.rules import is_on

CELLS_ACROSS = 40
"""Cells along the longer side of the grid of places: 16x16 pixels at 640x480."""


class Places:
    """Which groups of cells may be gas: masked for long enough, in one place, and no thing.

    size   : window of the smoothing, px
    limits : least duty, change, balance, clear share and spread of a group, 0..1; 0 where a rule
             is off
    """

    def __init__(self, profile: Profile, arena: Arena, size: int) -> None:
        self._arena = arena
        self._cell_px = cell_px(arena.shape)
        self._least_px = max(1, round(self._cell_px**2 * profile["place.cell_percent"] / 100))
        # A running mean with a time constant of half the window weighs it like the window.
        self._duty_s = profile["place.window_s"] / 2
        share, change = profile["place.share"], profile["object.change"]
        balance, clear = profile["place.balance"], 1 - profile["object.share"]
        wanted = (share, change, balance, clear, profile["spread.share"])
        limits = zip(PLACE_RULES, wanted, strict=True)
        self.limits = tuple(limit if is_on(profile, rule) else 0.0 for rule, limit in limits)
        names = ("share_q16", "change_q16", "balance_q16", "clear_q16", "spread_q16")
        self._limits = {
            name: round(ALL_Q16 * limit) for name, limit in zip(names, self.limits, strict=True)
        }
        self._pixel_px = size * size
        self._weights, self._values = np.zeros((2, arena["kept"].size))

    def reset(self) -> None:
        """Another background: no place has a past."""
        arena = self._arena
        arena["places"].fill(0)
        arena["balance"].fill(0)

    def judge(self, dt_s: float) -> Group:
        """Clears what cannot be gas from the mask; facts of the group that decides."""
        arena = self._arena
        kernels.place_sums(arena["mask"], arena["smoothed"], arena["sums"], cell_px=self._cell_px)
        group = kernels.judge_places(
            arena["sums"], arena["places"], arena["balance"], arena["objects"], arena["kept"],
            least_px=self._least_px,
            part_q16=round(65536 * (1 - exp(-dt_s / self._duty_s))), pixel_px=self._pixel_px,
            **self._limits,
        )  # fmt: skip
        kernels.keep_places(arena["mask"], arena["kept"], cell_px=self._cell_px)
        return Group(*group)

    def contrast_counts(self, is_kept: bool) -> float:
        """Mean difference of what is kept, else of all that changed; above 0 is warmer.

        Allocates no array; NaN where nothing changed.
        """
        sums, weights, values = self._arena["sums"], self._weights, self._values
        np.copyto(values, sums[..., 0].reshape(-1))
        if is_kept:
            np.copyto(weights, self._arena["kept"].reshape(-1))
        else:
            weights.fill(1)
        area = float(np.dot(weights, values))
        np.copyto(values, sums[..., 1].reshape(-1))
        return float(np.dot(weights, values)) / area / 4 if area else nan


def cell_px(shape: tuple[int, int]) -> int:
    """Side of a cell of the grid of places, at least 4 pixels."""
    return max(4, -(-max(shape) // CELLS_ACROSS))


def grid_cells(shape: tuple[int, int]) -> tuple[int, int]:
    side = cell_px(shape)
    return -(-shape[0] // side), -(-shape[1] // side)
