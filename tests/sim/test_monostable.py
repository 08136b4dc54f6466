# SPDX-License-Identifier: Apache-2.0
"""Silence is off: the monostable behind each enable."""

from edgeleak.sim.monostable import Monostable

MS = 1_000_000
S = 1000 * MS


def test_rising_edge_keeps_it_on_for_the_refresh_time():
    one = Monostable(200 * MS, 20 * MS)
    one.set(True, 0)
    one.settle(200 * MS - 1)
    assert one.is_on
    one.settle(500 * MS)
    assert one.take_changes() == [(0, True), (200 * MS, False)]


def test_a_short_low_bridges_and_a_long_one_does_not():
    one = Monostable(200 * MS, 20 * MS)
    one.set(True, 0)
    one.set(False, 100 * MS)
    one.set(True, 119 * MS)
    one.set(False, 200 * MS)
    one.settle(400 * MS)
    assert one.take_changes() == [(0, True), (220 * MS, False)]


def test_stuck_high_and_repeated_high_run_out():
    one = Monostable(200 * MS, 20 * MS)
    for at in range(0, 1000, 50):
        one.set(True, at * MS)
    assert one.take_changes() == [(0, True), (200 * MS, False)]


def test_settling_often_or_rarely_gives_the_same(rng):
    edges = sorted(int(at) for at in rng.integers(0, 3000 * MS, 40))
    often, rarely = Monostable(200 * MS, 20 * MS), Monostable(200 * MS, 20 * MS)
    for index, at in enumerate(edges):
        for between in range(0, at, 10 * MS):
            often.settle(min(between, at)) if between > (edges[index - 1] if index else 0) else None
        often.set(index % 2 == 0, at)
        rarely.set(index % 2 == 0, at)
    often.settle(10 * S)
    rarely.settle(10 * S)
    assert often.take_changes() == rarely.take_changes()
