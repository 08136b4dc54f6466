# SPDX-License-Identifier: Apache-2.0
"""A hand-held camera: every picture is laid over the one the background began with.

Sums along four strips each way are compared with those of that picture.  A plume or a person
shifts what is in one strip or two; where three of four agree the camera did.
"""

from math import ceil, inf

import numpy as np

from edgeleak import kernels
from edgeleak.pipeline.motion import (
    BANDS,
    GAP_PX,
    LEAST_SLOPES,
    LEAST_STRUCTURE,
    MOVED_BANDS,
    NOISE_OF_ROUGH,
)
from edgeleak.pipeline.profile import Profile
from edgeleak.pipeline.rules import is_on

AGREE_Q8 = 64
"""A quarter of a pixel: strips of simulated hand-held scenes differ by less than 0.1."""
MOST_OF_STRUCTURE = 0.3
"""What a shift leaves unexplained: 0.05 to 0.2 in hand-held scenes, 0.2 to 1 where animals walk."""
HELD_S = 10.0
"""So long after the last proof the camera counts as held by hand."""
LOST_S = 0.3
"""No strips agree for so long: a person fills the picture for less."""
MOST_PX, MARGIN_PX = 32, 2
"""Searched beyond the limit, so that a shift at it still has both flanks."""
Strips = tuple[tuple[int, int, int, int, int], ...]


class NoRegistration:
    """A profile that compares pictures, not counts."""

    is_beyond, moved_px, limit_px = False, 0.0, 0.0


class Registration:
    """Moves counts in place by `shift_q8`, 256ths of a pixel along x and y.

    A tripod needs none: it begins with a shift that moves three strips by more than the guard of
    the camera's motion allows.  Where no shift is found later the last one stays: a hand does not
    jump, and the guard looks at what comes out.

    is_beyond : a hand's camera has moved further than it is followed, or is lost
    moved_px  : by how much then, infinite where it is lost
    limit_px  : how far it is followed
    """

    is_beyond, moved_px = False, 0.0

    def __init__(self, profile: Profile, counts: np.ndarray) -> None:
        h, w = counts.shape
        self._counts = counts
        self.limit_px = min(MOST_PX, max(h, w) * profile["register.limit_percent"] / 100)
        self._limit_q8 = round(256 * self.limit_px)
        self._proof_q8 = round(256 * profile["guard.motion_px"])
        # Of the columns and of the rows: now, and when the background began.
        self._columns, self._rows = (np.zeros((2, BANDS, side), np.uint32) for side in (w, h))
        self._reach = ceil(self.limit_px) + MARGIN_PX
        is_small = min(h, w) < 2 * self._reach + GAP_PX + LEAST_SLOPES
        self.is_on = self._limit_q8 > 0 and not is_small
        self._judges = is_on(profile, "motion")
        self._has_reference, self._held_s, self._lost_s = False, 0.0, 0.0
        self.shift_q8 = 0, 0

    @property
    def is_held(self) -> bool:
        """By hand."""
        return self._held_s > 0

    def begin(self) -> None:
        """The counts are the picture that the others are laid over."""
        if not self.is_on:
            return
        kernels.project(self._counts, self._columns[0], self._rows[0])
        self._columns[1], self._rows[1] = self._columns[0], self._rows[0]
        self._has_reference, self.shift_q8 = True, (0, 0)
        self.is_beyond, self._lost_s = False, 0.0

    def lay(self, dt_s: float) -> None:
        """Measure how far the counts have moved, and move them back.

        dt_s : since the last frame; 0 where the last shift holds, as for a frame in other light
        """
        if not self._has_reference:
            return
        if dt_s > 0:
            self._measure(dt_s)
        x_q8, y_q8 = self.shift_q8
        kernels.move_picture(self._counts, dx_q8=x_q8, dy_q8=y_q8)

    def hide_rims(self, mask: np.ndarray, size: int) -> None:
        """Clear what came in at the rims, and what smoothing took from there: nobody saw it.

        mask : (H, W) uint8 of the picture laid last
        size : pixels across of the smoothing
        """
        if not self.is_held:
            return
        for rim, shift_q8 in ((mask, self.shift_q8[1]), (mask.T, self.shift_q8[0])):
            if shift_q8:
                width = size // 2 + 1 - (-abs(shift_q8) >> 8)
                rim[: width if shift_q8 < 0 else 0] = 0
                rim[len(rim) - (width if shift_q8 > 0 else 0) :] = 0

    def _measure(self, dt_s: float) -> None:
        found = kernels.camera_shift(self._counts, self._columns, self._rows, self._reach, GAP_PX)
        x_q8, y_q8 = self._agreed(found[:BANDS]), self._agreed(found[BANDS:])
        self._held_s = max(0.0, self._held_s - dt_s)
        moved_q8 = max(abs(x_q8 or 0), abs(y_q8 or 0))
        if moved_q8 > self._proof_q8:
            self._held_s = HELD_S
        is_lost = x_q8 is None and y_q8 is None
        self._lost_s = self._lost_s + dt_s if is_lost and self.is_held else 0.0
        self.moved_px = inf if is_lost else moved_q8 / 256
        is_far = moved_q8 > self._limit_q8
        self.is_beyond = self._judges and (is_far or self._lost_s > LOST_S)
        if not self.is_held:
            self.shift_q8 = 0, 0
        if self.is_beyond or not self.is_held:
            return
        last_x_q8, last_y_q8 = self.shift_q8
        self.shift_q8 = (
            last_x_q8 if x_q8 is None else x_q8, last_y_q8 if y_q8 is None else y_q8
        )  # fmt: skip

    def _agreed(self, strips: Strips) -> int | None:
        """Middle of the strips that know; None where three of them do not agree."""
        known = sorted(
            shift_q8
            for shift_q8, best, _, structure, rough in strips
            if structure > LEAST_STRUCTURE * NOISE_OF_ROUGH * rough
            and best < MOST_OF_STRUCTURE * structure
        )
        if len(known) < MOVED_BANDS:
            return None
        middle = known[len(known) // 2]
        agree = sum(abs(shift_q8 - middle) <= AGREE_Q8 for shift_q8 in known)
        return middle if agree >= MOVED_BANDS else None
