# SPDX-License-Identifier: Apache-2.0
"""Maps that a calibration implies: what the sensor would show uncorrected.

The container keeps no copies: offset and response uniformity are the inverse
of the correction itself, so a report can be made of any calibration alone.
"""

import numpy as np

from edgeleak.calibration.model import UNITY_GAIN_Q14, Calibration, Kind
from edgeleak.calibration.solve import replaced


def offset_uniformity_counts(calibration: Calibration) -> np.ndarray:
    """(H, W) raw counts above the array mean under a uniform reference, bad pixels replaced.

    With a known level it is that of the cold reference; else the offsets turned round.
    """
    gain = np.maximum(calibration.gain_q14, 1) / UNITY_GAIN_Q14
    level = calibration.cold_counts
    if not np.isfinite(level):
        level, gain = 0.0, np.ones(calibration.shape)
    raw = replaced((level - calibration.offset) / gain, calibration.bad_pixels)
    return raw - raw.mean()


def response_uniformity_percent(calibration: Calibration) -> np.ndarray | None:
    """(H, W) response of each pixel against the mean, %; None where only offsets were measured."""
    gains = calibration.gain_q14
    if calibration.kind in (Kind.SCENE, Kind.BAD_PIXELS) or (gains == gains.flat[0]).all():
        return None
    response = replaced(UNITY_GAIN_Q14 / np.maximum(gains, 1), calibration.bad_pixels)
    return 100 * (response / response.mean() - 1)


def netd_map_mk(calibration: Calibration) -> np.ndarray | None:
    """(H, W) temporal noise of each pixel as a temperature, mK; None where unknown."""
    noise = calibration.noise_q8 / 256
    if not noise.any() or not np.isfinite(calibration.response_counts_per_k):
        return None
    # noise is of raw counts: the gain of the pixel carries it to corrected ones
    gained = noise * (calibration.gain_q14 / UNITY_GAIN_Q14)
    return 1e3 * gained / calibration.response_counts_per_k
