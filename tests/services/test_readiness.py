# SPDX-License-Identifier: Apache-2.0
"""READY for every start that is as far as it will get, under a manager with systemd's patience."""

import json
from itertools import pairwise

import pytest
from instrument_rig import CAPTURE, CONTROL, Rig, small_config

from edgeleak import codes
from edgeleak.instrument import Options
from edgeleak.services.health import State
from edgeleak.services.readiness import SETTLED_S
from edgeleak.services.watchdog import EXTENSION_S, STORM_STARTS, Notifier
from edgeleak.sim import faults

START_S = 30.0
"""TimeoutStartSec of the unit."""


class Manager(Notifier):
    """What systemd does with the messages: when it would end the start."""

    has_manager = True

    def __init__(self):
        super().__init__(watchdog_us=5_000_000)
        self.rig, self.begin_s, self.heard = None, 0.0, []

    def watch(self, rig):
        self.rig, self.begin_s = rig, rig.now_s

    def send(self, *lines):
        now_s = 0.0 if self.rig is None else self.rig.now_s - self.begin_s
        self.heard += [(now_s, line) for line in lines]
        return True

    def times_s(self, word):
        return [at_s for at_s, line in self.heard if line.startswith(word)]

    @property
    def ready_s(self):
        return next(iter(self.times_s("READY=1")), None)

    @property
    def end_s(self):
        extended = [at_s + EXTENSION_S for at_s in self.times_s("EXTEND_TIMEOUT")]
        return max([START_S, *extended])


def start(folder, *, prepare=None, **sections):
    manager = Manager()
    rig = Rig(folder, config=small_config(folder, **sections), prepare=prepare,
              options=Options(has_recorder=False, notifier=manager))  # fmt: skip
    manager.watch(rig)
    return rig, manager


def run_to_verdict(rig, manager):
    """Until READY, or until the manager ends the start."""
    while manager.ready_s is None and rig.now_s - manager.begin_s < manager.end_s:
        rig.run_s(0.25)
        assert rig.instrument.failure is None
    return rig


def nearly_there(plant):
    plant.tec.chill(-38.0)
    plant.truth.cold_degc = -38.0


def stuck_open(plant):
    plant.inject(faults.ShutterStuck(closed=False))


SETTLED = {
    "no shutter": (None, {"nuc": {"has_shutter": False}}, State.NUC, {codes.NUC_MISSING}),
    "cooler off": (None, {"cooler": {"is_on_at_start": False}}, State.COOLING,
                   {codes.COOLER_OFF}),
    "out of reach": (nearly_there, {"cooler": {"set_point_degc": -40.0}, "sensor": {"fps": 5.0}},
                     State.COOLING, {codes.COOLING, codes.UNREACHABLE}),
    "stuck open": (stuck_open, {}, State.INHIBIT, {codes.NUC_SILENT}),
}  # fmt: skip


@pytest.mark.parametrize("case", SETTLED)
def test_a_start_that_waits_is_ready_before_the_manager_ends_it(tmp_path, case):
    prepare, sections, state, expected = SETTLED[case]
    rig, manager = start(tmp_path, prepare=prepare, **sections)
    run_to_verdict(rig, manager)
    assert manager.ready_s is not None, f"ended after {manager.end_s} s"
    assert manager.end_s - manager.ready_s > 2.0, "margin"
    if case == "stuck open":  # it tries again now and then
        rig.run_to(State.INHIBIT, 15.0)
    assert (rig.state, rig.answer.trouble.code in expected) == (state, True)
    assert str(rig.answer) == "INHIBIT"
    assert any(line.startswith("READY without a corrected frame") for line in rig.lines)
    rig.run_s(6.0)
    fed_s = [at_s for at_s in manager.times_s("WATCHDOG=1") if at_s >= manager.ready_s]
    assert max(b - a for a, b in pairwise(fed_s)) < 1.0


def test_otherwise_ready_is_the_first_corrected_frame(tmp_path):
    rig, manager = start(tmp_path)
    run_to_verdict(rig, manager)
    assert rig.instrument.nuc.status.taken == 1
    assert not any(line.startswith("READY") for line in rig.lines)


@pytest.mark.parametrize("loop", [CONTROL, CAPTURE])
def test_a_start_that_hangs_has_not_settled(tmp_path, loop):
    """Without control it is fault 904, which is said as READY and starves."""
    rig, manager = start(tmp_path, cooler={"is_on_at_start": False})
    rig.run_s(5.0)
    rig.lockstep.stop(loop)
    rig.run_s(manager.end_s + SETTLED_S)
    assert (manager.ready_s is not None) == (loop == CONTROL)
    assert not any(line.startswith("READY") for line in rig.lines)
    assert manager.times_s("WATCHDOG=1")[-1] < 6.0


def test_one_missing_poll_of_the_console_is_no_good_health(tmp_path):
    rig, manager = start(tmp_path, cooler={"is_on_at_start": False})
    rig.instrument.watchdog.note_console = lambda: None
    rig.run_s(manager.end_s + SETTLED_S)
    assert manager.ready_s is None


# --- what a failed start leaves ----------------------------------------------------------------


def kept(folder):
    return json.loads((folder / "starts.json").read_text())


def test_a_start_ended_before_ready_stays_counted(tmp_path):
    rig, manager = start(tmp_path)
    rig.run_s(3.0)
    rig.instrument.shutdown()
    assert manager.ready_s is None
    assert [is_ready for _, is_ready in kept(tmp_path)] == [False]


def test_a_start_ended_after_ready_ended_well(tmp_path):
    rig, manager = start(tmp_path)
    run_to_verdict(rig, manager)
    assert [is_ready for _, is_ready in kept(tmp_path)] == [True]
    rig.instrument.shutdown()
    assert kept(tmp_path) == []


def test_starts_that_never_get_ready_end_in_the_storm_fault(tmp_path):
    for _ in range(STORM_STARTS + 1):
        rig, manager = start(tmp_path)
        rig.run_s(1.0)
        if rig.state is not State.FAULT:
            rig.instrument.shutdown()
    assert rig.answer.trouble.code == codes.RESTART_STORM
    assert rig.edges() == 0
    assert manager.ready_s is not None
