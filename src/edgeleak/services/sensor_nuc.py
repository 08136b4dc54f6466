# SPDX-License-Identifier: Apache-2.0
"""Non-uniformity correction of a sensor that makes it itself: asked for, watched, and respected.

Its driver says in each frame which correction it was made under, how old that is and whether one
runs.  Here only the time after it is added in which the picture settles, as long as after one of
our own, so that the pipeline neither trains on these frames nor judges them.
"""

from collections.abc import Callable

import numpy as np

from edgeleak import codes
from edgeleak.calibration.model import Calibration
from edgeleak.clock import NS_PER_MS, NS_PER_S
from edgeleak.frame import FrameInfo, NucState
from edgeleak.services.nuc_status import NucStatus, Phase

WATCHED = {
    NucState.NONE: (Phase.IDLE, codes.OK),
    NucState.VALID: (Phase.IDLE, codes.OK),
    NucState.RUNNING: (Phase.COLLECTING, codes.NUC_RUNNING),
    NucState.SETTLING: (Phase.SETTLING, codes.NUC_SETTLING),
}


class SensorNuc:
    """In the place of `services.nuc.Nuc`; everything but `request` belongs to the frames thread.

    base     : gain, bad pixels and offsets that stay on top of what the sensor does
    settle_s : frames after one of its corrections teach nothing for so long
    ask      : has the sensor make one
    """

    shutter_wanted = False
    is_asked = False
    planes_id = -1
    """What it corrects with stays in the sensor; `base` is no correction by a number."""

    def __init__(self, base: Calibration, settle_s: float, ask: Callable[[], None]) -> None:
        self._settle_ns, self._ask = round(settle_s * NS_PER_S), ask
        self._near_ns: int | None = None
        self.gain_q14, self.offset, self.bad_pixels = base.gain_q14, base.offset, base.bad_pixels
        self.status = NucStatus(code=codes.OK)

    def rebase(self, base: Calibration, now_ns: int) -> None:
        """Another factory calibration between two frames; the picture settles after it.

        base   : of the sensor's shape; the pipeline gets it beside this
        now_ns : monotonic
        """
        self.gain_q14, self.offset, self.bad_pixels = base.gain_q14, base.offset, base.bad_pixels
        self._near_ns = now_ns

    def request(self, why: str = "request") -> None:
        """Have the sensor make one; from any thread."""
        self._ask()

    def hindrance(self, now_ns: int) -> str:
        """Nothing of ours is in its way."""
        return ""

    def cancel(self) -> None:
        """It is the sensor's shutter, and closes for half a second."""

    def facts(self, info: FrameInfo) -> tuple[int, int, NucState]:
        """(number, age in ms, state) that this frame carries: the sensor's, and SETTLING."""
        now_ns, status = info.monotonic_ns, self.status
        nuc_id, age_ms, state = info.nuc_id, info.ms_since_nuc, info.nuc_state
        if state is NucState.RUNNING:
            self._near_ns = now_ns
        elif nuc_id != status.nuc_id and nuc_id >= 0:
            made_ns = now_ns - max(0, age_ms) * NS_PER_MS
            self._near_ns = made_ns if self._near_ns is None else max(self._near_ns, made_ns)
        if state is not NucState.RUNNING and self._is_near(now_ns):
            state = NucState.SETTLING
        if (nuc_id, state) != (status.nuc_id, status.state):
            self._note(info, state)
        return nuc_id, age_ms, state

    def _is_near(self, now_ns: int) -> bool:
        return self._near_ns is not None and now_ns - self._near_ns < self._settle_ns

    def _note(self, info: FrameInfo, state: NucState) -> None:
        status = self.status
        is_new = info.nuc_id >= 0 and info.nuc_id != status.nuc_id
        taken_ns = status.taken_ns if info.nuc_id == status.nuc_id else -1
        if is_new:
            taken_ns = max(0, info.monotonic_ns - max(0, info.ms_since_nuc) * NS_PER_MS)
        phase, code = WATCHED[state]
        self.status = NucStatus(
            nuc_id=info.nuc_id, taken_ns=taken_ns, state=state, phase=phase, code=code,
            why="the sensor corrects itself", taken=status.taken + is_new,
            fpa_degc=info.fpa_temp_degc if is_new else status.fpa_degc,
        )  # fmt: skip

    def see(self, raw: np.ndarray, info: FrameInfo) -> None:
        """The sensor has seen it before us."""
