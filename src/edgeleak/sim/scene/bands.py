# SPDX-License-Identifier: Apache-2.0
"""Light in the sensor's band: Planck's law counted in photons, as a photon detector counts.

One number describes a band's light: photons / (s m2 sr), integrated over the band with a flat
response.  Over 3.2..3.4 um it grows by about 5 % per kelvin at room temperature, so nothing here
is linear in temperature, and everything is linear in light.
"""

from dataclasses import dataclass, field

import numpy as np

C2_UM_K = 14387.7688
"""Second radiation constant, um K (CODATA)."""
TWO_C_UM = 2 * 299792458.0 * 1e18
"""2 c for wavelengths in um and areas in m2: photons / (s m2 sr um) = TWO_C_UM / lambda**4 / ..."""
ZERO_DEGC_K = 273.15
SAMPLES = 64
COLDEST_DEGC, HOTTEST_DEGC, STEP_K = -150.0, 600.0, 0.25
SUN_K, SUN_SR = 5772.0, 6.794e-5
"""Effective temperature and solid angle of the sun."""


def photon_radiance(wavelength_um: np.ndarray | float, temp_k: np.ndarray | float) -> np.ndarray:
    """Black body, photons / (s m2 sr um)."""
    wave = np.asarray(wavelength_um, np.float64)
    return TWO_C_UM / wave**4 / np.expm1(C2_UM_K / (wave * temp_k))


@dataclass(frozen=True)
class Band:
    """Shortest and longest wavelength, um, and the light of black bodies between them."""

    short_um: float
    long_um: float
    _table: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0.5 <= self.short_um < self.long_um <= 30:
            raise ValueError(f"{self.short_um:g}..{self.long_um:g} um is no infrared band")
        object.__setattr__(self, "_table", self.light_exact(self._temps_degc()))

    @staticmethod
    def _temps_degc() -> np.ndarray:
        return np.arange(COLDEST_DEGC, HOTTEST_DEGC + STEP_K, STEP_K)

    @property
    def wavelengths_um(self) -> np.ndarray:
        """Middles of SAMPLES equal parts of the band."""
        step = (self.long_um - self.short_um) / SAMPLES
        return self.short_um + step * (np.arange(SAMPLES) + 0.5)

    def light_exact(self, temp_degc: np.ndarray | float) -> np.ndarray:
        """Band light of black bodies, photons / (s m2 sr), by integration."""
        kelvin = np.asarray(temp_degc, np.float64)[..., None] + ZERO_DEGC_K
        return photon_radiance(self.wavelengths_um, kelvin).mean(-1) * (
            self.long_um - self.short_um
        )

    def light(self, temp_degc: np.ndarray | float) -> np.ndarray:
        """Band light from the table; within 3e-6 of `light_exact` between -60 and 200 degC."""
        return np.exp(np.interp(temp_degc, self._temps_degc(), np.log(self._table)))

    def temp_degc(self, light: np.ndarray | float) -> np.ndarray:
        """Temperature of the black body that gives this light."""
        return np.interp(np.log(light), np.log(self._table), self._temps_degc())

    def light_per_k(self, temp_degc: float) -> float:
        """Slope of `light`, photons / (s m2 sr K)."""
        high, low = self.light_exact(temp_degc + 0.05), self.light_exact(temp_degc - 0.05)
        return float((high - low) / 0.1)

    def sunlight(self) -> float:
        """Sun's photons / (s m2) on a surface that faces it, without the atmosphere."""
        sun = self.light_exact(SUN_K - ZERO_DEGC_K)
        return float(sun) * SUN_SR
