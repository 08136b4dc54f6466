# SPDX-License-Identifier: Apache-2.0
"""The machine's own stops, seen by a process that waits for nobody."""

import signal
import threading

from edgeleak.sim.pacer import STOP_S, USUAL_S, Pacer, Stop, Window, in_words


def test_a_process_that_was_stopped_says_for_how_long():
    pacer = Pacer()
    with pacer:
        pacer.process.send_signal(signal.SIGSTOP)
        threading.Event().wait(3 * STOP_S)
        pacer.process.send_signal(signal.SIGCONT)
    assert max(stop.seconds for stop in pacer.stops) >= 2 * STOP_S


def test_a_short_absence_is_told_and_no_stop():
    pacer = Pacer()
    with pacer:
        pacer.process.send_signal(signal.SIGSTOP)
        threading.Event().wait(0.04)
        pacer.process.send_signal(signal.SIGCONT)
    assert max(turn.seconds for turn in pacer.away) >= 0.025
    assert not pacer.stops or max(stop.seconds for stop in pacer.stops) > 0.04  # the machine's own


def test_a_pacer_that_is_killed_saw_nothing():
    pacer = Pacer()
    with pacer:
        pacer.process.kill()
    assert (pacer.stops, pacer.away) == ([], [])


def test_stops_are_told_with_their_worst():
    assert in_words([Stop(3.0, 0.2, 1)]) == (
        "once, for 0.20 s at most (processor 1, 3 s after the start)"
    )
    assert in_words([Stop(3.0, 0.2, 1), Stop(9.0, 0.3, 0)]).startswith("2 times, for 0.30 s")


def test_slices_of_one_second_count_together():
    window = Window()
    slices = [window.late(0.2 * turn, 0.03) for turn in range(4)]
    assert slices == [0.0, 0.0, 0.0, 0.12]
    assert window.late(0.8, 0.03) == 0.0  # a stop that was told begins anew


def test_slices_of_two_seconds_and_usual_lateness_are_no_stop():
    window = Window()
    assert not any(window.late(0.5 * turn, 0.03) for turn in range(60))
    assert not any(window.late(30 + 0.01 * turn, USUAL_S) for turn in range(600))
