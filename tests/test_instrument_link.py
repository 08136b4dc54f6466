# SPDX-License-Identifier: Apache-2.0
"""A sensor that dies under the service manager's watchdog: an orderly end, or starved by a hang."""

from itertools import pairwise

import pytest
from instrument_rig import CAPTURE, Rig

from edgeleak import board as boards
from edgeleak import codes
from edgeleak.config import Config, RecorderConfig
from edgeleak.errors import LinkLost
from edgeleak.instrument import Options
from edgeleak.services.watchdog import Notifier
from edgeleak.sim import faults

WATCHDOG_S, MARGIN_S = 5.0, 1.5


class Listener(Notifier):
    """Keeps the times of the feeds."""

    def __init__(self):
        super().__init__(watchdog_us=round(WATCHDOG_S * 1e6))
        self.rig, self.fed_s = None, []

    def send(self, *lines):
        if self.rig is not None and "WATCHDOG=1" in lines:
            self.fed_s.append(self.rig.now_s)
        return True


@pytest.fixture
def lepton(tmp_path):
    """A Lepton with 30 frames behind it."""
    listener = Listener()
    rig = Rig(tmp_path, board=boards.load("lepton-pi-a"),
              config=Config(recorder=RecorderConfig(folder=str(tmp_path / "recordings"))),
              options=Options(has_recorder=False, notifier=listener))  # fmt: skip
    listener.rig = rig
    while rig.instrument.path.frames < 30:
        rig.run_s(0.1)
        assert rig.now_s < 60.0
    assert rig.instrument.watchdog.is_ready
    return rig, listener


def longest_gap_s(listener, begin_s, end_s):
    times_s = [begin_s, *(at_s for at_s in listener.fed_s if at_s >= begin_s), end_s]
    return max(b - a for a, b in pairwise(times_s))


def run_to_the_end(rig, most_s=60.0):
    end_s = rig.now_s + most_s
    while rig.instrument.failure is None:
        rig.run_s(0.1)
        assert rig.now_s < end_s


def never_boots(rig):
    """It answers, and stays busy: each power cycle takes its whole limit."""
    sensor = rig.instrument.sensor
    read = sensor._read
    sensor._read = lambda register, length: b"\0\1" if length == 2 else read(register, length)


@pytest.mark.parametrize("is_slow", [False, True])
def test_a_dead_sensor_ends_in_order_before_the_watchdog_bites(lepton, is_slow):
    rig, listener = lepton
    begin_s = listener.fed_s[-1]
    rig.plant.inject(faults.SensorDead())
    if is_slow:
        never_boots(rig)
    run_to_the_end(rig)
    assert longest_gap_s(listener, begin_s, rig.now_s) < WATCHDOG_S - MARGIN_S
    assert isinstance(rig.instrument.failure, LinkLost)
    assert (rig.now_s - begin_s > 2 * WATCHDOG_S) == is_slow
    rig.instrument.shutdown()
    last = rig.states()[-1]
    assert (last[1], last[2]) == ("fault", codes.LINK_GONE)


@pytest.mark.parametrize("after_s", [1.0, 2.5, 4.0])
def test_a_hang_in_the_recovery_still_starves(lepton, after_s):
    rig, listener = lepton
    rig.plant.inject(faults.SensorDead())
    never_boots(rig)
    rig.run_s(after_s)
    rig.lockstep.stop(CAPTURE)
    hung_s = rig.now_s
    rig.run_s(2 * WATCHDOG_S)
    assert listener.fed_s[-1] - hung_s < 1.0


def test_a_sensor_that_flickers_unreadably_ends_in_order(lepton):
    """Whole frames that cannot be read end no recovery: the power cycles come, then the end."""
    rig, listener = lepton
    rig.instrument.acquisition._camera.unpack = lambda *_: None
    begin_s = rig.now_s
    rig.run_s(0.5)
    assert rig.instrument.acquisition.status.code == codes.LINK_TELEMETRY
    published = rig.instrument.acquisition.published
    while rig.instrument.failure is None:
        rig.plant.inject(faults.SensorDead())
        rig.run_s(1.2)
        rig.plant.clear(faults.name_of(faults.SensorDead))
        rig.run_s(0.5)
        assert rig.now_s - begin_s < 60.0
    assert isinstance(rig.instrument.failure, LinkLost)
    assert rig.instrument.acquisition.published > published
    assert longest_gap_s(listener, begin_s, rig.now_s) < WATCHDOG_S
