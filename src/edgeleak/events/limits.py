# SPDX-License-Identifier: Apache-2.0
"""Where in this picture could gas be seen at all: from measured contrast and measured noise.

Gas shows by the difference between what is behind it and the air.  Each pixel asks for so many
counts (the detector's own threshold there); the share of that difference which makes so many counts
is a column of methane by Beer-Lambert, or none.  For a rate, Zeng and Morris 2019 measured with a
cooled camera in calm air: 18.41 |dT|^-1.094 d^2 g/h; it is scaled by our noise against that
camera's 15 mK, and by what absorbing plumes need more than emitting ones.
"""

from math import nan
from typing import Any, NamedTuple

import numpy as np

from edgeleak.events.absorption import column_for

ZENG_G_PER_H, ZENG_POWER = 18.41, -1.094
ZENG_NETD_K = 0.015
"""NETD of the camera that was used, by its maker."""
ABSORBING = 1.74
"""Absorbing plumes need 1.19 to 2.55 times the column of emitting ones: the geometric mean."""
LEAST_DT_K = 0.05
"""Below three times the noise of a camera of 15 mK the curve was never measured."""
PIXEL_SIGMA = 1.4826 / 2**0.5


class Air(NamedTuple):
    """counts: corrected, of a black surface of the air's temperature; words: where it is from."""

    counts: float
    words: str


class Limits(NamedTuple):
    """Of each pixel, (H, W) float32.

    contrast_counts : air minus what is behind it, above 0: gas is brighter
    needed_counts   : the detector's threshold
    column_ppm_m    : least column that reaches it, inf where none does
    rate_g_per_h    : least rate by the published curve, inf where it has none; None without scale
    noise_k         : of a pixel; NaN without response
    """

    contrast_counts: np.ndarray
    needed_counts: np.ndarray
    column_ppm_m: np.ndarray
    rate_g_per_h: np.ndarray | None
    noise_k: float

    def share_where(self, column_ppm_m: float) -> float:
        """Of the picture, where so much would reach the threshold."""
        return float((self.column_ppm_m <= column_ppm_m).mean())

    def share_of_rate(self, rate_g_per_h: float) -> float:
        """Of the picture, where the curve sees that rate; NaN without scale."""
        if self.rate_g_per_h is None:
            return nan
        return float((self.rate_g_per_h <= rate_g_per_h).mean())


def needed_counts(pipeline: Any) -> np.ndarray:
    """(H, W) float32: smoothed difference from which a pixel is masked."""
    profile, typical = pipeline.profile, pipeline.verdict.noise_counts
    own = pipeline.arena["noise"].astype(np.float32) / np.float32(16 * 0.6745)
    return np.float32(profile["threshold.noise_factor"]) * np.maximum(own, np.float32(typical))


def limits_of(pipeline: Any, air: Air, *, counts_per_k: float = nan, distance_m: float = nan,
              pixel_noise_counts: float = nan) -> Limits:  # fmt: skip
    """Of a `sensitive` pipeline that has learnt.

    counts_per_k, distance_m, pixel_noise_counts : for the rate; without them there is none
    """
    behind = pipeline.background.astype(np.float32) / 4
    contrast = np.float32(air.counts) - behind
    needed = needed_counts(pipeline)
    with np.errstate(divide="ignore", invalid="ignore"):
        column = column_for(needed / np.abs(contrast))
    noise_k = pixel_noise_counts / counts_per_k
    rate = None
    if noise_k == noise_k and distance_m == distance_m:
        rate = _rates(contrast / counts_per_k, distance_m, noise_k)
    return Limits(contrast, needed, column.astype(np.float32), rate, noise_k)


def _rates(dt_k: np.ndarray, distance_m: float, noise_k: float) -> np.ndarray:
    size = np.maximum(np.abs(dt_k), LEAST_DT_K)
    rate = ZENG_G_PER_H * size**ZENG_POWER * distance_m**2 * (noise_k / ZENG_NETD_K)
    rate = np.where(dt_k < 0, ABSORBING * rate, rate)
    return np.where(np.abs(dt_k) < LEAST_DT_K, np.inf, rate).astype(np.float32)


def pixel_noise(before: np.ndarray, now: np.ndarray) -> float:
    """Noise of one pixel from two frames of a still scene, counts, robust.

    before, now : (H, W) uint16 corrected counts
    """
    change = now.astype(np.int32) - before
    return PIXEL_SIGMA * float(np.median(np.abs(change - np.median(change))))
