# SPDX-License-Identifier: Apache-2.0
"""Published detection of leaks by people with cooled cameras, for the same axes."""

import numpy as np

SCFH_PER_G_PER_H = 187 / 3600


def ravikumar(rate_g_per_h: np.ndarray) -> np.ndarray:
    """Share found at 3 m, tripod, expert review (Ravikumar et al. 2018, as LDAR-Sim has it)."""
    return 1 / (1 + np.exp(-4.9 * (np.log10(rate_g_per_h) - 0.47)))


def zimmerle(rate_g_per_h: np.ndarray) -> np.ndarray:
    """Share found in realistic surveys (Zimmerle et al. 2020): 0.24 q^0.39, q in scfh."""
    return np.minimum(1.0, 0.24 * (rate_g_per_h * SCFH_PER_G_PER_H) ** 0.39)


def zeng_morris(dt_k: float, distance_m: float) -> float:
    """Detection limit in g/h, calm air, 23 mm lens (Zeng and Morris 2019)."""
    return 18.41 * abs(dt_k) ** -1.094 * distance_m**2
