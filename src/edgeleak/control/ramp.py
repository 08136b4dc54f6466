# SPDX-License-Identifier: Apache-2.0
"""The set-point on its way: limited speed and acceleration, and it waits for the plant."""

import math
from collections import deque

from edgeleak.errors import UsageError

CEILING_K_PER_S = 2.0
"""No configuration gets above this: thermal shock of the sensor package."""
END_S = 0.5
"""The last bit of the way is taken exponentially, so that the arrival has no edge either."""
ARRIVED_K = 1e-3
ACCEL_S = 3.5
"""A slow course takes so long to get to its speed too: what follows cannot run ahead of it."""
BRAKE_FROM = 0.89
"""Of the limit; the course of a nominal cooler stays below it."""
SECOND_S = 1.0


class Pace:
    """How much of its speed a course may use, from how fast the plate moves because of it.

    The feed-forward knows a nominal cooler; a livelier one runs ahead until the loop holds it.

    most_k_per_s : limit of the measurement's change within a second
    period_s     : of each `share`
    """

    def __init__(self, most_k_per_s: float, period_s: float) -> None:
        self._most_k = most_k_per_s * SECOND_S
        self._past: deque[float] = deque(maxlen=round(SECOND_S / period_s) + 1)

    def restart(self) -> None:
        """What was measured before does not count."""
        self._past.clear()

    def share(self, measured: float) -> float:
        """1 while it is slow enough, 0 at the limit."""
        self._past.append(measured)
        moved_k = abs(measured - self._past[0])
        return min(1.0, max(0.0, (1 - moved_k / self._most_k) / (1 - BRAKE_FROM)))


class Ramp:
    """Moves `value` towards a target.

    rate_k_per_s  : speed, up to the ceiling
    accel_k_per_s2 : change of speed, so that the feed-forward has no steps
    lead_k        : `value` stops when it is this far ahead of the measurement
    """

    def __init__(self, rate_k_per_s: float, *, accel_k_per_s2: float = 0.15,
                 lead_k: float = 1.0) -> None:  # fmt: skip
        if not (rate_k_per_s > 0 and accel_k_per_s2 > 0 and lead_k > 0):
            raise UsageError("ramp: rate, acceleration and lead must be above 0")
        self._rate = min(rate_k_per_s, CEILING_K_PER_S)
        self._accel, self._lead = min(accel_k_per_s2, self._rate / ACCEL_S), lead_k
        self.value = math.nan
        self.rate_k_per_s = 0.0

    def restart(self, measured: float, rate_k_per_s: float = 0.0) -> None:
        """Begin at the measurement, standing still or at the speed that the plate has."""
        self.value, self.rate_k_per_s = measured, rate_k_per_s

    def step(self, target: float, measured: float, dt_s: float, share: float = 1.0) -> float:
        """The set-point of this period; `share` of the speed may be used."""
        if math.isnan(self.value):
            self.restart(measured)
        left = target - self.value
        wanted = share * self._speed(left, measured)
        change = self._accel * dt_s
        self.rate_k_per_s += min(change, max(-change, wanted - self.rate_k_per_s))
        move = self.rate_k_per_s * dt_s
        if abs(left) < ARRIVED_K and abs(self.rate_k_per_s) <= change:
            self.value, self.rate_k_per_s = target, 0.0
        else:
            self.value += move
        return self.value

    def _speed(self, left: float, measured: float) -> float:
        """Fast as allowed, slow enough to stop at the target, waiting for what lags."""
        direction = math.copysign(1.0, left)
        behind = (self.value - measured) * direction
        room = min(1.0, max(0.0, 2 * (self._lead - behind) / self._lead))
        return direction * min(self._rate * room, math.sqrt(self._accel * abs(left)),
                               abs(left) / END_S)  # fmt: skip
