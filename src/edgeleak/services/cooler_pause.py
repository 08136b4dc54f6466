# SPDX-License-Identifier: Apache-2.0
"""A reason to be off that ends by itself, a while after its cause."""

from edgeleak import codes
from edgeleak.config import CoolerConfig
from edgeleak.control.dew import dew_point_degc
from edgeleak.control.observation import PERIOD_S, Trip
from edgeleak.services.thermal_status import Surroundings

CLEAR_S = 10.0
LATE_CODES = (codes.TEC_LATE, codes.ENABLE_DROPPED)
LATE_CLEAR_S = 1.0
"""Of a late period nothing is left to clear; a second on time says that it is over."""
FRESH_S = 5.0
HOT_CLEAR_K = 3.0
"""Below its limit the hot side must be before a fault of it can be cleared: no chopping there."""
CLEAR_V = 0.1
"""A supply without load recovers; only so far above its limit it would not sag again at once."""


class Pause:
    """Brown-out or condensation, or nobody who could tell; a late period; a hot side after
    `clear`.

    trip : what the interlock said
    """

    def __init__(self, trip: Trip) -> None:
        self.trip = trip
        self._needed_s = LATE_CLEAR_S if trip.code in LATE_CODES else CLEAR_S
        self._clear_s = 0.0

    def is_over(self, around: Surroundings, config: CoolerConfig, now_ns: int,
                hot_degc: float) -> bool:  # fmt: skip
        """Asked once a period; unknown surroundings (NaN) keep the pause."""
        if self.trip.code in LATE_CODES:
            is_clear = True
        elif self.trip.code == codes.HOT_SIDE:
            is_clear = hot_degc < self.trip.expected - HOT_CLEAR_K
        elif self.trip.code in (codes.BROWN_OUT, codes.SUPPLY_UNKNOWN):
            is_clear = around.supply_v > config.min_supply_v + CLEAR_V
        elif self.trip.code == codes.AIR_UNKNOWN or around.age_s(now_ns) > FRESH_S:
            is_clear = around.age_s(now_ns) <= FRESH_S
        else:
            dew_degc = dew_point_degc(around.housing_degc, around.humidity_percent)
            is_clear = around.housing_degc - dew_degc > 2 * config.dew_margin_k
        self._clear_s = self._clear_s + PERIOD_S if is_clear else 0.0
        return self._clear_s >= self._needed_s
