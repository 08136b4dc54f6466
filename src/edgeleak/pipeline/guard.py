# SPDX-License-Identifier: Apache-2.0
"""What must hold before a frame may be judged: time, freshness, range, calibration state.

The clock part runs before the chain (it decides whether this frame may train anything),
the scene part after it.  Nothing here allocates arrays or makes words.
"""

from math import inf, nan
from zlib import crc32

import numpy as np

from edgeleak import codes
from edgeleak.frame import FrameFlag, FrameInfo, NucState
from edgeleak.pipeline.clipping import Clipping
from edgeleak.pipeline.freshness import Repeats
from edgeleak.pipeline.gain import AutoGain
from edgeleak.pipeline.profile import Profile

# Plain ints: `&` of two IntFlags makes an object by way of Python code, a microsecond a frame.
TORN, SHUTTER = int(FrameFlag.TORN), int(FrameFlag.SHUTTER)
SATURATED = int(FrameFlag.SATURATED)
UNFIT = TORN | SHUTTER | SATURATED | int(FrameFlag.CLIPPED_TO_14_BIT)
ASSUMED = int(FrameFlag.FPS_ASSUMED)
NUC_RUNNING = int(NucState.RUNNING)
HOUR_MS = 3_600_000
LEAST_SOFT_SHARE = 0.5
"""Of the span of the middle 80 % of the pixels.  Noise of one sigma: means of 64 pixels span 0.65,
those pixels 2.6, a quarter; any scene spans more from tile to tile than half its pixels do."""
ALTERNATES = 2
"""One frame of the other phase may be a flag that was read wrong."""
SLACK_S = 1e-6
"""Time stamps are whole nanoseconds, sums of periods are not."""


class Guard:
    """Time base and freshness of the frames of one pipeline.

    dt_s    : seconds since the frame before; 0 at the first
    now_s   : seconds since the first frame
    settled_s : seconds the background has been learnt for
    untrained_s : seconds of frames without one that might train
    is_assumed : the frame's time comes from a rate, not from a stamp
    measured, expected : the two numbers behind the code returned last
    """

    def __init__(self, profile: Profile, fps: float | None, raw: np.ndarray) -> None:
        self._period_s = 1 / fps if fps else nan
        self._learn_s = profile["guard.learn_s"]
        self._max_gap_s = profile["guard.max_gap_s"]
        self._frozen_s = profile["guard.frozen_s"]
        self._fault_s = profile["guard.fault_s"]
        self._oldest_nuc_ms = round(HOUR_MS * profile["guard.max_nuc_age_h"])
        # From this period on a window holds fewer frames than a GAS needs.
        least = profile["evidence.least_frames"]
        self._slow_s = profile["evidence.window_s"] / (least - 1) - SLACK_S if least > 1 else inf
        self._repeats = Repeats(raw)
        self._wanted_nuc = -1
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
        self._seal = -1
        self._same_s = self._repeat_s = 0.0
        self.untrained_s = self._held_s = 0.0
        self.is_assumed = False
        self._sequence, self._drops, self._nuc_id, self._nuc_code = -1, 0, -1, 0
        self._led_on: bool | None = None
        self._has_waited, self._singles = False, 0

    @property
    def is_repeat(self) -> bool:
        """The frame's pixels are those of the frame before."""
        return self._same_s > 0

    def relearn(self) -> None:
        """The next frame that may train becomes the background."""
        self.must_seed = True

    def expect_nuc(self, nuc_id: int) -> None:
        """Frames that name another correction are refused; -1: whatever they name is right."""
        self._wanted_nuc = nuc_id
        self._compare_nuc()

    def note_training(self, may_train: bool) -> None:
        """After max_gap_s of frames that may not train, the background is as old as after a gap."""
        self.untrained_s = 0.0 if may_train else self.untrained_s + self.dt_s
        if self.untrained_s > self._max_gap_s:
            self.must_seed = True

    def check(self, info: FrameInfo | None, is_eight_bit: bool) -> int:
        """Code that forbids judging this frame, or 0.  Sets dt_s and now_s."""
        if info is None:
            self.is_assumed, code = True, self._count(1)
        else:
            code = self._tick(info)
        # A live 14-bit row is never the same twice; 8-bit video needs the whole frame.
        seal, frozen = crc32(self._probe if is_eight_bit else self._row), 0
        if seal == self._seal:
            self._same_s += self.dt_s
            frozen = self._stays(self._same_s)
        else:
            self._seal, self._same_s = seal, 0.0
        if info is not None:
            state = self._state_of(info)
            if state and not (code and state == codes.LED_PHASE):
                code = state
        return code or frozen

    def hold(self) -> None:
        """This frame is not used: its time belongs to the next."""
        self._held_s = self.dt_s

    def look(self, is_eight_bit: bool, elapsed_s: float) -> int:
        """Has a part of the raw frame been there before?  Now and then; FROZEN, STUCK or 0."""
        if not self._repeats.look(is_eight_bit):
            self._repeat_s = 0.0
            return 0
        self._repeat_s += elapsed_s
        return self._stays(self._repeat_s)

    def _tick(self, info: FrameInfo) -> int:
        now_ns = info.monotonic_ns
        self.is_assumed = now_ns < 0 or int(info.flags) & ASSUMED > 0
        if now_ns < 0:
            return self._count(1 + self._missed(info))
        last, self._last_ns = self._last_ns, now_ns
        if last < 0:
            return 0
        dt_s = (now_ns - last) * 1e-9
        if dt_s <= 0:
            self.measured, self.expected, self.dt_s = dt_s, 0.0, 0.0
            self.must_seed = True  # nobody knows how much time has passed
            return codes.TIME_BACK
        return self._pass(dt_s)

    def _count(self, periods: int) -> int:
        """Time by the frame rate, where there are no stamps."""
        if self._period_s != self._period_s:
            self.dt_s = 0.0
            return codes.NO_TIME
        return self._pass(periods * self._period_s)

    def _missed(self, info: FrameInfo) -> int:
        """Frames that are missing before this one, by its number or the source's count."""
        lost, self._drops = info.drops - self._drops, info.drops
        if self._sequence < 0:
            return 0
        return max(0, lost, info.sequence - self._sequence - 1)

    def _pass(self, dt_s: float) -> int:
        self.now_s += dt_s
        self.dt_s = dt_s = dt_s + self._held_s
        self._held_s = 0.0
        if dt_s > self._max_gap_s:
            self.measured, self.expected = dt_s, self._max_gap_s
            self.must_seed = True
            return codes.TIME_GAP
        if dt_s >= self._slow_s:
            self.measured, self.expected = dt_s, self._slow_s
            return codes.TOO_SLOW
        return 0

    def _stays(self, spent_s: float) -> int:
        if spent_s <= self._frozen_s:
            return 0
        self.measured = spent_s
        if spent_s > self._fault_s:
            self.expected = self._fault_s
            return codes.STUCK
        self.expected = self._frozen_s
        return codes.FROZEN

    def _state_of(self, info: FrameInfo) -> int:
        last, self._sequence = self._sequence, info.sequence
        flags = int(info.flags)
        if flags & UNFIT:
            return self._flagged(flags)
        state = int(info.nuc_state)
        if state >= NUC_RUNNING:
            self.must_seed = True
            return codes.NUC_RUNNING if state == NUC_RUNNING else codes.NUC_SETTLING
        if self._sequence <= last and (last or self._sequence):  # 0 for ever: not numbered
            return self._not_advancing(last)
        if info.nuc_id != self._nuc_id:
            self._change_nuc(info.nuc_id)
        if self._nuc_code or info.ms_since_nuc > self._oldest_nuc_ms:
            return self._wrong_nuc(info)
        if info.led_on != self._led_on:
            return self._change_led(info.led_on)
        if self._has_waited:
            return self._returned_led()
        return 0

    def _not_advancing(self, last: int) -> int:
        self.measured, self.expected = self._sequence, last
        if self._sequence < last:
            self.must_seed = True  # the source began anew, nobody knows when
        return codes.SEQUENCE_BACK

    def _change_nuc(self, nuc_id: int) -> None:
        if self._nuc_id >= 0:
            self.must_seed = True
        self._nuc_id = nuc_id
        self._compare_nuc()

    def _compare_nuc(self) -> None:
        is_told = self._nuc_id >= 0 and self._wanted_nuc >= 0
        is_other = is_told and self._nuc_id != self._wanted_nuc
        self._nuc_code = codes.NUC_MISMATCH if is_other else 0

    def _wrong_nuc(self, info: FrameInfo) -> int:
        if self._nuc_code:
            self.measured, self.expected = info.nuc_id, self._wanted_nuc
            return codes.NUC_MISMATCH
        self.measured = info.ms_since_nuc / HOUR_MS
        self.expected = self._oldest_nuc_ms / HOUR_MS
        return codes.NUC_OLD

    def _change_led(self, led_on: bool) -> int:
        """One frame of the other phase waits for its answer; with a second the phase is new."""
        if self._led_on is None:
            self._led_on = led_on
        elif self._has_waited:
            self._led_on, self._has_waited, self.must_seed = led_on, False, True
            self._singles = 0
        else:
            self._has_waited = True
            return codes.LED_PHASE
        return 0

    def _returned_led(self) -> int:
        """The light alternates; after two dark frames between lit ones the dark are judged."""
        self._has_waited = False
        self._singles += 1
        if not self._led_on or self._singles < ALTERNATES:
            return 0
        self._led_on, self._has_waited, self.must_seed = False, True, True
        return codes.LED_PHASE

    def _flagged(self, flags: int) -> int:
        if flags & SHUTTER:
            self.must_seed = True
        if flags & (TORN | SHUTTER):
            return codes.TORN if flags & TORN else codes.SHUTTER
        return codes.SOURCE_SATURATED if flags & SATURATED else codes.SOURCE_CLIPPED

    def seeded(self) -> None:
        self.must_seed, self.settled_s = False, 0.0

    def learning(self) -> int:
        """LEARNING until the background has had its time, or while it waits for its first frame."""
        self.settled_s = 0.0 if self.must_seed else self.settled_s + self.dt_s
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

    def check(self, clipping: Clipping, gain: AutoGain, soft_span: int, dt_s: float) -> int:
        """Code that the range of the scene asks for, or 0.

        clipping  : of the raw frame looked at last
        gain      : percentiles of the corrected frame
        soft_span : between means of 8x8 pixels and more, corrected counts
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
        return self._contrast(gain, soft_span, dt_s)

    def _clipped(self, spent_s: float, percent: float, inhibit: int, fault: int) -> int:
        if spent_s > self._fault_s:
            self.measured, self.expected = spent_s, self._fault_s
            return fault
        self.measured, self.expected = percent, self._full_percent
        return inhibit

    def _contrast(self, gain: AutoGain, soft_span: int, dt_s: float) -> int:
        least = max(self._least_counts, LEAST_SOFT_SHARE * gain.inner_span)
        if soft_span >= least:
            self._flat_s = 0.0
            return 0
        span = gain.high_counts - gain.low_counts
        self._flat_s = self._flat_s + dt_s if span <= self._blank_counts else 0.0
        if self._flat_s > self._fault_s:
            self.measured, self.expected = self._flat_s, self._fault_s
            return codes.BLANK
        self.measured, self.expected = soft_span, least
        return codes.LOW_CONTRAST
