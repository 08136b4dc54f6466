# SPDX-License-Identifier: Apache-2.0
"""Currents, voltages and surroundings that must switch the cooler off."""

import math
from collections import deque

from edgeleak import codes
from edgeleak.control.dew import dew_point_degc, window_degc
from edgeleak.control.observation import RATE_HZ, InARow, Limits, Observation, Trip

SAMPLES = 3
TELEMETRY_LOW_V = 0.05
OPEN_COMMAND_A, OPEN_SHARE = 0.15, 0.2
SHORT_CURRENT_A, SHORT_SHARE = 0.25, 0.2
MISMATCH_A, MISMATCH_SHARE, MISMATCH_SAMPLES = 0.1, 0.1, 6
AT_SUPPLY = 0.93
OVER_SHARE, OVER_A = 1.1, 0.05
FLIP_SAMPLES, FLIP_K, WORST_OHM = 5, 25.0, 1.5
"""Of the nominal module: with half its Seebeck coefficient 25 K between the sides are seen."""
FAN_SPIN_UP_S = 3.0
FAN_SAMPLES = RATE_HZ
WET_SAMPLES = 10 * RATE_HZ
SUPPLY_LOST_S, AIR_LOST_S = 5.0, 60.0
"""A supply sags within seconds; air in a housing gets damp within minutes."""


class Electric:
    """Telemetry range, over-current, open, short, and current against command."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: a new drive begins."""
        self._rail, self._over = InARow(SAMPLES), InARow(2)
        self._open, self._short = InARow(SAMPLES), InARow(SAMPLES)
        self._mismatch = InARow(MISMATCH_SAMPLES)

    def check(self, o: Observation) -> Trip | None:
        """One control period; a trip when this rule objects."""
        if not o.is_driven or math.isnan(o.current_a):
            return None
        return self._check_range(o) or self._check_circuit(o) or self._check_command(o)

    def _check_range(self, o: Observation) -> Trip | None:
        end_v = self._limits.telemetry_end_v
        worst_v = max(o.telemetry_v, key=lambda v: abs(v - (end_v + TELEMETRY_LOW_V) / 2))
        if self._rail.note(not TELEMETRY_LOW_V <= worst_v <= end_v):
            low = worst_v < TELEMETRY_LOW_V
            return Trip(codes.TEC_TELEMETRY, worst_v, TELEMETRY_LOW_V if low else end_v, True)
        most_a = self._limits.max_cool_a if o.current_a > 0 else self._limits.max_heat_a
        most_a = most_a * OVER_SHARE + OVER_A
        if self._over.note(abs(o.current_a) > most_a):
            return Trip(codes.TEC_OVER_CURRENT, abs(o.current_a), most_a, True)
        return None

    def _check_circuit(self, o: Observation) -> Trip | None:
        asked_a = abs(o.command_a)
        if self._open.note(asked_a > OPEN_COMMAND_A and abs(o.current_a) < OPEN_SHARE * asked_a):
            return Trip(codes.TEC_OPEN, o.current_a, o.command_a, True)
        # Cooling with a hot side that is warmer, the Seebeck voltage only adds to I R.
        least_v = SHORT_SHARE * o.current_a * self._limits.physics.resistance_ohm
        is_plain = o.current_a > SHORT_CURRENT_A and o.hot_degc > o.fpa_degc - 2
        if self._short.note(is_plain and abs(o.voltage_v) < least_v):
            return Trip(codes.TEC_SHORT, o.voltage_v, least_v, True)
        return None

    def _check_command(self, o: Observation) -> Trip | None:
        allowed_a = MISMATCH_A + MISMATCH_SHARE * abs(o.command_a)
        is_limited = abs(o.voltage_v) > AT_SUPPLY * self._limits.max_v
        is_limited = is_limited and abs(o.current_a) < abs(o.command_a)
        is_wrong = abs(o.current_a - o.command_a) > allowed_a and not is_limited
        if self._mismatch.note(is_wrong):
            return Trip(codes.TEC_MISMATCH, o.current_a, o.command_a, True)
        return None


class Flipped:
    """A voltage that falls without its current: the difference between the sides has turned over.

    Heat cannot do that, wires that changed places or a bridge that turned over can.
    """

    def __init__(self, limits: Limits) -> None:
        self._volts_per_k = limits.physics.seebeck_v_per_k
        self._k_per_a = WORST_OHM * limits.physics.resistance_ohm / self._volts_per_k
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: a new drive begins."""
        self._past: deque[tuple[float, float]] = deque(maxlen=FLIP_SAMPLES + 1)
        self._bad = InARow(SAMPLES)

    def check(self, o: Observation) -> Trip | None:
        """One control period; a trip when this rule objects."""
        if not o.is_driven or math.isnan(o.voltage_v):
            self._past.clear()
            return None
        self._past.append((o.current_a, o.voltage_v))
        first_a, first_v = self._past[0]
        allowed_k = FLIP_K + self._k_per_a * abs(o.current_a - first_a)
        fallen_k = math.copysign(1.0, o.current_a) * (first_v - o.voltage_v) / self._volts_per_k
        if self._bad.note(fallen_k > allowed_k):
            return Trip(codes.TEC_REVERSED, fallen_k, allowed_k, True)
        return None


class HotSide:
    """The hot side's absolute limit."""

    def __init__(self, limits: Limits) -> None:
        self._most_degc = limits.max_hot_degc
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: a new drive begins."""
        self._bad = InARow(SAMPLES)

    def check(self, o: Observation) -> Trip | None:
        """One control period; a trip when this rule objects."""
        if self._bad.note(o.hot_degc > self._most_degc):
            return Trip(codes.HOT_SIDE, o.hot_degc, self._most_degc, True)
        return None


class FanLost:
    """A fan that was given time to spin up and does not turn."""

    def __init__(self, limits: Limits) -> None:
        self._least_rpm = limits.min_fan_rpm
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: a new drive begins."""
        self._bad = InARow(FAN_SAMPLES)

    def check(self, o: Observation) -> Trip | None:
        """One control period; a trip when this rule objects."""
        is_lost = o.fan_on_s > FAN_SPIN_UP_S and o.fan_rpm < self._least_rpm  # NaN: no tacho
        if self._bad.note(is_lost):
            return Trip(codes.FAN_LOST, o.fan_rpm, self._least_rpm)
        return None


class Wet:
    """The window below the dew point."""

    def __init__(self, limits: Limits) -> None:
        self._share = limits.window_share
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: a new drive begins."""
        self._bad = InARow(WET_SAMPLES)

    def check(self, o: Observation) -> Trip | None:
        """One control period; a trip when this rule objects."""
        if not o.is_driven or math.isnan(o.housing_degc) or math.isnan(o.humidity_percent):
            return None
        margin_k = window_degc(o.housing_degc, o.fpa_degc, self._share)
        margin_k -= dew_point_degc(o.housing_degc, o.humidity_percent)
        if self._bad.note(margin_k < 0 and o.current_a > 0):
            return Trip(codes.CONDENSATION, margin_k, 0.0)
        return None


class BrownOut:
    """A supply that sags takes the cooler first, so that the processor stays."""

    def __init__(self, limits: Limits) -> None:
        self._least_v = limits.min_supply_v
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: a new drive begins."""
        self._bad = InARow(SAMPLES)

    def check(self, o: Observation) -> Trip | None:
        """One control period; a trip when this rule objects."""
        if self._bad.note(o.supply_v < self._least_v):
            return Trip(codes.BROWN_OUT, o.supply_v, self._least_v)
        return None


class Blind:
    """What the two rules above look at is not known, though somebody measures it here."""

    def __init__(self, limits: Limits) -> None:
        self._has_supply = limits.has_supply
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: a new drive begins."""
        self._lost = InARow(round(SUPPLY_LOST_S * RATE_HZ))

    def check(self, o: Observation) -> Trip | None:
        """One control period; a trip when this rule objects."""
        self._has_supply |= not math.isnan(o.supply_v)
        is_lost = self._has_supply and math.isnan(o.supply_v)
        if self._lost.note(o.is_driven and is_lost):
            return Trip(codes.SUPPLY_UNKNOWN, SUPPLY_LOST_S, SUPPLY_LOST_S)
        if o.is_driven and o.air_s > AIR_LOST_S:  # NaN: nobody measures it on this board
            return Trip(codes.AIR_UNKNOWN, o.air_s, AIR_LOST_S)
        return None
