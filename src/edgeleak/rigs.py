# SPDX-License-Identifier: Apache-2.0
"""One service and its drivers as a loop of their own: for tests, fault campaigns and tuning.

The instrument runs all services together; these are the same objects on the same buses, with
nothing else around that could hide or cause what is looked at.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgeleak.board import Board
from edgeleak.bus.protocols import Buses
from edgeleak.clock import Clock
from edgeleak.config import SensorConfig
from edgeleak.drivers.el640 import El640
from edgeleak.drivers.lepton import Lepton
from edgeleak.loop import Loop, Task
from edgeleak.services import parts
from edgeleak.services.acquisition import Acquisition
from edgeleak.services.illumination import PERIOD_MS, Illumination


@dataclass(slots=True)
class Light:
    """Sensor, link and LED.

    sensor, acquisition, light : the services
    frames : whole frames taken
    flags  : LED flag of each
    """

    sensor: El640 | Lepton
    acquisition: Acquisition
    light: Illumination
    frames: int
    flags: list[bool]


def light_loop(board: Board, config: SensorConfig, keep: list[Light], *,
               reads_frames: bool = True) -> Callable[..., Loop]:  # fmt: skip
    """Maker of the loop that reads frames and drives the LED; the parts are put into `keep`.

    reads_frames : False leaves the frames in the sensor once it runs: its gate and LED go on
    """

    def make(buses: Buses, clock: Clock) -> Loop:
        sensor = parts.sensor(board, config, buses, clock, wait_s=0.0)
        acquisition = Acquisition(sensor, clock, config.stale_ms)
        light = parts.illumination(board, buses, clock, sensor)
        if light is None:
            raise ValueError(f"board {board.name} has no LED")
        rig = Light(sensor, acquisition, light, 0, [])
        keep.append(rig)
        counts = np.zeros(sensor.shape, np.uint16)
        acquisition.start()

        def frame(_due_ns: int) -> None:
            if sensor.is_running and not reads_frames:
                return
            acquisition.step()
            info = acquisition.take(counts)
            if info is not None:
                rig.frames += 1
                rig.flags.append(info.led_on)
                light.note_frame(info.led_on)

        return Loop("light", clock, [
            Task("frame", frame, 10, 50, "several times a frame"),
            Task("light", lambda due_ns: light.step(clock.monotonic_ns()), PERIOD_MS, 10,
                 "telemetry and enable refresh"),
        ])  # fmt: skip

    return make
