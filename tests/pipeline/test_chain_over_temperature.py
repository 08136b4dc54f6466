# SPDX-License-Identifier: Apache-2.0
"""Offsets that follow the detector's temperature."""

from math import inf, nan

import numpy as np
import pytest
from chain_scene import SHAPE, Scene
from pipeline_scenes import Pipeline

from edgeleak import codes
from edgeleak.calibration.model import UNITY_GAIN_Q14, Calibration, Kind
from edgeleak.kernels import reference  # noqa: F401  (the package must exist)
from edgeleak.pipeline import PROFILES


def over_temperature():
    """Offsets 0 at 20 degC and 100 counts on the left half at 30 degC, straight between."""
    left = np.zeros(SHAPE, np.int16)
    left[:, : SHAPE[1] // 2] = 200  # quarter counts at 25 degC
    return Calibration(
        Kind.BY_TEMPERATURE,
        np.full(SHAPE, UNITY_GAIN_Q14, np.int16),
        np.zeros(SHAPE, np.int16),
        np.empty((0, 5), np.int32),
        np.empty(0, np.uint8),
        np.zeros(SHAPE, np.uint16),
        bandwidth_k=5.0,
        plane_temp_degc=np.array([20.0, 25.0, 30.0]),
        offset_planes_q2=np.stack([0 * left, left, 2 * left]),
    )


@pytest.mark.parametrize("profile", ["paper", "sensitive"])
def test_offsets_follow_the_detector_temperature(profile):
    pipeline, scene = Pipeline(SHAPE, profile, calibration=over_temperature()), Scene()
    frame = scene.frame()
    pipeline.step(frame, scene.info(fpa_temp_degc=20.0))
    np.testing.assert_array_equal(pipeline.counts, frame)
    before = pipeline.background.astype(int)
    pipeline.step(frame, scene.info(fpa_temp_degc=20.05))  # less than a step
    np.testing.assert_array_equal(pipeline.counts, frame)
    pipeline.step(frame, scene.info(fpa_temp_degc=nan))
    np.testing.assert_array_equal(pipeline.counts, frame)
    verdict = pipeline.step(frame, scene.info(fpa_temp_degc=30.0))
    moved = pipeline.counts.astype(int) - frame
    assert moved[:, : SHAPE[1] // 2] == pytest.approx(100, abs=1)
    assert (moved[:, SHAPE[1] // 2 :] == 0).all()
    if profile == "sensitive":
        shifted = (pipeline.background.astype(int) - before)[:, : SHAPE[1] // 2]
        assert shifted == pytest.approx(400, abs=12)
    else:
        assert verdict.code == codes.LEARNING


@pytest.mark.parametrize(
    ("fpa_degc", "code"),
    [
        (20.0, 0),
        (15.1, 0),
        (34.9, 0),
        (14.9, codes.FPA_FAR),
        (85.0, codes.FPA_FAR),
        (-273.0, codes.FPA_FAR),
        (nan, codes.FPA_UNKNOWN),
        (inf, codes.FPA_UNKNOWN),
        (None, codes.FPA_UNKNOWN),
    ],
)
@pytest.mark.parametrize("profile", PROFILES)
def test_offsets_far_from_their_temperatures_are_not_judged(profile, fpa_degc, code):
    pipeline = Pipeline(SHAPE, profile, fps=10, calibration=over_temperature())
    scene = Scene()
    for _ in range(50):
        info = None if fpa_degc is None else scene.info(fpa_temp_degc=fpa_degc)
        verdict = pipeline.step(scene.frame(), info)
    assert verdict.code == code
    if code == codes.FPA_FAR:
        assert verdict.expected == (15.0 if fpa_degc < 20 else 35.0)


def test_a_temperature_out_of_range_keeps_the_last_offsets():
    pipeline, scene = Pipeline(SHAPE, calibration=over_temperature()), Scene()
    for fpa_degc in (25.0, 85.0, inf, nan, 25.05):
        frame = scene.frame()
        pipeline.step(frame, scene.info(fpa_temp_degc=fpa_degc))
        np.testing.assert_array_equal(
            pipeline.counts[:, SHAPE[1] // 2 :], frame[:, SHAPE[1] // 2 :]
        )
        moved = pipeline.counts[:, : SHAPE[1] // 2].astype(int) - frame[:, : SHAPE[1] // 2]
        assert moved == pytest.approx(50, abs=1)


@pytest.mark.parametrize(("step_k", "follows"), [(0.09, False), (0.12, True)])
def test_offsets_follow_in_steps_of_a_tenth_of_a_kelvin(step_k, follows):
    pipeline, scene = Pipeline(SHAPE, calibration=over_temperature()), Scene()
    pipeline.step(scene.frame(), scene.info(fpa_temp_degc=25.0))
    pipeline.step(scene.frame(), scene.info(fpa_temp_degc=25.0 + step_k))
    assert (pipeline.offset_degc != 25.0) == follows
