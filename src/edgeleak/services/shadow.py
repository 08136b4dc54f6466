# SPDX-License-Identifier: Apache-2.0
"""Detectability of a running instrument, measured from outside of it.

A process of its own maps the instrument's ring of raw frames for reading and puts virtual plumes
into copies (edgeleak.events.trials).  The instrument does nothing for it: no task, no wake-up, no
message; it need not know.  The budget is a share of one core: after each round the process sleeps
until its processor time is that share of the time that passed, and it runs at the lowest priority.
A process that is too slow for every frame takes the newest and counts what it left out.
"""

import os
import resource
from collections.abc import Callable
from math import nan
from typing import Any

import numpy as np

from edgeleak.calibration.model import Calibration, Defect, Kind
from edgeleak.clock import NS_PER_S, Clock
from edgeleak.errors import UnavailableError
from edgeleak.events.trials import Trials
from edgeleak.pipeline import Pipeline
from edgeleak.pipeline.profile import Profile
from edgeleak.pipeline.verdict import Limits
from edgeleak.sensor import SensorInfo
from edgeleak.services.ring import Ring

WINDOW_S = 600.0
"""Here and now: scores of the last ten minutes."""
POLL_NS = 20_000_000
BEHIND = 3
"""Frames; the detector goes by time stamps, so that fewer frames a second are the same seconds."""
NICENESS = 19


def look_on(path: str) -> Ring:
    """The ring of a running instrument; UnavailableError when it cannot be opened."""
    try:
        return Ring(os.open(path, os.O_RDONLY | os.O_CLOEXEC), may_write=False)
    except OSError as error:
        raise UnavailableError(
            f"{path}: the frames of the instrument cannot be seen ({error.strerror}); run as its"
            " user, while it runs"
        ) from error


def processor_s() -> float:
    """Processor time of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Shadow:
    """Follows one ring.

    ring, clock : of the instrument, of this process
    profile, sensor, fps : as the instrument has them
    air_counts  : of the newest pipeline; asked at each new correction
    core_share  : of one core, 0..1
    """

    def __init__(self, ring: Ring, clock: Clock, profile: Profile, sensor: SensorInfo, fps: float,
                 air_counts: Callable[[Pipeline], float], core_share: float,
                 **options: Any) -> None:  # fmt: skip
        self._ring, self._clock, self._air = ring, clock, air_counts
        self._profile, self._sensor, self._fps = profile, sensor, fps
        self._pixels = np.empty(ring.shape, np.uint16)
        self._nuc_id: int | None = None
        self._options, self._share = options, core_share
        self.trials: Trials | None = None
        self.skipped = self.frames = 0
        self._cursor = ring.published
        self._began_ns, self._used_s, self._newest_s = clock.monotonic_ns(), 0.0, 0.0

    @property
    def used_share(self) -> float:
        """Of a core, since the start."""
        passed_s = (self._clock.monotonic_ns() - self._began_ns) / NS_PER_S
        return self._used_s / passed_s if passed_s > 0 else nan

    def follow(self) -> bool:
        """Every frame that is there now; True when a round has ended."""
        rounds = -1 if self.trials is None else self.trials.rounds
        begin_s = processor_s()
        while self._cursor < (published := self._ring.published):
            if published - self._cursor > BEHIND:  # too slow for every frame: the newest, then
                self.skipped += published - 1 - self._cursor
                self._cursor = published - 1
            self._step()
        self._used_s += processor_s() - begin_s
        if self.trials is None or rounds < 0 or self.trials.rounds == rounds:
            return False
        self.trials.forget(self._newest_s - WINDOW_S)
        return True

    def rest_s(self) -> float:
        """How long to sleep so that the share is kept."""
        passed_s = (self._clock.monotonic_ns() - self._began_ns) / NS_PER_S
        return max(0.0, self._used_s / self._share - passed_s)

    def wake(self) -> None:
        """After a rest: what passed meanwhile is not looked at."""
        self._cursor = self._ring.published
        if self.trials is not None:
            self.trials.begin()

    def _step(self) -> None:
        slot = self._ring.read(self._cursor, self._pixels, Limits(0.0, 0.0))
        self._cursor += 1
        if slot is None:
            self.skipped += 1
            return
        self.frames += 1
        self._newest_s = slot.info.monotonic_ns / NS_PER_S
        if slot.info.nuc_id != self._nuc_id or self.trials is None:
            self._take_correction(slot.info.nuc_id)
        if self.trials is not None:
            self.trials.take(self._pixels, slot.info)

    def _take_correction(self, nuc_id: int) -> None:
        """A pipeline with the correction in force; none while it is being replaced."""
        found = self._ring.correction()
        if found is None or found.nuc_id != nuc_id:
            return
        marks = np.full(len(found.bad_pixels), Defect.LISTED, np.uint8)
        made = Calibration(Kind.ONE_POINT, found.gain_q14, found.offset, found.bad_pixels, marks,
                           np.zeros(self._ring.shape, np.uint16), nuc_id=nuc_id)  # fmt: skip
        pipeline = Pipeline(self._ring.shape, self._profile, self._fps, made, sensor=self._sensor)
        pipeline.draw_when_asked()
        air = self._air(pipeline)
        if self.trials is None:
            self.trials = Trials(pipeline, air, fps=self._fps, **self._options)
        else:
            self.trials.use(pipeline, air)
        self._nuc_id = nuc_id
