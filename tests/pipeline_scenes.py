# SPDX-License-Identifier: Apache-2.0
"""A noisy slope with structure at 10 fps, for tests of what may not be judged."""

import numpy as np

from edgeleak import pipeline as camera
from edgeleak.frame import FrameInfo

SHAPE = (48, 64)
PERIOD_NS = 100_000_000


class Pipeline(camera.Pipeline):
    """Takes its frames for corrected, unless it is told otherwise."""

    def __init__(self, *args, is_corrected=True, **options):
        super().__init__(*args, is_corrected=is_corrected, **options)


class Scene:
    """Frames and facts in step; a plume that sways on request."""

    def __init__(self, shape=SHAPE, seed=0, period_ns=PERIOD_NS):
        self.rng = np.random.default_rng(seed)
        y, x = np.indices(shape)
        self.base = 5000 + 30.0 * x + 10.0 * y + 60 * np.sin(x / 5) * np.sin(y / 4)
        self.period_ns, self.count = period_ns, 0

    def frame(self, plume=0.0):
        h, w = self.base.shape
        y, x = np.indices(self.base.shape)
        place = w / 3 + w / 16 * np.sin(self.count / 3.0)
        blob = np.exp(-((y - h / 2) ** 2 + (x - place) ** 2) / (2 * (h / 10) ** 2))
        noisy = self.base + self.rng.normal(0, 2, self.base.shape) - plume * blob
        return np.clip(noisy, 0, 16383).astype(np.uint16)

    def info(self, **facts):
        self.count += 1
        facts = {"sequence": self.count, "monotonic_ns": self.count * self.period_ns} | facts
        return FrameInfo(**facts)


def ready(profile="sensitive", frames=60, scene=None, **options):
    """A pipeline that has learnt, and its scene."""
    scene = scene or Scene()
    pipeline = Pipeline(scene.base.shape, profile, **options)
    for _ in range(frames):
        pipeline.step(scene.frame(), scene.info())
    return pipeline, scene


def run(pipeline, scene, frames, plume=0.0, facts=lambda t: {}):
    """Verdicts of frames with the facts that *facts* gives to each."""
    return [pipeline.step(scene.frame(plume), scene.info(**facts(t))) for t in range(frames)]
