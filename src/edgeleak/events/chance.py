# SPDX-License-Identifier: Apache-2.0
"""Found of tried at each amount: shares with intervals, and a curve through them."""

from dataclasses import dataclass, field
from math import exp, log, log2, nan, sqrt
from typing import Any

import numpy as np

Z_95 = 1.959964
RIDGE = 0.05
"""Pull of the slope toward one in a doubling: a ladder found or missed throughout has none of its
own, and a curve needs one."""
ROUNDS = 50


def wilson(found: int, tried: int) -> tuple[float, float]:
    """95 % interval of a share; (0, 1) where nothing was tried."""
    if not tried:
        return 0.0, 1.0
    share, z2 = found / tried, Z_95**2
    middle = (share + z2 / (2 * tried)) / (1 + z2 / tried)
    half = Z_95 * sqrt(share * (1 - share) / tried + z2 / (4 * tried**2)) / (1 + z2 / tried)
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(slots=True)
class Score:
    """What became of the plumes of one amount."""

    found: int = 0
    tried: int = 0
    seconds: list[float] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        low, high = wilson(self.found, self.tried)
        share = self.found / self.tried if self.tried else None
        median = float(np.median(self.seconds)) if self.seconds else None
        return {"found": self.found, "tried": self.tried, "share": share, "low_95": round(low, 4),
                "high_95": round(high, 4), "median_s": median}  # fmt: skip


class Curve:
    """Probability of detection over the logarithm of the amount, a logistic fit.

    scores : amount -> Score
    """

    def __init__(self, scores: dict[float, Score]) -> None:
        rows = [(log2(amount), s.found, s.tried) for amount, s in sorted(scores.items()) if s.tried]
        self.is_known = any(found for _, found, _ in rows) and bool(rows)
        self.offset = self.slope = nan
        self._span = (2 ** rows[0][0], 2 ** rows[-1][0]) if rows else (nan, nan)
        if self.is_known:
            self._fit(*np.array(rows, float).T)

    def _fit(self, at: np.ndarray, found: np.ndarray, tried: np.ndarray) -> None:
        """Newton's steps of a penalised likelihood, halved until they climb."""
        middle = float((at * tried).sum() / tried.sum())
        design = np.stack([np.ones_like(at), at - middle], axis=1)
        guess, prior = np.array([0.0, 1.0]), np.array([0.0, 1.0])

        def height(guess: np.ndarray) -> float:
            odds = design @ guess
            likely = found * odds - tried * np.logaddexp(0, odds)
            return float(likely.sum() - RIDGE / 2 * ((guess - prior) ** 2).sum())

        for _ in range(ROUNDS):
            chance = 1 / (1 + np.exp(-np.clip(design @ guess, -30, 30)))
            climb = design.T @ (found - tried * chance) - RIDGE * (guess - prior)
            bend = (design * (tried * chance * (1 - chance))[:, None]).T @ design
            step = np.linalg.solve(bend + RIDGE * np.eye(2), climb)
            while height(guess + step) < height(guess) and np.abs(step).max() > 1e-9:
                step = step / 2
            guess = guess + step
        self.offset, self.slope = float(guess[0] - guess[1] * middle), float(guess[1])

    def at(self, amount: float) -> float:
        """Share that would be found; NaN outside of what was tried, or found."""
        if not self.is_known or not self._span[0] <= amount <= self._span[1]:
            return nan
        return 1 / (1 + exp(-max(-30.0, min(30.0, self.offset + self.slope * log2(amount)))))

    def amount(self, share: float) -> float:
        """Amount of which that share would be found; NaN outside of what was tried."""
        if not self.is_known or self.slope <= 0:
            return nan
        exponent = (log(share / (1 - share)) - self.offset) / self.slope
        amount = 2 ** min(max(exponent, -60.0), 60.0)
        return amount if self._span[0] <= amount <= self._span[1] else nan
