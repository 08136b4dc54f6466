# SPDX-License-Identifier: Apache-2.0
"""Nothing is driven in safe mode or in a fault, whoever clears what; nothing comes back late."""

import errno

import pytest
from instrument_rig import FRAMES, NS, Rig, small_config

from edgeleak.errors import BusError
from edgeleak.instrument import Options
from edgeleak.services.health import State
from edgeleak.sim import faults


def driven(rig):
    return rig.plant.truth.tec_enabled or rig.plant.truth.led_enabled


def lit_config(folder):
    return small_config(folder, led={"mode": "on", "current_ma": 200.0})


@pytest.mark.parametrize("way", ["option", "strap"])
def test_clearing_in_safe_mode_drives_nothing(tmp_path, way):
    rig = Rig(tmp_path, config=lit_config(tmp_path))
    rig.run_to(State.DETECTING)
    if way == "strap":
        rig.plant.set_input("safe_strap", True)
    else:
        rig.instrument.set_safe_mode(True)
    rig.run_s(6)
    assert rig.state is State.SAFE
    assert not driven(rig)
    rig.instrument.clear_fault()
    for _ in range(50):
        rig.run_s(0.1)
        assert not driven(rig)
    assert not rig.plant.judge.violations


def test_light_and_cold_come_back_with_the_permission(tmp_path):
    rig = Rig(tmp_path, config=lit_config(tmp_path))
    rig.run_to(State.DETECTING)
    rig.instrument.set_safe_mode(True)
    rig.run_s(6)
    feeds = rig.instrument.watchdog.feeds
    rig.run_s(3)
    assert rig.instrument.outputs_are_off()
    assert rig.instrument.watchdog.feeds > feeds, "safe mode must not starve the watchdog"
    rig.instrument.set_safe_mode(False)
    rig.run_to(State.DETECTING)
    rig.run_s(2)
    assert rig.plant.truth.tec_enabled
    assert rig.plant.truth.led_enabled


def test_clearing_a_fault_whose_cause_stays_drives_nothing(tmp_path):
    rig = Rig(tmp_path, config=lit_config(tmp_path))
    rig.run_to(State.DETECTING)
    rig.plant.inject(faults.CounterStuck())
    rig.run_to(State.FAULT)
    rig.run_s(6)
    assert not driven(rig)
    for _ in range(3):
        rig.instrument.clear_fault()
        rig.run_s(3)
        rig.run_to(State.FAULT)
    rig.run_s(6)
    assert not driven(rig)
    assert not rig.plant.judge.violations


@pytest.mark.parametrize("block_s", [0.18, 0.25, 0.5])
def test_an_enable_that_dropped_while_a_call_was_held_stays_off(tmp_path, block_s):
    rig = Rig(tmp_path)
    rig.run_to(State.DETECTING)
    bus, held = rig.buses.i2c, []
    transfer = bus.transfer

    def slow(address, data, read_length=0):
        if not held and address == rig.board.address.tec_dac:
            held.append(address)
            end_ns = rig.clock.monotonic_ns() + round(block_s * NS)
            rig.plant.advance_to(end_ns)
            rig.clock.advance_to(end_ns)
            raise BusError(errno.ETIMEDOUT, "held")
        return transfer(address, data, read_length)

    bus.transfer = slow
    rig.run_s(3)
    assert held
    assert not rig.plant.judge.violations


def test_a_frames_loop_that_hangs_is_told_as_a_fault(tmp_path):
    rig = Rig(tmp_path)
    rig.run_to(State.DETECTING)
    assert rig.instrument.status()["state"] == "detecting"
    rig.lockstep.stop(FRAMES)
    rig.run_s(2)
    status = rig.instrument.status()
    assert (status["state"], status["verdict"], status["code"]) == ("fault", "FAULT", 911)


@pytest.mark.parametrize("away_s", [0.05, 0.15, 1.0])
@pytest.mark.parametrize("way", ["option", "strap"])
def test_a_frames_loop_that_is_late_for_the_end_of_bring_up_lets_nothing_on(tmp_path, way, away_s):
    def prepare(plant):
        plant.set_input("safe_strap", way == "strap")

    def rig_of(folder):
        folder.mkdir()
        options = Options(has_recorder=False, safe_mode=way == "option")
        return Rig(folder, config=lit_config(folder), prepare=prepare, options=options)

    timed = rig_of(tmp_path / "timed")
    begin_s = timed.now_s
    while timed.instrument.control.phase.code:
        timed.run_s(0.001)
    rig = rig_of(tmp_path / "late").run_s(timed.now_s - begin_s - 0.003)
    rig.lockstep.stop(FRAMES)
    rig.run_s(0.003 + away_s)
    rig.lockstep.go_on(FRAMES)
    rig.run_s(2)
    assert (rig.state, rig.edges()) == (State.SAFE, 0)
    assert not rig.plant.judge.violations
