# SPDX-License-Identifier: Apache-2.0
"""A known plume, added to the counts before they are mapped.

Beer-Lambert: a gas of optical depth tau changes the signal by
response * dT * (1 - exp(-tau)).  Its shape is a meandering, widening jet.
"""

from dataclasses import dataclass

import numpy as np

from edgeleak.frame import MAX_COUNTS

RESPONSE_COUNTS_PER_K = 57.3  # measured on a real 14-bit camera against a blackbody
PEAK_TAU = 1.0
CORE_SHARE, OUTSIDE_SHARE = 0.5, 0.02


@dataclass(frozen=True)
class Plume:
    """Optical depth and the contrast it makes.

    contrast_counts : (H, W) float32 change of the signal
    core            : (H, W) bool, above half of the peak depth
    outside         : (H, W) bool, the surroundings, below a fiftieth of it; not the whole
                      picture, where a tile or a clipped corner has another gain
    """

    contrast_counts: np.ndarray
    core: np.ndarray
    outside: np.ndarray


def make_plume(shape: tuple[int, int], dt_k: float, response_counts_per_k: float) -> Plume:
    """Jet from the lower left, two fifths of the picture long."""
    h, w = shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    along = (x - 0.25 * w) / (0.45 * w)
    middle = 0.62 * h - 0.22 * h * along - 0.03 * h * np.sin(9 * along)
    width = (0.015 + 0.06 * np.clip(along, 0, 1)) * h
    body = np.exp(-0.5 * ((y - middle) / width) ** 2) * np.clip(along * 12, 0, 1)
    tau = PEAK_TAU * body * np.clip((1 - along) * 3, 0, 1)
    near = (np.abs(y - middle) < 6 * width + 0.05 * h) & (along > -0.1) & (along < 1.1)
    contrast = response_counts_per_k * dt_k * (1 - np.exp(-tau))
    outside = near & (tau < OUTSIDE_SHARE * PEAK_TAU)
    return Plume(contrast.astype(np.float32), tau > CORE_SHARE * PEAK_TAU, outside)


def noisy_pair(
    counts: np.ndarray, plume: Plume, noise_counts: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The frame without and with the plume, each with noise of its own; (H, W) uint16."""
    rng = np.random.default_rng([seed, 77])
    pair = []
    for added in (0, plume.contrast_counts):
        drawn = counts + added + noise_counts * rng.standard_normal(counts.shape)
        pair.append(np.clip(np.rint(drawn), 0, MAX_COUNTS).astype(np.uint16))
    return pair[0], pair[1]


def contrast_to_noise(without: np.ndarray, with_plume: np.ndarray, plume: Plume) -> float:
    """|mean difference in the core - outside| / standard deviation outside; NaN without noise.

    The level outside is taken off because a mapping may shift the whole picture
    when a plume enters.  A difference that is constant outside has no noise.
    """
    difference = with_plume.astype(np.float64) - without
    around = difference[plume.outside]
    noise = float(around.std())
    if noise == 0 or not plume.core.any():
        return float("nan")
    return abs(float(difference[plume.core].mean() - around.mean())) / noise
