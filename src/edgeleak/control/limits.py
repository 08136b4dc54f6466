# SPDX-License-Identifier: Apache-2.0
"""How much current the loop may use now: part, module, hot side, power, and no gain from more."""

import math
from dataclasses import dataclass

HOT_BAND_K = 3.0
HOT_MARGIN_K = 0.5
"""Current folds back over the band that ends this far below the hot side's limit."""
FOLD_SHARE = 0.9
FOLD_LEAST = 0.5
WORSE_K = 0.15
REST_TRIALS = 12
RECOVER_PER_S = 0.02
POWER_FILTER_S = 2.0


@dataclass(slots=True)
class CoolLimit:
    """Upper current limit of the loop.

    max_a         : absolute
    max_hot_degc  : where the interlock switches off
    max_power_w   : measured V x I
    """

    max_a: float
    max_hot_degc: float
    max_power_w: float
    fold: float = 1.0
    hot_room: float = 1.0
    is_power_limited: bool = False
    _tried_degc: float | None = None
    _resting: int = 0
    _power_a: float = math.inf

    def limit_a(self, hot_degc: float, best_a: float) -> float:
        """Limit of this period."""
        above_k = hot_degc - (self.max_hot_degc - HOT_MARGIN_K - HOT_BAND_K)
        self.hot_room = min(1.0, max(0.0, 1 - above_k / HOT_BAND_K))
        return max(0.0, min(self.max_a * self.fold * self.hot_room, best_a, self._power_a))

    def note_power(self, power_w: float, current_a: float, dt_s: float) -> None:
        """Measured power at a current; the limit settles where the power is allowed."""
        if current_a <= 0.05 or power_w <= 0:
            self._power_a, self.is_power_limited = math.inf, False
            return
        allowed_a = current_a * math.sqrt(self.max_power_w / power_w)
        if math.isinf(self._power_a) or power_w < 0.5 * self.max_power_w:
            self._power_a = max(allowed_a, current_a)
        self._power_a += (allowed_a - self._power_a) * min(1.0, dt_s / POWER_FILTER_S)
        self.is_power_limited = power_w > 0.98 * self.max_power_w

    def fold_back(self, cold_degc: float) -> None:
        """At the limit without progress: try less current, keep it unless it cools worse.

        Called once for every stretch without progress; beyond a module's best current less is
        more, and on the flat top before it less is the same with less heat.
        """
        if self.hot_room < 1:
            return  # the hot side already sees to that
        if self._resting > 0:
            self._resting -= 1
        elif self._tried_degc is not None and cold_degc > self._tried_degc + WORSE_K:
            self.fold = min(1.0, self.fold / FOLD_SHARE)
            self._tried_degc, self._resting = None, REST_TRIALS
        else:
            self._tried_degc = cold_degc
            self.fold = max(FOLD_LEAST, self.fold * FOLD_SHARE)

    def recover(self, dt_s: float) -> None:
        """The target is near or has moved: everything may be used again, slowly."""
        self.fold = min(1.0, self.fold + RECOVER_PER_S * dt_s)
        self._tried_degc, self._resting = None, 0
