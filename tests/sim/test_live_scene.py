# SPDX-License-Identifier: Apache-2.0
"""The live scene: noise, pattern over temperature, light through gas, shutter."""

import numpy as np
import pytest

from edgeleak.frame import MAX_COUNTS
from edgeleak.sim.detector import ideal_counts
from edgeleak.sim.live_scene import Exposure, LiveScene, binned

SHAPE = (60, 80)


def at(time_s=0.0, **facts):
    return Exposure(time_s, SHAPE, movers=False, **facts)


@pytest.fixture(scope="module")
def scene():
    return LiveScene(SHAPE, 1, bad_share=0.0)


def mean_of(scene, exposure, n=40):
    return np.mean([scene(exposure).astype(np.float32) for _ in range(n)], axis=0)


def test_no_frame_repeats_another_and_the_noise_is_the_sensors(scene):
    frames = np.array([scene(at()).copy() for _ in range(60)])
    assert len({frame.tobytes() for frame in frames}) == 60
    assert frames.std(axis=0).mean() == pytest.approx(2.1, rel=0.1)
    assert frames.max() <= MAX_COUNTS


def test_the_pattern_moves_with_the_detector(scene):
    cold, warm = (mean_of(scene, at(cover_degc=20.0, fpa_degc=t)) for t in (-20.0, -15.0))
    moved = warm - cold
    assert moved.std() > 2  # more than a common level: a correction goes stale
    near = mean_of(scene, at(cover_degc=20.0, fpa_degc=-19.95)) - cold
    assert np.abs(near).mean() < 2


def test_the_shutter_is_uniform_but_for_the_pattern(scene):
    closed = mean_of(scene, at(cover_degc=25.0))
    flat = (closed - scene.pattern.offset) / scene.pattern.gain
    spread = flat - np.median(flat)
    assert np.abs(spread).mean() < 15  # dark current differs by 5 % from pixel to pixel
    assert np.median(flat) == pytest.approx(ideal_counts(25.0) + 150, abs=10)


def test_exposure_time_scales_the_light(scene):
    full, half = (mean_of(scene, at(cover_degc=25.0, integration_us=us)) for us in (8000, 4000))
    offset = scene.pattern.offset
    assert np.median((half - offset) / (full - offset)) == pytest.approx(0.5, abs=0.01)


def test_gas_takes_led_light_twice():
    scene = LiveScene(SHAPE, 3, bad_share=0.0)
    for step in range(80):
        scene(at(step / 10, gas_g_per_h=2000.0))
    dark = mean_of(scene, at(8.0, gas_g_per_h=2000.0))
    lit = mean_of(scene, at(8.0, gas_g_per_h=2000.0, led_light_ma=300.0))
    clear = LiveScene(SHAPE, 3, bad_share=0.0)
    difference = mean_of(clear, at(8.0, led_light_ma=300.0)) - mean_of(clear, at(8.0))
    share = (lit - dark)[difference > 50] / difference[difference > 50]
    assert share.min() < 0.9  # through the plume
    assert np.median(share) == pytest.approx(1.0, abs=0.05)  # beside it


def test_gas_comes_and_goes_with_the_release():
    scene, away = LiveScene(SHAPE, 5, bad_share=0.0), LiveScene(SHAPE, 5, bad_share=0.0)
    for step in range(60):
        scene(at(step / 10, gas_g_per_h=1000.0))
        away(at(step / 10))
    with_gas = mean_of(scene, at(6.0, gas_g_per_h=1000.0))
    assert np.abs(with_gas - mean_of(away, at(6.0))).max() > 30
    for step in range(60, 160):
        scene(at(step / 10))
        away(at(step / 10))
    assert np.abs(mean_of(scene, at(16.0)) - mean_of(away, at(16.0))).max() < 8


def test_binning_is_a_rounded_mean():
    counts = np.array([[1, 2, 16383, 16383], [3, 4, 16383, 16383]], np.uint16)
    assert binned(counts).tolist() == [[3, 16383]]
    assert LiveScene(SHAPE)(at()._replace(shape=(30, 40))).shape == (30, 40)
