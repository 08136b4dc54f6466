# SPDX-License-Identifier: Apache-2.0
"""A shifted scene is refused, learnt anew; an animal, a plume, noise and a tripod are not."""

import numpy as np
import pytest
from pipeline_scenes import Pipeline

from edgeleak import codes
from edgeleak.frame import FrameInfo
from edgeleak.pipeline import PROFILES

SHAPE = (96, 128)
FOLLOWED = {"sensitive": 16}
"""Frames of the slow pan: 2.5 % of the picture are followed as a hand's."""


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
    refused = 40 + FOLLOWED.get(profile, 0)
    assert codes.MOVING not in seen[:refused]
    known = codes.MOVING, codes.SCENE_CHANGED, codes.LEARNING
    assert np.isin(seen[refused + 10 : 80], known).all()
    assert codes.MOVING in seen[refused + 1 : refused + 20]
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


def soft(std, shape=SHAPE, wide=400, seed=3):
    """Structure of 6 pixels' scale and *std* counts around 5000."""
    box = np.ones(9) / 9
    found = np.random.default_rng(seed).normal(0, 1, (shape[0], shape[1] + wide))
    for _ in range(3):
        found = np.apply_along_axis(np.convolve, 0, found, box, "same")
        found = np.apply_along_axis(np.convolve, 1, found, box, "same")
    return 5000 + std * found / found.std()


def pan(std, px_per_s, frames, profile="sensitive", shape=SHAPE, still=40):
    """Verdicts of a sideways pan that begins after *still* frames at 10 fps; noise of 2 counts."""
    wide = int(px_per_s * (frames - still) / 10) + 2
    rng, scene, pipeline = (
        np.random.default_rng(2),
        soft(std, shape, wide),
        Pipeline(shape, profile),
    )
    seen = []
    for t in range(frames):
        at, part = divmod(max(0, t - still) * px_per_s / 10, 1)
        crop = scene[:, int(at) : int(at) + shape[1] + 1]
        frame = crop[:, :-1] * (1 - part) + crop[:, 1:] * part + rng.normal(0, 2, shape)
        seen.append(pipeline.step(frame.astype(np.uint16), FrameInfo(t, 1 + t * 100_000_000)))
    return seen


@pytest.mark.parametrize("std", [4, 6, 10])
@pytest.mark.parametrize("px_per_s", [2, 5, 20])
def test_a_pan_over_faint_structure_is_neither_gas_nor_no_gas(std, px_per_s):
    followed = 40 + round(32 / px_per_s)  # 2.5 % of the picture, as a hand's sway
    after = pan(std, px_per_s, 140)[max(52, followed + 4) :]
    assert {str(verdict) for verdict in after} == {"INHIBIT"}


@pytest.mark.parametrize(("std", "answer"), [
    (1, "INHIBIT"), (4, "NO GAS"), (6, "NO GAS"), (10, "NO GAS"),
])  # fmt: skip
def test_faint_structure_on_a_tripod_is_judged_and_a_cover_s_is_not(std, answer):
    scene_has_span = 5000 + 30.0 * np.arange(SHAPE[1])
    rng, pipeline, scene = np.random.default_rng(4), Pipeline(SHAPE), soft(std)[:, : SHAPE[1]]
    for t in range(120):
        frame = scene - 5000 + scene_has_span + rng.normal(0, 2, SHAPE)
        verdict = pipeline.step(frame.astype(np.uint16), FrameInfo(t, 1 + t * 100_000_000))
        assert t < 25 or str(verdict) == answer


@pytest.mark.parametrize("texture", [0, 5, 20])
@pytest.mark.parametrize("counts", [60, 100, 400])
def test_a_strong_plume_on_a_smooth_background_is_gas(texture, counts):
    rng, pipeline = np.random.default_rng(0), Pipeline(SHAPE)
    y, x = np.indices(SHAPE)
    base = soft(texture)[:, : SHAPE[1]] if texture else 5000.0
    base = base + 30.0 * x + 10.0 * y
    words = []
    for t in range(200):
        place = 43 + 8 * np.sin(t * 0.33)
        blob = np.exp(-((y - 48) ** 2 + (x - place) ** 2) / (2 * 9.6**2))
        frame = base - (counts * blob if t >= 40 else 0) + rng.normal(0, 2, SHAPE)
        verdict = pipeline.step(frame.astype(np.uint16), FrameInfo(t, 1 + t * 100_000_000))
        words.append(str(verdict))
    assert "GAS" not in words[:40]
    assert set(words[100:]) == {"GAS"}


def test_a_plume_in_the_only_structure_forbids_no_gas_until_it_is_gas():
    """Neither a shift nor stillness is proven while half the strips move, the others being bare."""
    rng, pipeline = np.random.default_rng(0), Pipeline(SHAPE)
    y, x = np.indices(SHAPE)
    seen = []
    for t in range(50):
        blob = np.exp(-((y - 48) ** 2 + (x - 43 - 8 * np.sin(t * 0.33)) ** 2) / (2 * 9.6**2))
        frame = 5000 + 30.0 * x - (100 * blob if t >= 40 else 0) + rng.normal(0, 2, SHAPE)
        seen.append(pipeline.step(frame.astype(np.uint16), FrameInfo(t, 1 + t * 100_000_000)))
    assert seen[39].code == codes.NO_SCENE
    assert seen[-1].code == codes.MOTION_UNSURE


def test_a_picture_too_small_for_motion_is_never_no_gas():
    rng, pipeline = np.random.default_rng(0), Pipeline((16, 18))
    for t in range(60):
        frame = 5000 + 30.0 * np.arange(18) + rng.normal(0, 2, (16, 18))
        verdict = pipeline.step(frame.astype(np.uint16), FrameInfo(t, 1 + t * 100_000_000))
    assert verdict.code == codes.MOTION_UNSURE


@pytest.mark.parametrize("shape", [(32, 40), (48, 64), (60, 80)])
def test_small_pictures_are_watched_too(shape):
    seen = pan(60, 5, 90, shape=shape)
    assert str(seen[39]) == "NO GAS"
    assert {str(verdict) for verdict in seen[48:]} == {"INHIBIT"}
    assert codes.MOVING in {verdict.code for verdict in seen[44:]}


def strips(*kinds):
    """Facts of a direction's strips: (shift_q8, best, still, structure, rough) in hundredths."""
    facts = {
        "still": (0, 20, 20, 100, 20),
        "moved": (512, 20, 100, 100, 20),
        "hardly": (120, 20, 100, 100, 20),
        "weakly": (512, 50, 60, 100, 20),
        "half": (512, 50, 100, 100, 20),
        "lost": (4096, 90, 140, 100, 20),
        "bare": (512, 20, 100, 100, 60),
    }
    return tuple(facts[kind] for kind in kinds)


S, M, L, B = "still", "moved", "lost", "bare"


@pytest.mark.parametrize(
    ("kinds", "answer"),
    [
        ((S, S, S, S), "still"),
        ((B, B, B, B), "still"),
        ((M, M, M, S), "moving"),
        ((M, M, S, S), "still"),
        ((M, M, B, B), "unsure"),
        ((M, B, B, B), "still"),
        ((L, L, L, B), "unsure"),
        ((L, L, L, S), "still"),
        ((L, L, B, B), "still"),
        (("hardly",) * 4, "still"),
        (("weakly",) * 4, "still"),
        (("half",) * 4, "moving"),
    ],
)
def test_strips_decide_together(kinds, answer):
    guard = Pipeline(SHAPE)._motion
    guard._judge(strips(*kinds))
    found = "moving" if guard.is_moving else "unsure" if guard.is_unsure else "still"
    assert found == answer


def test_the_picture_is_looked_at_every_tenth_of_a_second():
    guard, seen = Pipeline(SHAPE)._motion, []
    guard._keep = lambda: seen.append(1)
    guard._kept, guard._span_s = 2, 0.0
    for _ in range(30):
        guard.look(1 / 30)
    assert len(seen) == 10
