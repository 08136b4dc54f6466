# SPDX-License-Identifier: Apache-2.0
"""The evidence from which the camera alarms, set in false alarms an hour.

An alarm needs half of the frames of a window above the gate, so the statistic of a window is the
largest evidence that half of its frames reach: the gate is crossed exactly when that is.  Its peaks
in recordings without gas are counted apart by a window; their tail is fitted by a generalised
Pareto law over the largest of them, and read where it gives the wanted rate.  What was not
recorded cannot be known: with T hours nothing below 3/T alarms an hour is shown (95 %), and what
the fit says beyond that is an extrapolation, and called one.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil, exp, inf, log, nan
from typing import Any

import numpy as np

LEAST_PEAKS = 5
TAIL_SHARE = 0.5
SHAPE_LIMITS = (-0.4, 0.9)
POISSON_95 = 2.9957
ABOVE = 1.001
"""Just above a peak, also when it is written with four digits."""


class Sustained:
    """Largest evidence that a share of the frames of the last window reach.

    window_s, share, least : evidence.window_s, .share, .least_frames of the profile
    """

    def __init__(self, window_s: float, share: float, least: int) -> None:
        self._window_s, self._share, self._least = window_s, share, least
        self._frames: deque[tuple[float, float]] = deque()

    def reset(self) -> None:
        """A frame without an answer that began the learning again."""
        self._frames.clear()

    def add(self, now_s: float, evidence: float) -> float:
        """0 while the window is not filled by its share."""
        frames = self._frames
        frames.append((now_s, evidence))
        while frames[0][0] < now_s - self._window_s + 1e-6:
            frames.popleft()
        if now_s - frames[0][0] < self._share * self._window_s - 1e-6:
            return 0.0
        needed = max(self._least, ceil(self._share * len(frames)))
        if len(frames) < needed:
            return 0.0
        return sorted((value for _, value in frames), reverse=True)[needed - 1]


class Peaks:
    """Peaks of a statistic that lie a window apart, and the time they were looked for in."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self.values: list[float] = []
        self.answered_s = 0.0
        self._last_s = -inf

    def add(self, now_s: float, value: float, dt_s: float) -> None:
        self.answered_s += dt_s
        if value <= 0:
            return
        if now_s - self._last_s < self._window_s and self.values:
            self.values[-1] = max(self.values[-1], value)
        else:
            self.values.append(value)
        self._last_s = now_s

    def end(self) -> None:
        """The next recording is another time."""
        self._last_s = -inf


@dataclass(slots=True)
class Tail:
    """Alarms an hour over the gate.

    hours    : of answered frames without gas
    peaks    : all of them, sorted
    start    : from here on the law holds
    scale, shape : of the law; NaN when there are too few peaks to fit
    """

    hours: float
    peaks: list[float]
    start: float = nan
    scale: float = nan
    shape: float = nan
    notes: list[str] = field(default_factory=list)

    @property
    def is_fitted(self) -> bool:
        return self.scale == self.scale

    def counted(self, gate: float) -> int:
        """Alarms that these recordings would have given."""
        return sum(value >= gate for value in self.peaks)

    def alarms_per_h(self, gate: float) -> float:
        """Counted below the start of the tail, from the law above it."""
        if not self.hours:
            return nan
        if not self.is_fitted or gate <= self.start:
            return self.counted(gate) / self.hours
        rate = self.counted(self.start) / self.hours
        return rate * _survival((gate - self.start) / self.scale, self.shape)

    def upper_95(self, gate: float) -> float:
        """What the count alone does not exclude, alarms an hour."""
        return _poisson_upper(self.counted(gate)) / self.hours if self.hours else inf

    def gate_for(self, wanted_per_h: float) -> float:
        """Evidence at which the law gives that rate.

        Without a law the least gate of which the count alone shows that rate; NaN for none.
        """
        if not self.is_fitted:
            gates = [0.0, *(ABOVE * peak for peak in self.peaks)]
            return next((gate for gate in gates if self.upper_95(gate) <= wanted_per_h), nan)
        rate = self.counted(self.start) / self.hours
        if wanted_per_h >= rate:
            return _counted_gate(self.peaks, wanted_per_h * self.hours)
        share = wanted_per_h / rate
        if abs(self.shape) < 1e-6:
            return self.start - self.scale * log(share)
        return self.start + self.scale * (share**-self.shape - 1) / self.shape

    @property
    def shown_per_h(self) -> float:
        """The least rate that so much time can show, 95 %."""
        return POISSON_95 / self.hours if self.hours else inf


def fit(peaks: Iterable[float], hours: float) -> Tail:
    """A tail by probability-weighted moments, which fit few peaks better than likelihood does."""
    values = sorted(peaks)
    tail = Tail(hours, values)
    if len(values) < LEAST_PEAKS:
        tail.notes.append(
            f"{len(values)} peaks in {hours:.2f} h without gas: fewer than {LEAST_PEAKS} fit no"
            " tail; only the count and its bound hold"
        )
        return tail
    first = min(int((1 - TAIL_SHARE) * len(values)), len(values) - LEAST_PEAKS)
    tail.start = values[first]
    over = np.array(values[first:]) - tail.start
    rank = (np.arange(over.size, 0, -1) - 0.65) / over.size
    mean, weighted = float(over.mean()), float((over * rank).mean())
    if mean <= 0:
        tail.notes.append("all large peaks are equal: no tail can be fitted")
        return tail
    gap = mean - 2 * weighted
    shape = 2 - mean / gap if gap > 1e-12 else SHAPE_LIMITS[1]
    tail.shape = min(max(shape, SHAPE_LIMITS[0]), SHAPE_LIMITS[1])
    tail.scale = mean * (1 - tail.shape)
    return tail


def gate_facts(tail: Tail, wanted_per_h: float, in_force: float = 0.0) -> dict[str, Any]:
    """The gate and what it stands on, in plain values.

    in_force : the gate of the profile; a count alone never lowers it
    """
    gate = tail.gate_for(wanted_per_h)
    gate = gate if tail.is_fitted or gate != gate else max(gate, in_force)
    is_known = gate == gate
    return {
        "schema": "edgeleak.gate/1",
        "alarms_per_h_wanted": wanted_per_h,
        "gate": round(gate, 4) if is_known else None,
        "hours_without_gas": round(tail.hours, 4),
        "peaks": len(tail.peaks),
        "largest_peak": tail.peaks[-1] if tail.peaks else 0.0,
        "tail": {"start": tail.start, "scale": tail.scale, "shape": tail.shape}
        if tail.is_fitted else None,
        "alarms_counted_at_gate": tail.counted(gate) if is_known else None,
        "upper_95_per_h": round(tail.upper_95(gate), 3) if is_known and tail.hours else None,
        "least_rate_shown_per_h": round(tail.shown_per_h, 3) if tail.hours else None,
        "is_extrapolated": wanted_per_h < tail.shown_per_h,
        "notes": tail.notes,
    }  # fmt: skip


def _survival(over: float, shape: float) -> float:
    if abs(shape) < 1e-6:
        return exp(-over)
    inside = 1 + shape * over
    return inside ** (-1 / shape) if inside > 0 else 0.0


def _counted_gate(values: list[float], allowed: float) -> float:
    """Just above the peak that would be one alarm too many."""
    keep = int(allowed)
    if keep >= len(values):
        return values[0]
    return ABOVE * values[len(values) - 1 - keep]


def _poisson_upper(count: int) -> float:
    """95 % upper bound of a mean from a count, by bisection on the Poisson sum."""
    low, high = float(count), count + 10.0 + 4 * (count + 1) ** 0.5
    for _ in range(60):
        middle = (low + high) / 2
        term = total = exp(-middle)
        for k in range(1, count + 1):
            term *= middle / k
            total += term
        low, high = (middle, high) if total > 0.05 else (low, middle)
    return high
