# SPDX-License-Identifier: Apache-2.0
"""Covers before the simulated detector at both its resolutions, after a correction on its shutter.

The fault row V6 has the whole instrument at 160x120; here is the real size.
"""

from math import nan

import numpy as np
import pytest
from pipeline_scenes import Pipeline

from edgeleak import codes
from edgeleak.calibration.model import UNITY_GAIN_Q14, Calibration, Kind
from edgeleak.frame import FrameInfo
from edgeleak.sim.live_scene import Exposure, LiveScene

FULL, SHUTTER_DEGC, FRAMES = (480, 640), 25.0, 8


class Camera:
    """Detector, one-point correction on the shutter, pipeline."""

    def __init__(self, shape):
        self.shape, self.scene, self.count = shape, LiveScene(FULL, 3, bad_share=0.0), 0
        total = np.zeros(shape)
        for _ in range(FRAMES):
            total += self.seen(SHUTTER_DEGC)
        offset = np.rint(np.median(total / FRAMES) - total / FRAMES).astype(np.int16)
        base = Calibration(
            Kind.ONE_POINT, np.full(shape, UNITY_GAIN_Q14, np.int16), offset,
            np.empty((0, 5), np.int32), np.empty(0, np.uint8), np.zeros(shape, np.uint16),
        )  # fmt: skip
        self.pipeline = Pipeline(shape, calibration=base)
        shutter_counts = float(np.median(total / FRAMES))
        self.pipeline.replace_offset(offset, shutter_counts=shutter_counts)

    def seen(self, cover_degc):
        exposure = Exposure(self.count / 10, self.shape, 8000, -20.0, cover_degc, 0.0, 0.0, False)
        return self.scene(exposure)

    def answer(self, cover_degc, frames):
        for _ in range(frames):
            self.count += 1
            info = FrameInfo(self.count, self.count * 100_000_000)
            verdict = self.pipeline.step(self.seen(cover_degc), info)
        return verdict


@pytest.fixture(scope="module", params=[FULL, (240, 320)])
def camera(request):
    return Camera(request.param)


@pytest.mark.parametrize("cover_degc", [-10.0, 10.0, 25.0, 28.0, 45.0])
def test_a_cover_is_no_scene_at_any_temperature_and_the_yard_is_one(camera, cover_degc):
    for _ in range(4):
        verdict = camera.answer(cover_degc, 8)
        assert str(verdict) == "INHIBIT"
    assert verdict.code in (codes.NO_SCENE, codes.LOW_CONTRAST)
    assert verdict.measured < 0.8 * verdict.expected
    assert str(camera.answer(nan, 32)) == "NO GAS"
