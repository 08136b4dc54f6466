# SPDX-License-Identifier: Apache-2.0
"""NumPy twin of the lagged difference; the truth for edgeleak.kernels._lag."""

import numpy as np


def lag_step(
    smoothed: np.ndarray,
    past: np.ndarray,
    noise: np.ndarray,
    gas: np.ndarray,
    mask: np.ndarray,
    *,
    factor_q4: int,
    floor_q2: int,
    noise_step: int,
    masked_step: int,
    gain_q8: int,
) -> None:
    """Compare with the picture of about a second ago; learn each pixel's noise.

    smoothed : (H, W) int16, quarter counts, difference to the background now
    past     : (H, W) int16, the same a lag ago; may be smoothed itself (no change)
    noise    : (H, W) uint16, UQ12.4 counts: running median of |smoothed - past|, updated
    gas      : (H, W) uint8, written: 128 + smoothed * gain, clipped; the picture of the gas
    mask     : (H, W) uint8, written: 255 where |smoothed - past| exceeds the threshold
    factor_q4 : threshold in units of the noise, UQ.4
    floor_q2 : smallest threshold, quarter counts
    noise_step  : step of the noise toward |change|, 1/16 count; 0 freezes it
    masked_step : the same under the mask
    gain_q8  : levels a quarter count, UQ.8

    The old noise decides; the update follows.  A change equal to the noise moves it down.
    """
    change = np.abs(smoothed.astype(np.int64) - past)
    threshold = np.maximum(floor_q2, np.minimum((noise.astype(np.int64) * factor_q4) >> 6, 32767))
    change = np.minimum(change, 32767)
    over = change > threshold
    mask[...] = np.where(over, 255, 0)
    gas[...] = np.clip(128 + ((smoothed.astype(np.int64) * gain_q8 + 128) >> 8), 0, 255)
    old = noise.astype(np.int64)
    step = np.where(over, masked_step, noise_step)
    moved = np.where(change << 2 > old, old + step, old - step)
    noise[...] = np.clip(moved, 0, 65535)
