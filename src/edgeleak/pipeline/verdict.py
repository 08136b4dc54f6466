# SPDX-License-Identifier: Apache-2.0
"""The answer for one frame: GAS, NO GAS, INHIBIT or FAULT, and why.

A verdict is made per frame but hardly ever printed, so it only carries numbers;
words are put together when somebody asks for `.reason` or `.rules`.
"""

from dataclasses import dataclass
from math import nan
from typing import NamedTuple

from edgeleak.codes import TABLE, WORDS, Kind
from edgeleak.frame import FrameFlag


@dataclass(frozen=True, slots=True)
class Rule:
    """One named rule with what it measured.

    name     : e.g. "evidence", "persistence", or the name of a code
    fired    : the rule spoke (an inhibit rule that fired stands against an answer)
    measured : what was found, in `unit`; NaN where there is nothing to measure
    limit    : what it was compared with, in `unit`
    unit     : unit of both
    """

    name: str
    fired: bool
    measured: float
    limit: float
    unit: str

    def __str__(self) -> str:
        word = "fired" if self.fired else "quiet"
        return f"{self.name}: {word} ({self.measured:.4g} of {self.limit:.4g} {self.unit})"


class Limits(NamedTuple):
    """What a profile compares with; shared by all verdicts of a pipeline.

    place : least duty, change, balance and clear share of a group of places, 0..1; empty
            without these rules
    ghost : least share of an outline that has left, 0..1; NaN without that rule
    """

    evidence: float
    window_s: float
    place: tuple[float, ...] = ()
    ghost: float = nan


class Verdict(NamedTuple):
    """Answer for one frame.  `str()` is exactly GAS, NO GAS, INHIBIT or FAULT.

    kind     : the answer as a number, see codes.Kind
    code     : 0, or a number of codes.TABLE that says why there is no plain answer
    evidence : >= 0, grows with the amount of changed picture; NaN when there is no answer
    measured, expected : the two numbers behind `code`
    hits     : frames of the persistence window whose evidence was enough
    needed   : hits that make GAS
    area_px  : pixels of the mask now
    level_counts : brightness shift of the whole frame that was taken out, counts
    noise_counts : typical noise of the smoothed difference, counts; NaN when not measured
    flags    : what weakens the frame (8-bit source, assumed rate, ...)
    limits   : what the numbers were compared with
    group    : facts of the group of places that decided, see kernels.judge_places
    ghost    : largest share of an outline that has left, at the last look; NaN: none was taken
    """

    kind: Kind
    code: int
    evidence: float
    measured: float
    expected: float
    hits: int
    needed: int
    area_px: int
    level_counts: float
    noise_counts: float
    flags: FrameFlag
    limits: Limits
    group: tuple[int, int, int, int, int, bool] = (0, 0, 0, 0, 0, False)
    ghost: float = nan

    def __str__(self) -> str:
        return WORDS[self.kind]

    def __format__(self, spec: str) -> str:
        return format(WORDS[self.kind], spec)

    @property
    def is_gas(self) -> bool:
        return self.kind == Kind.GAS

    @property
    def reason(self) -> str:
        """One sentence: what was measured against what, and what to do next."""
        if self.code:
            row = TABLE[self.code]
            what = row.what.format(measured=self.measured, expected=self.expected)
            return f"{self.code} {row.name}: {what} [{row.section}]; {row.next_step}"
        compared = f"evidence {self.evidence:.2f}, gas from {self.limits.evidence:.2f}"
        frames = "frame" if self.hits == 1 else "frames"
        held = f"{self.hits} {frames} of the last {self.limits.window_s:g} s, {self.needed} needed"
        if self.kind == Kind.GAS:
            return f"{compared}, in {held}; {self.area_px} pixels changed"
        against = [rule.name for rule in self._place_rules() if not rule.fired]
        if against and self.group[0]:
            facts = "; ".join(str(rule) for rule in self._place_rules() if not rule.fired)
            return f"{compared}, in {held}; {self.group[0]} pixels changed but are no gas: {facts}"
        return f"{compared}, in {held}; every input fresh and in range"

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule that took part, with its facts; the inhibiting one first."""
        limits = self.limits
        found = (
            Rule("evidence", self.evidence >= limits.evidence, self.evidence, limits.evidence, "1"),
            Rule("persistence", self.hits >= self.needed, self.hits, self.needed, "frames"),
            *self._place_rules(),
            *self._ghost_rules(),
        )
        if not self.code:
            return found
        row = TABLE[self.code]
        return (Rule(row.name, True, self.measured, self.expected, row.section), *found)

    def _place_rules(self) -> tuple[Rule, ...]:
        """Does it stay in one place, does it change there, is it warmer or colder throughout,
        and is it without an outline of its own?"""
        names = ("place", "change", "one-sign", "no-outline")
        measured = [value / 65535 for value in self.group[1:5]]
        return tuple(
            Rule(name, value >= limit, value, limit, "1")
            for name, value, limit in zip(names, measured, self.limits.place, strict=False)
        )

    def _ghost_rules(self) -> tuple[Rule, ...]:
        """Has a thing left whose outline is in the background and not in the picture?"""
        limit = self.limits.ghost
        if limit != limit:
            return ()
        return (Rule("ghost", self.ghost >= limit, self.ghost, limit, "1"),)

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON; NaN becomes None."""
        return {
            "verdict": str(self),
            "code": self.code,
            "reason": self.reason,
            "evidence": _or_none(self.evidence),
            "area_px": self.area_px,
            "level_counts": _or_none(self.level_counts),
            "noise_counts": _or_none(self.noise_counts),
            "flags": int(self.flags),
            "rules": [
                {
                    "name": rule.name,
                    "fired": bool(rule.fired),
                    "measured": _or_none(rule.measured),
                    "limit": _or_none(rule.limit),
                    "unit": rule.unit,
                }
                for rule in self.rules
            ],
        }


def _or_none(value: float) -> float | None:
    return None if value != value else float(value)
