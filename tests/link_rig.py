# SPDX-License-Identifier: Apache-2.0
"""A plant, a sensor driver and its acquisition in lockstep, with reduced frames for long counts.

The plant is the judge: every published frame is compared with what the model sent.
"""

import dataclasses
from dataclasses import dataclass, field

import numpy as np

from edgeleak import board as boards
from edgeleak.drivers.el640 import El640
from edgeleak.drivers.lepton import Lepton
from edgeleak.drivers.link import Progress
from edgeleak.services.acquisition import Acquisition
from edgeleak.sim.bus import open_buses
from edgeleak.sim.faults import Fault
from edgeleak.sim.plant import Plant
from edgeleak.sim.sim_clock import SimClock

MS = 1_000_000
SHAPE = (24, 32)
PERIOD_US = 10_000


class NoiseScene:
    """A flat wall with the noise of a real sensor."""

    def __init__(self, seed=0, noise=2.1):
        self._rng, self._noise = np.random.default_rng(seed), noise
        self._table = self._rng.normal(5000, noise, 1 << 16).astype(np.uint16)

    def __call__(self, exposure):
        n = exposure.shape[0] * exposure.shape[1]
        start = int(self._rng.integers(0, len(self._table) - n))
        return self._table[start : start + n].reshape(exposure.shape)


def reduced_board(shape=SHAPE, bufsiz=700, name="el1-a"):
    board = boards.load(name)
    sensor = dataclasses.replace(board.sensor, height=shape[0], width=shape[1])
    return dataclasses.replace(
        board, sensor=sensor, spi=dataclasses.replace(board.spi, bufsiz_bytes=bufsiz)
    )


@dataclass
class Rig:
    """Everything in one place; `step` moves it, `frames` are (info, equal to the truth)."""

    board: object
    period_us: int = PERIOD_US
    seed: int = 0
    camera: object = None
    frames: list = field(default_factory=list)
    torn: int = 0

    def __post_init__(self):
        self.plant, self.clock = Plant(self.board, seed=self.seed), SimClock()
        self.buses, self.blocking = open_buses(self.plant)
        self.model = self.plant.sensor
        self.model.scene, self.model.keeps_truth = NoiseScene(self.seed), True
        self.camera = self.make_camera()
        self.acquisition = Acquisition(self.camera, self.clock)
        self.counts = np.zeros(self.camera.shape, np.uint16)
        self.acquisition.start()

    def make_camera(self):
        if self.board.sensor.kind == "lepton":
            return Lepton(self.buses, self.board, self.clock)
        return El640(self.buses, self.board, self.clock, integration_us=min(2000, self.period_us),
                     frame_period_us=self.period_us)  # fmt: skip

    @property
    def now_ns(self):
        return self.clock.monotonic_ns()

    def step(self, step_ns=2 * MS):
        """One pass of capture and frames; the frame's info, or None."""
        now_ns = self.now_ns + step_ns
        self.plant.advance_to(now_ns)
        self.clock.advance_to(now_ns)
        self.acquisition.step(now_ns)
        info = self.acquisition.take(self.counts)
        if info is not None:
            self.note(info)
        return info

    def note(self, info):
        truth = self.model.truth.get(self.camera.telemetry.frame)
        if truth is None or not np.array_equal(truth, self.counts):
            self.torn += 1
        self.frames.append(info)

    def run(self, seconds):
        end_ns = self.now_ns + round(seconds * 1e9)
        while self.now_ns < end_ns:
            self.step()
        return self

    def next_frame(self, within_s=2.0):
        """Run to the next frame and return its info."""
        end_ns = self.now_ns + round(within_s * 1e9)
        while self.now_ns < end_ns:
            info = self.step()
            if info is not None:
                return info
        raise AssertionError(f"no frame within {within_s} s: {self.acquisition.status}")

    def hits(self, fault: Fault):
        return self.plant.counters[f"hit.{fault.name}"]


def el640_rig(shape=SHAPE, bufsiz=700, period_us=PERIOD_US, seed=0):
    """A running reduced el640: a frame of 25 packets in three messages."""
    rig = Rig(reduced_board(shape, bufsiz), period_us, seed)
    rig.next_frame()
    return rig


def lepton_rig(shape=(120, 160), seed=0, bufsiz=65_536):
    """A running Lepton 3 (or 2, with shape 60x80) on the parts of EL-1's buses."""
    board = boards.load("el1-a")
    sensor = dataclasses.replace(board.sensor, kind="lepton", i2c_address=0x2A, height=shape[0],
                                 width=shape[1], power_up_ms=950)  # fmt: skip
    spi = dataclasses.replace(board.spi, max_hz=20_000_000, bufsiz_bytes=bufsiz)
    rig = Rig(dataclasses.replace(board, sensor=sensor, spi=spi), seed=seed)
    rig.next_frame(3.0)
    return rig


def recovery_ms(rig, make_fault, losses, rng, pause_ms=(5, 60)):
    """Break the link `losses` times at random moments; ms from each hit to the next frame."""
    times = []
    for _ in range(losses):
        rig.run(rng.uniform(*pause_ms) / 1000)
        fault = make_fault()
        before = rig.hits(fault)
        rig.plant.inject(fault)
        while rig.hits(fault) == before:
            rig.step(MS)
        hit_ns = rig.now_ns
        published = len(rig.frames)
        while len(rig.frames) == published:
            rig.step(MS)
            assert rig.now_ns - hit_ns < 5_000 * MS, f"not recovered: {rig.acquisition.status}"
        times.append((rig.now_ns - hit_ns) / MS)
    return times


__all__ = [
    "MS",
    "NoiseScene",
    "Progress",
    "Rig",
    "el640_rig",
    "lepton_rig",
    "recovery_ms",
    "reduced_board",
]
