# SPDX-License-Identifier: Apache-2.0
"""Codes and verdicts: exact words, complete table, reasons that say what to do."""

from math import nan

import pytest

from edgeleak.codes import GROUPS, TABLE, Kind
from edgeleak.frame import FrameFlag
from edgeleak.pipeline.decision import MAX_FRAMES, Persistence
from edgeleak.pipeline.profile import load
from edgeleak.pipeline.verdict import Limits, Verdict


def verdict(kind, code=0, evidence=nan):
    limits = Limits(1.0, 5.0)
    return Verdict(kind, code, evidence, 1.5, 2.0, 3, 3, 40, 0.0, 1.0, FrameFlag.NONE, limits)


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (Kind.GAS, "GAS"),
        (Kind.NO_GAS, "NO GAS"),
        (Kind.INHIBIT, "INHIBIT"),
        (Kind.FAULT, "FAULT"),
    ],
)
def test_the_four_words(kind, word):
    assert str(verdict(kind)) == f"{verdict(kind)}" == word
    assert verdict(kind).is_gas == (word == "GAS")


@pytest.mark.parametrize("code", TABLE)
def test_every_code_prints_and_says_what_to_do(code):
    row = TABLE[code]
    found = verdict(row.kind, code)
    assert row.number == code
    assert code // 100 in GROUPS
    assert row.kind in (Kind.INHIBIT, Kind.FAULT)
    assert found.reason.startswith(f"{code} {row.name}: ")
    assert found.reason.endswith(row.next_step)
    assert found.rules[0].name == row.name
    assert found.as_dict()["evidence"] is None


def test_names_are_unique():
    assert len({row.name for row in TABLE.values()}) == len(TABLE)


def test_persistence_counts_within_the_window_of_time():
    rule = Persistence(load("sensitive"))
    answers = [rule.add(float(t), hit) for t, hit in enumerate([1, 1, 0, 1, 0, 0, 0, 0])]
    assert answers == [False, False, False, True, True, False, False, False]
    assert rule.hits == 1  # second 3 is 4 s old; 0 and 1 have left


def test_persistence_waits_for_half_its_window():
    rule = Persistence(load("sensitive"))
    first = next(i for i in range(100) if rule.add(i / 10, True))
    assert first == 25  # 2.5 of 5 s, not the first three frames


def test_persistence_holds_at_any_rate():
    rule = Persistence(load("sensitive"))
    for i in range(3 * MAX_FRAMES):
        is_gas = rule.add(i / 1000, i % 2 == 0)
    assert is_gas
    assert rule.hits == MAX_FRAMES // 2
