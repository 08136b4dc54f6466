# SPDX-License-Identifier: Apache-2.0
"""What must hold before a frame may be judged: time, freshness, range, calibration state.

The clock part runs before the chain (it decides whether this frame may train anything),
the scene part after it.  Nothing here allocates arrays or makes words.
"""

from math import nan
from zlib import crc32

import numpy as np

from edgeleak import codes
from edgeleak.frame import FrameFlag, FrameInfo, NucState
from edgeleak.pipeline.clipping import Clipping
from edgeleak.pipeline.profile import Profile

# Plain ints: `&` of two IntFlags makes an object by way of Python code, a microsecond a frame.
TORN, SHUTTER = int(FrameFlag.TORN), int(FrameFlag.SHUTTER)
SATURATED = int(FrameFlag.SATURATED)
UNFIT = TORN | SHUTTER | SATURATED | int(FrameFlag.CLIPPED_TO_14_BIT)
NUC_RUNNING = int(NucState.RUNNING)


class Guard:
    """Time base and freshness of the frames of one pipeline.

    dt_s    : seconds since the frame before; 0 at the first
    now_s   : seconds since the first frame
    settled_s : seconds the background has been learnt for
    untrained_s : seconds of frames without one that might train
    measured, expected : the two numbers behind the code returned last
    """

    def __init__(self, profile: Profile, fps: float | None, raw: np.ndarray) -> None:
        self._period_s = 1 / fps if fps else nan
        self._learn_s = profile["guard.learn_s"]
        self._max_gap_s = profile["guard.max_gap_s"]
        self._frozen_s = profile["guard.frozen_s"]
        self._fault_s = profile["guard.fault_s"]
        self._probe = raw.reshape(-1).view(np.uint8).data
        rows = slice(raw.shape[0] // 2, raw.shape[0] // 2 + 1)
        self._row = raw[rows].reshape(-1).view(np.uint8).data
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next frame is the first."""
        self.dt_s, self.now_s, self.settled_s = 0.0, 0.0, 0.0
        self.measured, self.expected = nan, nan
        self.must_seed = True
        self._last_ns = -1
        self._seal, self._whole = -1, -1
        self._same_s = 0.0
        self.untrained_s = 0.0
        self.is_assumed = False

    def relearn(self) -> None:
        """The next frame that may train becomes the background."""
        self.must_seed = True

    def note_training(self, may_train: bool) -> None:
        """After max_gap_s of frames that may not train, the background is as old as after a gap."""
        self.untrained_s = 0.0 if may_train else self.untrained_s + self.dt_s
        if self.untrained_s > self._max_gap_s:
            self.must_seed = True

    def check(self, info: FrameInfo | None, is_eight_bit: bool) -> int:
        """Code that forbids judging this frame, or 0.  Sets dt_s and now_s."""
        code = self._tick(-1 if info is None else info.monotonic_ns)
        # A live 14-bit row is never the same twice; 8-bit video needs the whole frame.
        seal, frozen = crc32(self._probe if is_eight_bit else self._row), 0
        if seal == self._seal:
            frozen = self._stays_same()
        else:
            self._seal, self._same_s = seal, 0.0
        if info is not None:
            state = self._state_of(info)
            code = state or code
        return code or frozen

    def _tick(self, now_ns: int) -> int:
        if now_ns < 0:
            self.is_assumed = True
            if self._period_s != self._period_s:
                self.dt_s = 0.0
                return codes.NO_TIME
            self.dt_s = self._period_s
            self.now_s += self.dt_s
            return 0
        last, self._last_ns = self._last_ns, now_ns
        if last < 0:
            return 0
        self.dt_s = dt_s = (now_ns - last) * 1e-9
        if dt_s <= 0:
            self.measured, self.expected, self.dt_s = dt_s, 0.0, 0.0
            return codes.TIME_BACK
        self.now_s += dt_s
        if dt_s > self._max_gap_s:
            self.measured, self.expected = dt_s, self._max_gap_s
            self.must_seed = True
            return codes.TIME_GAP
        return 0

    def _stays_same(self) -> int:
        self._same_s += self.dt_s
        if self._same_s <= self._frozen_s:
            return 0
        self.measured = self._same_s
        if self._same_s > self._fault_s:
            self.expected = self._fault_s
            return codes.STUCK
        self.expected = self._frozen_s
        return codes.FROZEN

    def _state_of(self, info: FrameInfo) -> int:
        flags = int(info.flags)
        if flags & UNFIT:
            return self._flagged(flags)
        state = int(info.nuc_state)
        if state >= NUC_RUNNING:
            self.must_seed = True
            return codes.NUC_RUNNING if state == NUC_RUNNING else codes.NUC_SETTLING
        return 0

    def _flagged(self, flags: int) -> int:
        if flags & SHUTTER:
            self.must_seed = True
        if flags & (TORN | SHUTTER):
            return codes.TORN if flags & TORN else codes.SHUTTER
        return codes.SOURCE_SATURATED if flags & SATURATED else codes.SOURCE_CLIPPED

    def seeded(self) -> None:
        self.must_seed, self.settled_s = False, 0.0

    def learning(self) -> int:
        """LEARNING until the background has had its time."""
        self.settled_s += self.dt_s
        if self.settled_s >= self._learn_s:
            return 0
        self.measured, self.expected = self.settled_s, self._learn_s
        return codes.LEARNING


class SceneGuard:
    """Contrast of the corrected scene, and clipping of the raw one."""

    def __init__(self, profile: Profile) -> None:
        self._least_counts = profile["guard.min_span_counts"]
        self._blank_counts = profile["guard.blank_span_counts"]
        self._full_percent = profile["guard.max_saturated_percent"]
        self._fault_s = profile["guard.fault_s"]
        self.measured = self.expected = nan
        self._flat_s = self._full_s = self._dark_s = 0.0

    def check(self, clipping: Clipping, span: int, dt_s: float) -> int:
        """Code that the range of the scene asks for, or 0.

        clipping : of the raw frame looked at last
        span     : between the percentiles of the gain control, corrected counts
        """
        is_full, is_dark = clipping.is_full, clipping.is_dark
        self._full_s = self._full_s + dt_s if is_full else 0.0
        self._dark_s = self._dark_s + dt_s if is_dark else 0.0
        if is_full:
            return self._clipped(
                self._full_s, clipping.percent, codes.SATURATED, codes.LONG_SATURATED
            )
        if is_dark:
            return self._clipped(self._dark_s, clipping.percent, codes.DARK, codes.LONG_DARK)
        return self._contrast(span, dt_s)

    def _clipped(self, spent_s: float, percent: float, inhibit: int, fault: int) -> int:
        if spent_s > self._fault_s:
            self.measured, self.expected = spent_s, self._fault_s
            return fault
        self.measured, self.expected = percent, self._full_percent
        return inhibit

    def _contrast(self, span: int, dt_s: float) -> int:
        if span >= self._least_counts:
            self._flat_s = 0.0
            return 0
        self._flat_s = self._flat_s + dt_s if span <= self._blank_counts else 0.0
        if self._flat_s > self._fault_s:
            self.measured, self.expected = self._flat_s, self._fault_s
            return codes.BLANK
        self.measured, self.expected = span, self._least_counts
        return codes.LOW_CONTRAST
