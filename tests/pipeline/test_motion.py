# SPDX-License-Identifier: Apache-2.0
"""A shifted scene is refused, learnt anew; an animal, a plume, noise and a tripod are not."""

import numpy as np
import pytest

from edgeleak import codes
from edgeleak.frame import FrameInfo
from edgeleak.pipeline import PROFILES, Pipeline

SHAPE = (96, 128)


def landscape():
    """Blocks with soft edges, larger than the picture by 32 pixels."""
    rng = np.random.default_rng(5)
    coarse = np.kron(rng.normal(5000, 150, (16, 20)), np.ones((8, 8)))
    soft = np.ones(5) / 5
    coarse = np.apply_along_axis(np.convolve, 0, coarse, soft, "same")
    return np.apply_along_axis(np.convolve, 1, coarse, soft, "same")


def answers(profile, frames, shift=lambda t: 0.0, add=lambda t, y, x: 0.0):
    """Codes of frames at 10 fps: the scene at column 16 + shift, plus what `add` draws."""
    rng, scene, pipeline = np.random.default_rng(1), landscape(), Pipeline(SHAPE, profile)
    y, x = np.indices(SHAPE)
    codes_seen = []
    for t in range(frames):
        whole, part = divmod(16 + shift(t), 1)
        start = int(whole)
        crop = scene[16 : 16 + SHAPE[0], start : start + SHAPE[1] + 1]
        picture = crop[:, :-1] * (1 - part) + crop[:, 1:] * part
        noisy = picture + add(t, y, x) + rng.normal(0, 2, SHAPE)
        info = FrameInfo(t, 1 + t * 100_000_000)
        codes_seen.append(pipeline.step(noisy.astype(np.uint16), info).code)
    return np.array(codes_seen), pipeline


@pytest.mark.parametrize("profile", PROFILES)
def test_a_slow_pan_is_refused_and_learnt_again(profile):
    seen, _ = answers(profile, 130, lambda t: 0.2 * min(max(t - 40, 0), 40))
    assert codes.MOVING not in seen[:40]
    assert (np.isin(seen[55:80], (codes.MOVING, codes.SCENE_CHANGED, codes.LEARNING))).all()
    assert codes.MOVING in seen[41:60]
    assert codes.LEARNING in seen[80:115]
    assert codes.MOVING not in seen[95:]


def animal(t, y, x):
    return 800.0 * (((y - 50) ** 2 + (x - 2 * t) ** 2) < 10**2)


def plume(t, y, x):
    place = 60 + 15 * np.sin(t / 3)
    return -60 * np.exp(-((y - 48) ** 2 + (x - place) ** 2) / 100)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("add", [animal, plume, lambda t, y, x: 0.0])
def test_what_moves_in_front_of_a_still_camera_is_not_motion(profile, add):
    seen, _ = answers(profile, 90, add=add)
    assert codes.MOVING not in seen


def test_a_level_jump_is_not_motion():
    seen, _ = answers("sensitive", 60, add=lambda t, y, x: 300.0 * (t > 40))
    assert codes.MOVING not in seen
