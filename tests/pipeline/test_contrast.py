# SPDX-License-Identifier: Apache-2.0
"""A view without a scene in it is never NO GAS; a scene, however faint or small, may be."""

import dataclasses

import numpy as np
import pytest
from pipeline_scenes import Pipeline, Scene, ready, run

from edgeleak import codes
from edgeleak.frame import FrameInfo
from edgeleak.pipeline import PROFILES
from edgeleak.sensor import EL640, LEPTON

SHAPE = (96, 128)


def last(pipeline, picture, sigma, frames=60):
    rng = np.random.default_rng(3)
    for t in range(frames):
        frame = np.clip(picture + rng.normal(0, sigma, pipeline.shape), 0, 16383)
        verdict = pipeline.step(frame.astype(np.uint16), FrameInfo(t, 1 + t * 100_000_000))
    return verdict


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("shape", [(48, 64), SHAPE, (240, 320)])
@pytest.mark.parametrize("sigma", [1, 4, 40, 300])
def test_noise_is_no_contrast_however_strong(profile, shape, sigma):
    assert last(Pipeline(shape, profile), 5000.0, sigma, 30).code == codes.LOW_CONTRAST


def test_a_covered_lens_after_a_scene_is_no_contrast():
    pipeline, scene = ready()
    for _ in range(60):
        frame = (5000 + scene.rng.normal(0, 4, scene.base.shape)).astype(np.uint16)
        verdict = pipeline.step(frame, scene.info())
    assert verdict.code == codes.LOW_CONTRAST


def scene_of(kind):
    y, x = np.indices(SHAPE)
    if kind == "slope":
        return 5000 + 0.4 * x
    if kind == "bowl":
        return 5000 + 100.0 * ((x / 64 - 1) ** 2 + (y / 48 - 1) ** 2) + 2 * y
    if kind == "stripes":
        rng = np.random.default_rng(6)
        return 5000 + rng.normal(0, 40, SHAPE[1]) + rng.normal(0, 40, (SHAPE[0], 1))
    if kind == "horizon":
        return 5000 + 300.0 * (y > 60 + x / 16)
    if kind == "lamp":
        return 5000 + 2.0 * x + 9000.0 * ((y - 20) ** 2 + (x - 30) ** 2 < 30)
    rng = np.random.default_rng(6)
    return 5000 + np.kron(rng.normal(0, 300, (24, 32)), np.ones((4, 4)))


@pytest.mark.parametrize("kind", ["horizon", "lamp", "detail"])
def test_a_scene_has_contrast(kind):
    assert last(Pipeline(SHAPE), scene_of(kind), 2).code == 0


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", ["slope", "bowl", "stripes"])
def test_what_a_cover_or_the_sensor_can_show_is_no_scene(kind, profile):
    verdict = last(Pipeline(SHAPE, profile), scene_of(kind), 2)
    assert str(verdict) != "NO GAS"
    if profile == "sensitive":  # the paper's calls noise gas where the gain control stretches it
        assert verdict.code == codes.NO_SCENE
        assert verdict.measured < 2.5 < 5 <= verdict.expected


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({}, codes.UNCALIBRATED),
        ({"is_corrected": True}, 0),
        ({"sensor": dataclasses.replace(EL640, is_corrected=True)}, 0),
        ({"sensor": dataclasses.replace(EL640, is_corrected=True), "is_corrected": False},
         codes.UNCALIBRATED),
        ({"sensor": LEPTON, "is_corrected": None}, codes.BLIND_SENSOR),
    ],
)  # fmt: skip
def test_raw_counts_without_a_calibration_are_gas_or_nothing(options, code):
    pipeline, scene = ready(frames=0, **({"is_corrected": None} | options))
    assert run(pipeline, scene, 60)[-1].code == code
    seen = run(pipeline, scene, 60, plume=60)[-1]
    assert str(seen) == ("INHIBIT" if code == codes.BLIND_SENSOR else "GAS")


def test_video_needs_no_calibration():
    pipeline, scene = Pipeline((48, 64), fps=10, is_corrected=None), Scene()
    for _ in range(60):
        verdict = pipeline.step((scene.frame() >> 6).astype(np.uint8))
    assert str(verdict) == "NO GAS"
