# SPDX-License-Identifier: Apache-2.0
"""Leaks of the running instrument: followed once a second, written down by the recorder's process.

`look` belongs to the frames thread, between two frames; without gas it is a comparison.  A record
that the recorder cannot take at the moment waits here, the newest 64 of them.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from edgeleak.events.event import ENDED, Event
from edgeleak.events.watch import Follower
from edgeleak.services.frame_path import FramePath
from edgeleak.services.health import Health
from edgeleak.services.recorder import Recorder

WAITING = 64
LISTED = 8


class Leaks:
    """Events of the instrument.

    path, health : newest frame and the answer that is in force
    recorder     : keeps the records; None only follows
    log          : one line when a leak is confirmed and when it ends
    """

    def __init__(self, pipeline: Any, path: FramePath, health: Health, recorder: Recorder | None,
                 log: Callable[[str], None]) -> None:  # fmt: skip
        self._path, self._health, self._recorder, self._log = path, health, recorder, log
        self._follower = Follower(pipeline, None, self._keep)
        self._waiting: deque[dict[str, Any]] = deque(maxlen=WAITING)
        self._frames = 0
        self._facts: dict[str, Any] = {"confirmed": 0, "open": []}

    def look(self) -> None:
        """After the step of a frame; nothing without a new one."""
        if self._path.frames != self._frames:
            self._frames = self._path.frames
            self._tell(self._follower.take(self._path.info, str(self._health.answer)))
        self._hand_over()

    def close(self) -> None:
        """The instrument ends, and what it watches with it."""
        self._tell(self._follower.finish())
        self._hand_over()

    def facts(self) -> dict[str, Any]:
        """For the status; a snapshot, from any thread."""
        return self._facts

    def _tell(self, changed: list[Event]) -> None:
        for event in changed:
            if event.state == ENDED or event.confirmed is event.last:
                self._log(f"LEAK {event.line()}")
        tracker = self._follower.tracker
        if not changed and not self._facts["open"]:
            return
        rows = [brief(event) for event in tracker.open[:LISTED]]
        self._facts = {"confirmed": tracker.confirmed, "open": rows}

    def _keep(self, record: dict[str, Any]) -> None:
        if self._recorder is not None:
            self._waiting.append(record)

    def _hand_over(self) -> None:
        while self._waiting and self._recorder is not None:
            if not self._recorder.leak(self._waiting[0]):
                return
            self._waiting.popleft()


def brief(event: Event) -> dict[str, Any]:
    """What a status line needs of one leak."""
    record = event.as_dict()
    names = ("id", "duration_s", "box_xywh", "origin_xy", "origin_error_px", "direction_deg",
             "polarity", "same_place_as")  # fmt: skip
    return {name: record[name] for name in names} | {
        "evidence": record["evidence"]["mean"],
        "plume_index": record["plume_index"]["mean"],
    }
