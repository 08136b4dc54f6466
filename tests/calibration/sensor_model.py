# SPDX-License-Identifier: Apache-2.0
"""A linear sensor with known gain, offset, noise and defects."""

import numpy as np


class LinearSensor:
    """counts = level * gain + offset + noise; seeded."""

    def __init__(self, seed=0, shape=(48, 64), noise=2.0):
        self.rng = np.random.default_rng(seed)
        self.gain = 1 + self.rng.normal(0, 0.03, shape)
        self.offset = self.rng.normal(0, 40, shape) + self.rng.normal(0, 30, shape[1])
        self.noise = noise
        self.shape = shape

    def frames(self, level, count=24, drift=3.0):
        """(count, H, W) uint16 under a uniform reference that gives *level* counts."""
        levels = level + self.rng.normal(0, drift, (count, 1, 1))
        values = levels * self.gain + self.offset
        values = values + self.rng.normal(0, self.noise, (count, *self.shape))
        return np.clip(np.rint(values), 0, 16383).astype(np.uint16)
