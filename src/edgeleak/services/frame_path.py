# SPDX-License-Identifier: Apache-2.0
"""What happens to one frame, in order; the frames loop runs it whenever a frame may be there.

Nothing here waits, allocates arrays or writes files: the frame arrives in the pipeline's own
array, is copied once into the recorder's ring, corrected and judged in place.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from edgeleak.clock import NS_PER_S, Clock
from edgeleak.codes import Kind
from edgeleak.frame import FrameFlag, FrameInfo
from edgeleak.pipeline import Pipeline
from edgeleak.services.health import Freshness, Health, State
from edgeleak.services.nuc import Nuc
from edgeleak.services.panel import Panel
from edgeleak.services.recorder import Recorder
from edgeleak.services.sensor_nuc import SensorNuc
from edgeleak.services.utc import Utc
from edgeleak.services.watchdog import Watchdog

FPS_WINDOW_S = 2.0


class FrameSource(Protocol):
    """What acquisition offers to the frames loop."""

    def take(self, counts: np.ndarray) -> FrameInfo | None: ...


class SecondOpinion(Protocol):
    """What the network's side offers: it may look at the frame just judged, and never waits."""

    def offer(self, now_ns: int, sequence: int, code: int, noise_counts: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Followers:
    """Everybody who hears of a frame besides the pipeline; fixed at the start."""

    nuc: Nuc | SensorNuc
    utc: Utc
    health: Health
    freshness: Freshness
    panel: Panel
    watchdog: Watchdog
    recorder: Recorder | None
    note_light: Callable[[bool], None] | None
    segmenter: SecondOpinion | None = None


class FramePath:
    """From the acquisition's buffer to the answer.

    pipeline  : judges; its `arena["counts"]` is the frame
    source    : fills it
    followers : see Followers

    `judge` may be wrapped: it works on the pipeline's own memory only.
    """

    def __init__(self, pipeline: Pipeline, source: FrameSource, followers: Followers,
                 clock: Clock) -> None:  # fmt: skip
        self._source, self._to, self._clock = source, followers, clock
        self._counts, self._pair = pipeline.arena["counts"], pipeline.pair
        self.judge: Callable[..., Any] = pipeline.step
        self._relearn, self._was_moving = pipeline.relearn, False
        self.frames = 0
        self.info = FrameInfo()
        self.fps, self._nuc_id = 0.0, -1
        self._mark_ns, self._mark_frames = clock.monotonic_ns(), 0
        self.on_frame: Callable[[FrameInfo], None] | None = None

    def step(self, _due_ns: int) -> None:
        """Take, correct, judge and hand on one frame, if one is ready."""
        info = self._source.take(self._counts)
        if info is None:
            return
        to = self._to
        info = self._complete(info)
        to.nuc.see(self._counts, info)
        if to.recorder is not None:
            to.recorder.begin(self._counts)
            self._keep_correction(to.recorder, to.nuc)
        self._begin_anew_when_cold(to.health.state is State.COOLING)
        verdict = self.judge(self._counts, info)
        if self._pair.is_ready:
            info = replace(info, flags=info.flags | FrameFlag.PAIRED)
        now_ns = self._clock.monotonic_ns()
        self.frames += 1
        self.info = info
        to.freshness.note(now_ns)
        if to.note_light is not None:
            to.note_light(info.led_on)
        answer = to.health.take(now_ns, verdict, info.sequence)
        if to.recorder is not None:
            to.recorder.publish(info, answer)
        if to.segmenter is not None:
            to.segmenter.offer(now_ns, info.sequence, verdict.code, verdict.noise_counts)
        if answer.kind == Kind.GAS:
            to.panel.note_gas(now_ns)
            if to.recorder is not None:
                to.recorder.note_gas()
        to.watchdog.note_frame()
        if self.on_frame is not None:
            self.on_frame(info)

    def _begin_anew_when_cold(self, is_moving: bool) -> None:
        """What was learnt while the detector's temperature moved is a mixture of pictures."""
        if self._was_moving and not is_moving:
            self._relearn()
        self._was_moving = is_moving

    def _keep_correction(self, recorder: Recorder, nuc: Nuc | SensorNuc) -> None:
        """A new correction goes beside the ring, for replays."""
        if nuc.planes_id != self._nuc_id:
            self._nuc_id = nuc.planes_id
            recorder.ring.set_correction(self._nuc_id, nuc.gain_q14, nuc.offset, nuc.bad_pixels)

    def _complete(self, info: FrameInfo) -> FrameInfo:
        """The facts that only this side knows: correction and time of day."""
        nuc_id, age_ms, state = self._to.nuc.facts(info)
        utc = self._to.utc
        return replace(info, nuc_id=nuc_id, ms_since_nuc=age_ms, nuc_state=state,
                       utc_ns=utc.label_ns(info.monotonic_ns), utc_quality=utc.quality)  # fmt: skip

    def measure_fps(self, now_ns: int) -> None:
        """Once a second or so: frames per second of the last stretch."""
        passed_s = (now_ns - self._mark_ns) / NS_PER_S
        if passed_s >= FPS_WINDOW_S:
            self.fps = (self.frames - self._mark_frames) / passed_s
            self._mark_ns, self._mark_frames = now_ns, self.frames
