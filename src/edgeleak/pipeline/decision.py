# SPDX-License-Identifier: Apache-2.0
"""From evidence per frame to an answer: k of the frames within a window of time."""

from collections import deque
from math import ceil

from edgeleak.pipeline.profile import Profile
from edgeleak.pipeline.rules import is_on

MAX_FRAMES = 1024
"""Frames a window can hold: 8 s at 120 frames a second."""


class Persistence:
    """Counts the frames with enough evidence within the last `window_s`."""

    def __init__(self, profile: Profile) -> None:
        self.window_s = profile["evidence.window_s"]
        self._share = profile["evidence.share"]
        self._least = profile["evidence.least_frames"]
        self._least_s = self._share * self.window_s - 1e-6
        self._is_on = is_on(profile, "persistence")
        self._frames: deque[tuple[float, bool]] = deque(maxlen=MAX_FRAMES)
        self._held = 0
        self.hits, self.needed = 0, self._least

    def reset(self) -> None:
        """Forget every hit."""
        self._frames.clear()
        self.hits = 0

    def add(self, now_s: float, is_hit: bool) -> bool:
        """True when enough frames of the window, this one included, are hits.

        The frames must reach back the share of the window that has to be hits.
        """
        frames = self._frames
        if len(frames) == MAX_FRAMES:
            self.hits -= frames.popleft()[1]
        frames.append((now_s, is_hit))
        if is_hit:
            self.hits += 1
        # A frame exactly window_s old has left: 3 s at one frame a second are three frames.
        oldest = now_s - self.window_s + 1e-6
        while frames[0][0] < oldest:
            self.hits -= frames.popleft()[1]
        if len(frames) != self._held:  # at a steady rate it hardly ever changes
            self._held = len(frames)
            self.needed = max(self._least, ceil(self._share * self._held))
        # Three hits just after learning are not half of five seconds.
        if not self._is_on:
            return is_hit
        is_filled = now_s - frames[0][0] >= self._least_s or len(frames) == MAX_FRAMES
        return is_filled and self.hits >= self.needed
