# SPDX-License-Identifier: Apache-2.0
"""Shares with intervals, rates with bounds, thresholds at a false-alarm rate."""

from math import exp, inf, lgamma, log, sqrt
from typing import NamedTuple

import numpy as np

Z_95 = 1.959963984540054


class Share(NamedTuple):
    """k of n with its Wilson 95 % interval; all in 0..1, n = 0 knows nothing: 0..1."""

    k: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.k / self.n if self.n else float("nan")

    def __str__(self) -> str:
        if not self.n:
            return "-"
        return f"{100 * self.value:.1f} [{100 * self.low:.1f}, {100 * self.high:.1f}]"

    def as_dict(self) -> dict[str, float]:
        return {"k": self.k, "n": self.n, "share": self.value, "low": self.low, "high": self.high}


def share(hits: np.ndarray) -> Share:
    """Of a boolean array."""
    return wilson(int(np.count_nonzero(hits)), int(np.size(hits)))


def wilson(k: int, n: int) -> Share:
    """Wilson score interval, two-sided 95 %."""
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no share")
    if n == 0:
        return Share(0, 0, 0.0, 1.0)
    p, z2 = k / n, Z_95**2
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    low = 0.0 if k == 0 else middle - half
    high = 1.0 if k == n else middle + half
    return Share(k, n, low, high)


def events_upper(events: int, hours: float) -> float:
    """Events an hour that are not exceeded with 95 % confidence (exact Poisson, one-sided)."""
    if hours <= 0:
        return inf
    low, high = 0.0, events + 10 * sqrt(events + 1) + 10
    for _ in range(80):
        middle = (low + high) / 2
        if _poisson_below(events, middle) > 0.05:
            low = middle
        else:
            high = middle
    return high / hours


def _poisson_below(events: int, mean: float) -> float:
    """P(N <= events)."""
    if mean <= 0:
        return 1.0
    return sum(exp(k * log(mean) - mean - lgamma(k + 1)) for k in range(events + 1))


def threshold_at(quiet: np.ndarray, rate: float) -> float:
    """Smallest score t of quiet frames so that at most *rate* of them are above t.

    quiet : scores of frames without gas; NaN (no answer) is no alarm
    rate  : 0..1; less than one frame allowed makes t the largest score
    """
    ordered = np.sort(np.nan_to_num(np.asarray(quiet, float), nan=-inf))[::-1]
    if not ordered.size:
        return inf
    allowed = int(rate * ordered.size + 1e-9)
    return float(max(ordered[min(allowed, ordered.size - 1)], 0.0))


def above(scores: np.ndarray, threshold: float) -> np.ndarray:
    """Frames whose score is above the threshold; no answer is not above."""
    return np.nan_to_num(np.asarray(scores, float), nan=-inf) > threshold


def roc(quiet: np.ndarray, gas: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """False-alarm share and detection share over all thresholds, and the area below.

    Frames without an answer stay below every threshold: where they are, the curve ends short
    of (1, 1), and the area counts the rest as a straight line.
    """
    q, g = (np.nan_to_num(np.asarray(s, float), nan=-inf) for s in (quiet, gas))
    cuts = np.unique(np.concatenate((q, g)))[::-1]
    false = np.array([0.0, *((q >= cut).mean() for cut in cuts), 1.0])
    found = np.array([0.0, *((g >= cut).mean() for cut in cuts), 1.0])
    area = float(np.sum(np.diff(false) * (found[1:] + found[:-1]) / 2))
    return false, found, area
