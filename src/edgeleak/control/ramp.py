# SPDX-License-Identifier: Apache-2.0
"""The set-point on its way: limited speed and acceleration, and it waits for the plant."""

import math

from edgeleak.errors import UsageError

CEILING_K_PER_S = 2.0
"""No configuration gets above this: thermal shock of the sensor package."""
END_S = 0.5
"""The last bit of the way is taken exponentially, so that the arrival has no edge either."""
ARRIVED_K = 1e-3


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
        self._accel, self._lead = accel_k_per_s2, lead_k
        self.value = math.nan
        self.rate_k_per_s = 0.0

    def restart(self, measured: float) -> None:
        """Begin at the measurement, standing still."""
        self.value, self.rate_k_per_s = measured, 0.0

    def step(self, target: float, measured: float, dt_s: float) -> float:
        """The set-point of this period."""
        if math.isnan(self.value):
            self.restart(measured)
        left = target - self.value
        wanted = self._speed(left, measured)
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
