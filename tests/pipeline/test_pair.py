# SPDX-License-Identifier: Apache-2.0
"""Lit minus dark, against NumPy; and the pairs that must not be used."""

import numpy as np
import pytest
from pipeline_scenes import PERIOD_NS, SHAPE, Pipeline, Scene

from edgeleak import codes
from edgeleak.calibration.model import UNITY_GAIN_Q14, Calibration, Kind
from edgeleak.frame import FrameFlag, FrameInfo
from edgeleak.kernels import reference
from edgeleak.pipeline import PROFILES
from edgeleak.pipeline.pair import PairState

READY = PairState.READY
LIGHT = 300


def calibration():
    rng = np.random.default_rng(5)
    gain = np.rint(UNITY_GAIN_Q14 * rng.normal(1, 0.02, SHAPE)).astype(np.int16)
    return Calibration(
        Kind.ONE_POINT, gain, rng.integers(-90, 90, SHAPE).astype(np.int16),
        np.empty((0, 5), np.int32), np.empty(0, np.uint8), np.zeros(SHAPE, np.uint16),
    )  # fmt: skip


class Blinking:
    """Scene, light and pipeline; frames are lit as `is_lit` says of their number."""

    def __init__(self, is_lit=lambda n: n % 2 == 0, profile="sensitive", **options):
        self.scene, self.is_lit, self.number = Scene(), is_lit, 0
        self.pipeline = Pipeline(SHAPE, profile, **options)
        self.pair = self.pipeline.pair

    def frame(self):
        frame = self.scene.frame()
        if self.is_lit(self.number):
            frame[10:30, 20:40] += LIGHT
        return frame

    def step(self, frame=None, **facts):
        frame = self.frame() if frame is None else frame
        facts = {"led_on": self.is_lit(self.number)} | facts
        info = FrameInfo(self.number + 1, (self.number + 1) * PERIOD_NS, **facts)
        self.number += 1
        self.info = info
        return self.pipeline.step(frame, info)

    def run(self, frames, **facts):
        for _ in range(frames):
            self.step(**facts)
        return self


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("first", [0, 1])
def test_the_difference_is_lit_minus_dark_bit_for_bit(profile, first):
    base = calibration()
    bench = Blinking(lambda n: n % 2 == first, profile, calibration=base)
    bench.run(60 + first)
    twin, seen = {}, 0
    for _ in range(20):
        lit, frame = bench.is_lit(bench.number), bench.frame()
        twin[lit] = frame.copy()
        reference.nuc(twin[lit], base.gain_q14, base.offset)
        bench.step(frame)
        if lit:
            assert bench.pair.state is PairState.WAITING
        else:
            expected = twin[True].astype(np.int32) - twin[False]
            assert bench.pair.is_ready
            assert bench.pair.difference.dtype == np.int16
            np.testing.assert_array_equal(bench.pair.difference, expected)
            assert bench.pair.lit.sequence == bench.info.sequence - 1
            seen += 1
    assert seen == 10


def test_the_light_stays_and_the_scene_cancels():
    bench = Blinking().run(60)
    assert bench.pair.is_ready
    inside = bench.pair.difference[12:28, 22:38]
    assert inside.mean() == pytest.approx(LIGHT, abs=1)
    outside = np.delete(bench.pair.difference, np.s_[10:30], axis=0)
    assert abs(outside.mean()) < 0.3
    assert outside.std() == pytest.approx(2 * 2**0.5, rel=0.1)


def test_the_background_is_of_dark_frames_whichever_came_first():
    for first in (0, 1):
        bench = Blinking(lambda n, first=first: n % 2 == first).run(100)
        there = bench.pipeline.background[12:28, 22:38].astype(float) / 4
        assert abs(there - bench.scene.base[12:28, 22:38]).max() < 8
        assert str(bench.pipeline.verdict) == "NO GAS"


def settled():
    """After a dark frame; the next one is lit."""
    bench = Blinking().run(60)
    assert bench.pair.is_ready
    return bench


def test_constant_light_makes_no_pair():
    for lit in (True, False):
        bench = Blinking(lambda n, lit=lit: lit).run(60)
        assert (bench.pair.state, bench.pair.ready, bench.pair.refused) == (PairState.NONE, 0, 0)


def test_a_dropped_frame_between_makes_no_pair():
    bench = settled()
    bench.step()
    bench.number += 2
    bench.step()
    assert bench.pair.state is PairState.DROPPED
    assert bench.run(2).pair.is_ready


def test_a_drop_the_source_counts_makes_no_pair():
    bench = settled()
    bench.step()
    bench.step(drops=1)
    assert bench.pair.state is PairState.DROPPED


def test_two_lit_frames_make_no_pair():
    bench = settled()
    bench.step()
    ready = bench.pair.ready
    bench.step(led_on=True)
    assert bench.pair.state is PairState.WRONG_PHASE
    assert bench.pair.ready == ready


def test_two_dark_frames_make_one_pair():
    bench = settled()
    bench.step()
    bench.step(led_on=False)
    assert bench.pair.is_ready
    bench.step(led_on=False)
    assert bench.pair.state is PairState.NONE


@pytest.mark.parametrize("flag", [FrameFlag.TORN, FrameFlag.SHUTTER, FrameFlag.SATURATED])
@pytest.mark.parametrize("lit", [True, False])
def test_an_unfit_frame_makes_no_pair(flag, lit):
    bench = settled()
    ready = bench.pair.ready
    bench.step(flags=flag if lit else FrameFlag.NONE)
    bench.step(flags=FrameFlag.NONE if lit else flag)
    assert not bench.pair.is_ready
    assert bench.pair.ready == ready


def test_a_repeated_picture_makes_no_pair():
    bench = settled()
    frame = bench.frame()
    bench.step(frame.copy())
    bench.step(frame.copy())
    assert bench.pair.state is PairState.UNFIT


def test_another_correction_between_makes_no_pair():
    bench = settled()
    bench.step()
    bench.step(nuc_id=7)
    assert bench.pair.state is PairState.UNFIT


def test_a_camera_that_moves_makes_no_pair():
    bench = settled()
    for _ in range(20):
        bench.scene.base = np.roll(bench.scene.base, 1, axis=1)
        verdict = bench.step()
        assert not bench.pair.is_ready or bench.number < 66
    assert verdict.code in (codes.MOVING, codes.SCENE_CHANGED, codes.LEARNING)
    assert bench.pair.refused > 5


def test_the_picture_is_for_reading_only():
    with pytest.raises(ValueError, match="read-only"):
        Blinking().pair.difference[0, 0] = 1
