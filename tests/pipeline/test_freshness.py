# SPDX-License-Identifier: Apache-2.0
"""What a frame says of itself: number, time, LED, correction; each beside its clean twin."""

import numpy as np
import pytest
from pipeline_scenes import PERIOD_NS, SHAPE, Pipeline, Scene, ready, run

from edgeleak import codes
from edgeleak.frame import FrameFlag, FrameInfo, NucState
from edgeleak.pipeline import PROFILES

NO_GAS = "NO GAS"


def codes_of(verdicts):
    return [verdict.code for verdict in verdicts]


def test_frames_without_numbers_are_judged():
    pipeline, scene = ready(frames=0)
    assert str(run(pipeline, scene, 60, facts=lambda t: {"sequence": 0})[-1]) == NO_GAS


def test_a_number_that_stands_still_is_refused_and_learns_nothing():
    pipeline, scene = ready()
    background = pipeline.background.copy()
    first, *rest = run(pipeline, scene, 20, facts=lambda t: {"sequence": 61})
    assert (str(first), first.code) == (NO_GAS, 0)
    assert set(codes_of(rest)) == {codes.SEQUENCE_BACK}
    assert np.abs(pipeline.background.astype(int) - background).max() <= 8  # the first one's step


def test_a_number_that_goes_back_is_refused_and_a_new_start_is_learnt_again():
    pipeline, scene = ready()
    back = run(pipeline, scene, 5, facts=lambda t: {"sequence": 50 - t})
    assert set(codes_of(back)) == {codes.SEQUENCE_BACK}
    after = run(pipeline, scene, 25, facts=lambda t: {"sequence": 47 + t})
    assert (after[0].code, after[-1].code) == (codes.LEARNING, 0)


def test_a_clock_that_jumps_back_is_learnt_again():
    pipeline, scene = ready()
    scene.count -= 30
    facts = [{"sequence": 100 + t} for t in range(40)]
    seen = codes_of(run(pipeline, scene, 40, facts=lambda t: facts[t]))
    assert seen[0] == codes.TIME_BACK
    assert set(seen[1:19]) == {codes.LEARNING}
    assert seen[-1] == 0


@pytest.mark.parametrize("profile", PROFILES)
def test_a_single_frame_of_the_other_phase_keeps_the_answer(profile):
    """Alternating light: every second frame is judged, the ones between change nothing."""
    pipeline, scene = ready(profile, frames=0)
    for t in range(160):
        lit = t % 2 == 1
        frame = scene.frame() + np.uint16(0)
        if lit:
            frame[10:30, 10:40] += 400
        last = pipeline.verdict
        verdict = pipeline.step(frame, scene.info(led_on=lit))
        assert not lit or verdict is last
        assert not lit or not pipeline.mask.any()
    assert str(verdict) == NO_GAS


def test_alternating_light_still_shows_a_plume():
    pipeline, scene = ready(frames=0)
    run(pipeline, scene, 60, facts=lambda t: {"led_on": t % 2 == 1})
    seen = run(pipeline, scene, 100, plume=60, facts=lambda t: {"led_on": t % 2 == 1})
    assert {str(v) for v in seen[-20:]} == {"GAS"}


def test_a_new_phase_is_learnt_again():
    pipeline, scene = ready()
    seen = run(pipeline, scene, 40, facts=lambda t: {"led_on": True})
    assert seen[0].code == 0  # may be alternating: the answer of the frame before
    assert set(codes_of(seen[1:19])) == {codes.LEARNING}
    assert str(seen[-1]) == NO_GAS


def test_a_single_frame_of_the_other_phase_after_a_gap_is_no_answer():
    pipeline, scene = ready()
    scene.count += 100
    verdict = pipeline.step(scene.frame(), scene.info(led_on=True))
    assert verdict.code == codes.TIME_GAP


class Numbered:
    """The least that the pipeline wants of a calibration."""

    shape = SHAPE
    gain_q14 = np.full(SHAPE, 16384, np.int16)
    offset = np.zeros(SHAPE, np.int16)
    bad_pixels = np.empty((0, 5), np.int32)
    nuc_id = 7


@pytest.mark.parametrize(("nuc_id", "code"), [(-1, 0), (7, 0), (8, codes.NUC_MISMATCH)])
def test_the_correction_of_the_frame_must_be_the_one_applied(nuc_id, code):
    pipeline, scene = ready(frames=0, calibration=Numbered())
    assert run(pipeline, scene, 60, facts=lambda t: {"nuc_id": nuc_id})[-1].code == code


@pytest.mark.parametrize(("given", "code"), [(-1, 0), (8, 0), (9, codes.NUC_MISMATCH)])
def test_new_offsets_bring_their_number(given, code):
    pipeline, scene = ready(frames=0, calibration=Numbered())
    run(pipeline, scene, 60, facts=lambda t: {"nuc_id": 7})
    pipeline.replace_offset(np.zeros(SHAPE, np.int16), nuc_id=given)
    seen = run(pipeline, scene, 60, facts=lambda t: {"nuc_id": 8})
    assert seen[0].code == (code or codes.LEARNING)
    assert seen[-1].code == code


def test_another_correction_inside_the_source_is_learnt_again():
    pipeline, scene = ready(frames=0)
    run(pipeline, scene, 60, facts=lambda t: {"nuc_id": 3})
    seen = codes_of(run(pipeline, scene, 40, facts=lambda t: {"nuc_id": 4}))
    assert (seen[0], seen[-1]) == (codes.LEARNING, 0)


@pytest.mark.parametrize(("hours", "code"), [(24, 0), (26, codes.NUC_OLD)])
def test_an_old_correction_is_not_trusted(hours, code):
    pipeline, scene = ready()
    age = {"ms_since_nuc": hours * 3_600_000}
    assert run(pipeline, scene, 3, facts=lambda t: age)[-1].code == code


@pytest.mark.parametrize("buffers", [2, 3, 8])
def test_buffers_that_come_again_are_frozen_then_stuck(buffers):
    pipeline, scene = ready()
    held = [scene.frame() for _ in range(buffers)]
    seen = [pipeline.step(held[t % buffers], scene.info()) for t in range(170)]
    assert codes.FROZEN in set(codes_of(seen))
    assert seen[60].code == codes.FROZEN
    assert seen[-1].code == codes.STUCK
    fresh = run(pipeline, scene, 60)
    assert fresh[-1].code == 0


def test_two_eight_bit_pictures_that_take_turns_are_frozen():
    scene, pipeline = Scene(), Pipeline(SHAPE, fps=10)
    held = [(scene.frame() >> 6).astype(np.uint8) for _ in range(2)]
    seen = [pipeline.step(held[t % 2]) for t in range(60)]
    assert seen[-1].code == codes.FROZEN


@pytest.mark.parametrize("rows", [slice(0, 8), slice(40, 48), slice(12, 20)])
def test_a_frozen_part_of_the_frame_is_seen(rows):
    pipeline, scene = ready()
    old = scene.frame()
    for _ in range(20):
        frame = scene.frame()
        frame[rows] = old[rows]
        verdict = pipeline.step(frame, scene.info())
    assert verdict.code == codes.FROZEN


def test_a_dark_border_is_not_frozen():
    scene, pipeline = Scene(), Pipeline(SHAPE)
    for _ in range(60):
        frame = scene.frame()
        frame[2:4] = 0  # two rows of 48 are 4 %
        verdict = pipeline.step(frame, scene.info())
    assert str(verdict) == NO_GAS


@pytest.mark.parametrize(("seconds", "code"), [(0.4, 0), (0.7, codes.FROZEN)])
def test_a_picture_counts_as_frozen_after_its_time(seconds, code):
    pipeline, scene = ready()
    frame = scene.frame()
    for _ in range(1 + round(10 * seconds)):  # the first of them is new
        verdict = pipeline.step(frame, scene.info())
    assert verdict.code == code


SLOW = [(0.01, codes.TIME_GAP), (0.3, codes.TIME_GAP), (0.4, codes.TOO_SLOW), (0.42, 0), (1.0, 0)]


@pytest.mark.parametrize(("fps", "code"), SLOW)
@pytest.mark.parametrize("has_stamps", [False, True])
def test_a_rate_at_which_gas_is_impossible_is_not_judged(fps, code, has_stamps):
    scene = Scene(period_ns=round(1e9 / fps))
    pipeline = Pipeline(SHAPE, fps=None if has_stamps else fps)
    facts = {} if has_stamps else {"monotonic_ns": -1}
    seen = run(pipeline, scene, 30, facts=lambda t: facts)
    assert set(codes_of(seen[10:])) == {code}


@pytest.mark.parametrize("how", ["sequence", "drops"])
def test_missing_frames_are_time_where_there_are_no_stamps(how):
    scene, pipeline = Scene(), Pipeline(SHAPE, fps=10)

    def facts(t):
        jump = 26 if t >= 40 else 0
        return {"monotonic_ns": -1, how: (t + 1 if how == "sequence" else 0) + jump}

    seen = codes_of(run(pipeline, scene, 70, facts=facts))
    assert (seen[39], seen[40], seen[41], seen[69]) == (0, codes.TIME_GAP, codes.LEARNING, 0)


def test_an_assumed_rate_is_flagged_and_a_stamp_is_not():
    pipeline, scene = ready()
    assert pipeline.verdict.flags == FrameFlag.NONE
    assumed = scene.info(flags=FrameFlag.FPS_ASSUMED)
    assert pipeline.step(scene.frame(), assumed).flags == FrameFlag.FPS_ASSUMED
    assert pipeline.step(scene.frame(), scene.info()).flags == FrameFlag.NONE
    assert Pipeline(SHAPE, fps=10).step(scene.frame()).flags == FrameFlag.FPS_ASSUMED
    eight = Pipeline(SHAPE, fps=10).step((scene.frame() >> 6).astype(np.uint8))
    assert eight.flags == FrameFlag.FPS_ASSUMED | FrameFlag.EIGHT_BIT


def test_counts_put_into_the_arena_after_video_are_counts():
    scene, pipeline = Scene(), Pipeline(SHAPE)
    pipeline.step((scene.frame() >> 6).astype(np.uint8), scene.info())
    assert pipeline.flags == FrameFlag.EIGHT_BIT
    pipeline.arena["counts"][...] = scene.frame()
    assert pipeline.step(pipeline.arena["counts"], scene.info()).flags == FrameFlag.NONE


def test_the_clock_of_one_frame_is_not_needed():
    pipeline, scene = ready()
    verdict = pipeline.step(scene.frame(), FrameInfo(scene.count + 1, PERIOD_NS * scene.count + 1))
    assert verdict.code == 0


CLOSED = [
    {"flags": FrameFlag.SHUTTER},
    {"nuc_state": NucState.RUNNING},
    {"nuc_state": NucState.SETTLING},
]


@pytest.mark.parametrize("facts", CLOSED)
def test_after_the_shutter_or_a_correction_all_is_learnt_again(facts):
    pipeline, scene = ready()
    pipeline.step(scene.frame(), scene.info(**facts))
    after = codes_of(run(pipeline, scene, 30))
    assert (after[0], after[18], after[-1]) == (codes.LEARNING, codes.LEARNING, 0)


def test_what_was_gas_before_the_shutter_must_be_found_again():
    pipeline, scene = ready()
    assert str(run(pipeline, scene, 60, plume=60)[-1]) == "GAS"
    pipeline.step(scene.frame(), scene.info(flags=FrameFlag.SHUTTER))
    assert {str(verdict) for verdict in run(pipeline, scene, 30)} == {"INHIBIT", NO_GAS}


def test_the_first_row_alone_may_stand_still():
    scene, pipeline = Scene(), Pipeline(SHAPE)
    for _ in range(60):
        frame = scene.frame()
        frame[0] = 4000
        verdict = pipeline.step(frame, scene.info())
    assert str(verdict) == NO_GAS
