# SPDX-License-Identifier: Apache-2.0
"""Temperatures that do not follow the current: detached, reversed, no progress, runaway, ramp.

The reading alone cannot tell a reversed module from a bead that lost its plate; the module's
own Seebeck voltage can, because it shows the true difference between its sides.
"""

import math
from collections import deque
from dataclasses import replace

from edgeleak import codes
from edgeleak.control.observation import RATE_HZ, InARow, Limits, Observation, Trip

SAMPLES = 3
JUMP_K, JUMP_SAMPLES = 1.0, 5
"""4 K/s: twice what the most lively cooler can do at any current."""
QUIET_SAMPLES, QUIET_K, STEP_K = RATE_HZ, 0.1, 0.25
"""In 0.15 s, the latest a reading may be, no current moves a resting plate so far."""
WINDOW = 3 * RATE_HZ
RISE_UNPROVEN_K, RISE_PROVEN_K = 0.25, 0.4
DRIVE_A = 0.15
WORST = 1.5
"""A cooler may be this much worse than nominal in every constant (and half as strong)."""
FALL_K_PER_S, LEVEL_K_PER_S = 0.05, 0.02
SLACK_A = 0.02
REVERSED_SHARE = 0.8
SMOOTH = 0.02
"""Of the proof: slower than a fault shows, so that it cannot become the proof itself."""
AT_LIMIT, LEAST_PROGRESS_K, LEAST_DELTA_K = 0.9, 0.5, 8.0
ABOVE_HOT_K = 8.0


class Jump:
    """Faster than heat can flow: the thermistor is not on the plate any more."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: a new drive begins."""
        self._past: deque[float] = deque(maxlen=JUMP_SAMPLES + 1)
        self._bad = InARow(SAMPLES)

    def check(self, o: Observation) -> Trip | None:
        """One control period; a trip when this rule objects."""
        if math.isnan(o.fpa_degc):
            return None
        self._past.append(o.fpa_degc)
        moved = o.fpa_degc - self._past[0]
        is_full = len(self._past) > JUMP_SAMPLES
        if self._bad.note(is_full and abs(moved) > JUMP_K):
            return Trip(codes.FPA_DETACHED, abs(moved), JUMP_K, True)
        return None


class Step:
    """A still reading that moves at once and stays there: a bit of it stuck, or a bad contact."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: a new drive begins."""
        self._past: deque[float] = deque(maxlen=QUIET_SAMPLES)
        self._away = InARow(SAMPLES)

    def check(self, o: Observation) -> Trip | None:
        """One control period; a trip when this rule objects."""
        if math.isnan(o.fpa_degc):
            self.reset()
            return None
        is_still = len(self._past) == QUIET_SAMPLES and max(self._past) - min(self._past) < QUIET_K
        moved_k = abs(o.fpa_degc - self._past[-1]) if is_still else 0.0
        if self._away.note(moved_k > STEP_K):
            return Trip(codes.FPA_DETACHED, moved_k, STEP_K, True)
        if not self._away.count:
            self._past.append(o.fpa_degc)
        return None


class Direction:
    """More than enough current, and the reading goes the other way.

    "Enough" is what even the worst cooler needs, or what this one has shown to be enough.
    """

    def __init__(self, limits: Limits) -> None:
        p = limits.physics
        self._worst = replace(
            p,
            seebeck_v_per_k=p.seebeck_v_per_k / 2,
            resistance_ohm=p.resistance_ohm * WORST,
            conductance_w_per_k=p.conductance_w_per_k * WORST,
            leak_w_per_k=p.leak_w_per_k * WORST,
            load_w=p.load_w * WORST,
        )
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: a new drive begins."""
        self._past: deque[float] = deque(maxlen=WINDOW)
        self._driven: deque[float] = deque(maxlen=WINDOW)
        self._bad = InARow(SAMPLES)
        self._proven_a = self._ohm = math.inf
        self._sign = 0

    def check(self, o: Observation) -> Trip | None:
        """One control period; a trip when this rule objects."""
        if math.isnan(o.fpa_degc):
            return None
        sign = (o.current_a > 0) - (o.current_a < 0)
        is_meant = o.is_relay or o.reference_k_per_s * sign > 0.01  # `Answer` looks at a relay
        if sign != self._sign or not o.is_driven or is_meant:
            self._restart(sign, o)
        self._past.append(sign * o.fpa_degc)
        self._prove(o, self._past[-1] - min(self._past))
        rise = self._rise(o, sign)
        allowed_k = RISE_PROVEN_K if self._proven_a < math.inf else RISE_UNPROVEN_K
        if self._bad.note(rise > allowed_k):
            return Trip(self._verdict(o, sign), rise, allowed_k, True)
        return None

    def _rise(self, o: Observation, sign: int) -> float:
        """The wrong way since the current has been enough; what it warmed before is no fault."""
        if abs(o.current_a) < self._enough_a(o, sign):
            self._driven.clear()
            return 0.0
        self._driven.append(self._past[-1])
        return self._driven[-1] - min(self._driven)

    def _restart(self, sign: int, o: Observation) -> None:
        self._past.clear()
        self._driven.clear()
        if sign != self._sign or not o.is_driven:
            self._proven_a = self._ohm = math.inf
        self._sign = sign

    def _enough_a(self, o: Observation, sign: int) -> float:
        proven_a = self._proven_a - SLACK_A
        if sign <= 0:  # heating only ever warms
            return DRIVE_A
        worst = self._worst
        heat_w = worst.heat_w(o.fpa_degc, o.hot_degc, max(o.hot_degc, o.fpa_degc))
        best_a = worst.best_a(o.fpa_degc)
        pumped_w = worst.seebeck_v_per_k * (o.fpa_degc + 273.15) * best_a
        pumped_w -= 0.5 * best_a**2 * worst.resistance_ohm
        if heat_w >= pumped_w:
            return max(DRIVE_A, proven_a)
        worst_a = worst.current_a(o.fpa_degc, o.hot_degc, max(o.hot_degc, o.fpa_degc))
        return max(DRIVE_A, min(proven_a, worst_a))

    def _prove(self, o: Observation, rise: float) -> None:
        """Remember the current at which the reading went the right way, or stood still."""
        if len(self._past) < RATE_HZ or abs(o.current_a) < DRIVE_A:
            return
        rate = self._past[-1] - self._past[-RATE_HZ]
        if rate < -FALL_K_PER_S or (abs(rate) < LEVEL_K_PER_S and rise < RISE_UNPROVEN_K / 2):
            if rate >= -FALL_K_PER_S and math.isinf(self._proven_a):
                return  # standing still proves nothing before it ever moved
            ohm = o.voltage_v / o.current_a
            if math.isinf(self._proven_a):
                self._proven_a, self._ohm = abs(o.current_a), ohm
            self._proven_a += (abs(o.current_a) - self._proven_a) * SMOOTH
            self._ohm += (ohm - self._ohm) * SMOOTH

    def _verdict(self, o: Observation, sign: int) -> int:
        if math.isinf(self._proven_a):
            return codes.TEC_REVERSED
        if sign > 0:
            is_reversed = o.voltage_v / o.current_a < REVERSED_SHARE * self._ohm
            return codes.TEC_REVERSED if is_reversed else codes.FPA_DETACHED
        return codes.TEC_WRONG_WAY


class NoProgress:
    """At the limit for long, nothing gained, and no difference between the sides to show for it."""

    def __init__(self, limits: Limits) -> None:
        self._length = max(2, round(limits.no_progress_s * RATE_HZ))
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: a new drive begins."""
        self._past: deque[float] = deque(maxlen=self._length)

    def check(self, o: Observation) -> Trip | None:
        """One control period; a trip when this rule objects."""
        limit_a = o.limit_a if o.current_a > 0 else DRIVE_A
        if abs(o.current_a) < max(DRIVE_A, AT_LIMIT * limit_a) or not o.is_driven:
            self._past.clear()
            return None
        sign = 1.0 if o.current_a > 0 else -1.0
        self._past.append(sign * o.fpa_degc)
        if len(self._past) < self._length:
            return None
        gained_k = self._past[0] - self._past[-1]
        missing_k = sign * (o.fpa_degc - o.target_degc)
        has_pumped = sign * (o.hot_degc - o.fpa_degc) > LEAST_DELTA_K
        if gained_k >= LEAST_PROGRESS_K or missing_k <= 1 or has_pumped:
            return None
        return Trip(codes.TEC_NO_PROGRESS, gained_k, LEAST_PROGRESS_K)


class Runaway:
    """Cooling, and yet warmer than its own hot side."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: a new drive begins."""
        self._bad = InARow(RATE_HZ)
        self._start_k = -math.inf

    def check(self, o: Observation) -> Trip | None:
        """One control period; a trip when this rule objects."""
        above_k = o.fpa_degc - o.hot_degc
        if not o.is_driven or o.current_a < DRIVE_A:
            self._start_k = above_k
        allowed_k = max(ABOVE_HOT_K, self._start_k + 2)
        if self._bad.note(o.is_driven and o.current_a >= DRIVE_A and above_k > allowed_k):
            return Trip(codes.TEC_RUNAWAY, o.fpa_degc, o.hot_degc + allowed_k, True)
        return None


class RampExceeded:
    """The package's hard ceiling, over one second."""

    def __init__(self, limits: Limits) -> None:
        self._most_k = limits.max_ramp_k_per_s
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: a new drive begins."""
        self._past: deque[float] = deque(maxlen=RATE_HZ + 1)
        self._bad = InARow(SAMPLES)

    def check(self, o: Observation) -> Trip | None:
        """One control period; a trip when this rule objects."""
        if math.isnan(o.fpa_degc) or not o.is_driven:
            self._past.clear()
            return None
        self._past.append(o.fpa_degc)
        moved_k = abs(o.fpa_degc - self._past[0])
        if self._bad.note(moved_k > self._most_k):
            return Trip(codes.TEC_RAMP, moved_k, self._most_k, True)  # each ampere adds to it
        return None
