# SPDX-License-Identifier: Apache-2.0
"""Dew point, and how cold the detector may be before its window gets wet."""

import math

MAGNUS_B, MAGNUS_C = 17.62, 243.12
"""Sonntag's coefficients over water, -45 to 60 degC (WMO guide to instruments, annex 4.B)."""


def dew_point_degc(air_degc: float, humidity_percent: float) -> float:
    """Temperature at which air of this temperature and relative humidity is saturated."""
    share = min(100.0, max(0.1, humidity_percent)) / 100
    x = math.log(share) + MAGNUS_B * air_degc / (MAGNUS_C + air_degc)
    return MAGNUS_C * x / (MAGNUS_B - x)


def window_degc(housing_degc: float, cold_degc: float, share: float) -> float:
    """The window in front of the detector: `share` of the way from housing to detector."""
    return housing_degc + share * (cold_degc - housing_degc)


def coldest_degc(housing_degc: float, dew_degc: float, margin_k: float, share: float) -> float:
    """Coldest detector that keeps the window `margin_k` above the dew point.

    Not above the housing: without cooling nothing more can be done.
    """
    room_k = housing_degc - dew_degc - margin_k
    if room_k <= 0:
        return housing_degc
    return housing_degc - room_k / share if share > 0 else -math.inf
