# SPDX-License-Identifier: Apache-2.0
"""Bring-up, safe mode, storms of starts, and the end."""

import errno

import pytest
from instrument_rig import NS, Rig, small_board, small_config, violations

from edgeleak import codes
from edgeleak.bus import linux
from edgeleak.drivers.ad5693r import Ad5693r
from edgeleak.drivers.tec import code_for
from edgeleak.errors import BusError, UnavailableError, WrongDeviceError
from edgeleak.instrument import Folders, Instrument, Options
from edgeleak.services.health import State
from edgeleak.services.watchdog import STORM_STARTS, Starts
from edgeleak.sim.faults import BusNack
from edgeleak.sim.lockstep import Lockstep
from edgeleak.sim.plant import Plant
from edgeleak.sim.sim_clock import SimClock


def refused(tmp_path, prepare):
    """The error that bring-up ended with; nothing was ever enabled."""
    rig = Rig(tmp_path, prepare=prepare)
    for _ in range(60):
        rig.run_s(0.5)
        if rig.instrument.failure is not None:
            break
    assert rig.edges() == 0
    assert "NO GAS" not in rig.answers
    rig.run_s(2)
    assert rig.edges() == 0
    rig.instrument.shutdown()
    return rig.instrument.failure


@pytest.mark.parametrize(("address", "name"), [(0x44, "SHT4x"), (0x48, "ADS1115"),
                         (0x49, "TMP117"), (0x4A, "ADS1115"), (0x4C, "AD5693R (TEC)"),
                         (0x4E, "AD5693R (LED)")])  # fmt: skip
def test_a_missing_chip_is_one_error_with_its_address(tmp_path, address, name):
    failure = refused(tmp_path, lambda plant: plant.chips.pop(address))
    assert isinstance(failure, UnavailableError)
    assert failure.exit_code == 69
    assert f"0x{address:02x}: expected {name}, found no answer" in str(failure)


@pytest.mark.parametrize("address", [0x48, 0x49, 0x4C])
def test_a_wrong_chip_is_named(tmp_path, address):
    """A humidity sensor sits where something else should be."""
    failure = refused(tmp_path, lambda plant: plant.chips.update({address: Wrong(address)}))
    assert isinstance(failure, WrongDeviceError), failure
    assert f"0x{address:02x}" in str(failure)
    assert "expected" in str(failure)


class Wrong:
    """A chip that acknowledges everything and knows nothing."""

    def __init__(self, address):
        self.address = address

    def transfer(self, data, read_length):
        return bytes(read_length)

    def tick(self):
        """No time of its own."""


def test_a_wrong_sensor_is_named(tmp_path):
    failure = refused(tmp_path, lambda plant: plant.chips.update({0x3A: Wrong(0x3A)}))
    assert isinstance(failure, WrongDeviceError)
    assert "0x3a: expected el640 (id 0x454c), read 0x0000" in str(failure)


def test_single_errors_do_not_stop_bring_up(tmp_path):
    rig = Rig(tmp_path, prepare=lambda plant: plant.inject(BusNack(skip=5, count=2)))
    rig.run_to(State.COOLING, most_s=5)
    clean = Rig(tmp_path / "clean").run_to(State.COOLING, most_s=5)
    struck = rig.plant.counters["i2c.nacks"] - clean.plant.counters["i2c.nacks"]
    assert struck == 2, "both errors"
    assert rig.instrument.failure is None
    assert not rig.plant.judge.violations


def test_the_strap_keeps_every_actuator_still(tmp_path):
    rig = Rig(tmp_path, prepare=lambda plant: plant.set_input("safe_strap", True))
    rig.run_s(20)
    assert rig.state is State.SAFE
    assert rig.edges() == 0
    assert rig.instrument.watchdog.is_ready
    assert rig.instrument.watchdog.feeds > 30
    assert len(rig.infos) > 150, "the picture is still there"


def test_safe_mode_can_be_left(tmp_path):
    rig = Rig(tmp_path, options=Options(has_recorder=False, safe_mode=True)).run_s(5)
    assert (rig.state, rig.edges()) == (State.SAFE, 0)
    rig.instrument.set_safe_mode(False)
    rig.run_to(State.DETECTING)


def test_a_restart_storm_ends_in_a_fault_with_a_console(tmp_path):
    starts = Starts(tmp_path / "starts.json")
    for _ in range(STORM_STARTS):
        starts.begin(0)
    rig = Rig(tmp_path)
    polls = []
    rig.instrument.on_poll = polls.append
    rig.run_s(20)
    assert rig.state is State.FAULT
    assert rig.answer.trouble.code == codes.RESTART_STORM
    assert rig.edges() == 0
    assert rig.instrument.watchdog.feeds > 30, "no reboot storm"
    assert len(polls) > 900
    rig.instrument.clear_fault()
    rig.run_to(State.DETECTING)


def test_a_missing_chip_does_not_end_a_storm_of_starts_again(tmp_path):
    for start in range(STORM_STARTS + 3):
        rig = Rig(tmp_path, prepare=lambda plant: plant.chips.pop(0x44)).run_s(3)
        is_up = rig.instrument.failure is None
        assert is_up == (start >= STORM_STARTS), rig.instrument.failure
        if not is_up:
            rig.instrument.shutdown()
    assert (rig.state, rig.answer.trouble.code) == (State.FAULT, codes.RESTART_STORM)
    assert rig.edges() == 0
    assert rig.instrument.watchdog.feeds > 3
    rig.instrument.clear_fault()
    rig.run_s(2)
    assert "0x44" in str(rig.instrument.failure), "a person asked, and hears why"


def stormed(folder):
    """An instrument in fault 906 after five seconds, and what was said of its buses."""
    board, said, clock = small_board(), [], SimClock()
    buses = linux.open_present(board, said.append)
    options = Options(has_recorder=False, starts=STORM_STARTS + 1)
    instrument = Instrument(board, small_config(folder), buses, clock,
                            folders=Folders(folder, folder), options=options)  # fmt: skip
    Lockstep(Plant(board), clock, instrument.loops).run_until(5 * NS)
    assert instrument.failure is None
    assert instrument.health.state is State.FAULT
    instrument.shutdown()
    return instrument, said


def test_a_storm_over_missing_nodes_stays_up(tmp_path):
    """Bus by bus as `edgeleak run` opens them; this machine has none of the nodes."""
    instrument, said = stormed(tmp_path)
    assert len(said) == 3
    assert instrument.watchdog.feeds > 5


def test_a_storm_over_lines_that_somebody_holds_does_not_say_off(tmp_path, monkeypatch):
    def busy(*_):
        raise BusError(errno.EBUSY, "/dev/gpiochip0: another program uses it")

    monkeypatch.setattr(linux, "LinuxGpio", busy)
    instrument, _ = stormed(tmp_path)
    assert not instrument.outputs_are_off()


def test_a_stop_that_was_asked_for_is_no_crash(tmp_path):
    for _ in range(STORM_STARTS + 2):
        rig = Rig(tmp_path).run_s(1)
        rig.instrument.shutdown()
    assert rig.state is State.COOLING


def test_shutdown_rests_everything(running):
    assert running.plant.truth.tec_enabled
    tec = running.plant.board.tec
    dac = Ad5693r(running.instrument.buses.i2c, running.plant.board.address.tec_dac)
    assert dac.read_code() != code_for(tec, 0.0)
    running.instrument.shutdown()
    assert dac.read_code() == code_for(tec, 0.0)
    assert not violations(running)
    running.plant.advance_to(running.plant.now_ns + NS // 5)
    assert not running.plant.truth.tec_enabled
    assert not running.plant.truth.led_enabled
    assert not running.plant.gpio_get("sensor_power")
    assert not running.plant.gpio_get("status_green")
