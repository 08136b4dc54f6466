# SPDX-License-Identifier: Apache-2.0
"""Entropy of a picture, and how far it keeps the order of the counts."""

import numpy as np

N_PAIRS = 200_000


def entropy_bits(grey: np.ndarray) -> float:
    """Shannon entropy of the 8-bit histogram, 0..8 bits."""
    share = np.bincount(grey.ravel(), minlength=256) / grey.size
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum() + 0.0)


def rank_distortion(counts: np.ndarray, grey: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """(discordant, tied) shares of random pixel pairs whose counts differ.

    discordant : the warmer pixel is shown darker; 0 for every monotone mapping
    tied       : different counts shown as the same level
    NaN where no pair differs.
    """
    rng = np.random.default_rng([seed, 5])
    first, second = rng.integers(0, counts.size, (2, N_PAIRS))
    by_counts = np.sign(counts.ravel()[first].astype(np.int32) - counts.ravel()[second])
    by_grey = np.sign(grey.ravel()[first].astype(np.int32) - grey.ravel()[second])
    differ = by_counts != 0
    n = int(differ.sum())
    if n == 0:
        return float("nan"), float("nan")
    discordant = int((by_counts * by_grey == -1).sum())
    return discordant / n, int((differ & (by_grey == 0)).sum()) / n
