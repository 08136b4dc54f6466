# SPDX-License-Identifier: Apache-2.0
"""What is really so on the board, and every change of something that acts."""

from dataclasses import dataclass
from typing import NamedTuple

LOG_MOST = 1_000_000


@dataclass(slots=True)
class Truth:
    """True physical values; nobody but judge, models and reports may look.

    tec_a, tec_v : through and across the module, above 0 cools
    led_ma       : largest current of the last physics step
    led_light_ma : brightest light of that step, see `led_plant.LedPlant.light_ma`
    led_held_ma  : what the driver's sample-and-hold shows of the last exposure
    humidity     : relative, 0..1
    fan_speed    : share of full speed
    """

    cold_degc: float = 25.0
    hot_degc: float = 25.0
    tec_a: float = 0.0
    tec_v: float = 0.0
    led_ma: float = 0.0
    led_light_ma: float = 0.0
    led_held_ma: float = 0.0
    led_degc: float = 25.0
    housing_degc: float = 25.0
    humidity: float = 0.3
    ambient_degc: float = 25.0
    supply_v: float = 5.0
    tec_enabled: bool = False
    led_enabled: bool = False
    fan_speed: float = 0.0


class ActuatorWrite(NamedTuple):
    """One change of something that acts, as the plant saw it."""

    time_ns: int
    what: str
    value: float


class ActuatorLog(list[ActuatorWrite]):
    """Every write with its time; the older half goes when there are too many."""

    def __init__(self) -> None:
        super().__init__()
        self.trimmed = 0

    def write(self, time_ns: int, what: str, value: float) -> None:
        if len(self) >= LOG_MOST:
            del self[: LOG_MOST // 2]
            self.trimmed += LOG_MOST // 2
        self.append(ActuatorWrite(time_ns, what, value))

    def last(self, what: str) -> ActuatorWrite | None:
        """Newest write of `what`."""
        return next((entry for entry in reversed(self) if entry.what == what), None)
