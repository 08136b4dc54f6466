# SPDX-License-Identifier: Apache-2.0
"""Events of a whole recording, and the time of its frames."""

from collections.abc import Callable, Iterable
from math import nan
from typing import Any

import numpy as np

from edgeleak.events.event import Event, Moment, moment_of
from edgeleak.events.tracker import Tracker
from edgeleak.frame import FrameInfo

NS_PER_S = 1e9


class Clock:
    """Seconds since the first frame of a run.

    fps : used where frames carry no time; None leaves NaN
    """

    def __init__(self, fps: float | None) -> None:
        self._fps = fps
        self._start_ns: int | None = None

    def time_s(self, info: FrameInfo, frame: int) -> float:
        """Of that frame, the run's number `frame`."""
        if info.monotonic_ns >= 0:
            if self._start_ns is None:
                self._start_ns = info.monotonic_ns
            return (info.monotonic_ns - self._start_ns) / NS_PER_S
        return frame / self._fps if self._fps else nan


class Follower:
    """A tracker that is told of each frame of a run.

    fps : used for times where frames carry none
    keep : gets a record for each change, ready to be written
    """

    def __init__(self, pipeline: Any, fps: float | None,
                 keep: Callable[[dict[str, Any]], None] = lambda record: None) -> None:  # fmt: skip
        self.tracker, self._clock, self._keep = Tracker(pipeline), Clock(fps), keep
        self._moment = Moment(nan, -1, -1)
        self._shown: dict[str, dict[str, str]] = {}

    @property
    def frames(self) -> int:
        return self._moment.frame + 1

    def take(self, info: FrameInfo, word: str = "") -> list[Event]:
        """After the step of that frame; the events that changed."""
        frame = self._moment.frame + 1
        self._moment = moment_of(info, self._clock.time_s(info, frame), frame)
        return self._kept(self.tracker.look(self._moment, word))

    def finish(self) -> list[Event]:
        """No more frames."""
        return self._kept(self.tracker.finish(self._moment))

    def _kept(self, changed: list[Event]) -> list[Event]:
        for event in changed:
            record = event.as_dict()
            had = self._shown.setdefault(event.key, {})
            pictures = record["thumbnails"]
            record["thumbnails"] = {k: v for k, v in pictures.items() if had.get(k) != v}
            had.update(pictures)
            self._keep(record)
        return changed


def watch(frames: Iterable[tuple[np.ndarray, FrameInfo]], pipeline: Any, fps: float | None,
          span: tuple[int, int | None] = (0, None),
          keep: Callable[[dict[str, Any]], None] = lambda record: None) -> Follower:  # fmt: skip
    """Run the detector over frames `span` of a source and follow its events."""
    follower = Follower(pipeline, fps, keep)
    for number, (pixels, info) in enumerate(frames):
        if number < span[0]:
            continue
        if span[1] is not None and number >= span[1]:
            break
        pipeline.step(pixels, info)
        follower.take(info)
    follower.finish()
    return follower
