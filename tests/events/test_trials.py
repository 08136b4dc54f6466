# SPDX-License-Identifier: Apache-2.0
"""The real detector is scored: much gas is found, none is not, and no answer is no score."""

from math import isnan

import numpy as np
import pytest
from events_scene import SHAPE, Wall

from edgeleak.events.chance import Curve, Score, wilson
from edgeleak.events.limits import Air, limits_of, needed_counts, pixel_noise
from edgeleak.events.trials import Trials
from edgeleak.pipeline import Pipeline


def tried(ladder, seconds=45, air_counts=3000.0, **facts):
    wall = Wall(seed=3)
    trials = Trials(Pipeline(SHAPE, is_corrected=True), air_counts, ladder=ladder, seed=1)
    frames = []
    for _ in range(10 * seconds):
        raw, info = wall.frame(), wall.info(**facts)
        before = raw.copy()
        trials.take(raw, info)
        frames.append((raw == before).all())
    assert all(frames)
    return trials


def test_much_gas_is_found_and_none_is_not():
    trials = tried([0.001, 1000.0])
    assert trials.scores[0.001].found == 0
    assert trials.scores[0.001].tried >= 2
    score = trials.scores[1000.0]
    assert score.tried >= 3
    assert score.found >= 0.6 * score.tried
    assert all(2 < seconds < 15 for seconds in score.seconds)
    assert f"({score.found} of {score.tried}; 95 %" in trials.sentence(1000.0)


def test_a_blind_camera_scores_nothing():
    trials = tried([1000.0], seconds=24)
    before = trials.tried
    assert before > 0
    shut = tried([1000.0], seconds=24, flags=8)
    assert shut.tried == shut.rounds == 0


def test_inhibit_for_most_of_a_round_is_no_miss():
    wall = Wall(seed=3)
    trials = Trials(Pipeline(SHAPE, is_corrected=True), 3000.0, ladder=[1000.0], seed=1)
    for frame in range(200):
        flags = 8 if frame > 50 else 0  # the shutter closes just after the plumes began
        trials.take(wall.frame(), wall.info(flags=flags))
    assert (trials.rounds, trials.void, trials.tried) == (1, 1, 0)


def test_limits_are_noise_over_contrast():
    wall = Wall(seed=4)
    pipeline = Pipeline(SHAPE, is_corrected=True)
    before = None
    for _ in range(40):
        before, raw = pipeline.counts.copy(), wall.frame()
        pipeline.step(raw, wall.info())
    assert pixel_noise(before, pipeline.counts) == pytest.approx(2.0, rel=0.1)
    air = Air(5800.0, "test")
    limits = limits_of(pipeline, air, counts_per_k=50, distance_m=5, pixel_noise_counts=2.0)
    assert limits.noise_k == pytest.approx(0.04)
    np.testing.assert_allclose(limits.contrast_counts, 5800 - pipeline.background / 4, atol=0.01)
    # more contrast needs less gas, where the threshold is the same
    far, near = (np.abs(limits.contrast_counts) > 500), (np.abs(limits.contrast_counts) < 100)
    assert limits.column_ppm_m[far].max() < limits.column_ppm_m[near].min()
    assert limits.share_of_rate(1e9) > 0.9
    assert (needed_counts(pipeline) >= 5 * pipeline.verdict.noise_counts - 1e-3).all()
    assert isnan(limits_of(pipeline, air).share_of_rate(60))


def test_the_published_curve_at_its_own_figures():
    """18.41 |dT|^-1.094 d^2: 5 K at 3 m is 28.5 g/h with the camera it was measured with."""
    from edgeleak.events.limits import ABSORBING, _rates

    rate = _rates(np.array([5.0, -5.0, 0.0]), 3.0, 0.015)
    assert rate[0] == pytest.approx(28.5, rel=0.01)
    assert rate[1] == pytest.approx(28.5 * ABSORBING, rel=0.01)
    assert rate[2] == np.inf


def test_intervals_are_wilsons():
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(10, 12) == pytest.approx((0.552, 0.953), abs=0.001)


def test_a_curve_goes_through_what_was_found():
    rows = {100.0: Score(1, 20), 200.0: Score(6, 20), 400.0: Score(14, 20), 800.0: Score(19, 20)}
    curve = Curve(rows)
    assert [curve.at(c) for c in rows] == pytest.approx([0.05, 0.3, 0.7, 0.95], abs=0.08)
    assert curve.amount(0.5) == pytest.approx(283, rel=0.1)
    assert isnan(curve.amount(0.999))  # beyond what was tried
    assert isnan(curve.at(1600.0))
    assert isnan(Curve({100.0: Score(0, 9)}).at(100))
