# SPDX-License-Identifier: Apache-2.0
"""Hours and pulses of a commanded light: whole pulses, and no more than the enable allows."""

import pytest

from edgeleak.drivers.led import ALTERNATE, DARK, ON, Drive
from edgeleak.services.life import LifeCounters
from edgeleak.services.lit_time import LitTime

MS = 1_000_000
PERIOD_US, PULSE_MS, REFRESH_MS = 100_000, 36.0, 200
DRIVES = {mode: Drive(mode, 100.0, PULSE_MS, 0.1, 0.01) for mode in (ON, ALTERNATE)}


def counted(*steps):
    """Counters after steps of (time in ms, drive)."""
    life = LifeCounters()
    lit = LitTime(life, REFRESH_MS)
    for at_ms, drive in steps:
        lit.note(at_ms * MS, drive, PERIOD_US)
    return life.values()


@pytest.mark.parametrize(("mode", "pulses"), [(ON, 100), (ALTERNATE, 50)])
def test_ten_seconds_of_light(mode, pulses):
    found = counted(*((at_ms, DRIVES[mode]) for at_ms in range(0, 10_001, 50)))
    assert found["led_pulses"] == pytest.approx(pulses, abs=1)
    assert found["led_hours"] == pytest.approx(found["led_pulses"] * PULSE_MS / 3.6e6)


def test_dark_counts_nothing():
    assert counted((0, DARK), (5000, DARK)) == {}


def test_a_late_step_counts_no_longer_than_the_enable_holds():
    assert counted((0, DRIVES[ON]), (60_000, DRIVES[ON]))["led_pulses"] == REFRESH_MS / 100
