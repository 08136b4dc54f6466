# SPDX-License-Identifier: Apache-2.0
"""What a sensor can see: the fact that decides whether NO GAS may be said."""

from dataclasses import dataclass
from math import isnan

METHANE_BAND_UM = (3.2, 3.4)
"""The C-H stretch band of methane and its relatives, um."""


@dataclass(frozen=True, slots=True)
class SensorInfo:
    """Name and spectral band of a sensor.

    name         : as printed in reports
    band_um      : shortest and longest wavelength it responds to, um
    sees_methane : its contrast for methane is high enough to rule gas out
    top_counts   : largest count it can deliver; from 1/256 below it a pixel is saturated
    is_corrected : its counts are already corrected for non-uniformity when they arrive

    Raises ValueError for a band that is none, or that methane does not absorb in although
    the sensor is said to see it.
    """

    name: str
    band_um: tuple[float, float]
    sees_methane: bool
    top_counts: int = 16383
    is_corrected: bool = False

    def __post_init__(self) -> None:
        shortest, longest = self.band_um
        is_band = 0 < shortest < longest
        if not is_band and not (isnan(shortest) and isnan(longest)):
            raise ValueError(f"sensor {self.name}: {self.band_um} um is no band")
        overlaps = shortest < METHANE_BAND_UM[1] and longest > METHANE_BAND_UM[0]
        if self.sees_methane and not overlaps:
            raise ValueError(f"sensor {self.name}: methane cannot be seen at {self.band_um} um")


EL640 = SensorInfo("el640", METHANE_BAND_UM, True)
"""The cooled 640x480 sensor of this project's own board EL-1."""

LEPTON = SensorInfo("lepton", (8.0, 14.0), False, is_corrected=True)
"""FLIR Lepton 2/3: long-wave, blind to methane at 3.3 um; bring-up only."""

UNKNOWN = SensorInfo("unknown", (float("nan"), float("nan")), False)
"""A recording that does not say which sensor made it."""
