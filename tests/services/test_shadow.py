# SPDX-License-Identifier: Apache-2.0
"""Trials beside a running instrument: they only look on, and only for their share of a core."""

import os

import numpy as np
import pytest
from events_scene import SHAPE, Wall
from recorder_bench import LIMITS

from edgeleak.codes import Kind
from edgeleak.errors import UnavailableError
from edgeleak.frame import FrameFlag, NucState
from edgeleak.pipeline.profile import load
from edgeleak.pipeline.verdict import Verdict
from edgeleak.sensor import EL640
from edgeleak.services import ring
from edgeleak.services import shadow as shadows
from edgeleak.services.shadow import Shadow, look_on

ANSWER = Verdict(Kind.NO_GAS, 0, 0.0, 0.0, 0.0, 0, 3, 0, 0.0, 1.0, FrameFlag.NONE, LIMITS)


class HandClock:
    now_ns = 0

    def monotonic_ns(self):
        return self.now_ns

    def wait_until_ns(self, time_ns):
        self.now_ns = max(self.now_ns, time_ns)


class Instrument:
    """Its ring, with a correction in force and a wall to look at."""

    def __init__(self):
        self.ring, self.wall = ring.make(SHAPE, 80), Wall(seed=5)
        self.gain, self.offset = np.full(SHAPE, 1 << 14, np.int16), np.zeros(SHAPE, np.int16)
        self.set_correction(7)

    def set_correction(self, nuc_id):
        self.nuc_id = nuc_id
        self.ring.set_correction(nuc_id, self.gain, self.offset, None)

    def expose(self, frames):
        for _ in range(frames):
            self.ring.begin(self.wall.frame())
            info = self.wall.info(nuc_id=self.nuc_id, ms_since_nuc=1000, nuc_state=NucState.VALID)
            self.ring.publish(info, ANSWER, Kind.NO_GAS, 0, 0.0, 0.0)


@pytest.fixture
def beside():
    instrument = Instrument()
    seen = look_on(f"/proc/{os.getpid()}/fd/{instrument.ring.descriptor}")
    clock = HandClock()
    made = Shadow(seen, clock, load("sensitive"), EL640, 10.0, lambda pipeline: 3000.0, 0.25,
                  ladder=[1000.0], seed=1)  # fmt: skip
    return instrument, made, clock


def test_rounds_are_scored_and_the_ring_is_left_as_it_is(beside):
    instrument, made, _ = beside
    ended = False
    for _ in range(150):
        instrument.expose(2)
        before = bytes(instrument.ring._map)
        ended |= made.follow()
        assert bytes(instrument.ring._map) == before
    assert ended
    assert made.frames == 300
    assert made.trials.tried >= 3
    assert made.trials.scores[1000.0].found >= 1


def test_the_memory_cannot_be_written(beside):
    _, made, _ = beside
    with pytest.raises((ValueError, TypeError)):
        made._ring.begin(np.zeros(SHAPE, np.uint16))


def test_one_that_is_too_slow_takes_the_newest_and_counts_the_rest(beside):
    instrument, made, _ = beside
    for _ in range(60):
        instrument.expose(10)
        made.follow()
    assert made.frames == 60
    assert made.skipped == 540
    assert made.trials.tried >= 3  # one frame a second is still a minute of frames


def test_a_new_correction_makes_a_new_shadow_and_keeps_the_scores(beside):
    instrument, made, _ = beside
    instrument.expose(3)
    made.follow()
    first = made.trials._shadow
    instrument.set_correction(8)
    instrument.expose(3)
    made.follow()
    assert made.trials._shadow is not first


def test_the_budget_is_kept_by_resting(beside, monkeypatch):
    instrument, made, clock = beside
    used = iter(np.arange(0, 100, 1.0))
    monkeypatch.setattr(shadows, "processor_s", lambda: float(next(used)))
    instrument.expose(1)
    made.follow()  # one second of processor time by that clock
    clock.now_ns = 10**9
    assert made.rest_s() == pytest.approx(3.0)  # a quarter of a core: one of four seconds
    clock.now_ns = 5 * 10**9
    assert made.rest_s() == 0.0
    assert made.used_share == pytest.approx(0.2)


def test_without_an_instrument_it_says_so():
    with pytest.raises(UnavailableError, match="cannot be seen"):
        look_on("/proc/1/fd/99999")
