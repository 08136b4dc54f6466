# SPDX-License-Identifier: Apache-2.0
"""Candidate, confirmed, ended: what becomes of sightings over time.

A sighting belongs to the event whose places it touches.  Where one sighting covers two confirmed
events (their plumes have met) the one it covers most grows and the other is held, so both keep
their ids.  Numbers are in pipeline/rules.toml, `[event.*]`.
"""

from collections import deque
from math import exp, nan
from typing import Any

import numpy as np

from edgeleak.events.event import (
    CLEARED,
    CONFIRMED,
    CUT,
    ENDED,
    SILENT,
    Event,
    Moment,
    key_of,
)
from edgeleak.events.plume import Shape
from edgeleak.events.sightings import Sighting, Sightings
from edgeleak.events.thumbnail import thumbnail
from edgeleak.pipeline.decision import Persistence
from edgeleak.pipeline.rules import event_settings

ANSWERS = ("GAS", "NO GAS")
HOME_SHARE = 0.1
AREA_S, AREA_SAMPLES = 10.0, 256
KEPT_ENDED = 1000
SAME_PLACE = 2.0
"""Two sources are one when they are nearer than so many errors."""
BETTER_PEAK, PEAK_EVERY_S = 1.25, 1.0
"""A new picture of the peak when it is so much stronger, at most once a second: each costs a
drawn picture where the picture is drawn on request."""


class Track:
    """One event and what is remembered to follow it.

    home : (rows, columns) float32, how much of the last seconds each place was its own
    """

    def __init__(self, event: Event, profile: Any, cells: tuple[int, int], shape: Shape) -> None:
        self.event, self.shape = event, shape
        self.home = np.zeros(cells, np.float32)
        self.weight = 1e-6
        self.persistence, self.passes = Persistence(profile), False
        self.quiet_s = self.silent_s = self.since_update_s = 0.0
        self.shown_evidence, self.shown_s = 0.0, -PEAK_EVERY_S
        self.areas: deque[tuple[float, float]] = deque(maxlen=AREA_SAMPLES)
        self.centres: deque[tuple[float, float, float]] = deque(maxlen=AREA_SAMPLES)

    @property
    def is_confirmed(self) -> bool:
        return self.event.state == CONFIRMED

    def remember(self, cells: np.ndarray, dt_s: float, memory_s: float) -> None:
        keep = exp(-dt_s / memory_s)
        self.home *= keep
        self.weight = self.weight * keep + dt_s
        self.home[cells] += max(dt_s, 1e-6)

    def overlap(self, cells: np.ndarray) -> int:
        """How many of its places are touched."""
        return int((cells & (self.home > HOME_SHARE * self.weight)).sum())


class Tracker:
    """Follows the events of one pipeline.

    pipeline : stepped by the caller; `look` reads it between two steps
    events   : confirmed and ended, in order of confirmation, the newest 1000
    candidates : how many there ever were; `dropped` of them came to nothing
    """

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._sightings = Sightings(pipeline)
        self._set = {name: float(row.value) for name, row in event_settings().items()}
        self._gas_from = pipeline.profile["evidence.gas"]
        self.tracks: list[Track] = []
        self.events: deque[Event] = deque(maxlen=KEPT_ENDED)
        self.candidates = self.dropped = self.confirmed = 0
        self._last_s = nan

    @property
    def open(self) -> list[Event]:
        """Confirmed and not ended."""
        return [track.event for track in self.tracks if track.is_confirmed]

    def look(self, moment: Moment, word: str = "") -> list[Event]:
        """After a step of the pipeline; events that were confirmed, are due to be written down
        again, or ended.

        word : the answer, where another one than the pipeline's holds
        """
        dt_s = moment.time_s - self._last_s if self._last_s == self._last_s else 0.0
        self._last_s = moment.time_s
        if not dt_s >= 0:
            dt_s = 0.0
        word = word or str(self._pipeline.verdict)
        if word not in ANSWERS:
            return self._wait(moment, dt_s)
        sightings = self._sightings.find()
        if not sightings and not self.tracks:
            return []
        return self._follow(moment, dt_s, word == "GAS", sightings)

    def finish(self, moment: Moment) -> list[Event]:
        """No more frames will come."""
        open_ = [track for track in self.tracks if track.is_confirmed]
        self.dropped += len(self.tracks) - len(open_)
        self.tracks.clear()
        return [self._end(track, moment, CUT) for track in open_]

    # --- one look --------------------------------------------------------------------------------

    def _follow(self, moment: Moment, dt_s: float, is_gas: bool,
                sightings: list[Sighting]) -> list[Event]:  # fmt: skip
        owned: dict[int, list[Sighting]] = {}
        held: set[int] = set()
        absorbed: set[int] = set()
        for sighting in sightings:
            main, others = self._owners(sighting)
            if main is None:
                main = self._begin(moment)
            owned.setdefault(id(main), []).append(sighting)
            for other in others:
                (held if other.is_confirmed else absorbed).add(id(other))
        absorbed -= set(owned)
        self.dropped += len(absorbed)
        self.tracks = [track for track in self.tracks if id(track) not in absorbed]
        fine = (self._sightings.mask, self._sightings.strength) if owned else None
        changed = []
        for track in self.tracks:
            seen = owned.get(id(track), [])
            self._see(track, moment, dt_s, seen, id(track) in held, fine)
        strongest = self._strongest() if is_gas and not self.open else None
        for track in self.tracks:
            changed += self._judge(track, moment, dt_s, is_gas, track is strongest)
        self.tracks = [track for track in self.tracks if track.event.state != ENDED]
        return changed

    def _strongest(self) -> Track | None:
        """The verdict is GAS and no event says so: the candidate that made it."""
        seen = [track for track in self.tracks if track.event.frames and not track.quiet_s]
        return max(seen, key=lambda track: track.event.evidence.now, default=None)

    def _owners(self, sighting: Sighting) -> tuple[Track | None, list[Track]]:
        reached = _spread(sighting.cells, int(self._set["reach_cells"]))
        touching = [(track.is_confirmed, track.overlap(reached), track) for track in self.tracks]
        touching = [row for row in touching if row[1]]
        if not touching:
            return None, []
        main = max(touching, key=lambda row: row[:2])[2]
        return main, [track for *_, track in touching if track is not main]

    def _begin(self, moment: Moment) -> Track:
        self.candidates += 1
        sightings = self._sightings
        shape = Shape(sightings.shape, sightings.step, sightings.cell_px)
        track = Track(Event("", 0, moment), self._pipeline.profile, sightings.cells, shape)
        self.tracks.append(track)
        return track

    def _see(self, track: Track, moment: Moment, dt_s: float, seen: list[Sighting], is_held: bool,
             fine: tuple[np.ndarray, np.ndarray] | None) -> None:  # fmt: skip
        """Figures of one look at one event."""
        evidence = sum(sighting.evidence for sighting in seen)
        track.silent_s = 0.0
        is_seen = is_held or evidence >= self._set["release_share"] * self._gas_from
        track.quiet_s = 0.0 if is_seen else track.quiet_s + dt_s
        is_enough = is_held or evidence >= self._gas_from
        track.passes = track.persistence.add(moment.time_s, is_enough)
        if not seen or fine is None:
            return
        event = track.event
        cells = np.logical_or.reduce([sighting.cells for sighting in seen])
        track.remember(cells, dt_s, self._set["home_s"])
        if evidence >= self._gas_from:  # what is left of a plume that ends is not its shape
            track.shape.take(cells, *fine, dt_s, self._set["home_s"])
        area = sum(sighting.area_px for sighting in seen)
        contrast = sum(s.contrast_counts * s.area_px for s in seen) / area
        noise = self._pipeline.verdict.noise_counts
        event.frames += 1
        event.last, event.box = moment, _around([sighting.box for sighting in seen])
        weight = dt_s or 1e-6
        event.area_px.take(area, weight)
        event.contrast_counts.take(contrast, weight)
        event.plume_index.take(abs(contrast) * area / noise if noise else nan, weight)
        if event.evidence.take(evidence, weight):
            event.peak_box, event.peak_at = event.box, moment
        track.areas.append((moment.time_s, area))
        x, y = (sum(s.centre[k] * s.area_px for s in seen) / area for k in (0, 1))
        track.centres.append((moment.time_s, x, y))

    def _judge(self, track: Track, moment: Moment, dt_s: float, is_gas: bool,
               is_strongest: bool) -> list[Event]:  # fmt: skip
        event = track.event
        if not track.is_confirmed:
            if is_strongest or (track.passes and is_gas and self._is_second(track, moment)):
                return [self._confirm(track, moment)]
            if track.quiet_s > self._set["candidate_s"]:
                self._drop(track)
            return []
        if track.quiet_s > self._set["quiet_s"]:
            return [self._end(track, moment, CLEARED)]
        if event.peak_at is moment:
            self._show_peak(track, moment)
        track.since_update_s += dt_s
        if track.since_update_s < self._set["update_s"]:
            return []
        track.since_update_s = 0.0
        self._describe(track)
        return [event]

    def _is_second(self, track: Track, moment: Moment) -> bool:
        """Beside an open event another one has to last longer."""
        is_old = moment.time_s - track.event.first.time_s >= self._set["second_s"]
        return is_old or not self.open

    def _wait(self, moment: Moment, dt_s: float) -> list[Event]:
        """No answer: nothing is known of any event."""
        code = self._pipeline.verdict.code
        ended = []
        for track in list(self.tracks):
            track.silent_s += dt_s
            if track.is_confirmed and track.silent_s > self._set["silent_s"]:
                ended.append(self._end(track, moment, f"{SILENT} ({code})" if code else SILENT))
            elif not track.is_confirmed and track.silent_s > self._set["candidate_s"]:
                self._drop(track)
        self.tracks = [track for track in self.tracks if track.event.state != ENDED]
        return ended

    # --- changes of state ------------------------------------------------------------------------

    def _confirm(self, track: Track, moment: Moment) -> Event:
        self.confirmed += 1
        event, verdict = track.event, self._pipeline.verdict
        event.number = self.confirmed
        event.key = key_of(event.first, event.number)
        event.state, event.confirmed = CONFIRMED, moment
        event.facts = verdict.facts
        event.rules = tuple(rule.as_dict() for rule in verdict.rules)
        self._describe(track)
        event.same_place_as = self._earlier(event)
        self._show(track, moment, "confirmed")
        self.events.append(event)
        return event

    def _earlier(self, event: Event) -> str:
        """A leak that pauses is two events from one source."""
        for other in reversed(self.events):
            apart = np.hypot(*np.subtract(event.origin, other.origin))
            reach = SAME_PLACE * np.hypot(event.origin_error_px, other.origin_error_px)
            if other.state == ENDED and apart <= max(reach, self._sightings.cell_px):
                return other.same_place_as or other.key
        return ""

    def _show_peak(self, track: Track, moment: Moment) -> None:
        is_due = moment.time_s - track.shown_s >= PEAK_EVERY_S
        if is_due and track.event.evidence.peak >= BETTER_PEAK * track.shown_evidence:
            self._show(track, moment, "peak")

    def _show(self, track: Track, moment: Moment, name: str) -> None:
        pipeline, event = self._pipeline, track.event
        event.thumbnails[name] = thumbnail(pipeline.grey, pipeline.mask, event.box)
        track.shown_evidence, track.shown_s = event.evidence.peak, moment.time_s

    def _end(self, track: Track, moment: Moment, why: str) -> Event:
        event = track.event
        self._describe(track)
        event.state, event.ended, event.end_reason = ENDED, moment, why
        return event

    def _drop(self, track: Track) -> None:
        self.dropped += 1
        track.event.state = ENDED

    def _describe(self, track: Track) -> None:
        """Figures that are made only when somebody reads them."""
        event, shape = track.event, track.shape
        found = shape.source()
        event.origin, event.origin_error_px = found.origin, found.error_px
        event.direction_deg, event.steadiness = found.direction_deg, found.steadiness
        event.growth_px_per_s = _slope(track.areas)
        across = _slope([(t, x) for t, x, _ in track.centres])
        down = _slope([(t, y) for t, _, y in track.centres])
        event.drift_px_per_s = float(np.hypot(across, down))


def _spread(cells: np.ndarray, reach: int) -> np.ndarray:
    """The cells and their neighbours so far away."""
    for _ in range(reach):
        padded = np.pad(cells, 1)
        rows = padded[:-2] | padded[1:-1] | padded[2:]
        cells = rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
    return cells


def _around(boxes: list[tuple[int, int, int, int]]) -> tuple[int, int, int, int]:
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right = max(box[0] + box[2] for box in boxes)
    return left, top, right - left, max(box[1] + box[3] for box in boxes) - top


def _slope(samples: Any) -> float:
    """Least squares over the last seconds, per second; NaN from fewer than three samples."""
    samples = list(samples)
    if samples:
        samples = [row for row in samples if row[0] >= samples[-1][0] - AREA_S]
    if len(samples) < 3 or samples[-1][0] - samples[0][0] < 1.0:
        return nan
    at, value = np.array(samples, float).T
    at = at - at.mean()
    return float(at @ value / (at @ at))
