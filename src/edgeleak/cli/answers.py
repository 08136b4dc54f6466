# SPDX-License-Identifier: Apache-2.0
"""Frames to events: stretches of one answer, with their peak."""

import csv
import io
import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

from edgeleak.cli.watching import Seen, or_none

JOIN_GAP_FRAMES = 3
"""A GAS stretch that pauses for fewer frames is one event."""
KEPT_EVENTS = 1000
COLUMNS = (
    "event", "verdict", "code", "start_s", "end_s", "first_frame", "last_frame", "frames",
    "gas_evidence", "peak_frame", "peak_sequence", "peak_s", "x", "y", "w", "h",
)  # fmt: skip


@dataclass(slots=True)
class Event:
    """One stretch of GAS, INHIBIT or FAULT.

    first, last : its first and last frame; `frames` of them gave the answer
    peak        : the frame of most gas: largest evidence in proven places (largest area where
                  there is no evidence)

    In a row `gas_evidence` is that of the peak in proven places only; the picture's banner shows
    the evidence of the whole frame.  `peak_frame` counts from the first frame that was looked at,
    `peak_sequence` is the camera's own number in the file, after # in the picture.
    """

    number: int
    first: Seen
    last: Seen
    peak: Seen
    frames: int = 1

    @property
    def word(self) -> str:
        return self.first.word

    def take(self, seen: Seen) -> None:
        self.last = seen
        self.frames += 1
        if strength(seen) > strength(self.peak):
            self.peak = seen

    def as_row(self) -> dict[str, Any]:
        x, y, w, h = self.peak.box or (None,) * 4
        values = (
            self.number, self.word, self.first.code, or_none(self.first.time_s),
            or_none(self.last.time_s), self.first.index, self.last.index, self.frames,
            or_none(self.peak.gas_evidence), self.peak.index, self.peak.sequence,
            or_none(self.peak.time_s), x, y, w, h,
        )  # fmt: skip
        return dict(zip(COLUMNS, values, strict=True))


def strength(seen: Seen) -> tuple[float, int]:
    """Order of frames inside an event."""
    evidence = seen.gas_evidence
    return (-math.inf if math.isnan(evidence) else evidence, seen.area_px)


class EventLog:
    """Feed every frame; `events` are the stretches that were not NO GAS."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.dropped = 0
        self.words: Counter[str] = Counter()
        self.codes: Counter[int] = Counter()
        self.latest: Seen | None = None
        self.current: Event | None = None

    def take(self, seen: Seen) -> Event | None:
        """Count the frame; returns the event it belongs to."""
        self.latest = seen
        self.words[seen.word] += 1
        if seen.code:
            self.codes[seen.code] += 1
        if seen.word == "NO GAS":
            return None
        event = self._open_event(seen)
        if event is not None:
            event.take(seen)
            return event
        self.current = Event(len(self.events) + 1 + self.dropped, seen, seen, seen)
        if len(self.events) < KEPT_EVENTS:
            self.events.append(self.current)
        else:
            self.dropped += 1
        return self.current

    def _open_event(self, seen: Seen) -> Event | None:
        event = self.current
        if event is None or (event.word, event.first.code) != (seen.word, seen.code):
            return None
        near = seen.index - event.last.index <= JOIN_GAP_FRAMES
        return event if near else None

    @property
    def gas(self) -> list[Event]:
        return [event for event in self.events if event.word == "GAS"]

    @property
    def overall(self) -> str:
        """GAS once it was found; else what most frames said."""
        if self.words["GAS"]:
            return "GAS"
        return self.words.most_common(1)[0][0] if self.words else "INHIBIT"

    def as_csv(self) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(event.as_row() for event in self.events)
        return text.getvalue()

    def as_json_lines(self) -> str:
        return "".join(json.dumps(event.as_row()) + "\n" for event in self.events)
