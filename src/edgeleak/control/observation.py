# SPDX-License-Identifier: Apache-2.0
"""What the interlock sees each control period, what it may say, and its limits."""

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from edgeleak.control.feed_forward import Physics

RATE_HZ = 20
PERIOD_S = 1 / RATE_HZ


class Trip(NamedTuple):
    """A reason to switch off.

    code               : of `edgeleak.codes`
    measured, expected : for its sentence
    is_urgent          : enable off at once; otherwise the current is ramped to zero first
    """

    code: int
    measured: float
    expected: float
    is_urgent: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Everything a rule compares with.

    physics         : nominal cooler
    max_cool_a, max_heat_a, max_v, max_hot_degc, max_ramp_k_per_s : the board's
    telemetry_end_v : telemetry outside 0.05 V .. this is a rail
    no_progress_s, window_share, min_supply_v, min_fan_rpm : the user's
    has_supply      : the board measures its supply; without, only one that was known is missed
    """

    physics: Physics
    max_cool_a: float
    max_heat_a: float
    max_v: float
    max_hot_degc: float
    max_ramp_k_per_s: float
    telemetry_end_v: float = 2.45
    no_progress_s: float = 10.0
    window_share: float = 0.05
    min_supply_v: float = 4.6
    min_fan_rpm: float = 600.0
    has_supply: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One control period as it was measured, and what the loop was about; NaN is "not known".

    fpa_degc, fpa_share, fpa_code : temperature, divider as share of its supply, ADC code
    hot_degc, hot_share, hot_code : the same of the hot side
    current_a, voltage_v          : telemetry; above 0 A is meant to cool
    telemetry_v                   : the two telemetry voltages themselves
    command_a                     : what the DAC held during this period, as read back from it
    is_driven                     : the enable is refreshed
    housing_degc, humidity_percent, supply_v : surroundings; air_s is the age of the first two
    fan_on_s, fan_rpm             : since when the fan is on, and its speed

    The loop's own word, which says what a rule asks for but is never evidence:

    limit_a                       : its upper current limit; at it there has to be progress
    target_degc                   : where it goes; there is no more progress at the end
    reference_k_per_s             : how fast its set-point moves; it may warm on purpose
    is_relay                      : its current is swung on purpose, as a tuning does
    """

    fpa_degc: float
    fpa_share: float = 0.5
    fpa_code: int = -1
    hot_degc: float
    hot_share: float = 0.5
    hot_code: int = -1
    current_a: float = 0.0
    voltage_v: float = 0.0
    telemetry_v: tuple[float, float] = (1.25, 1.25)
    command_a: float = 0.0
    is_driven: bool = True
    housing_degc: float = math.nan
    humidity_percent: float = math.nan
    supply_v: float = math.nan
    air_s: float = math.nan
    fan_on_s: float = 0.0
    fan_rpm: float = math.nan
    limit_a: float = 1.0
    target_degc: float = math.nan
    reference_k_per_s: float = 0.0
    is_relay: bool = False


class Rule(Protocol):
    """One way to go wrong; remembers what it needs of the past."""

    def check(self, o: Observation) -> Trip | None:
        """One control period; a trip when this rule objects."""
        ...

    def reset(self) -> None:
        """Forget what was seen: a new drive begins."""
        ...


class InARow:
    """Counts periods in a row in which something holds."""

    def __init__(self, least: int) -> None:
        self._least, self.count = least, 0

    def note(self, holds: bool) -> bool:
        """True once it held `least` times in a row."""
        self.count = self.count + 1 if holds else 0
        return self.count >= self._least
