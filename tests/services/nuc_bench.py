# SPDX-License-Identifier: Apache-2.0
"""A sensor whose pattern is known, the correction and the real pipeline, joined as on the board."""

from dataclasses import replace

import numpy as np

from edgeleak.calibration.model import UNITY_GAIN_Q14, Calibration, Kind
from edgeleak.config import NucConfig
from edgeleak.frame import FrameFlag, FrameInfo
from edgeleak.pipeline import Pipeline
from edgeleak.services.nuc import Nuc
from edgeleak.services.nuc_status import Phase

SHAPE = (61, 83)
PERIOD_NS = 100_000_000
CONFIG = NucConfig(frames=16, settle_s=0.5, drift_k=0.3, every_s=60.0)


def base_of(gain=None, nuc_id=-1):
    gain = np.full(SHAPE, UNITY_GAIN_Q14, np.int16) if gain is None else gain
    return Calibration(
        Kind.ONE_POINT, gain, np.zeros(SHAPE, np.int16), np.empty((0, 5), np.int32),
        np.empty(0, np.uint8), np.zeros(SHAPE, np.uint16), nuc_id=nuc_id,
    )  # fmt: skip


class Sensor:
    """Pattern, scene and noise; its shutter follows the wish one frame later."""

    def __init__(self, seed=0, *, sticks=False, scene_counts=300.0):
        self.rng = np.random.default_rng(seed)
        self.pattern = self.rng.normal(0, 120, SHAPE)
        y, x = np.indices(SHAPE)
        wave = np.sin(x / 7) * np.cos(y / 9)
        self.scene = 6000 + scene_counts * wave
        self.shut_counts = 5200.0
        self.sticks, self.is_closed, self.number = sticks, False, 0
        self.fpa_degc = -20.0
        self.flickering, self.flickers = 40 * SHAPE[1] + 7, False

    def frame(self, wants_closed):
        info = FrameInfo(self.number, self.number * PERIOD_NS, fpa_temp_degc=self.fpa_degc,
                         flags=FrameFlag.SHUTTER if self.is_closed else FrameFlag.NONE)  # fmt: skip
        seen = np.full(SHAPE, self.shut_counts) if self.is_closed and not self.sticks else (
            self.scene)  # fmt: skip
        counts = seen + self.pattern + self.rng.normal(0, 3, SHAPE)
        counts.flat[self.flickering] += 180 * (self.flickers and self.rng.random() < 0.5)
        self.number += 1
        self.is_closed = wants_closed
        return np.clip(np.rint(counts), 0, 16383).astype(np.uint16), info


class Bench:
    """Sensor, correction and pipeline as the frame path joins them."""

    def __init__(self, sensor, config=CONFIG, base=None, may_run=lambda: True,
                 housing_degc=lambda: float("nan")):  # fmt: skip
        self.sensor, self.base = sensor, base or base_of()
        self.pipeline = Pipeline(SHAPE, calibration=self.base)
        ids = iter(range(100, 1000))
        self.nuc = Nuc(self.pipeline, self.base, config, may_run=may_run,
                       next_id=lambda: next(ids), housing_degc=housing_degc,
                       on_refusal=lambda why, kept: self.told.append((why, kept)))  # fmt: skip
        self.seen, self.told = [], []

    def run(self, frames):
        for _ in range(frames):
            raw, info = self.sensor.frame(self.nuc.shutter_wanted)
            nuc_id, age_ms, state = self.nuc.facts(info)
            info = replace(info, nuc_id=nuc_id, ms_since_nuc=age_ms, nuc_state=state)
            self.nuc.see(raw, info)
            verdict = self.pipeline.step(raw, info)
            self.seen.append((self.nuc.status.phase, state, verdict.code, info))
        return self

    def run_to_refusal(self):
        """Until one was refused and the picture has settled."""
        refused = self.nuc.status.refused
        while self.nuc.status.refused == refused or self.nuc.status.phase is not Phase.IDLE:
            assert len(self.seen) < 3000
            self.run(1)
        return self

    def residual(self):
        """Fixed pattern left in the corrected picture, counts, and the scene taken off."""
        total = np.zeros(SHAPE)
        for _ in range(32):
            self.run(1)
            total += self.pipeline.counts
        left = total / 32 - self.sensor.scene
        return float((left - left.mean()).std())


FACTORY = replace(base_of(nuc_id=7), cold_degc=10.0, hot_degc=35.0, cold_counts=4700.0,
                  hot_counts=5950.0, response_counts_per_k=50.0)  # fmt: skip
"""5200 counts, which the shutter has, are 20 degC."""
