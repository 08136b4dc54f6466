# SPDX-License-Identifier: Apache-2.0
"""The control loop's table: bring-up first, then heat, light, shutter and climate.

All of the instrument's I2C traffic besides the sensor's own start is here, in one thread, so a
stuck bus holds this loop and no other.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from edgeleak import codes
from edgeleak.board import Board
from edgeleak.bus.protocols import Buses
from edgeleak.clock import Clock
from edgeleak.drivers.el640 import El640
from edgeleak.drivers.lepton import Lepton
from edgeleak.drivers.link import Steps
from edgeleak.errors import BusError, EdgeLeakError
from edgeleak.loop import Task
from edgeleak.services import bringup
from edgeleak.services.bringup import Proof
from edgeleak.services.climate import Climate
from edgeleak.services.health import FINE, Trouble
from edgeleak.services.illumination import PERIOD_MS, Illumination
from edgeleak.services.nuc import Nuc
from edgeleak.services.sensor_nuc import SensorNuc
from edgeleak.services.thermal import Cooler
from edgeleak.services.thermal_status import CoolerState


@dataclass(frozen=True, slots=True)
class Actuators:
    """What this board has of them; None where it has not."""

    cooler: Cooler | None
    light: Illumination | None
    climate: Climate | None

    def permit(self, is_allowed: bool) -> None:
        """From any thread, again and again: without it the current ramps to zero, the light
        goes off with the next step, and nothing starts; what was wished stays wished."""
        if self.cooler is not None:
            self.cooler.may_drive = is_allowed
        if self.light is not None:
            self.light.may_light = is_allowed

    def clear(self) -> None:
        """From any thread: forget faults.  Whether anything is driven is `permit`'s to say."""
        if self.cooler is not None and self.cooler.status.state == CoolerState.FAULT:
            self.cooler.request("clear")
        if self.light is not None:
            self.light.clear()

    def shutdown(self) -> None:
        """Off now, then the commands to zero; after the control loop has ended."""
        if self.cooler is not None:
            self.cooler.shutdown()
        if self.light is not None:
            self.light.off()
        if self.cooler is not None:
            self.cooler.zero()


class ControlSide:
    """Tasks of the control loop.

    actuators : of this board
    sensor    : its shutter follows `nuc.shutter_wanted`
    on_beat   : after everything due was done
    on_error  : bring-up failed; the program ends with it

    `phase` is why nothing may be driven yet, `proofs` what bring-up has shown; `may_begin` holds
    bring-up back.
    """

    def __init__(self, board: Board, buses: Buses, clock: Clock, actuators: Actuators,
                 sensor: El640 | Lepton, nuc: Nuc | SensorNuc, on_beat: Callable[[], None],
                 on_error: Callable[[EdgeLeakError], None]) -> None:  # fmt: skip
        self._clock, self._actuators, self._nuc = clock, actuators, nuc
        self._shutter = sensor if isinstance(sensor, El640) else None
        self._on_beat, self._on_error = on_beat, on_error
        self._shutter_is = False
        if actuators.cooler is not None and actuators.climate is not None:
            actuators.cooler.surroundings = actuators.climate.surroundings()
        self.phase = Trouble(codes.STARTING)
        self.may_begin: Callable[[], bool] = lambda: True
        self.proofs: list[Proof] = []
        self._steps = Steps(clock)
        self._steps.begin(bringup.steps(board, buses, self.proofs.append))

    def tasks(self) -> list[Task]:
        """In the order of importance."""
        cooler = self._actuators.cooler
        own = [] if cooler is None else cooler.tasks()
        return [
            *(replace(task, run=self._after_bring_up(task.run)) for task in own),
            Task("light", self._after_bring_up(self._step_light), PERIOD_MS, 10,
                 "a broken LED is dark within two frames"),
            Task("shutter", self._after_bring_up(self._step_shutter), 50, 10,
                 "a wish is obeyed within a frame at the usual rate"),
            Task("climate", self._after_bring_up(self._step_climate), 1000, 25,
                 "slower than the air changes"),
            Task("beat", self._beat, 50, 25, "bring-up; then the proof that control is alive"),
        ]  # fmt: skip

    def _after_bring_up(self, run: Callable[[int], object]) -> Callable[[int], None]:
        def gated(due_ns: int) -> None:
            if not self.phase.code:
                run(due_ns)

        return gated

    def _beat(self, _due_ns: int) -> None:
        """Last of the table: everything before it has returned."""
        if self.phase.code and self.may_begin():
            self.phase = Trouble(codes.SELFTEST)
            try:
                if self._steps.advance():
                    self.phase = FINE
            except EdgeLeakError as error:
                self._on_error(error)
        self._on_beat()

    def _step_light(self, _due_ns: int) -> None:
        if self._actuators.light is not None:
            self._actuators.light.step(self._clock.monotonic_ns())

    def _step_climate(self, due_ns: int) -> None:
        climate, cooler = self._actuators.climate, self._actuators.cooler
        if climate is None:
            return
        climate.step(due_ns)
        if cooler is not None:
            cooler.surroundings = climate.surroundings()

    def _step_shutter(self, _due_ns: int) -> None:
        """Obey the correction's wish; the flag of the frames tells it what the shutter did."""
        wanted = self._nuc.shutter_wanted
        if wanted == self._shutter_is or self._shutter is None:
            return
        try:
            self._shutter.set_shutter(wanted)
            self._shutter_is = wanted
        except BusError:
            return  # tried again with the next step; the correction runs out of patience
