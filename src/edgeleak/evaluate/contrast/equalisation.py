# SPDX-License-Identifier: Apache-2.0
"""Plateau equalisation (Vickers 1996) at several plateaus, up to full equalisation.

Plateaus are given relative to the mean filled bin, so that 0.1 means the same
on 160x120 and on 640x480.  "equalise, then log" is the other reading of the
paper's order (its sections 3 and 7): equalised to 14 bits, then equation 2.
"""

from functools import partial

import numpy as np

from edgeleak.evaluate.contrast.mapping import Mapping, histogram_of
from edgeleak.evaluate.contrast.straight import FULL_ALPHA, looked_up
from edgeleak.frame import MAX_COUNTS
from edgeleak.kernels import log_lut, plateau_lut

PLATEAUS = (0.1, 0.5, 1.0, 2.0)
MAX_SLOPE = 1.0  # levels per count


def plateau_grey(
    counts: np.ndarray, times_mean: float, max_slope: float | None = None
) -> np.ndarray:
    bins = histogram_of(counts)
    mean_bin = counts.size / np.count_nonzero(bins)
    plateau = max(1, round(times_mean * mean_bin))
    return looked_up(counts, plateau_lut(bins, plateau, max_slope))


def equalised_grey(counts: np.ndarray) -> np.ndarray:
    return looked_up(counts, plateau_lut(histogram_of(counts), counts.size))


def equalised_then_log_grey(counts: np.ndarray) -> np.ndarray:
    total = np.cumsum(histogram_of(counts), dtype=np.uint64)
    equalised = (total * np.uint64(MAX_COUNTS) // np.uint64(counts.size)).astype(np.uint16)
    return looked_up(counts, log_lut(FULL_ALPHA, 0)[equalised])


def equalisation_mappings() -> list[Mapping]:
    own = "EdgeLeak kernels"
    steps = [
        Mapping(
            f"plateau-{times:g}",
            f"plateau {times:g}",
            f"plateau {times:g} x mean filled bin",
            own,
            partial(plateau_grey, times_mean=times),
        )
        for times in PLATEAUS
    ]
    limited = partial(plateau_grey, times_mean=1.0, max_slope=MAX_SLOPE)
    said = f"plateau 1 x mean filled bin, at most {MAX_SLOPE:g} level per count"
    return [
        *steps,
        Mapping("plateau-slope", "plateau 1, slope limit", said, own, limited),
        Mapping("equalise", "global equalisation", "no plateau", own, equalised_grey),
        Mapping(
            "he-log",
            "equalise, then log",
            "14-bit equalisation, then alpha 255/14, beta 0",
            "EdgeLeak kernels + NumPy",
            equalised_then_log_grey,
        ),
    ]
