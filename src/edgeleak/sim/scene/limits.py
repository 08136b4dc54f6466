# SPDX-License-Identifier: Apache-2.0
"""The simulator beside published detection limits of a person with a cooled camera.

Zeng and Morris 2019 (GF320, 23 mm lens, calm air): DL = 18.41 |dT|^-1.094 d^2 g/h, a contrast of
1 % of the light counting as visible.  Asked of simulated plumes in 0.2 m/s is the smallest rate
at which so many pixels have so much contrast.
"""

import math

import numpy as np

from edgeleak.sim.scene.bands import Band
from edgeleak.sim.scene.gases import Gas, gas_in
from edgeleak.sim.scene.plume import Grid, Plume
from edgeleak.sim.scene.turbulence import Wind

BAND = Band(3.2, 3.4)
COLUMNS, ROWS, FOV_DEG = 320, 240, 24.0
AIR_DEGC = 20.0
CONTRAST = 0.01
PIXELS = 200
"""A patch of 14 x 14 pixels."""
CALM_M_PER_S = 0.2
FRAMES, PREWARM_S, STEP_S = 24, 8.0, 0.1
PARCELS_PER_S = 400.0
Row = tuple[float, float, float, float]
"""Distance in m, difference in K, published g/h, simulated g/h."""


def published_g_per_h(difference_k: float, distance_m: float) -> float:
    """Zeng and Morris 2019."""
    return 18.41 * abs(difference_k) ** -1.094 * distance_m**2


def columns_per_g_per_h(distance_m: float, gas: Gas, seed: int = 0,
                        wind_m_per_s: float = CALM_M_PER_S) -> np.ndarray:  # fmt: skip
    """(FRAMES, ROWS, COLUMNS) float32 ppm m that 1 g/h gives; column density is linear in rate."""
    rng = np.random.default_rng([seed, 7])
    wind = Wind(rng, np.array([wind_m_per_s, 0.0, 0.0]), 0.35, 0.8)
    pixel_m = 2 * distance_m * math.tan(math.radians(FOV_DEG / 2)) / COLUMNS
    grid = Grid((ROWS, COLUMNS), pixel_m, (-0.3 * COLUMNS * pixel_m, 0.6 * ROWS * pixel_m))
    plume = Plume(rng, grid, wind, gas.molar_mass_g, (0.3, 0.1, 0.0))
    frames = []
    for step in range(round(PREWARM_S / STEP_S) + 5 * FRAMES):
        wind.step(STEP_S)
        plume.step(STEP_S, 1 / 3600, PARCELS_PER_S)
        if step * STEP_S >= PREWARM_S and step % 5 == 0:
            frames.append(plume.column_g_per_m2() * np.float32(gas.ppm_m_per_g_m2))
    return np.array(frames)


def simulated_g_per_h(difference_k: float, columns: np.ndarray, gas: Gas,
                      pixels: int = PIXELS, contrast: float = CONTRAST) -> float:  # fmt: skip
    """Smallest rate at which half of the frames have `pixels` pixels of that contrast.

    columns : as `columns_per_g_per_h` gives
    """
    wall, air = (float(BAND.light(AIR_DEGC + k)) for k in (difference_k, 0.0))
    needed = contrast * wall / abs(wall - air)
    if needed >= 1:
        return math.inf
    depth = np.geomspace(1e-2, 1e6, 4000)
    column = float(np.interp(needed, 1 - gas.transmission(depth), depth))
    at_least = np.partition(columns.reshape(len(columns), -1), -pixels, axis=1)[:, -pixels]
    return column / float(np.median(at_least))


def table(pixels: int = PIXELS, contrast: float = CONTRAST,
          wind_m_per_s: float = CALM_M_PER_S) -> list[Row]:  # fmt: skip
    """Rows at usual distances and differences."""
    methane = gas_in("methane", BAND)
    rows = []
    for distance_m in (2.0, 3.0, 4.5, 6.0, 9.0):
        columns = columns_per_g_per_h(distance_m, methane, wind_m_per_s=wind_m_per_s)
        rows += [
            (distance_m, difference_k, published_g_per_h(difference_k, distance_m),
             simulated_g_per_h(difference_k, columns, methane, pixels, contrast))
            for difference_k in (2.0, 5.0, 10.0, -5.0)
        ]  # fmt: skip
    return rows


def exponents(rows: list[Row]) -> tuple[float, float, float]:
    """(constant g/h at 1 m and 1 K, exponent of |dT|, exponent of distance) fitted to `table`."""
    kept = [row for row in rows if row[1] > 0 and math.isfinite(row[3])]
    left = np.array([[1.0, math.log(abs(row[1])), math.log(row[0])] for row in kept])
    found = np.linalg.lstsq(left, np.log([row[3] for row in kept]), rcond=None)[0]
    return math.exp(float(found[0])), float(found[1]), float(found[2])
