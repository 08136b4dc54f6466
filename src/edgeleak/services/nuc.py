# SPDX-License-Identifier: Apache-2.0
"""Non-uniformity correction while running: look at the shutter, take new offsets, go on.

The frames thread calls `see` with every raw frame; the service sums some of the closed shutter,
solves the offsets a few rows a frame (so that no frame is late because of it) and hands them to
the pipeline between two frames.  Gain and bad pixels come from the factory calibration; pixels that
flicker before the shutter join them until the program ends.  Frames near all this carry RUNNING or
SETTLING, which the pipeline's guard neither trains on nor judges.

A shutter that only claims to be closed would burn the scene into the offsets for good, so the
picture must change when it closes, or the correction is refused and the old one kept; see
`services.shutter_proof`.  Without a shutter a person is asked for a cap: `services.cap`.
"""

from collections.abc import Callable
from dataclasses import replace
from math import isnan, nan

import numpy as np

from edgeleak import codes
from edgeleak.calibration.model import UNITY_GAIN_Q14, Calibration
from edgeleak.clock import NS_PER_MS, NS_PER_S
from edgeleak.config import NucConfig
from edgeleak.frame import FrameFlag, FrameInfo, NucState
from edgeleak.services.cap import HOLD, TAKE_OFF, Cap
from edgeleak.services.cap import PATIENCE_S as CAP_PATIENCE_S
from edgeleak.services.flicker_search import FlickerSearch
from edgeleak.services.health import FINE, Trouble
from edgeleak.services.known_bad import KnownBad
from edgeleak.services.nuc_status import MOVING, Correctable, NucStatus, Phase
from edgeleak.services.shutter_proof import (
    LEAST_MOVED_COUNTS,
    MOST_OFF_K,
    SPARSE,
    LevelProof,
    ShutterProof,
)

SHUTTER = int(FrameFlag.SHUTTER)
PATIENCE_S = 2.0
"""A shutter that has not moved by then does not."""
RETRY_S = 10.0
SLOWEST_FPS = 0.5
SKIPPED_FRAMES = 2
"""The first frames after the flag changes may hold half of each."""
OPEN_FRAMES = 4
SLICES = 12
FAR = 3.0
"""Drifts of this many times `drift_k` leave more fixed pattern than a threshold can bear."""


CAP_WORDS = {
    codes.CONFIRM_CAP: "nothing measured says that the cap is on, and nobody confirmed it",
    codes.OPEN_SCENE: "what is seen is a scene, not a cap",
    codes.CAP_MOVED: "the cap did not stay on, or moved",
}
RUNS, SETTLES, MISSING = (
    Trouble(code) for code in (codes.NUC_RUNNING, codes.NUC_SETTLING, codes.NUC_MISSING)
)


class Nuc:
    """Takes corrections; everything but `request` belongs to the frames thread.

    pipeline : gets the offsets
    base     : gain and bad pixels, and offsets until the first correction
    config   : when and from how many frames
    may_run  : False while the detector is not at its temperature
    next_id  : number of the next correction
    housing_degc : of the shutter's surroundings; NaN unknown
    on_refusal : hears why one was refused, and what is in force instead

    `gain_q14`, `offset` and `bad_pixels` are the correction in force, in every phase.
    """

    def __init__(self, pipeline: Correctable, base: Calibration, config: NucConfig, *,
                 may_run: Callable[[], bool], next_id: Callable[[], int],
                 housing_degc: Callable[[], float] = lambda: nan,
                 on_refusal: Callable[[Trouble, str], None] = lambda _why, _kept: None,
                 ) -> None:  # fmt: skip
        self._pipeline, self._config = pipeline, config
        self._housing_degc, self._on_refusal = housing_degc, on_refusal
        self._may_run, self._next_id = may_run, next_id
        self._sum = np.zeros(base.shape, np.uint32)
        self._flicker = FlickerSearch(base.shape)
        self._cap = None if config.has_shutter else Cap(base.shape, self._planes)
        self.offset, self._solved = (np.empty_like(base.offset, subok=False) for _ in range(2))
        self._take_base(base)
        self._count, self._since_ns, self._retry_ns, self._level = 0, 0, 0, 0.0
        self._asked, self._refusal = "", FINE
        self._fpa_degc = self._off_k = nan
        self.shutter_wanted = False
        self.status = NucStatus()

    def _take_base(self, base: Calibration) -> None:
        self._level_proof = LevelProof(base)
        self._known_bad = KnownBad(base)
        self.gain_q14, self.bad_pixels = base.gain_q14, base.bad_pixels
        self._gain = base.gain_q14.astype(np.float32) / np.float32(UNITY_GAIN_Q14)
        self.offset[...] = base.offset
        self._proof = ShutterProof(self._gain)
        if self._cap is not None:
            self._cap.rebase(can_tell=base.nuc_id >= 0)

    def _planes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.gain_q14, self.offset, self.bad_pixels

    def rebase(self, base: Calibration, now_ns: int) -> None:
        """Another factory calibration between two frames, as after a start with it: what the
        shutter gave under the old one is worth nothing, so the next correction is due at once.

        base   : of the sensor's shape; the pipeline gets it beside this
        now_ns : monotonic
        """
        self._take_base(base)
        before = self.status
        self.status = NucStatus(why="new calibration", taken=before.taken, refused=before.refused)
        self._retry_ns, self._refusal = 0, FINE
        self._enter(Phase.SETTLING, now_ns)

    def request(self, why: str = "request") -> None:
        """Take a correction as soon as may be; from any thread."""
        self._asked = why

    @property
    def is_asked(self) -> bool:
        """A request waits for its moment."""
        return bool(self._asked)

    def hindrance(self, now_ns: int) -> str:
        """Why what was asked for does not begin with the next frame; "" when nothing is in its way.

        now_ns : monotonic
        """
        if self.status.phase is Phase.CAP_ON:
            return ""
        if self.status.phase is not Phase.IDLE:
            return f"the one before is {self.status.phase}"
        if now_ns < self._retry_ns:
            wait_s = (self._retry_ns - now_ns) / NS_PER_S
            return f"the one before was refused, the next try is in {wait_s:.0f} s"
        may_run = self._may_run()
        return "" if may_run else "the detector is not steady at its set-point, or actuators rest"

    def cancel(self) -> None:
        """Open the shutter and keep the old correction: outputs must come to rest."""
        if self.status.phase in (Phase.OPENING, Phase.CAP_OFF):
            self._enter(Phase.SETTLING, self._since_ns)
        elif self.status.phase not in (Phase.IDLE, Phase.SETTLING):
            self._refuse("cancelled", self._since_ns, Trouble(codes.NUC_CANCELLED))

    @property
    def planes_id(self) -> int:
        """Number of the correction that `gain_q14` and `offset` are."""
        return self.status.nuc_id

    def facts(self, info: FrameInfo) -> tuple[int, int, NucState]:
        """(number, age in ms, state) that this frame carries."""
        status = self.status
        age_ms = -1
        if status.taken_ns >= 0:
            age_ms = max(0, (info.monotonic_ns - status.taken_ns) // NS_PER_MS)
        return status.nuc_id, age_ms, status.state

    def see(self, raw: np.ndarray, info: FrameInfo) -> None:
        """One frame, before it is corrected.

        raw  : (H, W) uint16 counts as the sensor gave them
        info : its facts; the shutter flag decides, not the wish
        """
        phase = self.status.phase
        now_ns = info.monotonic_ns
        if not isnan(info.fpa_temp_degc):
            self._fpa_degc = info.fpa_temp_degc
        if phase is Phase.IDLE:
            self._look_for_reason(now_ns)
            if self._cap is not None:
                self._cap.glance(raw, now_ns)
        elif phase is Phase.SOLVING:
            self._solve_rows(now_ns)
        elif phase is Phase.SETTLING:
            self._settle(now_ns)
        elif self._cap is not None:
            self._step_cap(self._cap, phase, raw, now_ns)
        else:
            self._step(phase, raw, bool(int(info.flags) & SHUTTER), now_ns)

    def _step(self, phase: Phase, raw: np.ndarray, is_closed: bool, now_ns: int) -> None:
        waited_ns, patience_ns = now_ns - self._since_ns, self._patience_ns(phase)
        if waited_ns > patience_ns:
            silent = Trouble(codes.NUC_SILENT, waited_ns / NS_PER_S, patience_ns / NS_PER_S)
            self._refuse("the shutter did not move", now_ns, silent)
        elif phase is Phase.LOOKING:
            self._look(raw, now_ns)
        elif phase is Phase.CLOSING:
            if is_closed:
                self._enter(Phase.COLLECTING, now_ns)
        elif phase is Phase.COLLECTING:
            if not is_closed:
                early = Trouble(codes.NUC_EARLY, self._count, self._config.frames + SKIPPED_FRAMES)
                self._refuse("the shutter opened too early", now_ns, early)
            else:
                self._collect(raw, now_ns)
        elif not is_closed:
            self._enter(Phase.SETTLING, now_ns)

    def _step_cap(self, cap: Cap, phase: Phase, raw: np.ndarray, now_ns: int) -> None:
        is_late = now_ns - self._since_ns > CAP_PATIENCE_S * NS_PER_S
        if phase is Phase.COLLECTING:
            self._collect(raw, now_ns)
        elif phase is Phase.CAP_OFF:
            if is_late or cap.is_off(raw, now_ns):  # a lens that stays covered is 814
                self._enter(Phase.SETTLING, now_ns)
        else:
            asked, self._asked = bool(self._asked), ""
            found = cap.wait(raw, now_ns, is_asked=asked)
            if found is FINE:
                self._enter(Phase.COLLECTING, now_ns)
            elif asked or is_late:
                self._refuse_cap(cap.refusal(), now_ns)
            else:
                self._refresh_code(now_ns)

    def _refuse_cap(self, trouble: Trouble, now_ns: int) -> None:
        self._refuse(CAP_WORDS[trouble.code], now_ns, trouble)

    def _patience_ns(self, phase: Phase) -> float:
        """For the shutter; collecting also needs the time of its frames, at the slowest rate."""
        frames = self._config.frames + SKIPPED_FRAMES if phase is Phase.COLLECTING else 0
        return (PATIENCE_S + frames / SLOWEST_FPS) * NS_PER_S

    def _look_for_reason(self, now_ns: int) -> None:
        self._refresh_code(now_ns)
        why = self._reason(now_ns)
        if not why or now_ns < self._retry_ns or not self._may_run():
            return
        self._asked = ""
        self._count = 0
        self._proof.begin()
        self.status = replace(self.status, why=why)
        if self._cap is not None:
            self._cap.begin(self._drift_k())
        self._enter(Phase.LOOKING if self._cap is None else Phase.CAP_ON, now_ns)

    def _reason(self, now_ns: int) -> str:
        """Why a correction is due; empty when none is.  A cap is put on by a person."""
        if self._asked or not self._config.has_shutter:
            return self._asked
        status, config = self.status, self._config
        if status.taken_ns < 0:
            return "start"
        if self._drift_k() > config.drift_k:
            return f"drift of {self._fpa_degc - status.fpa_degc:+.2f} K"
        if now_ns - status.taken_ns > config.every_s * NS_PER_S:
            return f"{config.every_s:g} s old"
        return ""

    def _look(self, raw: np.ndarray, now_ns: int) -> None:
        """Remember the open picture, to know later that the shutter did close."""
        self._proof.look(raw, now_ns)
        self._count += 1
        if self._count == OPEN_FRAMES:
            self._enter(Phase.CLOSING, now_ns)

    def _collect(self, raw: np.ndarray, now_ns: int) -> None:
        self._count += 1
        if self._count <= SKIPPED_FRAMES:
            self._sum.fill(0)
            self._flicker.begin()
            return
        np.add(self._sum, raw, out=self._sum)
        self._flicker.add(raw)
        summed, frames = self._count - SKIPPED_FRAMES, self._config.frames
        if summed == 1:
            self._proof.first(now_ns)
        if summed == frames // 2:
            self._proof.half(self._sum, summed)
        if summed < frames or not self._is_proven(raw, now_ns):
            return
        sparse = np.s_[::SPARSE, ::SPARSE]
        seen = self._sum[sparse] * self._gain[sparse] / frames
        if self._is_level(seen, now_ns):
            self._level = float(np.median(seen))
            self._enter(Phase.SOLVING, now_ns)

    def _is_level(self, seen: np.ndarray, now_ns: int) -> bool:
        """The shutter is about as warm as its housing; refused otherwise."""
        self._off_k = off_k = self._level_proof.off_k(seen, self._housing_degc())
        if not self._config.has_shutter or not abs(off_k) > MOST_OFF_K:  # NaN: unknown
            return True
        self._refuse(f"what it shows is {off_k:+.0f} K from the housing", now_ns,
                     Trouble(codes.NUC_LEVEL, off_k, MOST_OFF_K))  # fmt: skip
        return False

    def _is_proven(self, raw: np.ndarray, now_ns: int) -> bool:
        """What was summed is the shutter, or the cap; refused otherwise."""
        frames = self._config.frames
        if self._cap is not None:
            moved = self._proof.restless_counts(self._sum, frames, raw)
            trouble = self._cap.judge(self._sum, frames, moved)
            if trouble is not FINE:
                self._refuse_cap(trouble, now_ns)
            return trouble is FINE
        moved = self._proof.moved_counts(self._sum, frames, now_ns)
        if moved < LEAST_MOVED_COUNTS:
            self._refuse("the picture did not change", now_ns,
                         Trouble(codes.NUC_REFUSED, moved, LEAST_MOVED_COUNTS))  # fmt: skip
            return False
        if self.status.taken_ns < 0:
            return True
        shown, flat = self._proof.shown(self._sum, frames, self.offset)
        if shown > flat:
            self._refuse("the closed picture is not flat", now_ns,
                         Trouble(codes.NUC_NOT_FLAT, shown, flat))  # fmt: skip
        return shown <= flat

    def _solve_rows(self, now_ns: int) -> None:
        """One slice of the offsets; the last one hands them over."""
        height = len(self._sum)
        first, end = (height * k // SLICES for k in (self._count, self._count + 1))
        rows = slice(first, end)
        seen = self._sum[rows] * self._gain[rows]
        seen /= np.float32(self._config.frames)
        np.subtract(np.float32(self._level), seen, out=seen)
        np.rint(seen, out=seen)
        np.clip(seen, -32768, 32767, out=seen)
        self._solved[rows] = seen
        self._count += 1
        if self._count == SLICES:
            self._hand_over(now_ns)

    def _hand_over(self, now_ns: int) -> None:
        self.offset, self._solved = self._solved, self.offset
        table = self._known_bad.add(self._flicker.found(), self.offset)
        nuc_id = self._next_id()
        is_taken = self._pipeline.replace_offset(self.offset, table, nuc_id,
                                                 shutter_counts=self._level)  # fmt: skip
        if table is not None and is_taken:
            self.bad_pixels = table
        self._refusal = FINE
        self.status = replace(self.status, nuc_id=nuc_id, taken_ns=now_ns,
                              taken=self.status.taken + 1, fpa_degc=self._fpa_degc,
                              off_k=self._off_k)  # fmt: skip
        if self._cap is not None:
            self._cap.taken(self._level)
        self._enter(Phase.OPENING if self._cap is None else Phase.CAP_OFF, now_ns)

    def _settle(self, now_ns: int) -> None:
        if now_ns - self._since_ns >= self._config.settle_s * NS_PER_S:
            self._enter(Phase.IDLE, now_ns)

    def _refuse(self, why: str, now_ns: int, trouble: Trouble) -> None:
        """The correction in force stays; `why` is for a person who asked."""
        self._refusal = trouble
        self._retry_ns = now_ns + (round(RETRY_S * NS_PER_S) if self._cap is None else 0)
        status = self.status
        kept = f"{status.nuc_id} stays in force" if status.taken_ns >= 0 else "there is none"
        self._on_refusal(trouble, f"reason {status.why}, {kept}")
        self.status = replace(status, why=f"{status.why}: refused, {why}",
                              refused=status.refused + 1)  # fmt: skip
        self._enter(Phase.SETTLING, now_ns)

    def _enter(self, phase: Phase, now_ns: int) -> None:
        self._since_ns = now_ns
        if phase is not Phase.CLOSING:
            self._count = 0
        is_shut = phase in (Phase.CLOSING, Phase.COLLECTING, Phase.SOLVING)
        self.shutter_wanted = is_shut and self._config.has_shutter
        self.status = replace(self.status, phase=phase, state=self._frame_state(phase))
        self._refresh_code(now_ns)

    def _cap_prompt(self, cap: Cap) -> Trouble:
        if self.status.phase is Phase.CAP_ON:
            return cap.prompt
        return TAKE_OFF if self.status.phase is Phase.CAP_OFF else HOLD

    def _frame_state(self, phase: Phase) -> NucState:
        if phase in MOVING:
            return NucState.RUNNING
        if phase is Phase.SETTLING:
            return NucState.SETTLING
        return NucState.VALID if self.status.taken_ns >= 0 else NucState.NONE

    def _refresh_code(self, now_ns: int) -> None:
        trouble = self._trouble(now_ns)
        if trouble.code != self.status.code or not isnan(trouble.measured):
            self.status = replace(self.status, code=trouble.code, measured=trouble.measured,
                                  expected=trouble.expected)  # fmt: skip

    def _drift_k(self) -> float:
        """Since the correction in force; NaN where the sensor tells no temperature."""
        return abs(self._fpa_degc - self.status.fpa_degc)

    def _trouble(self, now_ns: int) -> Trouble:
        """What stands against an answer."""
        status, config = self.status, self._config
        if status.phase in MOVING:
            return RUNS if self._cap is None else self._cap_prompt(self._cap)
        if status.phase is Phase.SETTLING:
            return SETTLES
        if status.taken_ns < 0:
            return self._refusal if self._refusal.code else MISSING
        if self._drift_k() > FAR * config.drift_k:
            return Trouble(codes.NUC_DRIFTED, self._drift_k(), FAR * config.drift_k)
        # One refusal leaves a good correction in force; twice its time leaves none.
        age_s, most_s = (now_ns - status.taken_ns) / NS_PER_S, 2 * config.every_s
        if age_s <= most_s:
            return FINE
        return self._refusal if self._refusal.code else Trouble(codes.NUC_OVERDUE, age_s, most_s)
