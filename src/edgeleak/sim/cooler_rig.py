# SPDX-License-Identifier: Apache-2.0
"""Plant, in-process buses and the cooler service alone, in lockstep: the cooler's test bench.

`Rig` is what every cooler row of the fault campaign and `edgeleak tune tec` run on: the true
drivers talk to register models, and every judgement is made on the plant's own temperatures.
The service is handed in by the caller, because this layer lies below the services.
"""

import dataclasses
import math
import random
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edgeleak.board import Board, TecModel
from edgeleak.bus.protocols import Buses
from edgeleak.errors import UsageError
from edgeleak.sim.bus import open_buses
from edgeleak.sim.lockstep import DueLoop, Lockstep
from edgeleak.sim.plant import Plant
from edgeleak.sim.scenario import Scenario, World
from edgeleak.sim.sim_clock import SimClock

NS_PER_S = 1_000_000_000
TRACE_NS = 50_000_000


class LoopMaker(Protocol):
    """Builds the firmware's control loop on buses and clock."""

    def __call__(self, buses: Buses, clock: SimClock) -> DueLoop: ...


@dataclass(slots=True)
class Trace:
    """The plant's truth, 20 times a second."""

    time_s: array = dataclasses.field(default_factory=lambda: array("d"))
    cold_degc: array = dataclasses.field(default_factory=lambda: array("d"))
    hot_degc: array = dataclasses.field(default_factory=lambda: array("d"))
    current_a: array = dataclasses.field(default_factory=lambda: array("d"))
    power_w: array = dataclasses.field(default_factory=lambda: array("d"))

    def note(self, plant: Plant) -> None:
        truth = plant.truth
        self.time_s.append(plant.elapsed_s)
        self.cold_degc.append(truth.cold_degc)
        self.hot_degc.append(truth.hot_degc)
        self.current_a.append(truth.tec_a)
        self.power_w.append(truth.tec_a * truth.tec_v)


@dataclass(frozen=True, slots=True)
class StepResult:
    """Numbers of one step response.

    settle_s     : from then on within `tolerance_k` of the target; NaN never
    overshoot_k  : beyond the target
    rms_k        : of the difference over the last part of the run
    ramp_k_per_s : largest change within one second
    """

    settle_s: float
    overshoot_k: float
    rms_k: float
    ramp_k_per_s: float
    max_hot_degc: float
    last_degc: float


class Rig:
    """One cooler on one plant.

    board    : of the firmware and, unless `model` is given, of the plant
    make     : builds the control loop
    model    : constants of the true cooler
    scenario : of the world; `ambient_degc` is a short way for a still room
    """

    def __init__(self, board: Board, make: LoopMaker, *, model: TecModel | None = None,
                 scenario: Scenario | None = None, ambient_degc: float = 25.0,
                 humidity: float = 0.3, seed: int = 0) -> None:  # fmt: skip
        truth = dataclasses.replace(board, tec_model=model) if model else board
        world = World(ambient_degc=ambient_degc, humidity=humidity)
        self.plant = Plant(truth, seed=seed, scenario=scenario or Scenario(world=world))
        self.buses, blocking = open_buses(self.plant)
        self.clock = SimClock()
        self.loop = make(self.buses, self.clock)
        self.scheduler = Lockstep(self.plant, self.clock, [self.loop], blocking)
        self.trace = Trace()

    @property
    def now_s(self) -> float:
        return self.plant.elapsed_s

    def start_at(self, cold_degc: float, hot_degc: float) -> None:
        """Put both sides somewhere: a cold restart instead of a whole cool-down."""
        tec, truth = self.plant.tec, self.plant.truth
        if tec is None:
            raise UsageError(f"board {self.plant.board.name} has no [tec_model]")
        tec.rest_at(cold_degc)
        tec.hot_degc = truth.hot_degc = hot_degc
        truth.cold_degc = cold_degc

    def run(self, seconds: float, until: Callable[[], bool] | None = None) -> bool:
        """Run for `seconds`; with `until`, stop at once when it holds (True)."""
        end_ns = self.plant.now_ns + round(seconds * NS_PER_S)
        while self.plant.now_ns < end_ns:
            self.scheduler.run_until(min(end_ns, self.plant.now_ns + TRACE_NS))
            self.trace.note(self.plant)
            if until is not None and until():
                return True
        return False


def varied(model: TecModel, random_: random.Random, share: float = 0.5) -> TecModel:
    """A cooler whose every constant is off by up to `share`."""
    return dataclasses.replace(model, **{
        field.name: getattr(model, field.name) * random_.uniform(1 - share, 1 + share)
        for field in dataclasses.fields(model)
    })  # fmt: skip


def step_result(trace: Trace, target_degc: float, *, tolerance_k: float = 0.1,
                from_s: float = 0.0, tail_s: float = 60.0) -> StepResult:  # fmt: skip
    """Judge a step response that began at `from_s`."""
    start = next((i for i, t in enumerate(trace.time_s) if t >= from_s), 0)
    cold, times = trace.cold_degc[start:], trace.time_s[start:]
    direction = math.copysign(1.0, cold[0] - target_degc)
    outside = [i for i, c in enumerate(cold) if abs(c - target_degc) > tolerance_k]
    last_out = outside[-1] if outside else -1
    settle_s = times[last_out + 1] - from_s if last_out + 1 < len(cold) else math.nan
    tail = [c - target_degc for t, c in zip(times, cold, strict=True) if t >= times[-1] - tail_s]
    second = round(NS_PER_S / TRACE_NS)
    moves = (abs(b - a) for a, b in zip(cold, cold[second:], strict=False))
    return StepResult(
        settle_s=settle_s,
        overshoot_k=max(0.0, max(direction * (target_degc - c) for c in cold)),
        rms_k=math.sqrt(sum(x * x for x in tail) / len(tail)),
        ramp_k_per_s=max(moves, default=0.0),
        max_hot_degc=max(trace.hot_degc[start:]),
        last_degc=cold[-1],
    )
