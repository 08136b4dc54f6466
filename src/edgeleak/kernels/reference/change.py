# SPDX-License-Identifier: Apache-2.0
"""NumPy twins of the background difference and the change; the truth for kernels._change."""

import numpy as np


def follow_step(
    counts: np.ndarray,
    background: np.ndarray,
    difference: np.ndarray,
    hold: np.ndarray,
    *,
    level: int,
    step: int,
    held_step: int,
) -> None:
    """Compare with the background, then move it: slowly where `hold` is set.

    counts     : (H, W) uint16, 14-bit; larger values count as 16383
    background : (H, W) uint16, UQ14.2; moves toward counts - level, ties go up
    difference : (H, W) int16, written: counts - level - old background, quarter counts
    hold       : (H, W) uint8; where it is not 0, held_step replaces step
    level      : level of the frame, quarter counts
    step, held_step : quarter counts

    counts - level is clipped to 0..16383 counts.
    """
    known = background.astype(np.int64)
    target = np.clip((np.minimum(counts, 16383).astype(np.int64) << 2) - level, 0, 65532)
    step_of = np.where(hold != 0, held_step, step)
    difference[...] = np.clip(target - known, -32768, 32767)
    moved = np.where(target >= known, known + step_of, known - step_of)
    background[...] = np.clip(moved, 0, 65532)


def change_step(
    smoothed: np.ndarray,
    past: np.ndarray,
    noise: np.ndarray,
    gas: np.ndarray,
    mask: np.ndarray,
    hold: np.ndarray,
    *,
    factor_q4: int,
    floor_q2: int,
    noise_step: int,
    most_noise: int,
    sway_noise: int,
    hold_drop: int,
    gain_q8: int,
) -> None:
    """Where the picture differs from the background by more than the pixel's own noise.

    smoothed : (H, W) int16, quarter counts, difference to the background now
    past     : (H, W) int16, the same about a second ago; may be smoothed itself
    noise    : (H, W) uint16, UQ12.4 counts: running median of |smoothed - past|, updated
    gas      : (H, W) uint8, written: 128 + smoothed * gain, clipped; the picture of the gas
    mask     : (H, W) uint8, written: 255 where |smoothed| exceeds the threshold
    hold     : (H, W) uint8, updated: 255 where |smoothed| exceeds the threshold,
               less by hold_drop elsewhere
    factor_q4 : threshold in units of the noise, UQ.4
    floor_q2 : smallest threshold, quarter counts
    noise_step : step of the noise toward |change|, 1/16 count
    most_noise : to where a pixel's noise rises by itself, 1/16 count
    sway_noise : to where it rises by swaying, 1/16 count
    gain_q8  : levels a quarter count, UQ.8

    The noise stands still under hold, unless the pixel went from one side of the background
    to the other by more than the threshold: that is swaying, not gas.  Only noise above
    most_noise, so of swaying pixels, raises the threshold.  Old noise and old
    hold decide; the updates follow.
    """
    now, before, known = (a.astype(np.int64) for a in (smoothed, past, noise))
    size = np.minimum(np.abs(now), 32767)
    change = np.minimum(np.abs(now - before), 32767)
    own = np.where(known > most_noise, known, 0)
    threshold = np.maximum(floor_q2, np.minimum((own * factor_q4) >> 6, 32767))
    has_crossed = ((now < 0) != (before < 0)) & (change > threshold)
    is_free = hold == 0
    most = np.where(has_crossed, sway_noise, np.where(is_free, most_noise, 0))
    up = np.maximum(known, np.minimum(known + noise_step, most))
    down = np.where(is_free, np.maximum(known - noise_step, 0), known)
    mask[...] = np.where(size > threshold, 255, 0)
    left = np.maximum(hold.astype(np.int64) - hold_drop, 0)
    hold[...] = np.where(size > threshold, 255, left)
    gas[...] = np.clip(128 + ((now * gain_q8 + 128) >> 8), 0, 255)
    noise[...] = np.where(change << 2 > known, up, down)
