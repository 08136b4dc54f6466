# SPDX-License-Identifier: Apache-2.0
"""What a model may ask of the plant it is part of, and what the plant asks of a sensor.

Models know these two and not `plant`, so imports go one way: plant, wiring, models, host.
"""

from collections import Counter
from typing import Any, Protocol

from edgeleak.board import Board
from edgeleak.sim.actuator_log import ActuatorLog
from edgeleak.sim.chips.chip import Chip
from edgeleak.sim.faults import Active
from edgeleak.sim.lighting import Span
from edgeleak.sim.lines import Lines
from edgeleak.sim.scenario import World
from edgeleak.sim.tec_plant import TecPlant
from edgeleak.sim.truth import Truth


class Host(Protocol):
    """The plant as its models see it; `plant.Plant` says what each is."""

    board: Board
    seed: int
    is_live: bool
    now_ns: int
    start_ns: int
    spi_ns_per_byte: float
    spi_begin_ns: int | None
    """When a board would have begun this read; None now."""
    world: World
    truth: Truth
    counters: Counter[str]
    log: ActuatorLog
    lines: Lines
    faults: dict[str, Active]
    tec: TecPlant | None

    def fault(self, kind: type[Any]) -> Any: ...

    def take(self, kind: type[Any], address: int | None = None) -> Any: ...

    def set_tec_command(self, volts: float) -> None: ...

    def set_led_command(self, volts: float) -> None: ...


class SensorModel(Chip, Protocol):
    """The infrared sensor: control port, SPI stream, LED gate."""

    def power(self, is_on: bool) -> None: ...

    def reset(self, is_active: bool) -> None: ...

    def advance_to(self, time_ns: int) -> None:
        """Expose and queue frames up to `time_ns`; called every physics step and bus call."""
        ...

    def read(self, buffer: memoryview) -> int:
        """Fill from the stream: one CS-low period; returns the bytes clocked in."""
        ...

    @property
    def is_drawn(self) -> bool:
        """A read need not wait for a picture that is being made."""
        ...

    @property
    def next_ready_ns(self) -> int | None:
        """When data-ready rises next by itself; None when nobody knows."""
        ...

    @property
    def sent_ready_ns(self) -> int:
        """When the frame that went out last was ready."""
        ...

    def led_gate(self, from_ns: int, to_ns: int) -> list[Span]:
        """Spans in which the LED gate output is high: exposures of frames meant to be lit."""
        ...
