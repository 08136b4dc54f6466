# SPDX-License-Identifier: Apache-2.0
"""Which pixels are bad, by stated criteria.

Every criterion compares a pixel with the pixels round it, not only with the
array: in a real scene edges, lamps and walking people are larger than a
pixel, defects are not.  A damaged row is looked for separately, because there
the neighbours left and right are damaged too.
"""

from dataclasses import dataclass

import numpy as np

from edgeleak.calibration.frame_statistics import FrameStatistics, robust_sigma
from edgeleak.calibration.model import Defect
from edgeleak.errors import UsageError
from edgeleak.frame import MAX_COUNTS

WINDOW_PX = 5
CLUSTER_PX = 4
"""Largest cluster that still counts as defective pixels, not as a thing in the scene."""
MOVING_SHARE = 0.01
"""Frames in which more pixels jump are not of a still scene."""
ROW_SHARE = 0.2
ROW_EXCESS = 8.0


@dataclass(frozen=True, slots=True)
class Criteria:
    """Limits beyond which a pixel is bad.

    outlier_sigma  : distance from its neighbours, in robust sigma of that distance (hot, dead)
    stuck_ratio    : noise below this share of the neighbours' (stuck)
    noisy_ratio    : noise above this multiple of the neighbours' (noisy)
    jump_share     : share of steps beyond 8 sigma (flickering)
    response_share : response off the array's median by more than this share (dead)
    """

    outlier_sigma: float = 12.0
    stuck_ratio: float = 0.25
    noisy_ratio: float = 3.0
    jump_share: float = 0.03
    response_share: float = 0.25

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not value > 0:
                raise UsageError(f"criterion {name} must be above 0, got {value}")


def find_defects(
    statistics: FrameStatistics,
    criteria: Criteria | None = None,
    response: np.ndarray | None = None,
) -> np.ndarray:
    """(H, W) uint8, the Defect of each pixel, 0 where it is good.

    statistics : of a flat field or of a still scene
    response   : (H, W) counts between two references, where two were measured
    """
    criteria = criteria or Criteria()
    found = np.zeros(statistics.shape, np.uint8)
    # from the weakest claim to the strongest: the later one overwrites
    _mark_noise(found, statistics, criteria)
    _mark_outliers(found, statistics, criteria)
    if response is not None:
        middle = np.median(response)
        off = np.abs(response - middle) > criteria.response_share * abs(middle)
        found[off] = Defect.DEAD
    _mark_stuck(found, statistics, criteria)
    return found


def merge_defects(*maps: np.ndarray) -> np.ndarray:
    """The strongest claim of several maps; Defect numbers ascend from strong to weak."""
    stacked = np.stack(maps)
    strongest = np.where(stacked == 0, 255, stacked).min(axis=0)
    return np.where(strongest == 255, 0, strongest).astype(np.uint8)


def window_median(values: np.ndarray) -> np.ndarray:
    """Median of the WINDOW_PX square round each pixel, edges reflected."""
    return np.median(_windows(values), axis=-1)


def _windows(values: np.ndarray) -> np.ndarray:
    half = WINDOW_PX // 2
    padded = np.pad(values, half, mode="symmetric")
    view = np.lib.stride_tricks.sliding_window_view(padded, (WINDOW_PX, WINDOW_PX))
    return view.reshape(*values.shape, WINDOW_PX**2)


def _mark_noise(found: np.ndarray, statistics: FrameStatistics, criteria: Criteria) -> None:
    if not statistics.noise_known:
        return
    noise, jumps = statistics.noise, statistics.jumps
    around = np.maximum(_cluster_rank(noise), max(float(np.median(noise)), 0.3))
    found[noise > criteria.noisy_ratio * around] = Defect.NOISY
    if np.mean(jumps > 0) > MOVING_SHARE:
        return  # something passes through the scene: steps do not tell about pixels
    # more than one event: a single hit of radiation is no defect
    often = max(criteria.jump_share, 2.5 / (len(statistics.used) - 1))
    found[(jumps > often) & (jumps > 3 * _cluster_rank(jumps))] = Defect.FLICKERING


def _cluster_rank(values: np.ndarray) -> np.ndarray:
    """What a pixel must exceed to stand out from all but its own cluster."""
    return np.partition(_windows(values), -CLUSTER_PX - 1, axis=-1)[..., -CLUSTER_PX - 1]


def _mark_stuck(found: np.ndarray, statistics: FrameStatistics, criteria: Criteria) -> None:
    """Pixels whose raw value does not move while the others' does."""
    if not statistics.noise_known or np.median(statistics.unmoved) > 0.5:
        return  # quantisation alone makes good pixels look stuck
    around = window_median(statistics.noise)
    quiet = statistics.noise < criteria.stuck_ratio * around
    found[(statistics.unmoved > 0.95) | (quiet & (statistics.jumps == 0))] = Defect.STUCK


def _mark_outliers(found: np.ndarray, statistics: FrameStatistics, criteria: Criteria) -> None:
    flat = _without_lines(statistics.mean)
    windows = _windows(flat)
    distance = flat - np.median(windows, axis=-1)
    limit = criteria.outlier_sigma * max(robust_sigma(distance), 0.5)
    ranked = np.partition(windows, (CLUSTER_PX, -CLUSTER_PX - 1), axis=-1)
    alone_above = flat > ranked[..., -CLUSTER_PX - 1]
    alone_below = flat < ranked[..., CLUSTER_PX]
    found[(distance > limit) & alone_above] = Defect.HOT
    found[(distance < -limit) & alone_below] = Defect.DEAD
    noise = float(np.median(statistics.noise)) if statistics.noise_known else 0.5
    for turned, view in ((statistics.mean, found), (statistics.mean.T, found.T)):
        _mark_damaged_rows(view, turned, noise)
    if statistics.level_counts < MAX_COUNTS:  # else the source has more than 14 bits
        found[statistics.mean >= MAX_COUNTS] = Defect.HOT


def _without_lines(mean: np.ndarray) -> np.ndarray:
    """Without the medians of columns and rows: stripes are corrected, not replaced."""
    flat = mean - np.median(mean, axis=0)
    return flat - np.median(flat, axis=1)[:, None]


def _mark_damaged_rows(found: np.ndarray, mean: np.ndarray, noise: float) -> None:
    """Rows that leave the range of two rows above and below in many places."""
    height, width = mean.shape
    if height < 2 * WINDOW_PX or width < 2 * WINDOW_PX:
        return
    padded = np.pad(mean, ((2, 2), (0, 0)), mode="symmetric")
    others = np.stack([padded[k : k + height] for k in (0, 1, 3, 4)])
    # a row that is only lifted as a whole is a stripe: corrected, not replaced
    flat = mean - np.median(mean - np.median(others, axis=0), axis=1)[:, None]
    above = np.maximum(flat - others.max(axis=0), 0)
    below = np.maximum(others.min(axis=0) - flat, 0)
    excess = np.maximum(above, below)
    limit = ROW_EXCESS * max(float(np.mean(excess)), noise, 0.5)
    rough = np.mean(excess > limit, axis=1)
    damaged = np.flatnonzero((rough > ROW_SHARE) & (rough > 5 * np.median(rough)))
    for row in damaged:
        fine = limit / 2  # the row is known to be broken: half the limit is proof enough
        found[row, above[row] > fine] = Defect.HOT
        found[row, below[row] > fine] = Defect.DEAD
