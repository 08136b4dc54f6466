# SPDX-License-Identifier: Apache-2.0
"""The 8-bit domain of a 14-bit sequence: the paper's log gain control, locked.

The paper models its background on gain-controlled 8-bit pictures.  Alpha and
beta are taken from the first frame and then held: an automatic gain that
moves would be measured instead of the background method.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from edgeleak.evaluate.sequences.sequence import Sequence
from edgeleak.frame import MAX_COUNTS
from edgeleak.kernels import agc, log_lut

LOW_PERCENT, HIGH_PERCENT = 0.5, 99.5
LOW_LEVEL, HIGH_LEVEL = 24, 231  # room below and above for noise and warm objects
LARGEST_Q16 = 32767

Truth = Callable[[int], np.ndarray]


@dataclass(frozen=True)
class LogGain:
    """level = alpha * log2(counts) + beta, held for a whole sequence."""

    alpha: float
    beta: float

    def exact(self, counts: np.ndarray) -> np.ndarray:
        """(H, W) float32 levels without rounding, 0..255."""
        levels = self.alpha * np.log2(np.maximum(counts, 1)) + self.beta
        return np.clip(levels, 0, 255).astype(np.float32)


def log_gain(
    counts: np.ndarray, low_level: float = LOW_LEVEL, high_level: float = HIGH_LEVEL
) -> LogGain:
    """Gain that puts the 0.5 and 99.5 percent points of *counts* on the two levels."""
    low, high = np.percentile(counts, (LOW_PERCENT, HIGH_PERCENT))
    low = float(np.clip(low, 1, MAX_COUNTS - 1))
    high = float(np.clip(high, low + 1, MAX_COUNTS))
    return log_gain_between(low, high, low_level, high_level)


def log_gain_between(low: float, high: float, low_level: float, high_level: float) -> LogGain:
    """Gain that puts *low* and *high* counts (at least 1, low below high) on the two levels."""
    alpha = (high_level - low_level) / (np.log2(high) - np.log2(low))
    return LogGain(float(alpha), float(low_level - alpha * np.log2(low)))


def log_table(gain: LogGain) -> np.ndarray:
    """(16384,) uint8: the firmware's table, or the formula itself where Q16 cannot hold it.

    A scene of 100 counts at 8000 is 0.02 octaves: stretching it takes a beta
    below -32768 levels.
    """
    if max(abs(gain.alpha), abs(gain.beta)) <= LARGEST_Q16:
        return log_lut(gain.alpha, gain.beta)
    return np.rint(gain.exact(np.arange(MAX_COUNTS + 1))).astype(np.uint8)


def grey_sequence(sequence: Sequence) -> Sequence:
    """*sequence* seen through its locked log gain control; 8-bit sequences pass unchanged."""
    if sequence.bits == 8:
        return sequence
    gain = log_gain(next(iter(sequence.frames())))
    lut = log_table(gain)

    def frames() -> Iterator[np.ndarray]:
        for counts in sequence.frames():
            grey = np.empty(counts.shape, np.uint8)
            agc(np.ascontiguousarray(counts), lut, grey)
            yield grey

    truth = None if sequence.truth is None else _grey_truth(sequence.truth, gain)
    return replace(sequence, bits=8, frames=frames, truth=truth)


def _grey_truth(truth: Truth, gain: LogGain) -> Truth:
    """Truth in levels; computed again only when the scene itself is another array."""
    seen: dict[str, np.ndarray] = {}

    def levels(index: int) -> np.ndarray:
        counts = truth(index)
        if seen.get("counts") is not counts:
            seen.update(counts=counts, levels=gain.exact(counts))
        return seen["levels"]

    return levels
