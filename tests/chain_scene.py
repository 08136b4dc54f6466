# SPDX-License-Identifier: Apache-2.0
"""A small noisy scene with a plume on request, and a pipeline that has learnt it."""

import numpy as np
from pipeline_scenes import Pipeline

from edgeleak.frame import FrameInfo
from edgeleak.kernels import reference  # noqa: F401  (the package must exist)

SHAPE = (48, 64)
PERIOD_NS = 100_000_000


class Scene:
    """A noisy scene at 10 fps; a plume that drifts on request."""

    def __init__(self, shape=SHAPE, seed=0, period_ns=PERIOD_NS):
        self.rng = np.random.default_rng(seed)
        y, x = np.indices(shape)
        self.base = 5000 + 30.0 * x + 10.0 * y + 60 * np.sin(x / 5) * np.sin(y / 4)
        self.period_ns, self.count = period_ns, 0

    def frame(self, plume=0.0):
        y, x = np.indices(self.base.shape)
        place = 20 + 4 * np.sin(self.count / 3.0)
        blob = np.exp(-((y - 24) ** 2 + (x - place) ** 2) / (2 * 5.0**2))
        noisy = self.base + self.rng.normal(0, 2, self.base.shape) - plume * blob
        return np.clip(noisy, 0, 16383).astype(np.uint16)

    def info(self, **facts):
        self.count += 1
        return FrameInfo(self.count, self.count * self.period_ns, **facts)


def ready(profile="sensitive", frames=60, **options):
    scene = Scene()
    pipeline = Pipeline(SHAPE, profile, **options)
    for _ in range(frames):
        pipeline.step(scene.frame(), scene.info())
    return pipeline, scene
