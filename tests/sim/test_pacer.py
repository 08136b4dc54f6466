# SPDX-License-Identifier: Apache-2.0
"""The machine's own stops, seen by a process that waits for nobody."""

import signal
import threading

from edgeleak.sim.pacer import STOP_S, Pacer, Stop, in_words


def test_a_process_that_was_stopped_says_for_how_long():
    pacer = Pacer()
    with pacer:
        pacer.process.send_signal(signal.SIGSTOP)
        threading.Event().wait(3 * STOP_S)
        pacer.process.send_signal(signal.SIGCONT)
    assert max(stop.seconds for stop in pacer.stops) >= 2 * STOP_S


def test_a_pacer_that_is_killed_saw_nothing():
    pacer = Pacer()
    with pacer:
        pacer.process.kill()
    assert pacer.stops == []


def test_stops_are_told_with_their_worst():
    assert in_words([Stop(3.0, 0.2, 1)]) == (
        "once, for 0.20 s at most (processor 1, 3 s after the start)"
    )
    assert in_words([Stop(3.0, 0.2, 1), Stop(9.0, 0.3, 0)]).startswith("2 times, for 0.30 s")
