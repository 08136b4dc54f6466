# SPDX-License-Identifier: Apache-2.0
"""The gate gives the rate that was asked for, on peaks of a known law, and admits what it is."""

from math import exp, isnan

import numpy as np
import pytest

from edgeleak.events.gate import Peaks, Sustained, fit, gate_facts
from edgeleak.pipeline.decision import Persistence
from edgeleak.pipeline.profile import load


def test_sustained_evidence_alarms_exactly_when_the_detector_does():
    profile = load("sensitive")
    rng = np.random.default_rng(0)
    for gate in (0.5, 1.0, 2.0):
        statistic, persistence = Sustained(5.0, 0.5, 3), Persistence(profile)
        for frame in range(400):
            evidence = float(rng.exponential(1.0) * (1 + np.sin(frame / 40)))
            now_s = frame / 9
            is_alarm = persistence.add(now_s, evidence >= gate)
            assert (statistic.add(now_s, evidence) >= gate) == is_alarm


def test_the_fitted_gate_gives_the_wanted_rate():
    """Exponential peaks, ten an hour: exceed g at the rate 10 exp(-g/2)."""
    errors = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        tail = fit(rng.exponential(2.0, 500), hours=50.0)
        gate = tail.gate_for(0.1)
        errors.append(np.log(10 * exp(-gate / 2.0) / 0.1))
    assert abs(np.median(errors)) < 0.5
    assert np.abs(errors).max() < 2.0


def test_rate_and_gate_invert_each_other():
    tail = fit(np.random.default_rng(1).exponential(2.0, 200), hours=20.0)
    for wanted in (2.0, 0.5, 0.05):
        assert tail.alarms_per_h(tail.gate_for(wanted)) == pytest.approx(wanted, rel=0.1)


def test_what_the_time_cannot_show_is_called_an_extrapolation():
    tail = fit(np.random.default_rng(1).exponential(2.0, 60), hours=6.0)
    assert tail.shown_per_h == pytest.approx(0.5, rel=0.01)
    assert gate_facts(tail, 0.1)["is_extrapolated"]
    assert not gate_facts(tail, 1.0)["is_extrapolated"]


def test_few_peaks_fit_nothing_but_their_count_holds():
    tail = fit([1.0, 2.0], hours=10.0)
    assert not tail.is_fitted
    assert 1.0 < tail.gate_for(0.5) < 1.01  # one alarm in 10 h: at most 0.474 an hour
    assert 2.0 < tail.gate_for(0.3) < 2.01
    assert isnan(tail.gate_for(0.1))
    assert gate_facts(tail, 0.1)["gate"] is None


def test_no_time_no_gate():
    facts = gate_facts(fit([], hours=0.0), 1.0)
    assert facts["gate"] is None


def test_peaks_of_one_window_are_one():
    peaks = Peaks(5.0)
    for now_s, value in ((0.0, 1.0), (1.0, 3.0), (4.0, 2.0), (20.0, 1.5)):
        peaks.add(now_s, value, 1.0)
    peaks.end()
    peaks.add(21.0, 4.0, 1.0)
    assert peaks.values == [3.0, 1.5, 4.0]
    assert peaks.answered_s == 5.0
