# SPDX-License-Identifier: Apache-2.0
"""The 3.3 um LED: what it adds to a scene, and how far that helps.

A lit frame minus a dark one leaves the LED's light, which crossed the gas twice.  Both ways of
looking, passive and lit minus dark, spend the same frames; so the lit picture is the better one
where its light on the background exceeds the difference between background and gas: a range that
no number of pairs changes.  Pairs only decide how little gas can be seen at all.
"""

import math
from dataclasses import dataclass

import numpy as np

from edgeleak.sim.scene.camera import Camera
from edgeleak.sim.scene.gases import Gas

PLANCK_TIMES_C = 1.98644586e-25
SEEN = 3.0
"""Signal over noise that counts as seen in one pixel."""


@dataclass(frozen=True, slots=True)
class Led:
    """A lamp beside the lens.

    power_mw       : optical power inside the camera's band
    half_angle_deg : of its beam, to 1/e2
    led_um         : wavelength of its photons
    """

    power_mw: float
    half_angle_deg: float
    led_um: float = 3.3

    def irradiance(self, distance_m: float, off_axis_m: np.ndarray | float = 0.0) -> np.ndarray:
        """Photons / (s m2) on a surface that faces the lamp: a Gaussian beam of its whole power."""
        width_m = distance_m * math.tan(math.radians(self.half_angle_deg))
        photons = self.power_mw * 1e-3 * self.led_um * 1e-6 / PLANCK_TIMES_C
        return (
            2
            * photons
            / (math.pi * width_m**2)
            * np.exp(-2 * (np.asarray(off_axis_m) / width_m) ** 2)
        )

    def on_scene(self, camera: Camera, reflectivity: np.ndarray | float, distance_m: float,
                 off_axis_m: np.ndarray | float = 0.0) -> np.ndarray:  # fmt: skip
        """Counts that a surface scatters back; diffuse."""
        light = np.asarray(reflectivity) / math.pi * self.irradiance(distance_m, off_axis_m)
        return camera.counts(light)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the LED helps, m.

    beats_passive_m : nearer than this, lit minus dark shows less gas than passive frames do
    sees_m          : nearer than this, the wanted column is seen in one pixel after all pairs
    """

    beats_passive_m: float
    sees_m: float

    @property
    def helps_m(self) -> float:
        """Range beyond which pairs stop helping."""
        return min(self.beats_passive_m, self.sees_m)


def reach(led: Led, camera: Camera, gas: Gas, reflectivity: float, difference_k: float,
          column_ppm_m: float, pairs: int, air_degc: float = 15.0) -> Reach:  # fmt: skip
    """Ranges of on/off imaging with `pairs` pairs in the middle of the beam.

    difference_k : of background and gas
    """
    at_1_m = float(led.on_scene(camera, reflectivity, 1.0))
    background = float(camera.level(air_degc + abs(difference_k)))
    passive = background - float(camera.level(air_degc))
    twice = float(1 - gas.transmission(2 * column_ppm_m))
    once = float(1 - gas.transmission(column_ppm_m))
    noise = float(camera.exposure.noise_counts(background))
    # equal frames: lit minus dark has sqrt(2 / N) noise, the mean of 2 N frames sqrt(1 / 2 N)
    beats = math.sqrt(at_1_m * twice / (2 * passive * once)) if passive > 0 else math.inf
    sees = math.sqrt(at_1_m * twice / (SEEN * noise * math.sqrt(2 / pairs)))
    return Reach(beats, sees)


def black_body_equivalent_k(led: Led, camera: Camera, reflectivity: float, distance_m: float,
                            air_degc: float = 15.0) -> float:  # fmt: skip
    """Kelvin that would brighten a background as much as the LED does."""
    counts = float(led.on_scene(camera, reflectivity, distance_m))
    light = float(camera.band.light(air_degc)) + counts / camera.exposure.counts_per_light
    return float(camera.band.temp_degc(light)) - air_degc
