# SPDX-License-Identifier: Apache-2.0
"""How much of the light of 3.2 to 3.4 um a column of methane takes: Beer-Lambert, band averaged.

Lines are narrower than the band, so the band is seven parts of their own strength; one exponential
would be wrong by a factor of two at 3000 ppm m.  The numbers are those of the scene simulator
(sim/scene/gases.toml, 10 %); a test compares them.
"""

import numpy as np

PER_PPM_M = (1e-06, 4.16e-06, 1.73e-05, 7.2e-05, 2.99e-04, 1.25e-03, 5.18e-03)
WEIGHT = (0.2454, 0.491, 0.09279, 0.09456, 0.01902, 0.04763, 0.009594)
MOST_PPM_M = 1e6
_ROOT = np.linspace(0.0, 1.0, 4097)
_SHARE = np.array(WEIGHT) / np.sum(WEIGHT)
_TABLE = 1 - np.exp(-(MOST_PPM_M * _ROOT[:, None] ** 2) * np.array(PER_PPM_M)) @ _SHARE


def absorbed(column_ppm_m: np.ndarray) -> np.ndarray:
    """Share of the light taken, 0..1, of columns in ppm m; within 1e-4."""
    place = np.sqrt(np.clip(column_ppm_m, 0, MOST_PPM_M) / MOST_PPM_M)
    return np.interp(place, _ROOT, _TABLE)


def column_for(share: np.ndarray) -> np.ndarray:
    """ppm m that take that share; inf where no column does."""
    column = MOST_PPM_M * np.interp(share, _TABLE, _ROOT) ** 2
    return np.where(np.asarray(share) > _TABLE[-1], np.inf, column)
