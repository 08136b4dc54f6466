# SPDX-License-Identifier: Apache-2.0
"""PID for a cooler: the output rises when the measurement is above the set-point.

Fixed rate, derivative on the measurement through a filter, feed-forward added before the
limits, tracking anti-windup (the integral follows what was really applied), and no bump when
gains or mode change: the integral takes up the difference.
"""

import math
from dataclasses import dataclass

from edgeleak.errors import UsageError

TRACKING_S = 0.5
"""Time constant with which the integral follows an output that was limited."""


@dataclass(frozen=True, slots=True)
class Gains:
    """Amperes per kelvin and its integral and derivative.

    kp : A/K
    ki : A/(K s)
    kd : A s/K
    """

    kp: float
    ki: float
    kd: float

    def __post_init__(self) -> None:
        for name in ("kp", "ki", "kd"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise UsageError(f"gain {name} = {value}: use a number from 0")


class Pid:
    """One loop.

    gains    : start values; `set_gains` changes them live
    period_s : of every `step`
    filter_s : time constant of the derivative's filter
    """

    def __init__(self, gains: Gains, period_s: float, *, filter_s: float = 0.2) -> None:
        if not period_s > 0:
            raise UsageError(f"PID period {period_s} s: must be above 0")
        self.gains = gains
        self._period_s = period_s
        self._smooth = -math.expm1(-period_s / filter_s) if filter_s > 0 else 1.0
        self._integral = self._rate = self._error = self._limited = 0.0
        self._last = math.nan

    @property
    def output(self) -> float:
        """What the last step asked for, within its limits."""
        return self._limited

    def step(self, set_point: float, measured: float, feed_forward: float, low: float,
             high: float) -> float:  # fmt: skip
        """Output of this period, within low..high."""
        self._measure(set_point, measured)
        self._integral += self.gains.ki * self._error * self._period_s
        wanted = self._proportional() + self._integral + feed_forward
        self._limited = min(high, max(low, wanted))
        self._follow(self._limited - wanted)
        return self._limited

    def track(self, applied: float) -> None:
        """After a step: what the actuator really got (slew limit, read-back, fold-back)."""
        self._follow(applied - self._limited)

    def hold(self, set_point: float, measured: float, feed_forward: float, output: float) -> None:
        """Manual: somebody else drives; the loop can take over any time without a bump."""
        self._measure(set_point, measured)
        self._integral = output - feed_forward - self._proportional()
        self._limited = output

    def set_gains(self, gains: Gains) -> None:
        """New gains; the output of this moment stays what it was."""
        before = self._proportional()
        self.gains = gains
        self._integral += before - self._proportional()

    def reset(self) -> None:
        """Forget everything; for a drive that was off."""
        self._integral = self._rate = self._error = self._limited = 0.0
        self._last = math.nan

    def _measure(self, set_point: float, measured: float) -> None:
        self._error = measured - set_point
        if not math.isnan(self._last):
            rate = (measured - self._last) / self._period_s
            self._rate += (rate - self._rate) * self._smooth
        self._last = measured

    def _proportional(self) -> float:
        return self.gains.kp * self._error + self.gains.kd * self._rate

    def _follow(self, difference: float) -> None:
        self._integral += difference * min(1.0, self._period_s / TRACKING_S)
