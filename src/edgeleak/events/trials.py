# SPDX-License-Identifier: Apache-2.0
"""How much gas would be found here, now: virtual plumes through a shadow of the real detector.

The shadow is a pipeline of its own with the same profile and correction.  A round: it learns the
background, then plumes of several columns begin at random places where nothing moves, and it
counts which of them become a confirmed event in time.  Nothing of it reaches the real pipeline.
"""

from collections.abc import Sequence
from math import isfinite, nan
from typing import Any

import numpy as np

from edgeleak.events.chance import Curve, Score
from edgeleak.events.event import Event, Moment
from edgeleak.events.tracker import ANSWERS, Tracker
from edgeleak.events.virtual import LENGTH_SHARE, Injector, Place, Plume
from edgeleak.frame import FrameInfo
from edgeleak.pipeline.places import cell_px

LEARN_S, FIND_S = 4.0, 15.0
"""The background and the ring of a second, twice; then three windows: leaks of the simulated yard
are found after 4 to 5 s when strong, weak ones when a gust is over."""
PLUMES_A_ROUND = 3
LADDER_PPM_M = tuple(62.5 * 2**k for k in range(10))
SURE = 3
BUSY_DUTY = 0.1
PLACE_TRIES = 60
LEAST_ANSWERED = 0.5
"""A round in which the detector said INHIBIT for longer says nothing about gas."""
LEAST_OVERLAP = 0.3
NS_PER_S = 1e9


class Trials:
    """Feed raw frames in order; `scores` grow at the end of each round.

    shadow    : a pipeline of its own, with the profile and the correction of the real one
    air_counts : corrected counts of the air's temperature
    ladder    : columns to try, ppm m
    seed      : places, directions and turbulence follow from it

    rounds, void : rounds ended, and those of them without an answer for half of the time
    answered, frames : of the frames while there was gas
    """

    def __init__(self, shadow: Any, air_counts: float, *,
                 ladder: Sequence[float] = LADDER_PPM_M, seed: int = 0,
                 fps: float | None = None, find_s: float = FIND_S) -> None:  # fmt: skip
        self._ladder, self._fps, self._seed = tuple(ladder), fps, seed
        self._rng = np.random.default_rng(seed)
        self.scores = {column: Score() for column in self._ladder}
        self.rounds = self.void = self.answered = self.frames = 0
        self._find_s, self._count = find_s, 0
        self._last_s = nan
        self._results: list[tuple[float, float, float]] = []
        self.use(shadow, air_counts)

    def use(self, shadow: Any, air_counts: float) -> None:
        """Another shadow from here on, with another correction; the scores stay."""
        fix = shadow._fix
        self._shadow = shadow
        self._injector = Injector(air_counts, fix.gain_q14, fix.offset, self._seed)
        self.begin()

    def forget(self, before_s: float) -> None:
        """Scores of rounds that ended before that time of the frames go."""
        self._results = [row for row in self._results if row[0] >= before_s]
        self.scores = {column: Score() for column in self._ladder}
        for _, column, seconds in self._results:
            self._count_in(column, seconds)

    def begin(self) -> None:
        """A new round; what the one under way has found is not counted."""
        self._shadow.relearn()
        self._tracker = Tracker(self._shadow)
        self._plumes: list[Plume] = []
        self._found: dict[int, float] = {}
        self._spent_s, self._seen, self._answered = 0.0, 0, 0

    @property
    def air_counts(self) -> float:
        return float(self._injector.air_counts)

    @property
    def tried(self) -> int:
        return sum(score.tried for score in self.scores.values())

    def take(self, raw: np.ndarray, info: FrameInfo) -> None:
        """One frame as it came from the sensor; it is not changed."""
        dt_s = self._passed_s(info)
        self._spent_s += dt_s
        if self._plumes:
            for plume in self._plumes:
                plume.step(dt_s)
            raw = self._injector.inject(raw, self._plumes)
        verdict = self._shadow.step(raw, info)
        self._count += 1
        moment = Moment(self._last_s, self._count, info.sequence)
        self._tracker.look(moment)
        if not self._plumes:
            if self._spent_s >= LEARN_S and str(verdict) in ANSWERS:
                self._place_plumes()
            return
        self._seen += 1
        self._answered += str(verdict) in ANSWERS
        self._note_found()
        if self._spent_s >= self._find_s or len(self._found) == len(self._plumes):
            self._score()
            self.begin()

    def give_up(self) -> None:
        """The frames end: a round that had most of its time counts."""
        if self._plumes and self._spent_s >= self._find_s / 2:
            self._score()
        self.begin()
        self._last_s = nan

    def _passed_s(self, info: FrameInfo) -> float:
        now_s = info.monotonic_ns / NS_PER_S
        if info.monotonic_ns < 0:
            now_s = self._count / self._fps if self._fps else nan
        dt_s = now_s - self._last_s
        self._last_s = now_s
        return min(dt_s, 2.0) if isfinite(dt_s) and dt_s > 0 else 0.0

    def _place_plumes(self) -> None:
        for _ in range(PLUMES_A_ROUND):
            place = self._free_place()
            if place is None:
                continue
            column = self._next_column()
            seed = int(self._rng.integers(1 << 31))
            self._plumes.append(Plume(self._shadow.shape, place, column, seed))
        self._spent_s = 0.0

    def _next_column(self) -> float:
        """The one tried least of those that are neither found nor missed every time."""
        planned = [plume.column_ppm_m for plume in self._plumes]
        return min(self._open_columns(), key=lambda c: self.scores[c].tried + 2 * planned.count(c))

    def _open_columns(self) -> list[float]:
        """The ladder without its ends: what SURE tries in a row missed, or found."""
        rows = [(column, self.scores[column]) for column in sorted(self._ladder)]
        while len(rows) > 1 and rows[0][1].tried >= SURE and not rows[1][1].found:
            if rows[1][1].tried < SURE:
                break
            rows.pop(0)
        while len(rows) > 1 and all(s.found == s.tried >= SURE for _, s in rows[-2:]):
            rows.pop()
        return [column for column, _ in rows]

    def _free_place(self) -> Place | None:
        """At random, inside the picture, where nothing changes and no other plume is."""
        h, w = self._shadow.shape
        length = LENGTH_SHARE * max(h, w)
        for _ in range(PLACE_TRIES):
            x, y, toward = self._rng.uniform((0, 0, 0), (w, h, 360))
            place = Place(float(x), float(y), float(toward), length)
            left, top, right, bottom = place.points()
            is_inside = left >= 0 and top >= 0 and right <= w and bottom <= h
            if is_inside and not self._is_busy(place):
                return place
        return None

    def _is_busy(self, place: Place) -> bool:
        box = place.points()
        if any(_overlap(box, plume.place.points()) > 0 for plume in self._plumes):
            return True
        arena = self._shadow.arena
        if "places" not in arena:
            return False
        side = cell_px(self._shadow.shape)
        left, top, right, bottom = (int(edge / side) for edge in box)
        duty = arena["places"][top : bottom + 1, left : right + 1]
        return bool((duty > BUSY_DUTY * 65535).any())

    def _note_found(self) -> None:
        for event in self._tracker.open:
            for number, plume in enumerate(self._plumes):
                if number not in self._found and _is_of(event, plume):
                    self._found[number] = self._spent_s

    def _score(self) -> None:
        self.rounds += 1
        self.frames += self._seen
        self.answered += self._answered
        if self._answered < LEAST_ANSWERED * self._seen:
            self.void += 1
            return
        for number, plume in enumerate(self._plumes):
            row = (self._last_s, plume.column_ppm_m, self._found.get(number, nan))
            self._results.append(row)
            self._count_in(*row[1:])

    def _count_in(self, column: float, seconds: float) -> None:
        score = self.scores[column]
        score.tried += 1
        if seconds == seconds:
            score.found += 1
            score.seconds.append(seconds)

    def as_dict(self) -> dict[str, Any]:
        """Plain values: shares with intervals, the curve, and what it stands on."""
        curve = Curve(self.scores)
        rows = [{"ppm_m": column, **score.as_dict()} for column, score in self.scores.items()
                if score.tried]  # fmt: skip
        return {
            "schema": "edgeleak.detectability/1",
            "air_counts": round(self.air_counts, 2),
            "tried": self.tried,
            "rounds": self.rounds,
            "rounds_without_answer": self.void,
            "answered_share": self.answered / self.frames if self.frames else None,
            "ladder": rows,
            "ppm_m_50": _or_none(curve.amount(0.5)),
            "ppm_m_90": _or_none(curve.amount(0.9)),
            "within_s": self._find_s,
        }

    def sentence(self, column_ppm_m: float) -> str:
        """Here, now, this much would be found in so many of the cases."""
        score, chance = self.scores.get(column_ppm_m), Curve(self.scores).at(column_ppm_m)
        if not self.tried:
            return "no round has ended: nothing is known yet"
        if score is None or not score.tried:
            if chance != chance:
                return f"nothing is known yet of {column_ppm_m:g} ppm m: not tried between others"
            return (f"here, now, {column_ppm_m:g} ppm m would be found in about"
                    f" {100 * chance:.0f} % of cases (from the curve)")  # fmt: skip
        row = score.as_dict()
        return (f"here, now, {column_ppm_m:g} ppm m would be found in {100 * row['share']:.0f} % of"
                f" cases ({score.found} of {score.tried}; 95 %: {100 * row['low_95']:.0f} to"
                f" {100 * row['high_95']:.0f})")  # fmt: skip


def _is_of(event: Event, plume: Plume) -> bool:
    """Enough of the event's box lies where the plume can be."""
    x, y, w, h = event.box
    inside = _overlap((x, y, x + w, y + h), plume.place.points())
    return inside >= LEAST_OVERLAP * max(w * h, 1)


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    across = min(a[2], b[2]) - max(a[0], b[0])
    down = min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, across) * max(0.0, down)


def _or_none(value: float) -> float | None:
    return None if not isfinite(value) else float(f"{value:.3g}")
