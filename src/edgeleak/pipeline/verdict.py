# SPDX-License-Identifier: Apache-2.0
"""The answer for one frame: GAS, NO GAS, INHIBIT or FAULT, and why.

A verdict is made per frame but hardly ever printed, so it only carries numbers;
words are put together when somebody asks for `.reason` or `.rules`.
"""

from dataclasses import dataclass
from math import nan
from typing import Any, NamedTuple

from edgeleak.codes import GHOST, MOVING, NO_SCENE, SCENE_CHANGED, TABLE, WORDS, Kind
from edgeleak.frame import FrameFlag
from edgeleak.pipeline.group import NO_GROUP, PLACE_RULES, Group
from edgeleak.pipeline.rules import Known, knowledge

RULE_OF_CODE = {MOVING: "motion", SCENE_CHANGED: "scene-change", NO_SCENE: "scene", GHOST: "ghost"}
"""Codes that are the answer of a rule in the knowledge base; the others only name a guard."""


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

    @property
    def known(self) -> Known | None:
        """Its entry in the knowledge base; None for the guards of codes.TABLE."""
        return knowledge().get(RULE_OF_NAME.get(self.name, self.name))

    @property
    def words(self) -> str:
        """What it means that it fired or did not, and the numbers."""
        known = self.known
        if known is None:
            return str(self)
        meaning = known.yes if self.fired else known.no
        unit = "" if self.unit == "1" else f" {self.unit}"
        return f"{self.name}: {meaning} ({self.measured:.4g} of {self.limit:.4g}{unit})"

    @property
    def rejects(self) -> bool:
        """It stands against gas, or against any answer."""
        known = self.known
        return self.fired != (known is not None and known.speaks == "for gas")

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        known = self.known
        return {
            "name": self.name,
            "fired": bool(self.fired),
            "rejects": self.rejects,
            "measured": _or_none(self.measured),
            "limit": _or_none(self.limit),
            "unit": self.unit,
            "words": self.words,
            "question": known.question if known else None,
        }

    def __str__(self) -> str:
        word = "fired" if self.fired else "quiet"
        return f"{self.name}: {word} ({self.measured:.4g} of {self.limit:.4g} {self.unit})"


RULE_OF_NAME = {TABLE[code].name: rule for code, rule in RULE_OF_CODE.items()}


class Limits(NamedTuple):
    """What a profile compares with; shared by all verdicts of a pipeline.

    place : least shares of a group of places, 0..1, one for each of PLACE_RULES; empty
            without these rules
    ghost : least share of an outline that has left, 0..1; NaN without that rule
    off   : names of the rules that are switched off
    faint : least sigmas of what stands out faintly; NaN without that rule
    """

    evidence: float
    window_s: float
    place: tuple[float, ...] = ()
    ghost: float = nan
    off: tuple[str, ...] = ()
    faint: float = nan


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
    group    : facts of the group of places that decided
    ghost    : largest share of an outline that has left, at the last look; NaN: none was taken
    contrast_counts : mean difference of what may be gas, else of all that changed, above 0 is
               warmer than its background; NaN where nothing changed
    nuc_age_ms : age of the correction in use; -1 unknown
    faint_sigma : how far means of seconds stand out; NaN where single pixels prove gas, or unknown
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
    group: Group = NO_GROUP
    ghost: float = nan
    contrast_counts: float = nan
    nuc_age_ms: int = -1
    faint_sigma: float = nan

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
        against = "; ".join(str(rule) for rule in self._place_rules() if not rule.fired)
        if against and self.group.area_px:
            changed = f"{self.group.area_px} pixels changed but are no gas"
            return f"{compared}, in {held}; {changed}: {against}"
        return f"{compared}, in {held}; every input fresh and in range"

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule that took part, with its facts; the inhibiting one first."""
        limits = self.limits
        found = (
            Rule("evidence", self.evidence >= limits.evidence, self.evidence, limits.evidence, "1"),
            Rule("persistence", self.hits >= self.needed, self.hits, self.needed, "frames"),
            *self._place_rules(),
            *self._faint_rules(),
            *self._ghost_rules(),
        )
        if not self.code:
            return found
        row = TABLE[self.code]
        return (Rule(row.name, True, self.measured, self.expected, row.section), *found)

    def _place_rules(self) -> tuple[Rule, ...]:
        """Does it stay in one place, does it change there, is it warmer or colder throughout,
        is it without an outline of its own, and more than one pixel?"""
        if not self.limits.place:
            return ()
        asked = zip(PLACE_RULES, self.group.shares, self.limits.place, strict=True)
        return tuple(
            Rule(name, share >= limit, share, limit, "1")
            for name, share, limit in asked
            if share is not None and name not in self.limits.off
        )

    def _faint_rules(self) -> tuple[Rule, ...]:
        """Do means over places and seconds stand out?  Asked where single pixels do not."""
        limit = self.limits.faint
        if limit != limit or self.faint_sigma != self.faint_sigma:
            return ()
        return (Rule("faint", self.faint_sigma >= limit, self.faint_sigma, limit, "sigma"),)

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
            "facts": self.facts,
            "rules": [rule.as_dict() for rule in self.rules],
            "rules_off": list(self.limits.off),
        }

    @property
    def polarity(self) -> str:
        """Is it "warmer" or "colder" than its background?  "none" where nothing changed."""
        contrast = self.contrast_counts
        return "none" if contrast != contrast else "warmer" if contrast > 0 else "colder"

    @property
    def facts(self) -> dict[str, Any]:
        """What was measured of the group that decided, in plain values; None: not measured."""
        area, is_kept = self.group.area_px, self.group.is_kept
        is_there = bool(area and self.limits.place)
        duty, flicker, balance, clear, spread = (
            self.group.shares if is_there else (None,) * len(PLACE_RULES)
        )
        return {
            "polarity": self.polarity,
            "contrast_counts": _or_none(self.contrast_counts),
            "contrast_sigma": _or_none(self.contrast_counts / (self.noise_counts or nan)),
            "noise_counts": _or_none(self.noise_counts),
            "group_px": area,
            "may_be_gas": is_kept,
            "flicker": flicker,
            "coherence": None if clear is None else 1 - clear,
            "persistence": duty,
            "one_sign": balance,
            "spread": spread,
            "frames_held": self.hits,
            "frames_needed": self.needed,
            "nuc_age_s": self.nuc_age_ms / 1000 if self.nuc_age_ms >= 0 else None,
        }

    @property
    def trace(self) -> str:
        """Facts and rules in words, a line each: what was measured, what fired, what rejected."""
        facts = ", ".join(f"{name} {_said(value)}" for name, value in self.facts.items()
                          if value is not None)  # fmt: skip
        lines = [f"{self}: {self.reason}", f"facts     {facts}"]
        for rule in self.rules:
            if rule.measured != rule.measured and rule.known is not None:
                continue  # nothing was measured for it
            lines.append(f"{'rejected' if rule.rejects else 'passed':<10}{rule.words}")
        lines += [f"off       {name}" for name in self.limits.off]
        return "\n".join(lines)


def _said(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _or_none(value: float) -> float | None:
    return None if value != value else float(value)
