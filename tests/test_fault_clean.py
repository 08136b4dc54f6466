# SPDX-License-Identifier: Apache-2.0
"""The clean twin of the whole instrument: an instrument that never answers is no clean one."""

from pathlib import Path

import pytest

STEP_S = 0.5
HOURS = 14_400
"""Looks in two hours."""


@pytest.fixture
def problems(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "tools" / "faults")
    from clean import clean_problems

    return lambda answers: clean_problems(answers, STEP_S)


def with_spans(count, looks, answer="INHIBIT", whole=HOURS):
    """`count` spans of `looks` each, spread over NO GAS."""
    answers = ["NO GAS"] * whole
    for n in range(count):
        begin = (n + 1) * whole // (count + 1)
        answers[begin : begin + looks] = [answer] * looks
    return answers


def test_two_hours_with_a_correction_every_ten_minutes_are_clean(problems):
    assert problems(with_spans(12, 10)) == []


@pytest.mark.parametrize("seconds", [5, 60, 7200])
def test_pure_inhibit_is_red(problems, seconds):
    assert problems(["INHIBIT"] * round(seconds / STEP_S))


def test_one_long_inhibit_is_red(problems):
    assert "for 11.0 s" in problems(with_spans(1, 22))[0]


def test_many_short_ones_are_red(problems):
    found = problems(with_spans(100, 10))
    assert found == ["clean: NO GAS for 6700.0 of 7200.0 s"]


@pytest.mark.parametrize("answer", ["FAULT", "GAS", "GAS?", ""])
def test_one_other_answer_is_red(problems, answer):
    assert problems(with_spans(1, 1, answer))


def test_a_correction_in_a_short_run_is_clean(problems):
    assert problems(with_spans(1, 10, whole=60)) == []
