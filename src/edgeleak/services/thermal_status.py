# SPDX-License-Identifier: Apache-2.0
"""What the cooler service says about itself: one frozen picture, replaced as a whole."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from edgeleak import codes


class CoolerState(StrEnum):
    """What the service is doing."""

    OFF = "off"
    DRIVE = "drive"
    WARM = "warm"
    STOP = "stop"
    TUNE = "tune"
    FAULT = "fault"


class Note(NamedTuple):
    """Something worth showing that does not change the answer."""

    code: int = codes.OK
    measured: float = math.nan
    expected: float = math.nan


NO_NOTE = Note()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What others measured; NaN is not known.

    time_ns : of the older value of the air; 0 where nobody measures it
    """

    time_ns: int = 0
    housing_degc: float = math.nan
    humidity_percent: float = math.nan
    supply_v: float = math.nan

    def age_s(self, now_ns: int) -> float:
        """Of the air's older value; NaN where nobody measures it."""
        return (now_ns - self.time_ns) / 1e9 if self.time_ns else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermalStatus:
    """One control period.

    time_ns            : of this period, monotonic
    cold_degc, hot_degc: as read; NaN where there is no reading
    set_point_degc     : what the loop aims at (the wish, or the coldest that is allowed)
    wish_degc          : what was asked for
    reference_degc     : where the ramp is
    current_a, voltage_v, power_w : measured
    command_a, limit_a : as read back from the DAC, and the most the loop may use now
    energy_j           : since the drive began
    energy_to_set_point_j, cool_down_s : until it first was steady; NaN before
    holding_w          : mean power while steady; NaN before
    code, measured, expected : 0, or why the detector's temperature cannot be relied on
    is_stable          : within tolerance for long enough
    is_safe            : the cooler's output is off, or its current is ramping to zero
    misses, bus_errors, rewrites : of the bus
    """

    time_ns: int = 0
    state: CoolerState = CoolerState.OFF
    cold_degc: float = math.nan
    hot_degc: float = math.nan
    set_point_degc: float = math.nan
    wish_degc: float = math.nan
    reference_degc: float = math.nan
    current_a: float = 0.0
    voltage_v: float = 0.0
    power_w: float = 0.0
    command_a: float = 0.0
    limit_a: float = 0.0
    energy_j: float = 0.0
    energy_to_set_point_j: float = math.nan
    cool_down_s: float = math.nan
    holding_w: float = math.nan
    fan_rpm: float = math.nan
    code: int = codes.COOLER_OFF
    measured: float = math.nan
    expected: float = math.nan
    note: Note = NO_NOTE
    is_stable: bool = False
    is_enabled: bool = False
    is_safe: bool = True
    misses: int = 0
    bus_errors: int = 0
    rewrites: int = 0


def effort_line(to_set_point_j: float | None, cool_down_s: float | None,
                holding_w: float | None) -> str:  # fmt: skip
    """What cooling takes, for people; None and NaN are not known yet."""
    values = (to_set_point_j, cool_down_s, holding_w)
    if any(value is None or math.isnan(value) for value in values):
        return "holding power not known before it is steady"
    return (f"holding takes {holding_w:.2f} W, cooling down took {to_set_point_j:.0f} J"
            f" in {cool_down_s:.0f} s")  # fmt: skip


class Energy:
    """Measured power, summed: to the set-point once, then what holding takes."""

    HOLDING_S = 10.0

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """A new drive begins."""
        self.total_j = self.seconds = 0.0
        self.to_set_point_j = self.cool_down_s = self.holding_w = math.nan

    def note(self, power_w: float, dt_s: float, is_stable: bool) -> None:
        """One period."""
        if math.isnan(power_w):
            return
        self.total_j += power_w * dt_s
        self.seconds += dt_s
        if not is_stable:
            return
        if math.isnan(self.holding_w):
            self.holding_w = power_w
        self.holding_w += (power_w - self.holding_w) * dt_s / self.HOLDING_S
        if math.isnan(self.to_set_point_j):
            self.to_set_point_j, self.cool_down_s = self.total_j, self.seconds


class Steadiness:
    """Within tolerance for long enough; lost only beyond three times the tolerance.

    tolerance_k, stable_s : of the configuration
    """

    LOST = 3.0

    def __init__(self, tolerance_k: float, stable_s: float) -> None:
        self._tolerance_k, self._stable_s = tolerance_k, stable_s
        self.restart()

    def restart(self) -> None:
        """Another target."""
        self.is_stable = self.was_stable = False
        self._inside_s = 0.0

    def note(self, cold_degc: float, target_degc: float, dt_s: float) -> None:
        """One period."""
        away_k = abs(cold_degc - target_degc)
        self._inside_s = self._inside_s + dt_s if away_k < self._tolerance_k else 0.0
        if self._inside_s >= self._stable_s:
            self.is_stable = self.was_stable = True
        elif not away_k < self.LOST * self._tolerance_k:
            self.is_stable = False


class Saturation:
    """At the current limit without getting anywhere: the set-point cannot be reached.

    no_progress_s : how long it is looked at
    """

    GAINED_K = 0.1
    AT_LIMIT = 0.97

    def __init__(self, no_progress_s: float, tolerance_k: float) -> None:
        self._no_progress_s, self._tolerance_k = no_progress_s, tolerance_k
        self.restart()

    def restart(self) -> None:
        """Another target."""
        self.is_unreachable = False
        self._since_s, self._start_degc = 0.0, math.nan

    def note(self, cold_degc: float, target_degc: float, command_a: float, limit_a: float,
             dt_s: float) -> bool:  # fmt: skip
        """One period; True at the end of each stretch without progress."""
        missing_k = cold_degc - target_degc
        if command_a < self.AT_LIMIT * limit_a or missing_k < 3 * self._tolerance_k:
            self.restart()
            return False
        if math.isnan(self._start_degc):
            self._start_degc = cold_degc
        self._since_s += dt_s
        if self._since_s < self._no_progress_s:
            return False
        gained_k = self._start_degc - cold_degc
        self._since_s, self._start_degc = 0.0, cold_degc
        self.is_unreachable = gained_k < self.GAINED_K
        return self.is_unreachable
