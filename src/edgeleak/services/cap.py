# SPDX-License-Identifier: Apache-2.0
"""A cap in the place of a shutter: a person is told when to put it on and off, and it is measured.

What only a scene can show, tiles that neither cover nor sensor make (`pipeline.structure`), forbids
a correction, whatever the person says.  A flat picture is taken for the cap when an open one was
seen before it.  Where none was, or no earlier correction tells what flat looks like, the person has
to ask a second time: that is the word for it.  A plain wall that fills the view passes; it leaves
no scene in the offsets either.
"""

from collections.abc import Callable
from math import nan

import numpy as np

from edgeleak import codes, kernels
from edgeleak.clock import NS_PER_MS, NS_PER_S
from edgeleak.pipeline.arena import Arena, Member
from edgeleak.pipeline.clipping import Tiles
from edgeleak.pipeline.gain import grid_size
from edgeleak.services.health import FINE, Trouble
from edgeleak.services.shutter_proof import LEAST_MOVED_COUNTS

LOOK_NS, IDLE_LOOK_NS = 250 * NS_PER_MS, NS_PER_S
HOLD_NS = NS_PER_S
"""Flat for so long, or the hand is still at it."""
PATIENCE_S = 30.0
"""To find the cap, and to take it off."""
DRIFT_COUNTS_PER_K = 3.0
"""Structure that a sensor's own drift leaves at most, see `pipeline.structure`."""

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]
PUT_ON, CONFIRM, HOLD, TAKE_OFF = (
    Trouble(code)
    for code in (codes.PUT_CAP_ON, codes.CONFIRM_CAP, codes.HOLD_CAP, codes.TAKE_CAP_OFF)
)


class Cap:
    """Belongs to the frames thread.

    shape  : of the pictures
    planes : gain, offset and bad pixels of the correction in force

    `prompt` is what the person is to do now.
    """

    def __init__(self, shape: tuple[int, int], planes: Callable[[], Planes]) -> None:
        arena = Arena(shape, [
            Member("counts", shape, "u2", "what is looked at"),
            Member("keys", (grid_size(shape),), "u4", "scratch of percentiles"),
        ])  # fmt: skip
        self._counts, self._planes = arena["counts"], planes
        self._tiles = Tiles(arena)
        self._structure = self._tiles.structure
        self._can_tell, self.prompt = False, PUT_ON
        self._allowed_counts = 0.0
        self._looked_ns, self._flat_ns = -IDLE_LOOK_NS, -1
        self._was_open = False

    def rebase(self, *, can_tell: bool) -> None:
        """Another calibration; `can_tell` where it makes flat look flat."""
        self._can_tell = can_tell
        self._structure.shutter_counts = nan

    def begin(self, drift_k: float) -> None:
        """A correction is asked for.

        drift_k : of the detector since the one in force; NaN unknown
        """
        self.prompt = PUT_ON
        self._flat_ns = -1
        self._allowed_counts = DRIFT_COUNTS_PER_K * drift_k if drift_k > 0 else 0.0

    def taken(self, level_counts: float) -> None:
        """A new correction is in force, and the cap still on.

        level_counts : corrected, of the cap
        """
        self._can_tell, self._was_open = True, False
        self._structure.shutter_counts = level_counts
        self._allowed_counts = 0.0

    def glance(self, raw: np.ndarray, now_ns: int) -> None:
        """Between corrections, now and then: an open view is remembered."""
        if self._is_sure and now_ns - self._looked_ns >= IDLE_LOOK_NS:
            self._look(raw, now_ns)

    def wait(self, raw: np.ndarray, now_ns: int, *, is_asked: bool) -> Trouble:
        """FINE when the cap is on, a prompt while it is not, another code when it is refused.

        is_asked : again, since the last call
        """
        if not self._is_sure:
            self.prompt = CONFIRM
            return FINE if is_asked else CONFIRM
        if is_asked or now_ns - self._looked_ns >= LOOK_NS:
            self._look(raw, now_ns)
        if is_asked:
            return FINE if self._flat_ns >= 0 else self.refusal()
        is_on = self._flat_ns >= 0 and now_ns - self._flat_ns >= HOLD_NS
        self.prompt = CONFIRM if is_on and not self._was_open else PUT_ON
        return FINE if is_on and self._was_open else self.prompt

    def refusal(self) -> Trouble:
        """Why nothing is taken, when the person does nothing."""
        if not self._is_sure or self._flat_ns >= 0:
            return CONFIRM
        return self._open_scene()

    def judge(self, total: np.ndarray, frames: int, moved_counts: float) -> Trouble:
        """Of the pictures collected: FINE, or why they are no cap.

        total, frames : their sum
        moved_counts  : between their halves
        """
        if moved_counts > LEAST_MOVED_COUNTS:
            return Trouble(codes.CAP_MOVED, moved_counts, LEAST_MOVED_COUNTS)
        if not self._is_sure:
            return FINE
        np.floor_divide(total, frames, out=self._counts, casting="unsafe")
        return FINE if self._is_flat() else self._open_scene()

    def is_off(self, raw: np.ndarray, now_ns: int) -> bool:
        """The view is open again."""
        if now_ns - self._looked_ns >= LOOK_NS:
            self._look(raw, now_ns)
        return self._was_open

    @property
    def _is_sure(self) -> bool:
        return self._can_tell and self._structure.can_tell

    def _open_scene(self) -> Trouble:
        limit_counts = self._structure.least_counts + self._allowed_counts
        return Trouble(codes.OPEN_SCENE, self._structure.span_counts, limit_counts)

    def _look(self, raw: np.ndarray, now_ns: int) -> None:
        self._looked_ns = now_ns
        np.copyto(self._counts, raw)
        if not self._is_flat():
            self._was_open, self._flat_ns = True, -1
        elif self._flat_ns < 0:
            self._flat_ns = now_ns

    def _is_flat(self) -> bool:
        """`_counts` show no more than a cover can, corrected here."""
        gain_q14, offset, bad_pixels = self._planes()
        kernels.nuc(self._counts, gain_q14, offset)
        if len(bad_pixels):
            kernels.replace_bad_pixels(self._counts, bad_pixels)
        self._tiles.span()
        structure = self._structure
        return structure.span_counts < structure.least_counts + self._allowed_counts
