# SPDX-License-Identifier: Apache-2.0
"""What stands behind the gas, drawn anew for every seed: temperature, emissivity, sunlight.

A backdrop fills a world larger than the picture, so that the camera can shake and pan in it.
`painting` has the drawings.
"""

import math
from dataclasses import dataclass

import numpy as np

from edgeleak.sim.scene.camera import Camera
from edgeleak.sim.scene.gases import gas_in
from edgeleak.sim.scene.painting import MAKERS, Canvas

SOLAR_TRANSMISSION = 0.75
SKY_MIRRORED_K = 12.0
"""What surfaces mirror is this much colder than the air: half sky, half surroundings."""
MOST_SCATTERED = 0.12
"""Diffuse reflectivity of bare metal at 3.3 um (own figure)."""
AIR_METHANE_PPM = 1.95
AIR_EXTINCTION_PER_M = 4e-4
"""Water vapour and haze between 3.2 and 3.4 um (own figure)."""


@dataclass(frozen=True)
class Backdrop:
    """One still world; all planes (H, W) float32.

    temp_degc  : of the surfaces; of the sky its apparent temperature
    emissivity : 0..1
    lit        : how squarely the sun shines on it, 0..1
    sky        : share of sky
    green      : share of leaves
    ground_row : where feet stand at the distance of the leak
    places     : (column, row) of parts that may leak
    """

    temp_degc: np.ndarray
    emissivity: np.ndarray
    lit: np.ndarray
    sky: np.ndarray
    green: np.ndarray
    ground_row: float
    places: tuple[tuple[float, float], ...]

    def emitted(self, camera: Camera, air_degc: float) -> np.ndarray:
        """Counts above black of what surfaces emit and mirror of their surroundings."""
        mirrored = camera.level(air_degc - SKY_MIRRORED_K)
        return self.emissivity * camera.level(self.temp_degc) + (1 - self.emissivity) * mirrored

    @property
    def scattering(self) -> np.ndarray:
        """(H, W) diffuse reflectivity: what shines little mirrors rather than scatters."""
        mirrored = 1 - self.emissivity
        return MOST_SCATTERED * -np.expm1(-mirrored / MOST_SCATTERED) * (1 - self.sky)

    def sunlight(self, camera: Camera, sun: float) -> np.ndarray:
        """Counts of sunlight that surfaces scatter; `sun` 0..1 is the share of a clear noon."""
        irradiance = sun * SOLAR_TRANSMISSION * camera.band.sunlight()
        return (camera.counts(irradiance / math.pi) * self.scattering * self.lit).astype(np.float32)


def through_air(
    light: np.ndarray, camera: Camera, air_degc: float, distance_m: float
) -> np.ndarray:
    """Light after a way through clear air with its natural methane, which also shines."""
    passed = math.exp(-AIR_EXTINCTION_PER_M * distance_m)
    if (camera.band.short_um, camera.band.long_um) == (3.2, 3.4):
        passed *= float(gas_in("methane", camera.band).transmission(AIR_METHANE_PPM * distance_m))
    return light * np.float32(passed) + np.float32((1 - passed) * camera.level(air_degc))


def make_backdrop(rng: np.random.Generator, kind: str, picture: tuple[int, int],
                  margin: tuple[int, int, int], air_degc: float,
                  difference_k: float = 0.0) -> Backdrop:  # fmt: skip
    """Draw a world for a picture (H, W) with margins (above and below, left, right)."""
    around, left, right = margin
    shape = (picture[0] + 2 * around + 1, picture[1] + left + right + 1)
    centre = (left + picture[1] / 2, around + picture[0] / 2)
    canvas = Canvas(shape, float(picture[0]), centre, difference_k)
    places = MAKERS[kind](rng, canvas, air_degc)
    wide = (shape[1] - 2 * around) / picture[0]
    inside = [p for p in places if -0.6 < p[0] < wide - 0.75 and abs(p[1]) < 0.45]
    pixels = [canvas.pixel(*p) for p in inside or [(0.0, 0.0)]]
    return Backdrop(canvas.temp, canvas.emissivity, canvas.lit, canvas.sky, canvas.green,
                    canvas.pixel(0, -0.42)[1], tuple(pixels))  # fmt: skip
