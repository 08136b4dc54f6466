# SPDX-License-Identifier: Apache-2.0
"""Intervals, bounds and thresholds against published or exact values."""

import math

import numpy as np
import pytest

from edgeleak.evaluate.detection import human
from edgeleak.evaluate.detection.statistics import (
    above,
    events_upper,
    roc,
    share,
    threshold_at,
    wilson,
)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(0, 160, 0.0, 0.0234), (160, 160, 0.9766, 1.0), (5, 10, 0.2366, 0.7634),
     (1, 10, 0.0179, 0.4042)],
)  # fmt: skip
def test_wilson_equals_tables(k, n, low, high):
    found = wilson(k, n)
    assert found.low == pytest.approx(low, abs=2e-4)
    assert found.high == pytest.approx(high, abs=2e-4)


def test_nothing_seen_says_nothing():
    assert wilson(0, 0)[2:] == (0.0, 1.0)
    assert str(share(np.zeros(0, bool))) == "-"


@pytest.mark.parametrize(("k", "n"), [(-1, 3), (4, 3)])
def test_more_hits_than_frames_is_an_error(k, n):
    with pytest.raises(ValueError, match="no share"):
        wilson(k, n)


@pytest.mark.parametrize(("events", "mean"), [(0, 2.9957), (1, 4.7439), (3, 7.7537), (10, 16.962)])
def test_bound_of_events_equals_half_the_chi_square_quantile(events, mean):
    assert events_upper(events, 1.0) == pytest.approx(mean, abs=1e-3)
    assert events_upper(events, 0.5) == pytest.approx(2 * mean, abs=2e-3)


def test_no_time_bounds_nothing():
    assert events_upper(0, 0.0) == math.inf


@pytest.mark.parametrize("rate", [0.0, 1 / 160, 0.01, 0.05, 0.5])
def test_threshold_keeps_its_rate_and_no_smaller_one_does(rng, rate):
    quiet = rng.integers(0, 50, 160).astype(float)
    cut = threshold_at(quiet, rate)
    assert above(quiet, cut).mean() <= rate
    smaller = quiet[quiet < cut]
    if smaller.size:
        assert above(quiet, smaller.max()).mean() > rate


def test_no_answer_is_no_alarm_and_no_detection():
    quiet = np.array([math.nan, 1.0, 2.0])
    assert threshold_at(quiet, 0.0) == 2.0
    assert not above(np.array([math.nan]), 0.0).any()


def test_roc_of_equal_scores_is_chance_and_of_apart_is_one(rng):
    scores = rng.random(400)
    assert roc(scores, scores)[2] == pytest.approx(0.5, abs=0.01)
    assert roc(scores, scores + 2)[2] == pytest.approx(1.0)
    assert roc(scores + 2, scores)[2] == pytest.approx(0.0, abs=1e-9)


def test_published_curves_hit_their_published_points():
    rates = np.array([2.95, 8.3])
    np.testing.assert_allclose(human.ravikumar(rates), [0.5, 0.9], atol=0.005)
    rates = np.array([19.0, 60.0, 571.0])
    np.testing.assert_allclose(human.zimmerle(rates), [0.24, 0.37, 0.90], atol=0.01)
    assert human.zeng_morris(5, 2) == pytest.approx(12.7, abs=0.1)
    assert human.zeng_morris(5, 4.35) == pytest.approx(60, abs=0.5)
