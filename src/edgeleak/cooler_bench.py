# SPDX-License-Identifier: Apache-2.0
"""The cooler alone on a simulated board: for tests, fault campaigns and `edgeleak tune`.

Service, drivers and chips are those of the instrument; nothing else runs that could hide or
cause what is looked at.  Judgement is on the plant's true temperatures (`rig.trace`,
`rig.plant.judge`).
"""

import math
from pathlib import Path
from typing import Any

from edgeleak.board import Board
from edgeleak.bus.protocols import Buses
from edgeleak.clock import Clock
from edgeleak.config import CoolerConfig
from edgeleak.drivers.ads1115 import Ads1115
from edgeleak.errors import BusError, ConfigError
from edgeleak.loop import Loop, Task
from edgeleak.services import parts
from edgeleak.services.adc_round import AdcRound
from edgeleak.services.climate import Climate
from edgeleak.services.cooler_parts import cooler_on
from edgeleak.services.illumination import SUPPLY_S
from edgeleak.services.life import LifeCounters
from edgeleak.services.thermal import Cooler
from edgeleak.services.thermal_status import CoolerState, Surroundings
from edgeleak.sim.cooler_rig import Rig

HELD_COLD_DEGC, HELD_HOT_DEGC = -20.0, 28.0


class Around:
    """Housing, humidity and supply through their real chips, once a second."""

    def __init__(self, board: Board, buses: Buses, clock: Clock) -> None:
        if board.adc is None:
            raise ConfigError(f"board {board.name}: no [adc]")
        self._channel = channel = board.adc.supply
        adc = Ads1115(buses.i2c, channel.address)
        self._supply = AdcRound(adc, {"supply": channel}, clock)
        climate = parts.climate(board, buses, clock, None)
        if climate is None:
            raise ConfigError(f"board {board.name}: no [address]")
        self._climate: Climate = climate

    def read(self) -> Surroundings:
        """The newest values."""
        self._climate.step(0)
        try:
            self._supply.step()
        except BusError:
            self._supply.restart()
        air = self._climate.surroundings()
        is_fresh = self._supply.age_s("supply") <= SUPPLY_S
        supply_v = self._channel.divider * self._supply.volts("supply") if is_fresh else math.nan
        return Surroundings(air.time_ns, air.housing_degc, air.humidity_percent, supply_v)


def cooler_loop(board: Board, config: CoolerConfig, buses: Buses, clock: Clock,
                life: LifeCounters) -> tuple[Cooler, Loop]:  # fmt: skip
    """The service and a control loop with nothing else in it, on any buses."""
    cooler = cooler_on(board, config, buses.i2c, buses.lines, clock, life=life)
    around = Around(board, buses, clock)

    def look(_due_ns: int) -> None:
        cooler.surroundings = around.read()

    loop = Loop("control", clock, [
        *cooler.tasks(),
        Task("around", look, 500, 25, "slower than the air changes"),
        Task("life", life.save_if_due, 1000, 50, "few writes"),
    ])  # fmt: skip
    return cooler, loop


class Bench:
    """One cooler on one plant.

    board  : of the firmware
    config : of the cooler; None is the default
    life   : file of the lifetime counters
    rig    : further arguments of `sim.cooler_rig.Rig` (model, scenario, ambient_degc, seed...)
    """

    def __init__(self, board: Board, config: CoolerConfig | None = None, *,
                 life: Path | None = None, **rig: Any) -> None:  # fmt: skip
        self._config, self._life_path = config or CoolerConfig(), life
        self._board = board
        self.rig = Rig(board, self._make, **rig)
        self.plant, self.trace, self.judge = self.rig.plant, self.rig.trace, self.rig.plant.judge

    def _make(self, buses: Buses, clock: Clock) -> Loop:
        self.life = LifeCounters(self._life_path)
        self.cooler, loop = cooler_loop(self._board, self._config, buses, clock, self.life)
        return loop

    @property
    def status(self) -> Any:
        """Of the cooler."""
        return self.cooler.status

    def hold(self, seconds: float = 20.0) -> "Bench":
        """Restart cold and run until steady: a fifth of a whole cool-down."""
        self.rig.start_at(HELD_COLD_DEGC, HELD_HOT_DEGC)
        self.rig.run(seconds)
        return self

    def run_until_fault(self, most_s: float) -> float:
        """Seconds until the service says fault; NaN when it did not within `most_s`."""
        start_s = self.rig.now_s
        tripped = self.rig.run(most_s, lambda: self.status.state == CoolerState.FAULT)
        return self.rig.now_s - start_s if tripped else math.nan

    def run_until_off(self, most_s: float) -> float:
        """Seconds until the plant's true current is zero; NaN when it is not."""
        start_s = self.rig.now_s
        is_off = self.rig.run(most_s, lambda: abs(self.plant.truth.tec_a) < 0.02)
        return self.rig.now_s - start_s if is_off else math.nan
