# SPDX-License-Identifier: Apache-2.0
"""Which rung follows when frames stay away."""

from link_rig import MS

from edgeleak.services.ladder import Ladder, Rung


def test_ladder_in_order_and_in_bounded_time():
    ladder, now_ns, rungs = Ladder(300 * MS), 0, []
    ladder.good(0)
    while not rungs or rungs[-1][1] is not Rung.GIVE_UP:
        now_ns += MS
        rung = ladder.next(now_ns, False, False)
        if rung is not Rung.NONE:
            rungs.append((now_ns // MS, rung))
    assert [rung for _, rung in rungs] == [Rung.RESYNC] * 3 + [Rung.POWER_CYCLE] * 2 + [
        Rung.GIVE_UP
    ]
    assert rungs[-1][0] < 6 * 302


def test_ladder_waits_while_the_driver_is_busy_and_starts_over_after_a_frame():
    ladder = Ladder(300 * MS)
    ladder.good(0)
    assert ladder.next(301 * MS, False, False) is Rung.RESYNC
    assert ladder.next(2000 * MS, True, False) is Rung.NONE
    assert ladder.next(2299 * MS, False, False) is Rung.NONE
    assert ladder.next(2302 * MS, False, False) is Rung.RESYNC
    ladder.good(2303 * MS)
    assert (ladder.step, ladder.is_dead) == (0, False)


def test_a_failed_bring_up_takes_the_next_rung_at_once():
    ladder = Ladder(300 * MS)
    rungs = []
    for _ in range(6):
        ladder.failed()
        rungs.append(ladder.next(5, False, True))
    assert rungs == list(Ladder.RUNGS)
