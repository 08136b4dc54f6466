# SPDX-License-Identifier: Apache-2.0
"""How long a method watched, how much of that it answered, and how often it raised an alarm."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from edgeleak.evaluate.detection.statistics import Share, events_upper, wilson
from edgeleak.evaluate.detection.track import Track, events

AFTER_S = 2.0
"""Learning is not judged."""
LEAST_H = 1 / 3600
"""Less than a second of answers bounds nothing."""
HEADS = ["events", "minutes answered", "an hour at most"]


class Watch(NamedTuple):
    """Alarms of some tracks after their first seconds.

    events      : beginnings of GAS that is an alarm
    watched_h   : all that time
    answered_h  : the part of it with a plain answer; bounds go by it
    held, frames : frames without an answer, frames
    """

    events: int
    watched_h: float
    answered_h: float
    held: int
    frames: int

    @property
    def per_hour_upper(self) -> float:
        """Alarms an hour of answers that are not exceeded with 95 % confidence."""
        return events_upper(self.events, self.answered_h)

    @property
    def inhibit(self) -> Share:
        return wilson(self.held, self.frames)

    @property
    def cells(self) -> list[object]:
        """Under `HEADS`."""
        bound = f"{self.per_hour_upper:.0f}" if self.answered_h > LEAST_H else "-"
        minutes = f"{60 * self.answered_h:.1f} of {60 * self.watched_h:.1f}"
        return [self.events, minutes, bound]

    def as_dict(self) -> dict[str, object]:
        return {
            "events": self.events, "watched_h": self.watched_h, "answered_h": self.answered_h,
            "per_hour_upper_95": self.per_hour_upper, "inhibit": self.inhibit.as_dict(),
        }  # fmt: skip


def watch_of(tracks: Iterable[tuple[Track, np.ndarray]]) -> Watch:
    """Of tracks, each with the frames that raise an alarm, (N,) bool."""
    return together(_one(track, alarm) for track, alarm in tracks)


def together(watches: Iterable[Watch]) -> Watch:
    """Of several, their sums."""
    sums = [sum(column) for column in zip(*watches, strict=True)] or [0] * len(Watch._fields)
    return Watch(*sums)


def _one(track: Track, alarm: np.ndarray) -> Watch:
    later = track.time_s >= AFTER_S
    answered = later & track.is_answered
    dt_s = np.diff(track.time_s, prepend=track.time_s[:1])
    return Watch(
        events(alarm & later), float(dt_s[later].sum()) / 3600, float(dt_s[answered].sum()) / 3600,
        int((later & ~answered).sum()), int(later.sum()),
    )  # fmt: skip
