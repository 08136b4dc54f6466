# SPDX-License-Identifier: Apache-2.0
"""While a relay swings the current: does the plate do what measured current and voltage say?

A relay moves the reading against the current for as long as the delay lasts, so that what stood
still before proves nothing about direction.  What holds is this: the plate warms no faster than
the most lively cooler would by the current that is missing, and missing is what held it less
the least that flowed within the longest delay; and the other way round.  What the reading moves
beyond that is added up.  A bead that slowly leaves its plate hides from this: the relay keeps the
reading where it is and the plate moves.  The module's own voltage has no delay and sees that.
"""

import math
from collections import deque

from edgeleak import codes
from edgeleak.control.feed_forward import KELVIN
from edgeleak.control.observation import PERIOD_S, RATE_HZ, InARow, Limits, Observation, Trip

HELD_SAMPLES = 10 * RATE_HZ
"""Longer than the delay: the reading stands still because of this current, not of an older one."""
STILL_K, STEADY_A = 0.15, 0.1
DELAY_SAMPLES = 13 * RATE_HZ // 2
"""5 s of dead time, the longest that is tuned, and twice the slowest bead."""
LIVELY = 3.0
"""Of the nominal gain: a Seebeck coefficient half again as high on half the heat capacity."""
A_PER_K = 0.04
"""More current for a hot side that is warmer or a plate that is colder, in the worst cooler."""
SLACK_A, BEYOND_K = 0.03, 0.2
UNKNOWN_SHARE = 0.35
"""Of Seebeck coefficient and resistance: rms where all up to half off are as likely."""
TELEMETRY_V = 0.01
"""One period's voltage against the two constants: telemetry, and what they change with heat."""
APART_K, SURE = 1.0, 2.0
APART_SAMPLES = RATE_HZ // 2


class Answer:
    """The reading moves more than the measured current explains."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: a new drive begins."""
        self._degc: deque[float] = deque(maxlen=HELD_SAMPLES)
        self._amps: deque[float] = deque(maxlen=HELD_SAMPLES)
        self._until_look = HELD_SAMPLES
        self._missing: deque[float] = deque(maxlen=DELAY_SAMPLES)
        self._surplus: deque[float] = deque(maxlen=DELAY_SAMPLES)
        self._held_a = self._held_degc = self._held_hot_degc = math.nan
        self._last_degc = math.nan
        self._warm_k = self._cold_k = 0.0

    def check(self, o: Observation) -> Trip | None:
        """One control period; a trip when this rule objects."""
        if not o.is_driven or math.isnan(o.fpa_degc) or math.isnan(o.current_a):
            self.reset()
            return None
        if not o.is_relay:
            self._learn(o)
        self._note(o)
        moved_k = o.fpa_degc - self._last_degc
        self._last_degc = o.fpa_degc
        if not o.is_relay or math.isnan(moved_k):
            self._warm_k = self._cold_k = 0.0
            return None
        return self._judge(o, moved_k)

    def _learn(self, o: Observation) -> None:
        """Where the plate stood still, with which current, and the hot side then."""
        self._degc.append(o.fpa_degc)
        self._amps.append(o.current_a)
        self._until_look -= 1
        if self._until_look > 0:
            return
        self._until_look = RATE_HZ
        moved_k = max(self._degc) - min(self._degc)
        if moved_k < STILL_K and max(self._amps) - min(self._amps) < STEADY_A:
            self._held_a = sum(self._amps) / HELD_SAMPLES
            self._held_degc, self._held_hot_degc = o.fpa_degc, o.hot_degc

    def _note(self, o: Observation) -> None:
        """How much current is missing at most, and how much is too much, to hold the plate."""
        most_a, least_a = self._limits.max_cool_a, 0.0
        if not math.isnan(self._held_a):
            warmer_k, colder_k = o.hot_degc - self._held_hot_degc, self._held_degc - o.fpa_degc
            most_a = self._held_a + A_PER_K * (max(0.0, warmer_k) + max(0.0, colder_k))
            least_a = self._held_a + A_PER_K * (min(0.0, warmer_k) + min(0.0, colder_k))
        self._missing.append(most_a + SLACK_A - o.current_a)
        self._surplus.append(o.current_a - least_a + SLACK_A)

    def _judge(self, o: Observation, moved_k: float) -> Trip | None:
        physics = self._limits.physics
        gain = LIVELY * physics.seebeck_v_per_k * (o.fpa_degc + KELVIN) / physics.cold_j_per_k
        warming_k = gain * max(0.0, *self._missing) * PERIOD_S
        cooling_k = gain * max(0.0, *self._surplus) * PERIOD_S
        self._warm_k = max(0.0, self._warm_k + moved_k - warming_k)
        self._cold_k = max(0.0, self._cold_k - moved_k - cooling_k)
        if self._warm_k > BEYOND_K:
            return Trip(codes.FPA_DETACHED, self._warm_k, BEYOND_K, True)
        if self._cold_k > BEYOND_K:
            return Trip(codes.TEC_WRONG_WAY, self._cold_k, BEYOND_K, True)
        return None


class Witness:
    """The module's voltage says that the plate is not where its reading is.

    Seebeck coefficient and resistance are learnt from voltage, current and the difference between
    the sides (recursive least squares) until the relay begins; then they are only compared.
    """

    def __init__(self, limits: Limits) -> None:
        self._nominal = limits.physics.seebeck_v_per_k, limits.physics.resistance_ohm
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: a new drive begins."""
        self._v_per_k, self._ohm = self._nominal
        (kk, oo), self._ko = ((UNKNOWN_SHARE * value) ** 2 for value in self._nominal), 0.0
        self._kk, self._oo = kk, oo
        self._past: deque[float] = deque(maxlen=DELAY_SAMPLES)
        self._apart, self._until_learnt = InARow(APART_SAMPLES), RATE_HZ

    def check(self, o: Observation) -> Trip | None:
        """One control period; a trip when this rule objects."""
        delta_k = o.hot_degc - o.fpa_degc
        if not o.is_driven or math.isnan(delta_k + o.current_a + o.voltage_v):
            self._past.clear()
            return None
        self._past.append(o.fpa_degc)
        gain_k, gain_o = self._kk * delta_k + self._ko * o.current_a, self._ko * delta_k
        gain_o += self._oo * o.current_a
        unsure = delta_k * gain_k + o.current_a * gain_o
        left_v = o.voltage_v - self._v_per_k * delta_k - self._ohm * o.current_a
        if not o.is_relay:
            self._learn(left_v, gain_k, gain_o, unsure + TELEMETRY_V**2)
            return None
        apart_k = abs(left_v) / self._v_per_k
        allowed_k = APART_K + SURE * math.sqrt(unsure) / self._v_per_k + self._late_k()
        if self._apart.note(apart_k > allowed_k):
            return Trip(codes.FPA_DETACHED, apart_k, allowed_k, True)
        return None

    def _learn(self, left_v: float, gain_k: float, gain_o: float, spread: float) -> None:
        """Once a second: periods in a row say the same."""
        self._until_learnt -= 1
        if self._until_learnt > 0:
            return
        self._until_learnt = RATE_HZ
        self._v_per_k += gain_k * left_v / spread
        self._ohm += gain_o * left_v / spread
        self._kk -= gain_k * gain_k / spread
        self._ko -= gain_k * gain_o / spread
        self._oo -= gain_o * gain_o / spread

    def _late_k(self) -> float:
        """How far the reading may be behind: what it has moved within the longest delay."""
        return max(self._past) - min(self._past)
