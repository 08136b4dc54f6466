# SPDX-License-Identifier: Apache-2.0
import itertools
from dataclasses import replace

import numpy as np
import pytest

from edgeleak.errors import UsageError
from edgeleak.sim.scene import (
    Scenario,
    Stage,
    family_names,
    load_family,
    render,
    scenarios,
)
from edgeleak.sim.scene.family import CameraSpec, LeakSpec, MotionSpec, WorldSpec
from edgeleak.sim.scene.gases import gas_in
from edgeleak.sim.scene.motion import Way, blurred

SMALL = {"width": 64, "height": 48, "netd_mk": 30.0}


def frames(name, seed, count, **camera):
    return list(itertools.islice(render(name, seed, **{**SMALL, **camera}), count))


@pytest.mark.parametrize("name", family_names())
def test_every_family_gives_frames_of_the_promised_kind(name):
    for counts, mask, column, rate, time_s in frames(name, 0, 2):
        assert counts.dtype == np.uint16
        assert counts.shape == mask.shape == column.shape == (48, 64)
        assert 500 < counts.min() <= counts.max() < 16383
        assert mask.dtype == bool
        assert column.dtype == np.float32
        assert column.min() >= 0
        assert rate >= 0
        assert time_s >= 0


def test_a_seed_gives_the_same_frames_and_another_seed_others():
    first, again, other = (frames("rack", seed, 3) for seed in (3, 3, 4))
    assert all((a.counts == b.counts).all() for a, b in zip(first, again, strict=True))
    assert (first[2].counts != other[2].counts).mean() > 0.9


def even_wall(**world):
    """A plume before an even wall: contrast and noise are known."""
    return Scenario(
        seconds=1.0,
        camera=CameraSpec(width=64, height=48, pattern="none", drift_k_per_min=0, wander_k=0),
        world=WorldSpec(backdrop="wall", difference_k=world.pop("difference_k", 5.0), **world),
        leaks=(LeakSpec(rate_g_per_h=600.0, start_s=-4.0),),
    )


def test_the_mask_is_where_the_gas_stands_out_of_the_noise():
    frame = list(render(even_wall(), 3))[-1]
    contrast = np.abs(frame.facts.contrast_counts)
    assert 0.01 < frame.mask.mean() < 0.9
    assert contrast[frame.mask].min() > 0.9 * frame.facts.noise_counts
    assert contrast[~frame.mask].max() < 1.3 * frame.facts.noise_counts


@pytest.mark.parametrize(("difference_k", "sign"), [(6.0, -1), (-6.0, 1)])
def test_gas_before_warm_absorbs_and_before_cold_emits(difference_k, sign):
    frame = list(render(even_wall(difference_k=difference_k), 3))[-1]
    assert (np.sign(frame.facts.contrast_counts[frame.mask]) == sign).all()


def test_contrast_is_what_the_column_takes_between_wall_and_gas():
    stage = Stage(even_wall(difference_k=8.0), 3)
    frame = list(stage.frames())[-1]
    gas = gas_in("methane", stage.band)
    wall = float(stage.camera.level(stage.apparent_degc[5, 5]))
    air = float(stage.camera.level(stage.scenario.world.air_degc))
    wanted = blurred(gas.absorbed(frame.column_ppm_m) * np.float32(air - wall))
    error = np.abs(frame.facts.contrast_counts - wanted)[1:-1, 1:-1]
    assert error.max() < 0.01 * np.abs(wanted).max()


def test_the_frame_is_the_scene_plus_noise_of_the_asked_netd():
    scene = even_wall().without_gas().with_camera(netd_mk=40.0)
    stage = Stage(scene, 3)
    counts = np.array([f.counts for f in stage.frames()], float)
    noise = np.sqrt(np.mean(np.diff(counts, axis=0) ** 2 / 2))
    wall = float(stage.camera.level(stage.apparent_degc[5, 5]))
    assert noise == pytest.approx(float(stage.camera.exposure.noise_counts(wall)), rel=0.05)
    at_20 = float(stage.camera.level(20.0))
    per_k = float(stage.camera.level(20.5) - stage.camera.level(19.5))
    assert 1e3 * float(stage.camera.exposure.noise_counts(at_20)) / per_k == pytest.approx(
        40, rel=0.01
    )


def test_splits_share_no_seed_and_no_scene():
    drawn = {split: list(scenarios(split, 12)) for split in ("train", "validate", "test")}
    seeds = {split: {seed for _, seed in rows} for split, rows in drawn.items()}
    assert not seeds["train"] & (seeds["validate"] | seeds["test"])
    assert not seeds["validate"] & seeds["test"]
    with pytest.raises(UsageError, match="split"):
        list(scenarios("holdout", 1))


def test_an_netd_the_optics_cannot_give_is_refused():
    scene = load_family("rack").draw(1).with_camera(width=640, height=480, fps=60, netd_mk=15.0)
    with pytest.raises(UsageError, match="fewer frames"):
        render(scene)


def test_families_of_the_test_split_are_never_trained_on():
    tested, learnt = set(family_names("test")), set(family_names("train"))
    assert len(tested) >= 3
    assert len(learnt) >= 3
    assert not tested & learnt


def test_the_way_from_stop_to_stop():
    way = Way(50.0, 4.0, 0.0, stops=3, stop_px=100.0, dwell_s=6.0)
    assert [way.at(t) for t in (0, 4, 5, 6, 11.9, 13, 100)] == [0, 0, 50, 100, 100, 150, 300]
    assert way.whole_px == 300
    once = Way(-20.0, 1.0, 3.0)
    assert [once.at(t) for t in (0, 2, 9)] == [0, -20, -40]
    assert once.whole_px == -40


def test_a_moving_camera_sees_the_same_world_elsewhere():
    still = Scenario(seconds=2.2, camera=CameraSpec(width=96, height=72, fps=5, pattern="none"),
                     world=WorldSpec(backdrop="row"))  # fmt: skip
    motion = MotionSpec(pan_px_per_s=30.0, pan_from_s=0.0, pan_to_s=2.0)
    frames = list(render(replace(still, motion=motion), 4))
    assert [round(f.facts.shift_px[0]) for f in frames[:3]] == [0, 6, 12]
    first, last = frames[0].counts.astype(float), frames[-1].counts.astype(float)
    moved_noise = (last[:, :-60] - first[:, 60:]).std()
    assert moved_noise < 3 * frames[0].facts.noise_counts < (last - first).std() / 2


def test_the_housing_drifts_as_told_and_most_in_the_corners():
    scene = replace(even_wall(), seconds=61.0, leaks=()).with_camera(
        pattern="residual", drift_k_per_min=2.0, fps=1.0
    )
    frames = [f.counts.astype(float) for f in render(scene, 1)]
    drift = frames[60] - frames[0]
    middle = drift[16:32, 24:40].mean()
    assert middle == pytest.approx(2.0 * 0.35 * 57, rel=0.1)
    corners = np.mean([drift[:6, :6], drift[:6, -6:], drift[-6:, :6], drift[-6:, -6:]])
    assert 1.1 * middle < corners < 1.3 * middle
