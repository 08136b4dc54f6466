# SPDX-License-Identifier: Apache-2.0
"""Edges against the monostable's model, on lines whose calls take their time."""

import pytest

from edgeleak.clock import NS_PER_MS
from edgeleak.drivers.enables import Enable
from edgeleak.errors import BusError
from edgeleak.sim.monostable import Monostable
from edgeleak.sim.sim_clock import SimClock

REFRESH_MS, BRIDGE_MS = 200, 60


class SlowLines:
    """One line on a monostable; `before_ms` and `after_ms` pass around the next edge to a level."""

    def __init__(self, clock):
        self.clock = clock
        self.output = Monostable(REFRESH_MS * NS_PER_MS, BRIDGE_MS * NS_PER_MS)
        self.before_ms, self.after_ms = {}, {}

    def set(self, _name, is_active):
        self.pass_ms(self.before_ms.pop(is_active, 0))
        self.output.set(is_active, self.clock.monotonic_ns())
        self.pass_ms(self.after_ms.pop(is_active, 0))

    def pass_ms(self, ms):
        self.clock.advance_to(self.clock.monotonic_ns() + round(ms * NS_PER_MS))

    def rises(self):
        """How often the output came on; it is switched on once and must never come back."""
        self.output.settle(self.clock.monotonic_ns())
        return sum(is_on for _, is_on in self.output.changes)


@pytest.fixture
def lines():
    return SlowLines(SimClock(NS_PER_MS))


@pytest.fixture
def enable(lines):
    one = Enable(lines, "tec_enable", lines.clock, REFRESH_MS, BRIDGE_MS)
    one.start()
    return one


def test_edges_in_time_keep_it_on(lines, enable):
    for _ in range(20):
        lines.pass_ms(150)
        assert enable.refresh()
    assert lines.output.is_on
    assert lines.rises() == 1


@pytest.mark.parametrize("late_ms", [20, 40, 59])
def test_an_answer_that_comes_late_does_not_make_the_edge_younger(lines, enable, late_ms):
    lines.pass_ms(50)
    lines.after_ms[True] = late_ms
    assert enable.refresh()
    lines.pass_ms(REFRESH_MS + 5 - late_ms)
    assert not enable.refresh()
    assert lines.rises() == 1


@pytest.mark.parametrize("stop_ms", [60, 100, 170])
def test_a_stop_before_the_line_is_raised_leaves_it_off(lines, enable, stop_ms):
    lines.pass_ms(50)
    lines.after_ms[False] = stop_ms
    assert not enable.refresh()
    assert not lines.output.level
    assert lines.rises() == 1


@pytest.mark.parametrize("stop_ms", [60, 100])
def test_a_call_that_raises_the_line_late_is_taken_back(lines, enable, stop_ms):
    lines.pass_ms(50)
    lines.before_ms[True] = stop_ms
    assert not enable.refresh()
    assert not lines.output.level


@pytest.mark.parametrize("stop_ms", [60, 100])
def test_a_late_failure_leaves_the_line_low_and_counts(lines, enable, stop_ms, monkeypatch):
    lines.pass_ms(50)
    set_line, failures = lines.set, [BusError("once")]

    def fail_once(name, is_active):
        if is_active and failures:
            lines.pass_ms(stop_ms)
            raise failures.pop()
        set_line(name, is_active)

    monkeypatch.setattr(lines, "set", fail_once)
    assert not enable.refresh()
    assert lines.rises() == 1


def test_off_stays_off(lines, enable):
    enable.off()
    assert not enable.refresh()
    lines.pass_ms(BRIDGE_MS)
    assert lines.rises() == 1
    assert not lines.output.is_on
