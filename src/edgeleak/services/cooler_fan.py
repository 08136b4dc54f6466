# SPDX-License-Identifier: Apache-2.0
"""The sink's fan: on while the cooler works and until the sink is cool again."""

import math

from edgeleak import codes
from edgeleak.config import CoolerConfig
from edgeleak.drivers.lines import Fan
from edgeleak.errors import BusError
from edgeleak.services.cooler_inputs import CoolerInputs
from edgeleak.services.thermal_status import NO_NOTE, Note

SINK_COOL_K = 5.0
SLOW_SHARE = 0.6


class CoolerFan:
    """Switch, speed and since when.

    fan    : None on a board without one
    inputs : counts what fails
    config : usual and least speed
    """

    def __init__(self, fan: Fan | None, inputs: CoolerInputs, config: CoolerConfig) -> None:
        self._fan, self._inputs, self._config = fan, inputs, config
        self._since_ns: int | None = None

    def poll(self) -> None:
        """Fetch tacho pulses; every 10 ms."""
        if self._fan is not None:
            try:
                self._fan.poll()
            except BusError as error:
                self._inputs.note_error(error)

    def spin(self, is_driven: bool, above_ambient_k: float, now_ns: int) -> None:
        """On or off as needed."""
        if self._fan is None:
            return
        wanted = is_driven or above_ambient_k > SINK_COOL_K
        try:
            self._fan.set(wanted, now_ns)
        except BusError as error:
            self._inputs.note_error(error)
            return
        if not wanted:
            self._since_ns = None
        elif self._since_ns is None:
            self._since_ns = now_ns

    def rpm(self, now_ns: int) -> float:
        """Measured speed; NaN without a fan."""
        return math.nan if self._fan is None else self._fan.rpm(now_ns)

    def on_s(self, now_ns: int) -> float:
        """How long it has been on."""
        return 0.0 if self._since_ns is None else (now_ns - self._since_ns) / 1e9

    def note(self, now_ns: int) -> Note:
        """A fan that turns, but slowly."""
        config, fan = self._config, self._fan
        least_rpm = SLOW_SHARE * config.usual_fan_rpm if config.min_fan_rpm else 0.0
        if fan is not None and fan.is_failing(now_ns, least_rpm):
            return Note(codes.FAN_SLOW, fan.rpm(now_ns), config.usual_fan_rpm)
        return NO_NOTE
