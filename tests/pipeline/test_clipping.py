# SPDX-License-Identifier: Apache-2.0
"""Clipping is judged on raw counts: no correction may hide it; each beside its clean twin."""

import numpy as np
import pytest
from pipeline_scenes import Pipeline

from edgeleak import codes
from edgeleak.calibration.model import UNITY_GAIN_Q14, Calibration, Kind
from edgeleak.frame import FrameInfo
from edgeleak.pipeline import PROFILES
from edgeleak.sensor import SensorInfo

SHAPE = (48, 64)


def calibration(gain=1.0, offset=0):
    return Calibration(
        Kind.TWO_POINT,
        np.full(SHAPE, round(gain * UNITY_GAIN_Q14), np.int16),
        np.full(SHAPE, offset, np.int16),
        np.empty((0, 5), np.int32),
        np.empty(0, np.uint8),
        np.zeros(SHAPE, np.uint16),
    )


def last(pipeline, frames=40, top=16383, low=0, share_full=0.0, share_dark=0.0):
    """Verdict after a slope of 3000 counts with noise of 2, clipped over parts of its width."""
    rng, shape = np.random.default_rng(0), pipeline.shape
    base = 500 + 3000 * np.arange(shape[1]) / shape[1] + 5.0 * np.arange(shape[0])[:, None]
    for t in range(frames):
        frame = np.clip(base + rng.normal(0, 2, shape), 0, 4095).astype(np.uint16)
        frame[:, shape[1] - round(share_full * shape[1]) :] = top
        frame[:, : round(share_dark * shape[1])] = low
        verdict = pipeline.step(frame, FrameInfo(t, 1 + t * 100_000_000))
    return verdict


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("gain", [0.95, 1.0])
@pytest.mark.parametrize(("share", "code"), [(0.03, 0), (0.6, codes.SATURATED)])
def test_no_gain_hides_saturated_pixels(profile, gain, share, code):
    verdict = last(Pipeline(SHAPE, profile, calibration=calibration(gain)), share_full=share)
    assert verdict.code == code
    if code:
        assert verdict.measured == pytest.approx(60, abs=3)


@pytest.mark.parametrize("offset", [0, 50])
@pytest.mark.parametrize(("share", "code"), [(0.03, 0), (0.62, codes.DARK)])
def test_no_offset_hides_dead_pixels(offset, share, code):
    verdict = last(Pipeline(SHAPE, calibration=calibration(1.0, offset)), share_dark=share)
    assert verdict.code == code
    if code:
        assert verdict.measured == pytest.approx(62, abs=3)


@pytest.mark.parametrize(("share", "code"), [(0.03, 0), (0.6, codes.SATURATED)])
def test_a_sensor_of_twelve_bits_says_where_its_top_is(share, code):
    sensor = SensorInfo("twelve", (3.2, 3.4), True, 4095)
    rng = np.random.default_rng(1)
    pipeline = Pipeline(SHAPE, sensor=sensor, calibration=calibration())
    y, x = np.indices(SHAPE)
    base = 500 + 50 * x + 60 * np.sin(x / 5) * np.sin(y / 4)
    for t in range(40):  # 4085..4095: no plateau, only near the declared top
        frame = (base + rng.normal(0, 2, SHAPE)).astype(np.uint16)
        wide = round(share * SHAPE[1])
        frame[:, SHAPE[1] - wide :] = rng.integers(4085, 4096, (SHAPE[0], wide))
        verdict = pipeline.step(frame, FrameInfo(t, 1 + t * 100_000_000))
    assert verdict.code == code


@pytest.mark.parametrize(("ends", "code"), [
    ({"share_full": 0.6, "top": 4095}, codes.SATURATED),
    ({"share_full": 0.03, "top": 4095}, 0),
    ({"share_dark": 0.6, "low": 40}, codes.DARK),
    ({"share_dark": 0.03, "low": 40}, 0),
])  # fmt: skip
def test_a_plateau_at_an_end_is_clipping_wherever_it_is(ends, code):
    assert last(Pipeline(SHAPE, calibration=calibration()), **ends).code == code


def test_eight_bit_video_may_have_plateaus_but_not_at_its_top():
    for level, code in [(200, 0), (255, codes.SATURATED)]:
        rng, pipeline = np.random.default_rng(2), Pipeline(SHAPE, fps=10)
        base = 20 + 2.5 * np.arange(SHAPE[1])
        for _ in range(40):
            frame = (base + rng.normal(0, 1, SHAPE)).astype(np.uint8)
            frame[:, 40:] = level
            verdict = pipeline.step(frame)
        assert verdict.code == code
