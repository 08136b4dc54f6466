# SPDX-License-Identifier: Apache-2.0
"""What is no gas changes the picture, and never the truth."""

from dataclasses import replace

import numpy as np
import pytest

from edgeleak.errors import ConfigError
from edgeleak.sim.scene import Scenario, Stage, render
from edgeleak.sim.scene.family import CameraSpec, DistractorSpec, LeakSpec, LedSpec, WorldSpec
from edgeleak.sim.scene.gases import gas_in
from edgeleak.sim.scene.led import Led, black_body_equivalent_k, reach
from edgeleak.sim.scene.stage import CAMERA_EVENTS
from edgeleak.sim.scene.things import THINGS
from edgeleak.sim.scene.walkers import KINDS

CAMERA = CameraSpec(width=96, height=72, fps=5, pattern="none", drift_k_per_min=0, wander_k=0)
QUIET = Scenario(seconds=5, camera=CAMERA, world=WorldSpec(backdrop="yard", sun=0.5))


def with_thing(kind, scene=QUIET, **values):
    spec = DistractorSpec(kind=kind, **{"start_s": 1.0, **values})
    return replace(scene, distractors=(*scene.distractors, spec))


@pytest.mark.parametrize("kind", [*THINGS, *KINDS, *CAMERA_EVENTS])
def test_each_thing_changes_the_picture_after_its_start_and_is_no_gas(kind):
    strength = 3.0 if kind in ("steam", "cloud", "level-step") else 1.0
    frames = list(render(with_thing(kind, strength=strength), 5))
    plain = list(render(QUIET, 5))
    changed = [
        np.abs(a.counts.astype(int) - b.counts).max()
        for a, b in zip(frames, plain, strict=True)
    ]  # fmt: skip
    assert max(changed) > 20
    if kind not in ("leaves", "cloud"):  # a bush and a sky are there from the start
        assert max(changed[:4]) <= 20
    assert not any(frame.mask.any() or frame.column_ppm_m.any() for frame in frames)


def test_an_unknown_thing_is_refused_by_name():
    with pytest.raises(ConfigError, match="distractor 'ghost' is not known; use"):
        render(with_thing("ghost"), 1)


def test_the_shutter_hides_the_scene_and_the_truth():
    scene = replace(with_thing("shutter"), leaks=(LeakSpec(rate_g_per_h=2000.0),))
    frames = list(render(scene, 5))
    covered = [frame.facts.is_covered for frame in frames]
    assert covered[5:8] == [True, True, True]
    assert sum(covered) == 3
    assert frames[6].counts.std() < 5 < frames[4].counts.std()
    assert frames[4].mask.any()
    assert not frames[6].mask.any()


def test_fog_before_the_gas_hides_it():
    near = DistractorSpec(kind="fog", start_s=-10.0, strength=1.0)
    leaking = replace(QUIET, seconds=2, world=WorldSpec(backdrop="wall", difference_k=8.0),
                      leaks=(LeakSpec(rate_g_per_h=2000.0),))  # fmt: skip
    clear = list(render(leaking, 5))[-1].facts.contrast_counts
    foggy = list(render(replace(leaking, distractors=(near,)), 5))[-1].facts.contrast_counts
    share = np.abs(foggy).max() / np.abs(clear).max()
    assert 0.15 < share < 0.75


def test_the_lamp_shines_through_the_gas_twice():
    scene = Scenario(
        seconds=1,
        camera=CAMERA,
        world=WorldSpec(backdrop="room", air_degc=20, distance_m=1.0, behind_m=0.0),
        led=LedSpec(mode="alternate", power_mw=50.0, half_angle_deg=14.0),
        leaks=(LeakSpec(rate_g_per_h=100.0, gas_degc=20.0),),
    )
    stage = Stage(scene, 2)
    lit, dark = list(stage.frames())[-1], list(stage.frames())[-2]
    assert lit.facts.led_on != dark.facts.led_on
    lit, dark = (lit, dark) if lit.facts.led_on else (dark, lit)
    gas = gas_in("methane", stage.band)
    lamp = stage.lamp_counts[2:-3, 2:-3][: lit.mask.shape[0], : lit.mask.shape[1]]
    thick = lit.column_ppm_m > 300
    wanted = -(gas.absorbed(2 * lit.column_ppm_m) * lamp)[thick]
    seen = (lit.facts.contrast_counts - dark.facts.contrast_counts)[thick]
    assert thick.sum() > 20
    assert np.corrcoef(wanted, seen)[0, 1] > 0.9
    assert np.sum(seen) == pytest.approx(np.sum(wanted), rel=0.15)


def test_lamp_power_is_the_power_of_its_spot():
    lamp = Led(20.0, 10.0, 3.3)
    off = np.linspace(0, 5, 20001)
    spread = lamp.irradiance(2.0, off) * 2 * np.pi * off
    photons = np.sum((spread[1:] + spread[:-1]) / 2 * np.diff(off))
    assert photons == pytest.approx(20e-3 / (6.62607015e-34 * 2.99792458e8 / 3.3e-6), rel=1e-3)


def test_reach_of_pairs():
    stage = Stage(QUIET, 0)
    gas, camera = gas_in("methane", stage.band), stage.camera
    lamp = Led(20.0, 10.0)
    near, far = (reach(lamp, camera, gas, 0.1, 2.0, 100.0, pairs) for pairs in (1, 64))
    assert far.sees_m > near.sees_m
    assert far.beats_passive_m == near.beats_passive_m  # pairs do not move this range
    bright = black_body_equivalent_k(lamp, camera, 0.1, near.beats_passive_m)
    # the light crosses twice, the difference of two frames costs a factor of two
    assert bright == pytest.approx(2.0, rel=0.15)
    assert reach(lamp, camera, gas, 0.1, 5.0, 100.0, 16).helps_m < near.beats_passive_m
