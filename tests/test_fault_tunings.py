# SPDX-License-Identifier: Apache-2.0
"""The autotune row: a tuner that refuses all but the nominal cooler does not pass."""

from pathlib import Path

import pytest


@pytest.fixture
def rows(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "tools" / "faults")
    import row
    import rows_control

    return row, rows_control


@pytest.mark.parametrize(
    ("tuned", "executed", "is_good"),
    [(50, 50, True), (45, 50, True), (44, 50, False), (0, 50, False), (5, 6, True), (4, 6, False)],
)
def test_refusals_are_counted_told_and_limited(rows, tuned, executed, is_good):
    row, rows_control = rows
    outcome = row.Outcome(executed=executed)
    rows_control._enough_tuned(outcome, tuned)
    assert (not outcome.problems) is is_good
    assert f"{executed - tuned} refused" in outcome.notes[0]
