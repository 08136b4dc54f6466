# SPDX-License-Identifier: Apache-2.0
"""A failure counts wherever the machine had time."""

from types import SimpleNamespace

import pytest
from stood_still import TRIES, Judged

from edgeleak.sim.pacer import Stop

STOP = Stop(3.0, 0.2, 0)


class Played(Judged):
    """Tries as they are listed: outcome, and whether the machine stood still."""

    def __init__(self, *tries):
        super().__init__()
        self._tries, self.begun, self._stops = tries, 0, []

    def _once(self, item, nextitem):
        outcome, stood = self._tries[self.begun]
        self.begun += 1
        self._stops += [STOP] * stood
        return [SimpleNamespace(outcome=outcome, failed=outcome == "failed", longrepr=None)]

    def close(self):
        stops, self._stops = self._stops, []
        return stops


@pytest.fixture
def item(tmp_path):
    setup = SimpleNamespace(teardown_exact=lambda _: None)
    session = SimpleNamespace(_setupstate=setup)
    return SimpleNamespace(path=tmp_path, location=("file", 7, "name"), session=session)


@pytest.mark.parametrize(("tries", "outcome"), [
    ([("passed", True)], "passed"),
    ([("failed", False)], "failed"),
    ([("failed", True), ("passed", False)], "passed"),
    ([("failed", True), ("failed", False)], "failed"),
    ([("failed", True)] * TRIES, "skipped"),
])  # fmt: skip
def test_a_failure_on_a_machine_that_had_time_is_one(item, tries, outcome):
    played = Played(*tries)
    [report] = played.run(item, None)
    assert (report.outcome, played.begun) == (outcome, len(tries))


def test_what_was_never_judged_says_why(item):
    [report] = Played(*[("failed", True)] * TRIES).run(item, None)
    assert "in 2 tries the machine stood still" in report.longrepr[2]


def test_a_stop_counts_for_the_fixtures_of_its_module_only(item):
    played = Played(("passed", True), ("failed", False), ("passed", False), ("failed", False))
    assert [report.outcome for _ in range(2) for report in played.run(item, None)] == ["passed"] * 2
    other = SimpleNamespace(path=item.path / "other", location=item.location, session=item.session)
    assert played.run(other, None)[0].outcome == "failed"
