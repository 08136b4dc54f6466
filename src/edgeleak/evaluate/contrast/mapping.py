# SPDX-License-Identifier: Apache-2.0
"""What a mapping from counts to levels offers, and the facts of a frame most of them need."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgeleak.frame import MAX_COUNTS
from edgeleak.kernels import histogram

LOW_SHARE, HIGH_SHARE = 0.005, 0.995


@dataclass(frozen=True)
class Mapping:
    """One way to show 14-bit counts on 256 levels.

    key            : identity in tables and colours
    label          : name as printed
    parameters     : every number it was run with
    implementation : what the time was measured on
    apply          : (H, W) uint16 counts -> (H, W) uint8 levels, tables built anew each call
    """

    key: str
    label: str
    parameters: str
    implementation: str
    apply: Callable[[np.ndarray], np.ndarray]


def histogram_of(counts: np.ndarray) -> np.ndarray:
    """(16384,) uint32 pixels per count."""
    bins = np.empty(MAX_COUNTS + 1, np.uint32)
    histogram(counts, bins)
    return bins


def percent_points(bins: np.ndarray) -> tuple[int, int]:
    """Counts at the 0.5 and 99.5 percent points, at least 1 and one apart."""
    total = np.cumsum(bins, dtype=np.uint64)
    low, high = np.searchsorted(total, np.array([LOW_SHARE, HIGH_SHARE]) * float(total[-1]))
    low = min(max(int(low), 1), MAX_COUNTS - 1)
    return low, min(max(int(high), low + 1), MAX_COUNTS)
