# SPDX-License-Identifier: Apache-2.0
"""PSNR, and the two references every estimate is measured against.

(a) `paper`  : mean of the first 500 frames.  It contains the very frames the
    methods see, so it favours the ordinary average by construction.
(b) `unseen` : what no method saw: the exact truth of that frame where it is
    known, otherwise the mean of frames 501-1000.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import numpy as np

from edgeleak.errors import DataError
from edgeleak.evaluate.sequences.sequence import Sequence

REFERENCES = ("paper", "unseen")
SCORED_FRAMES = 400


def psnr_db(estimate: np.ndarray, reference: np.ndarray, peak: float) -> float:
    """20 log10(peak / rmse) in dB, infinite where both are equal.

    estimate, reference : (H, W) of any type, same unit as *peak* (255 or 16383)
    """
    difference = np.subtract(estimate, reference, dtype=np.float64).ravel()
    mean_square = float(np.einsum("i,i->", difference, difference)) / difference.size
    return math.inf if mean_square == 0 else 10 * math.log10(peak * peak / mean_square)


@dataclass(frozen=True)
class Split:
    """How many frames are scored, averaged for (a) and kept apart for (b).

    The paper's 400 : 500 of 1000, scaled down where a recording is shorter.
    """

    n_scored: int
    n_paper: int
    n_total: int


def split_frames(n_frames: int, n_scored: int = SCORED_FRAMES) -> Split:
    n_scored = min(n_scored, n_frames * 2 // 5)
    if n_scored < 2:
        raise DataError(f"{n_frames} frames are too few to compare backgrounds; 5 are the least")
    return Split(n_scored, n_scored * 5 // 4, n_scored * 5 // 2)


@dataclass(frozen=True)
class References:
    """paper : (H, W) float64; unseen : frame index -> (H, W); unseen_kind : words for (b)."""

    paper: np.ndarray
    unseen: Callable[[int], np.ndarray]
    unseen_kind: str


def make_references(sequence: Sequence, split: Split) -> References:
    """Read the sequence once, holding two sums."""
    wanted = split.n_paper if sequence.truth else split.n_total
    sums = np.zeros((2, *sequence.shape), np.float64)
    n_read = 0
    for frame in islice(sequence.frames(), wanted):
        sums[int(n_read >= split.n_paper)] += frame
        n_read += 1
    if n_read < wanted:
        raise DataError(f"{sequence.name}: ended after {n_read} of {wanted} frames")
    paper = sums[0] / split.n_paper
    if sequence.truth:
        return References(paper, sequence.truth, "exact truth of each frame")
    later = sums[1] / (split.n_total - split.n_paper)
    kind = f"mean of frames {split.n_paper + 1}-{split.n_total}"
    return References(paper, lambda index: later, kind)
