# SPDX-License-Identifier: Apache-2.0
"""A small textured wall with swaying, flickering plumes of known roots; 10 frames a second."""

import numpy as np

from edgeleak.events.event import Moment
from edgeleak.events.tracker import Tracker
from edgeleak.frame import FrameInfo
from edgeleak.pipeline import Pipeline

SHAPE = (120, 160)
PERIOD_NS = 100_000_000


class Wall:
    """Frames with plumes: each is (root x, root y, dx, dy, counts), dx, dy to where it goes."""

    def __init__(self, seed=0, shape=SHAPE):
        self.rng = np.random.default_rng(seed)
        self.y, self.x = np.indices(shape, dtype=np.float32)
        self.base = (
            5000 + 8.0 * self.x + 6.0 * self.y + 60 * np.sin(self.x / 5) * np.sin(self.y / 4)
        )
        self.count = 0

    def frame(self, plumes=()):
        picture = self.base + 2 * self.rng.standard_normal(self.base.shape, np.float32)
        for number, (x, y, dx, dy, counts) in enumerate(plumes):
            sway = 3 * np.sin(self.count / 3.0 + number) + 2 * np.sin(self.count / 1.3)
            length = np.hypot(dx, dy)
            along = ((self.x - x) * dx + (self.y - y) * dy) / length
            across = ((self.x - x) * -dy + (self.y - y) * dx) / length
            share = np.clip(along / length, 0, 1)
            width = 2.5 + 6 * share
            middle = sway * share
            column = np.exp(-((across - middle) ** 2) / (2 * width**2)) * np.exp(-2.0 * share)
            column *= (along > -1) & (along < length)
            flicker = 1 + 0.35 * np.sin(self.count / 1.7 + along / 6 + number)
            picture += counts * column * flicker
        return np.clip(picture, 0, 16383).astype(np.uint16)

    def info(self, tenths=1, **facts):
        self.count += tenths
        facts = {"sequence": self.count, "monotonic_ns": self.count * PERIOD_NS} | facts
        return FrameInfo(**facts)


class Run:
    """Pipeline and tracker over a wall; `changes` are (frame, state) of every record."""

    def __init__(self, profile="sensitive", seed=0, **facts):
        self.wall = Wall(seed)
        self.pipeline = Pipeline(SHAPE, profile, is_corrected=True)
        self.tracker = Tracker(self.pipeline)
        self.facts, self.changes, self.frame = facts, [], -1

    def go(self, frames, plumes=(), tenths=1, **facts):
        """Frames so many tenths of a second apart."""
        for _ in range(frames):
            pixels = self.wall.frame(plumes)
            info = self.wall.info(tenths, **self.facts, **facts)
            self.pipeline.step(pixels, info)
            self.frame += 1
            self.moment = Moment(self.wall.count / 10, self.frame, info.sequence, info.utc_ns)
            for event in self.tracker.look(self.moment):
                self.changes.append((event.key, event.state, self.frame))
        return self
