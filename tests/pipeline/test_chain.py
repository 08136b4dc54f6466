# SPDX-License-Identifier: Apache-2.0
"""Pipeline: outputs, shapes, answers; every reason not to judge, each beside its clean twin."""

from dataclasses import replace
from math import isnan, nan

import numpy as np
import pytest
from chain_scene import PERIOD_NS, SHAPE, Scene, ready
from pipeline_scenes import Pipeline

import edgeleak
from edgeleak import codes
from edgeleak.errors import ConfigError, UsageError
from edgeleak.frame import FrameFlag, FrameInfo, NucState
from edgeleak.kernels import reference  # noqa: F401  (the package must exist)
from edgeleak.pipeline import CODES, PROFILES, load_profile
from edgeleak.sensor import LEPTON, UNKNOWN


@pytest.mark.parametrize("profile", PROFILES)
def test_outputs_are_read_only_views_of_the_arena(profile):
    pipeline, _ = ready(profile, 3)
    kinds = {"counts": "u2", "grey": "u1", "background": "u2", "gas": "u1", "mask": "u1"}
    for name, kind in kinds.items():
        view = getattr(pipeline, name)
        assert view.dtype == kind
        assert view.shape == SHAPE
        assert not view.flags.writeable
        assert np.shares_memory(view, pipeline.arena[name])
    assert set(np.unique(pipeline.mask)) <= {0, 255}
    assert pipeline.regions.dtype.names[:5] == ("label", "x", "y", "w", "h")
    with pytest.raises(ValueError, match="read-only"):
        pipeline.regions["label"] = 1


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 37), (5, 3), (61, 83)])
def test_odd_shapes_run(profile, shape):
    scene = Scene(shape)
    pipeline = Pipeline(shape, profile)
    for _ in range(30):
        verdict = pipeline.step(scene.frame(), scene.info())
    assert str(verdict) in {"GAS", "NO GAS", "INHIBIT", "FAULT"}


def test_wrong_frames_are_refused():
    pipeline = Pipeline(SHAPE)
    with pytest.raises(UsageError, match="shape"):
        pipeline.step(np.zeros((3, 3), np.uint16))
    with pytest.raises(UsageError, match="float64"):
        pipeline.step(np.zeros(SHAPE))
    with pytest.raises(UsageError, match="H, W"):
        Pipeline((0, 3))
    with pytest.raises(UsageError, match="fps"):
        Pipeline(SHAPE, fps=0)
    with pytest.raises(ConfigError, match="sensitive"):
        Pipeline(SHAPE, "sensitve")


def test_a_frame_in_the_arena_is_not_copied():
    scene_a, scene_b = Scene(), Scene()
    copied, placed = Pipeline(SHAPE), Pipeline(SHAPE)
    for _ in range(30):
        copied.step(scene_a.frame(), scene_a.info())
        placed.arena["counts"][...] = scene_b.frame()
        placed.step(placed.arena["counts"], scene_b.info())
    for name in ("counts", "grey", "background", "gas", "mask"):
        np.testing.assert_array_equal(getattr(copied, name), getattr(placed, name))


def test_quiet_scene_is_no_gas_and_a_plume_is_gas():
    pipeline, scene = ready()
    assert str(pipeline.verdict) == "NO GAS"
    assert pipeline.evidence >= 0
    for _ in range(60):
        verdict = pipeline.step(scene.frame(plume=60), scene.info())
    assert str(verdict) == "GAS"
    assert verdict.evidence > 1
    assert len(pipeline.regions) >= 1
    assert "evidence" in verdict.reason
    assert {rule.name for rule in verdict.rules} == {
        "evidence",
        "persistence",
        "place",
        "change",
        "one-sign",
        "no-outline",
        "spread",
        "ghost",
    }


def test_level_steps_are_not_gas():
    pipeline, scene = ready()
    before = pipeline.verdict.level_counts
    first = pipeline.step(scene.frame() + np.uint16(31), scene.info())
    for _ in range(30):
        verdict = pipeline.step(scene.frame() + np.uint16(31), scene.info())
    assert [str(first), str(verdict)] == ["NO GAS", "NO GAS"]
    assert first.level_counts - before == pytest.approx(31, abs=1)


def test_the_background_does_not_drift():
    pipeline, scene = ready()
    for _ in range(1500):
        pipeline.step(scene.frame(), scene.info())
    assert abs(np.median(pipeline.arena["background"] / 4 - scene.base)) < 2


@pytest.mark.parametrize("fps", [1, 30])
def test_slew_does_not_depend_on_the_frame_rate(fps):
    scene = Scene(period_ns=1_000_000_000 // fps)
    pipeline = Pipeline(SHAPE, load_profile("sensitive").replace(background__slew_sigma_per_s=2.0))
    for _ in range(8 * fps):
        pipeline.step(scene.frame(), scene.info())
    start = pipeline.arena["background"].astype(int)
    for _ in range(64 * fps):
        bright = scene.frame()
        bright[:8, :8] += 10_000
        pipeline.step(bright, scene.info())
    moved = (pipeline.arena["background"].astype(int) - start)[:8, :8].mean() / 4
    sigma = pipeline.verdict.noise_counts
    assert moved == pytest.approx(64 * 2.0 * sigma * 0.02, abs=2.1)  # held: a fiftieth


TRIPS = {
    codes.TORN: {"flags": FrameFlag.TORN},
    codes.SHUTTER: {"flags": FrameFlag.SHUTTER},
    codes.NUC_RUNNING: {"nuc_state": NucState.RUNNING},
    codes.NUC_SETTLING: {"nuc_state": NucState.SETTLING},
    codes.SOURCE_SATURATED: {"flags": FrameFlag.SATURATED},
    codes.SOURCE_CLIPPED: {"flags": FrameFlag.CLIPPED_TO_14_BIT},
}


@pytest.mark.parametrize("code", TRIPS)
def test_a_flag_inhibits_and_its_clean_twin_does_not(code):
    pipeline, scene = ready()
    clean = pipeline.step(scene.frame(), scene.info())
    tripped = pipeline.step(scene.frame(), scene.info(**TRIPS[code]))
    assert (str(clean), clean.code) == ("NO GAS", 0)
    assert (str(tripped), tripped.code) == ("INHIBIT", code)
    assert isnan(tripped.evidence)
    assert CODES[code].next_step in tripped.reason


def test_learning_comes_first_and_ends():
    pipeline, scene = ready(frames=1)
    first = pipeline.verdict
    for _ in range(30):
        verdict = pipeline.step(scene.frame(), scene.info())
    assert (str(first), first.code) == ("INHIBIT", codes.LEARNING)
    assert str(verdict) == "NO GAS"


@pytest.mark.parametrize(
    ("step_ns", "code"),
    [(0, codes.TIME_BACK), (-5, codes.TIME_BACK), (60_000_000_000, codes.TIME_GAP)],
)
def test_time_must_advance_without_gaps(step_ns, code):
    pipeline, scene = ready()
    scene.info()
    last = FrameInfo(scene.count, (scene.count - 1) * PERIOD_NS)
    verdict = pipeline.step(scene.frame(), replace(last, monotonic_ns=last.monotonic_ns + step_ns))
    assert verdict.code == code


def test_no_time_base_is_said_and_fps_cures_it():
    scene = Scene()
    without, with_fps = Pipeline(SHAPE), Pipeline(SHAPE, fps=10)
    for _ in range(40):
        frame = scene.frame()
        blind, judged = without.step(frame), with_fps.step(frame)
    assert blind.code == codes.NO_TIME
    assert str(judged) == "NO GAS"


def test_a_frozen_picture_inhibits_then_faults():
    pipeline, scene = ready()
    frame = scene.frame()
    answers = [pipeline.step(frame, scene.info()) for _ in range(130)]
    assert codes.FROZEN in {a.code for a in answers}
    assert (str(answers[-1]), answers[-1].code) == ("FAULT", codes.STUCK)
    assert str(answers[2]) == "NO GAS"  # a repeat or two is how some sensors work


def flat(scene, value, spread):
    noise = scene.rng.integers(0, spread + 1, SHAPE)
    return np.minimum(value + noise, 16383).astype(np.uint16)


@pytest.mark.parametrize(
    ("value", "spread", "seconds", "code"),
    [
        (6000, 8, 3, codes.LOW_CONTRAST),
        (6000, 1, 15, codes.BLANK),
        (16383, 0, 3, codes.FROZEN),
        (16340, 40, 3, codes.SATURATED),
        (16340, 40, 15, codes.LONG_SATURATED),
        (0, 5, 3, codes.DARK),
        (0, 5, 15, codes.LONG_DARK),
    ],
)
def test_a_picture_without_information_is_not_judged(value, spread, seconds, code):
    pipeline, scene = ready()
    for _ in range(seconds * 10):
        verdict = pipeline.step(flat(scene, value, spread), scene.info())
    assert verdict.code == code


@pytest.mark.parametrize("low", [12, 13800])
def test_a_scene_near_an_end_of_the_range_is_judged(low):
    pipeline, scene = ready()
    scene.base += low - scene.base.min()  # its span is 2360 counts
    for _ in range(60):
        verdict = pipeline.step(scene.frame(), scene.info())
    assert verdict.code == 0


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("code", TRIPS)
def test_a_refused_frame_leaves_no_trace(profile, code):
    """Background, gain and table are those of a run without the frame."""
    pipeline, scene = ready(profile)
    background, lut = pipeline.arena["background"].copy(), pipeline.gain.lut.copy()
    for _ in range(6):  # longer than the gain's period
        pipeline.step(np.full(SHAPE, 9000, np.uint16), scene.info(**TRIPS[code]))
    np.testing.assert_array_equal(pipeline.arena["background"], background)
    np.testing.assert_array_equal(pipeline.gain.lut, lut)
    pipeline.step(scene.frame(), scene.info())
    assert (pipeline.arena["background"] != background).any()  # the clean twin trains


def test_a_torn_first_frame_sets_neither_gain_nor_background():
    torn, clean, scene = Pipeline(SHAPE), Pipeline(SHAPE), Scene()
    torn.step(np.zeros(SHAPE, np.uint16), scene.info(flags=FrameFlag.TORN))
    frame, info = scene.frame(), scene.info()
    torn.step(frame, info)
    clean.step(frame, info)
    np.testing.assert_array_equal(torn.gain.lut, clean.gain.lut)
    apart = torn.background.astype(int) - clean.background
    assert np.abs(apart).max() <= 4  # one count: its clock runs already, so it makes a step


@pytest.mark.parametrize(("seconds", "code"), [(1, 0), (4, codes.LEARNING)])
def test_long_tearing_starts_learning_again_and_short_does_not(seconds, code):
    pipeline, scene = ready()
    for _ in range(10 * seconds):
        pipeline.step(scene.frame(), scene.info(flags=FrameFlag.TORN))
    assert pipeline.step(scene.frame(), scene.info()).code == code


def test_a_pan_starts_learning_again():
    pipeline, scene = ready()
    scene.base = scene.base[::-1, ::-1].copy() + 400 * np.sin(np.arange(SHAPE[1]))
    changed = pipeline.step(scene.frame(), scene.info())
    after = pipeline.step(scene.frame(), scene.info())
    for _ in range(40):
        later = pipeline.step(scene.frame(), scene.info())
    assert [changed.code, after.code, later.code] == [codes.SCENE_CHANGED, codes.LEARNING, 0]


@pytest.mark.parametrize(
    ("sensor", "quiet", "plume"),
    [
        (None, "NO GAS", "GAS"),
        (LEPTON, "INHIBIT", "INHIBIT"),
        (UNKNOWN, "INHIBIT", "GAS"),
    ],
)
def test_only_a_sensor_that_sees_methane_says_no_gas(sensor, quiet, plume):
    pipeline, scene = ready(sensor=sensor)
    assert str(pipeline.verdict) == quiet
    for _ in range(60):
        verdict = pipeline.step(scene.frame(plume=60), scene.info())
    assert str(verdict) == plume


def test_eight_bit_video_is_shifted_and_flagged():
    scene = Scene()
    pipeline = Pipeline(SHAPE, fps=10)
    frame = (scene.frame() >> 6).astype(np.uint8)
    verdict = pipeline.step(frame)
    assert verdict.flags & FrameFlag.EIGHT_BIT
    np.testing.assert_array_equal(pipeline.counts, frame.astype(np.uint16) << 6)


def test_gain_can_be_locked_and_ignores_dead_pixels():
    scene = Scene()
    free, dead = Pipeline(SHAPE, fps=10), Pipeline(SHAPE, fps=10)
    for _ in range(10):
        frame = scene.frame()
        free.step(frame)
        frame[0, 0], frame[7, 9] = 0, 16383
        dead.step(frame)
    assert dead.gain.alpha == pytest.approx(free.gain.alpha, rel=0.05)
    free.gain.lock(40, -305)
    before = free.gain.lut.copy()
    for _ in range(30):
        free.step((scene.frame() * 2).astype(np.uint16))
    np.testing.assert_array_equal(free.gain.lut, before)


def test_arena_says_what_it_holds():
    pipeline = Pipeline((480, 640))
    text = pipeline.arena.describe()
    assert all(name in text for name in pipeline.arena)
    assert str(pipeline.arena.nbytes) in text
    assert pipeline.arena["counts"].ctypes.data % 64 == 0


def test_overrides_reach_the_pipeline():
    strict = load_profile("sensitive").replace(evidence__area_permille=100.0)
    pipeline, scene = ready(strict)
    for _ in range(40):
        verdict = pipeline.step(scene.frame(plume=60), scene.info())
    assert str(verdict) == "NO GAS"


def test_the_package_gives_the_pipeline_lazily():
    assert edgeleak.Pipeline is Pipeline.__base__
    with pytest.raises(AttributeError, match="pipelin"):
        _ = edgeleak.pipelin_


def test_verdict_as_dict_has_no_nan():
    pipeline, _ = ready(frames=1)
    found = pipeline.verdict.as_dict()
    assert found["verdict"] == "INHIBIT"
    assert found["evidence"] is None
    assert nan not in found.values()
