# SPDX-License-Identifier: Apache-2.0
"""Corrections taken while running, on the real pipeline with a sensor whose pattern is known."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from services.nuc_bench import CONFIG, FACTORY, SHAPE, Bench, Sensor, base_of

from edgeleak import codes
from edgeleak.calibration.model import UNITY_GAIN_Q14
from edgeleak.errors import UsageError
from edgeleak.frame import FrameFlag, NucState
from edgeleak.pipeline import Pipeline
from edgeleak.services.nuc import OPEN_FRAMES, SKIPPED_FRAMES, SLICES
from edgeleak.services.nuc_status import Phase


@pytest.mark.parametrize("seed", range(5))
def test_a_warm_flat_wall_is_no_shutter(seed):
    """The shutter stays open, says that it closed, and the camera is turned to a wall."""
    sensor = Sensor(seed, sticks=True)
    bench = Bench(sensor, base=FACTORY, housing_degc=lambda: 24.0)
    while bench.nuc.status.phase is not Phase.CLOSING:
        bench.run(1)
    sensor.scene = np.full(SHAPE, 5200.0 + 50 * (4 + 15))
    bench.run_to_refusal()
    assert bench.nuc.status.taken == 0
    assert bench.nuc.status.code == codes.NUC_LEVEL
    assert bench.nuc.status.measured == pytest.approx(15, abs=0.7)
    assert "+15 K from the housing" in bench.nuc.status.why
    assert (bench.nuc.offset == 0).all()


@pytest.mark.parametrize(("housing_degc", "off_k"), [(24.0, -4.0), (11.0, 9.0), (29.0, -9.0)])
def test_a_shutter_about_as_warm_as_its_housing_is_taken(housing_degc, off_k):
    bench = Bench(Sensor(), base=FACTORY, housing_degc=lambda: housing_degc).run(120)
    assert bench.nuc.status.taken == 1
    assert bench.nuc.status.off_k == pytest.approx(off_k, abs=0.7)  # the pattern's median


@pytest.mark.parametrize(("base", "housing_degc"), [
    (None, 24.0), (base_of(nuc_id=7), 24.0), (FACTORY, float("nan")),
])  # fmt: skip
def test_where_either_temperature_is_unknown_it_is_said(base, housing_degc):
    bench = Bench(Sensor(), base=base, housing_degc=lambda: housing_degc).run(120)
    assert bench.nuc.status.taken == 1
    assert np.isnan(bench.nuc.status.off_k)


def phases(bench):
    return list(dict.fromkeys(phase for phase, _, _, _ in bench.seen))


def test_the_pattern_goes_and_the_scene_stays():
    is_cold = []
    bench = Bench(Sensor(), may_run=lambda: bool(is_cold))
    assert bench.residual() == pytest.approx(120, rel=0.1)
    is_cold.append(1)
    bench.seen.clear()
    bench.run(100)
    assert bench.nuc.status.taken == 1
    assert bench.nuc.status.why == "start"
    # 3 counts of noise over 16 frames, rounding, and 32 frames of the measurement itself.
    assert bench.residual() < 1.1
    assert phases(bench)[:6] == [Phase.LOOKING, Phase.CLOSING, Phase.COLLECTING, Phase.SOLVING,
                                 Phase.OPENING, Phase.SETTLING]  # fmt: skip


def test_frames_near_it_are_never_judged():
    bench = Bench(Sensor()).run(150)
    for phase, state, code, info in bench.seen:
        if info.flags & FrameFlag.SHUTTER or phase in (Phase.COLLECTING, Phase.SOLVING):
            assert code, "a frame of the shutter was judged"
        if state in (NucState.RUNNING, NucState.SETTLING):
            assert code in (codes.NUC_RUNNING, codes.NUC_SETTLING, codes.SHUTTER)
    assert bench.seen[-1][2] == 0


def test_gains_of_the_factory_stay_in_force():
    rng = np.random.default_rng(3)
    gain = np.rint(UNITY_GAIN_Q14 * rng.normal(1, 0.05, SHAPE)).astype(np.int16)
    sensor = Sensor()
    sensor.pattern = sensor.pattern * 0
    bench = Bench(sensor, base=base_of(gain, nuc_id=7)).run(100)
    assert bench.nuc.status.taken == 1
    closed = sensor.shut_counts * gain / UNITY_GAIN_Q14 + bench.nuc.offset
    assert closed.std() < 1.1
    np.testing.assert_array_equal(bench.nuc.gain_q14, gain)


def test_it_takes_as_many_frames_as_it_says():
    bench = Bench(Sensor())
    bench.run(200)
    count = {phase: [p for p, *_ in bench.seen].count(phase) for phase in Phase}
    assert count[Phase.LOOKING] == OPEN_FRAMES
    assert count[Phase.COLLECTING] == CONFIG.frames + SKIPPED_FRAMES
    assert count[Phase.SOLVING] == SLICES


@pytest.mark.parametrize("scene_counts", [5.0, 300.0])
def test_a_shutter_that_only_claims_to_close_is_refused(scene_counts):
    bench = Bench(Sensor(sticks=True, scene_counts=scene_counts)).run_to_refusal()
    status = bench.nuc.status
    assert (status.taken, status.code) == (0, codes.NUC_REFUSED)
    assert status.measured < status.expected == 2.0
    assert "did not change" in status.why
    (why, kept) = bench.told[-1]
    assert (why.code, why.measured, why.expected) == (status.code, status.measured, 2.0)
    assert kept == "reason start, there is none"
    assert (bench.nuc.offset == 0).all()


@pytest.mark.parametrize("frames", [4, 16])
@pytest.mark.parametrize(("pan_px", "drift_counts"), [
    (0.25, 0.0), (1.0, 0.0), (3.0, 0.0), (0.0, 0.5), (0.0, -2.0), (0.1, 0.2),
])  # fmt: skip
def test_a_scene_that_moves_is_no_shutter(pan_px, drift_counts, frames):
    sensor = Sensor(sticks=True, scene_counts=150.0)
    still, columns = sensor.frame, np.arange(SHAPE[1])

    def moving(wish):
        wave = 150 * np.sin((columns + pan_px * sensor.number) / 7)
        sensor.scene = 6000 + drift_counts * sensor.number + wave[None, :] * np.ones(SHAPE)
        return still(wish)

    sensor.frame = moving
    bench = Bench(sensor, replace(CONFIG, frames=frames)).run_to_refusal()
    assert bench.nuc.status.taken == 0
    assert (bench.nuc.offset == 0).all()


def test_a_closed_picture_with_the_scene_in_it_is_refused():
    """Something moved while the shutter should have closed; then all stood still before it."""
    sensor = Sensor()
    bench = Bench(sensor).run(120)
    assert bench.nuc.status.taken == 1
    sensor.sticks = True
    bench.nuc.request()
    bench.run(OPEN_FRAMES + 1)
    assert bench.nuc.status.phase is Phase.CLOSING
    sensor.scene[:, 40:] += 8.0
    bench.run(40)
    assert bench.nuc.status.taken == 1
    assert "not flat" in bench.nuc.status.why
    ((why, kept),) = bench.told
    assert why.code == codes.NUC_NOT_FLAT
    assert why.measured > why.expected >= 8.0, "the scene that it shows, not the change"
    assert "closed shutter shows" in why.text
    assert kept == "reason request, 100 stays in force"


def test_a_shutter_that_opens_while_it_is_looked_at_is_refused():
    sensor = Sensor()
    bench = Bench(sensor)
    while bench.nuc.status.phase is not Phase.COLLECTING:
        bench.run(1)
    bench.run(7)
    sensor.frame = lambda wish, frame=sensor.frame: frame(False)
    bench.run(1).run_to_refusal()
    status = bench.nuc.status
    assert "opened too early" in status.why
    assert status.code == codes.NUC_EARLY
    assert (status.measured, status.expected) == (8, CONFIG.frames + SKIPPED_FRAMES)
    assert "opened after 8 of 18 frames" in bench.told[-1][0].text


@pytest.mark.parametrize("moved_k", [+1.0, -1.0])
def test_far_from_its_temperature_a_correction_is_no_answer(moved_k):
    sensor = Sensor()
    bench = Bench(sensor).run(120)
    assert (bench.nuc.status.taken, bench.nuc.status.code) == (1, codes.OK)
    sensor.sticks = True
    sensor.fpa_degc += moved_k
    bench.run(5)
    bench.run(100)
    while bench.nuc.status.phase is not Phase.IDLE:
        bench.run(1)
    status = bench.nuc.status
    assert (status.taken, status.code) == (1, codes.NUC_DRIFTED)
    assert (status.measured, status.expected) == pytest.approx((1.0, 0.9))
    sensor.fpa_degc -= 0.5 * moved_k
    bench.run(300)
    while bench.nuc.status.phase is not Phase.IDLE:
        bench.run(1)
    assert bench.nuc.status.code == codes.OK


def test_a_shutter_that_does_not_move_runs_out_of_patience_and_is_tried_again():
    sensor = Sensor()
    is_jammed = [True]
    sensor.frame = lambda wish, frame=sensor.frame: frame(wish and not is_jammed)
    bench = Bench(sensor).run_to_refusal()
    status = bench.nuc.status
    assert "did not move" in status.why
    assert (status.taken, status.code, bench.nuc.shutter_wanted) == (0, codes.NUC_SILENT, False)
    assert status.measured > status.expected == 2.0
    assert len(bench.seen) < 40, "two seconds of patience"
    is_jammed.clear()
    bench.run(200)
    assert bench.nuc.status.taken == 1


def test_one_refusal_keeps_the_correction_in_force():
    sensor = Sensor()
    bench = Bench(sensor).run(120)
    before = bench.nuc.offset.copy()
    sensor.sticks = True
    bench.nuc.request()
    bench.run(100)
    assert bench.nuc.status.refused == 1
    np.testing.assert_array_equal(bench.nuc.offset, before)
    assert (bench.nuc.status.code, bench.nuc.status.nuc_id) == (0, 100)
    bench.run(1300).run_to_refusal()  # twice its time without a new one: no answer any more
    assert bench.nuc.status.code == codes.NUC_REFUSED
    assert len(bench.told) == bench.nuc.status.refused > 1
    assert {kept.partition(", ")[2] for _, kept in bench.told} == {"100 stays in force"}


def test_a_refusal_keeps_its_numbers_while_the_detector_drifts():
    sensor = Sensor()
    bench = Bench(sensor).run(120)
    sensor.sticks, sensor.fpa_degc = True, sensor.fpa_degc + 1.0
    bench.run(1300).run_to_refusal()
    assert bench.nuc.status.code == codes.NUC_DRIFTED
    sensor.fpa_degc -= 1.0
    bench.run(1)
    assert (bench.nuc.status.code, bench.nuc.status.expected) == (codes.NUC_REFUSED, 2.0)


def test_after_another_calibration_nothing_has_been_refused_yet():
    is_cold = []
    bench = Bench(Sensor(sticks=True), may_run=lambda: not is_cold).run_to_refusal()
    assert bench.nuc.status.code == codes.NUC_REFUSED
    is_cold.append(1)
    bench.nuc.rebase(bench.base, bench.seen[-1][3].monotonic_ns)
    bench.run(20)
    assert bench.nuc.status.code == codes.NUC_MISSING


def test_where_no_new_one_is_even_tried_it_says_how_old_the_last_is():
    may_run = [True]
    bench = Bench(Sensor(), may_run=lambda: bool(may_run)).run(120)
    may_run.clear()
    bench.run(1300)
    status = bench.nuc.status
    assert (status.code, status.refused, status.expected) == (codes.NUC_OVERDUE, 0, 120.0)
    assert status.measured > 120.0
    assert not bench.told


@pytest.mark.parametrize(("cause", "why"), [("drift", "drift of +0.40 K"), ("age", "60 s old"),
                                            ("request", "console")])  # fmt: skip
def test_reasons(cause, why):
    sensor = Sensor()
    bench = Bench(sensor).run(120)
    assert bench.nuc.status.taken == 1
    if cause == "drift":
        sensor.fpa_degc += 0.4
    elif cause == "request":
        bench.nuc.request("console")
    bench.run(700 if cause == "age" else 100)
    assert (bench.nuc.status.taken, bench.nuc.status.why) == (2, why)


def test_not_before_the_detector_is_at_its_temperature():
    is_cold = []
    bench = Bench(Sensor(), may_run=lambda: bool(is_cold)).run(100)
    assert (bench.nuc.status.code, bench.nuc.status.phase) == (codes.NUC_MISSING, Phase.IDLE)
    is_cold.append(1)
    bench.run(100)
    assert bench.nuc.status.taken == 1


def test_cancelling_opens_the_shutter_at_once():
    bench = Bench(Sensor())
    while bench.nuc.status.phase is not Phase.COLLECTING:
        bench.run(1)
    assert bench.nuc.shutter_wanted
    bench.nuc.cancel()
    assert not bench.nuc.shutter_wanted
    assert bench.nuc.status.taken == 0
    assert [why.code for why, _ in bench.told] == [codes.NUC_CANCELLED]
    assert "nan" not in bench.told[0][0].text


def test_one_that_is_taken_is_not_refused_by_coming_to_rest():
    bench = Bench(Sensor())
    while bench.nuc.status.phase is not Phase.OPENING:
        bench.run(1)
    bench.nuc.cancel()
    bench.run(30)
    assert (bench.nuc.status.taken, bench.nuc.status.refused) == (1, 0)
    assert bench.nuc.status.code == codes.OK


def test_one_that_is_cancelled_while_solving_leaves_the_one_in_force():
    bench = Bench(Sensor()).run(60)
    before = bench.nuc.offset.copy()
    assert bench.nuc.status.taken == 1
    bench.sensor.pattern += 50
    bench.nuc.request()
    for phase in (Phase.COLLECTING, Phase.SOLVING):
        while bench.nuc.status.phase is not phase:
            bench.run(1)
    bench.run(SLICES // 2)
    np.testing.assert_array_equal(bench.nuc.offset, before)
    bench.nuc.cancel()
    bench.run(20)
    assert bench.nuc.status.taken == 1
    np.testing.assert_array_equal(bench.nuc.offset, before)


def test_odd_pixels_are_replaced_where_no_factory_knew_them():
    sensor = Sensor()
    sensor.pattern[10, 20], sensor.pattern[40, 7] = 9000, -6000
    bench = Bench(sensor).run(120)
    neighbours = bench.pipeline.counts[9:12, 19:22].astype(int)
    assert abs(int(bench.pipeline.counts[10, 20]) - np.median(neighbours)) < 40


@pytest.mark.parametrize("base", [base_of(), base_of(nuc_id=7)])
def test_pixels_that_flicker_are_replaced_from_the_next_correction_on(base):
    sensor = Sensor()
    bench = Bench(sensor, base=base).run(120)
    assert sensor.flickering not in bench.nuc.bad_pixels[:, 0]
    sensor.flickers = True
    bench.nuc.request()
    bench.run(120)
    assert bench.nuc.status.taken == 2
    assert bench.nuc.bad_pixels[:, 0].tolist() == [sensor.flickering]
    sensor.flickers = False
    bench.nuc.request()
    bench.run(120)
    assert bench.nuc.bad_pixels[:, 0].tolist() == [sensor.flickering]
    bench.nuc.rebase(base, bench.seen[-1][3].monotonic_ns)
    assert not len(bench.nuc.bad_pixels)


def test_new_offsets_cost_no_memory():
    bench = Bench(Sensor(), base=base_of(nuc_id=1)).run(120)
    offset = bench.nuc.offset
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    bench.pipeline.replace_offset(offset)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - before < 1000


def test_a_pipeline_without_calibration_says_so():
    with pytest.raises(UsageError, match="no correction"):
        Pipeline(SHAPE).replace_offset(np.zeros(SHAPE, np.int16))
