# SPDX-License-Identifier: Apache-2.0
"""Residual on frames that the fit did not see: the only honest one.

A stack is cut in two halves in time (drift between them then counts against
us, as it does in the field), fitted on the first and judged on the second.
"""

import numpy as np

from edgeleak.calibration.frame_statistics import FrameStatistics, measure, robust_sigma
from edgeleak.calibration.model import NAN, Calibration
from edgeleak.calibration.solve import Facts, corrected, one_point, spatial_residual, two_point

MIN_FRAMES = 4


def halves(stack: np.ndarray) -> tuple[FrameStatistics, FrameStatistics]:
    """Statistics of the first and of the second half in time."""
    middle = len(stack) // 2
    return measure(stack[:middle]), measure(stack[middle:])


def residual_counts(unseen: FrameStatistics, calibration: Calibration) -> tuple[float, float]:
    """(standard deviation over good pixels, robust sigma) after correction, counts."""
    frame = corrected(unseen.mean, calibration)
    return spatial_residual(frame, calibration.bad_pixels), robust_sigma(frame)


def two_point_residual(cold: np.ndarray, hot: np.ndarray, facts: Facts | None = None) -> float:
    """Mean of the residuals at both references, fit on first halves, counts; NaN if too few."""
    if min(len(cold), len(hot)) < MIN_FRAMES:
        return NAN
    (cold_fit, cold_test), (hot_fit, hot_test) = halves(cold), halves(hot)
    calibration = two_point(cold_fit, hot_fit, 0.0, 1.0, facts=facts)
    return float(np.mean([residual_counts(t, calibration)[0] for t in (cold_test, hot_test)]))


def one_point_residual(flat: np.ndarray, base: Calibration | None) -> float:
    """The same for one reference."""
    if len(flat) < MIN_FRAMES:
        return NAN
    fit, test = halves(flat)
    return residual_counts(test, one_point(fit, base))[0]
