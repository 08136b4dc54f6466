# SPDX-License-Identifier: Apache-2.0
"""The wall clock may do what it likes; labels say how far they can be trusted."""

from itertools import pairwise

import pytest
from services.hand_clock import HandClock

from edgeleak import codes
from edgeleak.frame import UtcQuality
from edgeleak.services.health import FINE
from edgeleak.services.utc import Utc

DAY_S = 86_400


def made(clock, synchronized=False):
    jumps = []
    return Utc(clock, jumps.append, lambda: synchronized), jumps


@pytest.mark.parametrize("jump_s", [DAY_S, -DAY_S, 3600, -1.5, 365 * DAY_S])
def test_jumps_are_reported_once_and_time_between_frames_stays(jump_s):
    clock = HandClock()
    utc, jumps = made(clock)
    frames_ns, labels = [], []
    for second in range(200):
        if second == 50:
            clock.offset_ns += round(jump_s * 1e9)
        utc.step(clock.now_ns)
        frames_ns.append(clock.now_ns)
        labels.append(utc.label_ns(clock.now_ns))
        clock.pass_s(1)
    assert jumps == [jump_s]
    assert all(later > earlier for earlier, later in pairwise(frames_ns))
    steps = [b - a for a, b in pairwise(labels)]
    assert steps.count(10**9) == 198
    assert steps[49] == 10**9 + round(jump_s * 1e9)
    assert min(labels) > 0


def test_a_jump_is_a_note_for_a_minute():
    clock = HandClock()
    utc, _ = made(clock)
    assert utc.report() == FINE
    clock.offset_ns -= DAY_S * 10**9
    utc.step(clock.now_ns)
    assert (utc.report().code, utc.report().measured) == (codes.CLOCK_JUMPED, -DAY_S)
    clock.pass_s(61)
    assert utc.report() == FINE


def test_a_clock_nobody_set_gives_no_label():
    clock = HandClock(utc_ns=17 * 10**9)  # an RTC that woke up in 1970
    utc, jumps = made(clock, synchronized=True)
    assert (utc.label_ns(5), utc.quality) == (-1, UtcQuality.UNKNOWN)
    assert utc.report().code == codes.CLOCK_UNSET
    assert int(utc.report().measured) == 1970
    clock.offset_ns += 1_790_000_000 * 10**9
    clock.pass_s(1)
    utc.step(clock.now_ns)
    assert utc.quality == UtcQuality.NETWORK
    assert utc.label_ns(clock.now_ns) == clock.utc_ns()
    assert len(jumps) == 1


def test_drift_is_followed_without_a_word():
    clock = HandClock()
    utc, jumps = made(clock)
    for _ in range(3600):
        clock.pass_s(1)
        clock.offset_ns += 500_000  # the fastest slew of NTP
        utc.step(clock.now_ns)
    assert jumps == []
    assert utc.label_ns(clock.now_ns) == clock.utc_ns()
    assert utc.quality == UtcQuality.FREE_RUNNING
