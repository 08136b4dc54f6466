# SPDX-License-Identifier: Apache-2.0
"""Paired timing: contestants take turns in one process, so that load hits them alike.

A turn is a whole cycle of frames (A A..A B B..B C C..C, again): nobody's caches are swept by a
neighbour in the middle of its work.  Every call is timed; the minimum of all calls and the
median of the turns are kept, and ratios are medians of ratios within one round.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter_ns


@dataclass(frozen=True)
class Timing:
    """Times of one contestant, per call, in ns."""

    turns_ns: list[float]
    best_ns: float

    @property
    def median_ns(self) -> float:
        return median(self.turns_ns)


def race(
    contestants: dict[str, Callable[[int], object]], rounds: int, calls: int
) -> dict[str, Timing]:
    """Time *contestants* (called with the frame's index) in *rounds* rounds of *calls* calls."""
    for run in contestants.values():
        for index in range(min(calls, 3)):
            run(index)
    turns: dict[str, list[float]] = {name: [] for name in contestants}
    best = dict.fromkeys(contestants, float("inf"))
    for _ in range(rounds):
        for name, run in contestants.items():
            total = 0
            for index in range(calls):
                start = perf_counter_ns()
                run(index)
                spent = perf_counter_ns() - start
                total += spent
                best[name] = min(best[name], spent)
            turns[name].append(total / calls)
    return {name: Timing(turns[name], best[name]) for name in contestants}


def paired_ratio(slow: Timing, fast: Timing) -> float:
    """How many times *fast* is faster: the median of the rounds' own ratios."""
    return median(s / f for s, f in zip(slow.turns_ns, fast.turns_ns, strict=True))


def best_ratio(slow: Timing, fast: Timing) -> float:
    """The same from the minima, which load disturbs least."""
    return slow.best_ns / fast.best_ns
