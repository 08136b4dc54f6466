# SPDX-License-Identifier: Apache-2.0
"""Linear and log mappings (equation 2): one curve for the picture, two points set it."""

import numpy as np

from edgeleak.evaluate.contrast.mapping import Mapping, histogram_of, percent_points
from edgeleak.evaluate.sequences.grey import log_gain_between, log_table
from edgeleak.frame import MAX_COUNTS
from edgeleak.kernels import agc, linear_lut, log_lut

FULL_ALPHA = 255 / 14  # 1 count -> level 0, 16384 counts -> level 255
STRETCH = "0.5 and 99.5 % points of the frame on levels 0 and 255"


def looked_up(counts: np.ndarray, lut: np.ndarray) -> np.ndarray:
    grey = np.empty(counts.shape, np.uint8)
    agc(counts, lut, grey)
    return grey


def linear_grey(counts: np.ndarray) -> np.ndarray:
    return looked_up(counts, linear_lut(*percent_points(histogram_of(counts))))


def log_grey(counts: np.ndarray) -> np.ndarray:
    low, high = percent_points(histogram_of(counts))
    gain = log_gain_between(low, high, 0, 255)
    return looked_up(counts, log_table(gain))


def straight_mappings() -> list[Mapping]:
    full = "counts 0..16383 on levels 0..255"
    own = "EdgeLeak kernels"
    return [
        Mapping("linear-full", "linear, full range", full, own, _linear_full),
        Mapping("linear", "linear", STRETCH, own, linear_grey),
        Mapping("log-full", "log, full range", "alpha 255/14, beta 0, base 2", own, _log_full),
        Mapping("log", "log", f"base 2, {STRETCH}", own, log_grey),
    ]


def _linear_full(counts: np.ndarray) -> np.ndarray:
    return looked_up(counts, linear_lut(0, MAX_COUNTS))


def _log_full(counts: np.ndarray) -> np.ndarray:
    return looked_up(counts, log_lut(FULL_ALPHA, 0))
