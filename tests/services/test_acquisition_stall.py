# SPDX-License-Identifier: Apache-2.0
"""The frames loop stalls: the sensor's memory keeps what comes, as far as it reaches."""

from collections import deque

import numpy as np
import pytest
from link_rig import MS, el640_rig, lepton_rig

from edgeleak import codes
from edgeleak.clock import NS_PER_S
from edgeleak.drivers import el640_link
from edgeleak.drivers.link import LinkCounters, Loss, Progress, Unpacked
from edgeleak.frame import FrameInfo
from edgeleak.sensor import EL640
from edgeleak.services.acquisition import Acquisition
from edgeleak.sim import el640_model
from edgeleak.sim.sim_clock import SimClock

STALE_MS = 400


def test_driver_and_plant_know_the_same_memory():
    ours = (el640_link.MEMORY_FRAMES, el640_link.MEMORY_BINNED)
    assert ours == (el640_model.KEPT_FRAMES, el640_model.KEPT_BINNED)


class QueueCamera:
    """A sensor that keeps `kept` frames, behind a bus that takes its time.

    fps      : of the sensor
    ceiling  : frames/s of the bus, without
    pause_ms : its pauses between the messages of a frame
    """

    info, shape, packets_shape = EL640, (4, 4), (5, 8)
    loss, is_starting, is_running, resync_after_ns = Loss.NONE, False, True, 400 * MS

    def __init__(self, clock, fps, ceiling, kept, pause_ms=0.0):
        self.clock, self.kept, self.counters = clock, kept, LinkCounters()
        self.period_ns, self.transfer_ns = round(NS_PER_S / fps), round(NS_PER_S / ceiling)
        self.transfer_ns += round(pause_ms * MS)
        self.memory_ns, self.bus_spare = (kept - 1) * self.period_ns, 1 - fps / ceiling
        self.frames, self.made, self.read, self.lost, self.arrival_ns = deque(), 0, 0, 0, 0

    def start(self): ...

    def expose(self):
        """Every frame that is due; the oldest are kept."""
        while (self.made + 1) * self.period_ns <= self.clock.monotonic_ns():
            self.made += 1
            if len(self.frames) < self.kept:
                self.frames.append(self.made)
            else:
                self.lost += 1

    def capture(self, packets):
        self.expose()
        if not self.frames:
            return Progress.NOTHING
        self.clock.advance_to(self.clock.monotonic_ns() + self.transfer_ns)
        self.expose()
        packets.view(np.int64)[0, 0] = self.frames.popleft()
        self.arrival_ns = self.clock.monotonic_ns()
        self.read += 1
        return Progress.COMPLETE

    def unpack(self, packets, counts, arrival_ns):
        number = int(packets.view(np.int64)[0, 0])
        return Unpacked(FrameInfo(number, number * self.period_ns), 1, number)


class BusyBus:
    """Acquisition on such a camera; the frames loop stalls at the end of every `every_s`."""

    def __init__(self, fps, ceiling, kept, pause_ms=0.0):
        self.clock = SimClock()
        self.camera = QueueCamera(self.clock, fps, ceiling, kept, pause_ms)
        self.acquisition = Acquisition(self.camera, self.clock)
        self.counts, self.ages_ms = np.zeros((4, 4), np.uint16), []

    def run(self, seconds, every_s, stall_s):
        end_ns = self.clock.monotonic_ns() + round(seconds * NS_PER_S)
        while (now_ns := self.clock.monotonic_ns()) < end_ns:
            self._bus()
            if now_ns / NS_PER_S % every_s < every_s - stall_s:
                self._take()
        return self

    def _bus(self):
        if self.acquisition.step() is not Progress.COMPLETE:
            self.clock.advance_to(self.clock.monotonic_ns() + MS)

    def _take(self):
        info = self.acquisition.take(self.counts)
        if info is not None:
            self.ages_ms.append((self.clock.monotonic_ns() - info.monotonic_ns) / MS)

    def waits_ms(self):
        """Nobody takes a frame: from when the second is there until the first is given up."""
        while self.camera.read < 2:
            self._bus()
        begin_ns = self.clock.monotonic_ns()
        while not self.acquisition.overruns:
            self._bus()
        next_ns = self.camera.transfer_ns  # it was read in the same step
        return (self.clock.monotonic_ns() - next_ns - begin_ns) / MS


def stall(rig, seconds):
    """The bus goes on, nobody takes a frame; messages read meanwhile."""
    reads, end_ns = rig.camera.counters.frames, rig.now_ns + round(seconds * 1e9)
    while rig.now_ns < end_ns:
        rig.plant.advance_to(rig.now_ns + 2 * MS)
        rig.clock.advance_to(rig.now_ns + 2 * MS)
        rig.acquisition.step()
    return rig.camera.counters.frames - reads


def test_a_stall_of_the_frames_loop_costs_no_frame():
    """Three periods: one frame is ready, one is read, the sensor keeps what comes after."""
    rig = el640_rig().run(1.0)
    bus_frames = stall(rig, 0.03)
    assert bus_frames <= 2
    rig.run(1.0)
    assert (rig.acquisition.overruns, rig.acquisition.drops, rig.torn) == (0, 0, 0)
    assert np.diff([info.sequence for info in rig.frames]).tolist() == [1] * (len(rig.frames) - 1)


def test_a_long_stall_costs_frames_and_not_their_age():
    """When the store is empty the newest frame is what is taken, as if nobody had waited."""
    rig = el640_rig().run(1.0)
    stall(rig, 1.0)
    assert rig.acquisition.overruns > 50
    age_ns = rig.now_ns - rig.step().monotonic_ns
    assert age_ns < 5 * rig.period_us * 1000


def test_a_frames_loop_that_is_too_slow_gets_new_frames():
    """Every third frame is taken in time for ever: the sensor's memory must not stay full."""
    rig, ages_ms = el640_rig().run(1.0), []
    for _ in range(200):
        stall(rig, 0.028)
        info = rig.step()
        ages_ms.append((rig.now_ns - info.monotonic_ns) / MS)
    assert rig.acquisition.overruns > 100
    assert np.median(ages_ms[20:]) < 3 * rig.period_us / 1000


@pytest.mark.parametrize(
    ("fps", "ceiling", "kept", "stall_s", "pause_ms"),
    [
        (11.2, 11.5, 4, 0.25, 0.6),
        (11.4, 11.5, 4, 0.25, 0.6),
        (44, 45.5, 16, 0.1, 0.4),
        (44.5, 45.5, 16, 0.1, 0.4),
        (45.2, 45.5, 16, 0.1, 0.1),
    ],
)
def test_frames_do_not_pile_up_on_a_busy_bus(fps, ceiling, kept, stall_s, pause_ms):
    """Frames that waited never make up more than the store, at 99 % of the bus's ceiling too."""
    bus = BusyBus(fps, ceiling, kept, pause_ms).run(120, 5, stall_s)
    lag_ms = np.array(bus.ages_ms) - bus.camera.transfer_ns / MS
    store_ms = min(bus.camera.memory_ns / MS, STALE_MS) / 2
    assert bus.camera.lost == 0
    assert lag_ms.max() < max(1000 * stall_s, store_ms) + 10


@pytest.mark.parametrize(
    ("fps", "ceiling", "kept", "most_ms"),
    [
        (11.2, 11.5, 4, 1.5 * 1000 / 11.2),  # half of what three frames take
        (9, 11.5, 8, 200),  # half of the time after which a frame is stale
        (44, 45.5, 16, 7.5 * 1000 / 44),
    ],
)
def test_it_waits_half_of_the_memory_or_of_what_is_stale(fps, ceiling, kept, most_ms):
    assert BusyBus(fps, ceiling, kept).waits_ms() == pytest.approx(most_ms, abs=2)


def test_a_sensor_without_memory_is_never_kept_waiting():
    rig = lepton_rig().run(0.5)
    stall(rig, 0.5)
    assert rig.acquisition.overruns > 0
    rig.run(1.0)
    assert rig.acquisition.status.code == codes.OK
