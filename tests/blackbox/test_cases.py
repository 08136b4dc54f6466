# SPDX-License-Identifier: Apache-2.0
"""Every failure in tests/blackbox_cases/ still ends as it did when it was recorded.

`edgeleak blackbox shrink RECORDING --until ... --out tests/blackbox_cases/NAME.elbb` adds one.
A case that a change of the firmware is meant to end is deleted with that change.
"""

from pathlib import Path

import pytest

from edgeleak.blackbox import format as box
from edgeleak.blackbox import shrink
from edgeleak.services import ladder

FOLDER = Path(__file__).resolve().parents[1] / "blackbox_cases"
CASES = sorted(FOLDER.glob("*.elbb"))
MOST_BYTES = 300_000


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_failure_comes_again(path):
    case = shrink.case_of(box.read(path))
    said = shrink.said_by(path)
    assert said is not None, f"{path.stem}: no line fits '{case.until}' any more"
    assert said[1] <= case.at_s + 1.0
    assert path.stat().st_size < MOST_BYTES


def test_there_are_cases():
    assert CASES


def test_a_firmware_without_the_rule_does_not_fail(monkeypatch):
    """The case notices: the link is never given up."""
    rungs = (ladder.Rung.RESYNC,) * 1000
    monkeypatch.setattr(ladder.Ladder, "RUNGS", rungs)
    assert shrink.said_by(FOLDER / "plug-out.elbb") is None
