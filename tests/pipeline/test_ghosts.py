# SPDX-License-Identifier: Apache-2.0
"""What stood in the learnt background and left is no gas, and hides none; a plume is no ghost."""

import numpy as np
import pytest
from pipeline_scenes import Pipeline

from edgeleak import codes
from edgeleak.frame import FrameInfo
from edgeleak.pipeline.ghosts import Ghosts

SHAPE, FPS = (120, 160), 10
Y, X = np.indices(SHAPE)


def still(rng):
    """Soft hills with bricks before them, so that there are edges everywhere."""
    hills = 40 * np.sin(X / 17) + 30 * np.cos(Y / 13)
    return 5000 + hills + 12 * ((X // 8 + Y // 6) % 2) + rng.normal(0, 2, SHAPE)


def thing(frame, x, y=60, warmer=200.0, size=12):
    """A rectangle with edges a pixel wide, in place; what is behind it does not show."""
    inside = np.minimum(size - np.abs(Y - y), size / 2 - np.abs(X - x))
    share = np.clip(inside + 0.5, 0, 1)
    frame += share * (5000 + warmer - frame)


def plume(frame, time_s, opacity, rng_phase):
    """A soft cloud that wanders and flickers; it hides a share of the bricks."""
    x = 80 + 6 * np.sin(1.7 * time_s + rng_phase)
    y = 60 + 4 * np.sin(2.3 * time_s + 2 * rng_phase)
    strength = opacity * (0.7 + 0.3 * np.sin(2.9 * time_s + rng_phase))
    soft = strength * np.exp(-((X - x) ** 2 + (Y - y) ** 2) / (2 * 9.0**2))
    frame += soft * (4800 - frame)


def watch(paint, seconds, seed=5):
    """Verdict of every frame; paint(frame, time_s) draws into the ideal picture."""
    rng = np.random.default_rng(seed)
    scene, pipeline, seen = still(rng), Pipeline(SHAPE), []
    for i in range(round(seconds * FPS)):
        frame = scene.copy()
        paint(frame, i / FPS)
        counts = np.rint(frame + rng.normal(0, 2, SHAPE)).astype(np.uint16)
        seen.append(pipeline.step(counts, FrameInfo(i, 1 + i * 1_000_000_000 // FPS)))
    return seen, pipeline


def words(seen):
    return {str(verdict) for verdict in seen[round(2.5 * FPS) :]}


def shares(seen):
    """Largest share of an outline that has left, after learning."""
    return max(v.ghost for v in seen[2 * FPS :])


@pytest.mark.parametrize("warmer", [-150.0, 120.0, 300.0])
@pytest.mark.parametrize("leaves_s", [0.4, 1.5, 4.0])
def test_what_left_is_never_gas_and_is_healed(warmer, leaves_s):
    def paint(frame, time_s):
        if time_s < leaves_s:
            thing(frame, 60, warmer=warmer)

    seen, pipeline = watch(paint, 16)
    assert "GAS" not in words(seen)
    assert str(seen[-1]) == "NO GAS"
    away = round((leaves_s + 1.5) * FPS)
    assert {v.area_px for v in seen[away:]} == {0}  # nothing left to differ
    assert abs(pipeline.arena["smoothed"]).max() < 4 * 8


def test_a_leak_behind_what_left_is_found():
    def paint(frame, time_s):
        plume(frame, time_s, 0.5, 1.0)
        if time_s < 3:
            thing(frame, 72)

    seen, _ = watch(paint, 25)
    assert {str(v) for v in seen[15 * FPS :]} == {"GAS"}


def test_no_gas_waits_until_it_is_healed():
    def paint(frame, time_s):
        if time_s < 6:
            thing(frame, 60)

    seen, _ = watch(paint, 10)
    waiting = [v for v in seen if v.code == codes.GHOST]
    assert waiting
    assert len(waiting) <= 0.8 * FPS
    assert "left" in waiting[0].reason
    assert {r.name: r.fired for r in waiting[0].rules}["ghost"]


def test_what_came_is_no_ghost_and_not_learnt_at_once():
    def paint(frame, time_s):
        if time_s >= 4:
            thing(frame, 60)

    seen, _ = watch(paint, 8)
    assert shares(seen) < 0.3
    assert seen[-1].area_px > 100


def test_what_came_is_known_as_still_before_half_of_the_window_counted_it():
    def paint(frame, time_s):
        if time_s >= 4:
            thing(frame, 60)

    seen, _ = watch(paint, 7.5)
    flicker = [verdict.facts.get("flicker") for verdict in seen]
    assert max(v for v in flicker if v is not None) > 0.3
    assert flicker[-1] < seen[-1].limits.place[1]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("opacity", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("begins_s", [0.0, 4.0])
def test_a_plume_is_no_ghost_and_the_rule_teaches_nothing(seed, opacity, begins_s, monkeypatch):
    def paint(frame, time_s):
        if time_s >= begins_s:
            plume(frame, time_s, opacity, seed)

    seen, pipeline = watch(paint, 14, seed)
    assert shares(seen) < 0.4
    assert begins_s == 0 or "GAS" in words(seen)
    monkeypatch.setattr(Ghosts, "look", lambda *_: 0)
    without, same = watch(paint, 14, seed)
    np.testing.assert_array_equal(pipeline.background, same.background)
    assert [str(v) for v in seen] == [str(v) for v in without]
