# SPDX-License-Identifier: Apache-2.0
"""The instrument as a whole, judged by the plant: states, answers, and outputs that rest."""

from dataclasses import replace
from itertools import pairwise

import pytest
from instrument_rig import CAPTURE, CONTROL, FRAMES, NS, STILL, Rig, small_board, small_config

from edgeleak import codes
from edgeleak.bus import linux
from edgeleak.errors import LinkLost, UnavailableError, WrongDeviceError
from edgeleak.frame import FrameFlag, NucState
from edgeleak.instrument import Folders, Instrument, Options
from edgeleak.services.health import State
from edgeleak.services.watchdog import STORM_STARTS, Starts
from edgeleak.sim.faults import (
    BusNack,
    BusStuck,
    LensCovered,
    SensorDead,
    ShutterStuck,
    ThermistorFrozen,
    ThermistorOpen,
)
from edgeleak.sim.lockstep import Lockstep
from edgeleak.sim.plant import Plant
from edgeleak.sim.sim_clock import SimClock

FOR_EVER = float("inf")


@pytest.fixture
def running(tmp_path):
    """An instrument that watches a still room."""
    return Rig(tmp_path).run_to(State.DETECTING)


def violations(rig):
    return list(rig.plant.judge.violations)


def test_the_way_up(tmp_path):
    rig = Rig(tmp_path).run_to(State.DETECTING)
    assert [new for _, new, _ in rig.states()][-1] == "detecting"
    order = list(dict.fromkeys(new for _, new, _ in rig.states()))
    assert order == ["selftest", "cooling", "nuc", "ready", "detecting"]
    assert set(rig.answers[:-1]) == {"INHIBIT"}, "warm-up is never NO GAS"
    rig.run_s(5)
    assert rig.answers[-1] == "NO GAS"
    assert not violations(rig)
    assert rig.plant.truth.tec_enabled
    assert abs(rig.plant.truth.cold_degc - 20) < 0.2
    proofs = [proof.what for proof in rig.instrument.control.proofs]
    assert proofs == ["enables", *(f"I2C 0x{a:02x}" for a in (0x44, 0x48, 0x49, 0x4A, 0x4C, 0x4E))]


def test_every_frame_carries_the_correction_it_was_made_with(running):
    running.run_s(3)
    states = [info.nuc_state for info in running.infos]
    order = [state for state, after in pairwise([*states, None]) if state != after]
    assert order == [NucState.NONE, NucState.RUNNING, NucState.SETTLING, NucState.VALID]
    valid = [info for info in running.infos if info.nuc_state == NucState.VALID]
    assert len({info.nuc_id for info in valid}) == 1
    ages = [info.ms_since_nuc for info in valid]
    assert all(b - a == pytest.approx(100, abs=2) for a, b in pairwise(ages))
    drops = [info.drops for info in running.infos]
    assert drops[-1] == 0


@pytest.mark.parametrize("why", ["request", "button", "timer"])
def test_a_correction_again_and_nothing_is_judged_meanwhile(tmp_path, why):
    config = small_config(tmp_path, nuc={"every_s": 30.0})
    rig = Rig(tmp_path, config=config).run_to(State.DETECTING)
    first = rig.instrument.nuc.status
    if why == "request":
        rig.instrument.nuc.request()
    elif why == "button":
        rig.plant.set_input("button", True)
        rig.run_s(3.5)
        rig.plant.set_input("button", False)
    rig.run_to(State.NUC, most_s=40).run_to(State.DETECTING, most_s=10)
    second = rig.instrument.nuc.status
    assert second.taken == 2
    assert second.nuc_id > first.nuc_id
    assert second.why == ("30 s old" if why == "timer" else why)
    near = [answer for info, answer in zip(rig.infos, rig.answers, strict=True)
            if info.nuc_state in (NucState.RUNNING, NucState.SETTLING)]  # fmt: skip
    assert set(near) == {"INHIBIT"}
    assert len(near) > 20
    age_s = (rig.clock.monotonic_ns() - second.taken_ns) / NS
    assert age_s < 6


def test_drift_of_the_detector_brings_a_correction(running):
    running.instrument.cooler.request(19.0)
    running.run_to(State.COOLING).run_to(State.DETECTING, most_s=60)
    status = running.instrument.nuc.status
    assert (status.taken, status.why[:8]) == (2, "drift of")
    assert status.fpa_degc == pytest.approx(19.0, abs=0.2)


@pytest.mark.parametrize("closed", [True, False])
def test_a_shutter_that_sticks_is_never_calibrated_on(tmp_path, closed):
    """Stuck open it would burn the scene in; stuck closed there is nothing to see."""
    rig = Rig(tmp_path, prepare=lambda plant: plant.inject(ShutterStuck(closed=closed)))
    rig.run_s(50)
    assert "NO GAS" not in rig.answers
    assert rig.instrument.nuc.status.taken == 0
    assert rig.instrument.nuc.status.refused >= 1
    rig.plant.clear("shutter-stuck")
    rig.run_to(State.DETECTING, most_s=40)


def test_a_thermistor_that_freezes_near_ambient_is_found(tmp_path):
    """Almost no current flows there, so current must not be what makes a reading count."""
    rig = Rig(tmp_path, config=small_config(tmp_path, cooler={"set_point_degc": 23.0}))
    rig.run_to(State.DETECTING)
    rig.plant.inject(ThermistorFrozen())
    rig.run_s(15)
    assert (rig.state, rig.answer.trouble.code) == (State.FAULT, codes.FPA_STUCK)
    assert not rig.plant.truth.tec_enabled


@pytest.mark.parametrize(("address", "code", "after_s"), [
    (0x4A, codes.SUPPLY_UNKNOWN, 8), (0x44, codes.AIR_UNKNOWN, 64), (0x49, codes.AIR_UNKNOWN, 64),
])  # fmt: skip
def test_cooling_pauses_when_nobody_watches_supply_or_air(running, address, code, after_s):
    running.plant.inject(BusNack(address=address))
    running.run_s(after_s)
    assert (running.state, running.answer.trouble.code) == (State.INHIBIT, code)
    running.run_s(1)
    assert not running.plant.truth.tec_enabled
    running.plant.clear("bus-nack")
    running.run_to(State.DETECTING)


def test_a_sensor_that_contradicts_the_thermistor_inhibits_then_stops_the_cooler(running):
    acquisition = running.instrument.acquisition
    take = acquisition.take

    def warmer(counts):
        info = take(counts)
        return info and replace(info, fpa_temp_degc=info.fpa_temp_degc + 3.0)

    acquisition.take = warmer
    running.run_s(2.5)
    assert running.answer.trouble.code == codes.FPA_DIFFERS
    running.run_s(10)
    assert (running.state, running.answer.trouble.code) == (State.FAULT, codes.FPA_DIFFERS_LONG)
    assert not running.plant.truth.tec_enabled
    acquisition.take = take
    running.run_s(1)
    running.instrument.clear_fault()
    running.run_to(State.DETECTING)


def test_a_covered_lens_inhibits_and_clears_itself(running):
    running.run_s(2)
    running.plant.inject(LensCovered())
    running.run_s(60)
    assert running.answers[-1] == "INHIBIT"
    assert running.state is State.INHIBIT
    covered_at = len(running.answers)
    first = next(i for i, a in enumerate(running.answers[:covered_at]) if a == "NO GAS")
    assert first < covered_at
    running.plant.clear("lens-covered")
    running.run_to(State.DETECTING, most_s=30)
    assert str(running.answer) == "NO GAS"


# --- bring-up ----------------------------------------------------------------------------------


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


# --- faults ------------------------------------------------------------------------------------


def test_a_stuck_bus_stops_control_only(running):
    frames = running.instrument.path.frames
    running.plant.inject(BusStuck(block_ms=FOR_EVER))
    running.run_s(0.3)
    assert not running.plant.truth.tec_enabled
    running.run_s(0.05)
    assert str(running.answer) == "FAULT"
    assert running.answer.trouble.code == codes.CONTROL_LATE
    running.run_s(2)
    assert running.instrument.path.frames - frames >= 22, "frames go on"
    assert running.answer.trouble.code == codes.CONTROL_STALLED
    assert not running.plant.truth.tec_enabled
    assert not violations(running)


def test_a_short_stop_of_control_is_a_fault_that_passes(running):
    running.lockstep.stop(CONTROL)
    running.run_s(0.3)
    assert not running.plant.truth.tec_enabled
    assert str(running.answer) == "FAULT"
    running.lockstep.go_on(CONTROL)
    running.run_s(0.2)
    assert str(running.answer) == "INHIBIT"
    assert running.answer.trouble.code == codes.TEC_LATE
    running.run_s(3)
    assert running.plant.truth.tec_enabled
    assert running.instrument.health.latched is None
    assert not violations(running)


def test_hanging_frames_leave_control_alone_and_starve_the_watchdog(running):
    feeds = running.instrument.watchdog.feeds
    running.lockstep.stop(FRAMES)
    running.run_s(5)
    assert running.instrument.watchdog.feeds == feeds
    assert abs(running.plant.truth.cold_degc - 20) < 0.2
    assert running.plant.truth.tec_enabled


@pytest.mark.parametrize("loop", [CONTROL, CAPTURE])
def test_any_other_hang_is_seen_by_the_frames_loop(running, loop):
    running.lockstep.stop(loop)
    running.run_s(1.2)
    assert str(running.answer) == ("FAULT" if loop == CONTROL else "INHIBIT")
    feeds = running.instrument.watchdog.feeds
    running.run_s(3)
    assert running.instrument.watchdog.feeds <= feeds + 1
    assert running.plant.truth.tec_enabled is (loop == CAPTURE)


def test_a_fault_rests_the_outputs_and_clears_on_command(running):
    running.plant.inject(ThermistorOpen())
    running.run_s(3)
    assert running.state is State.FAULT
    assert running.answer.trouble.code == codes.FPA_OPEN
    assert not running.plant.truth.tec_enabled
    feeds = running.instrument.watchdog.feeds
    running.plant.clear("thermistor-open")
    running.run_s(10)
    assert running.state is State.FAULT, "latched"
    assert running.instrument.watchdog.feeds > feeds + 15, "resting outputs feed the watchdog"
    running.instrument.clear_fault()
    running.run_to(State.DETECTING, most_s=60)
    assert not violations(running)


def test_a_dead_sensor_inhibits_and_then_ends_the_program(running):
    running.plant.inject(SensorDead())
    running.run_s(0.6)
    assert str(running.answer) == "INHIBIT"
    for _ in range(40):
        running.run_s(1)
        if running.instrument.failure is not None:
            break
    assert isinstance(running.instrument.failure, LinkLost)
    running.run_s(0.3)
    assert not running.plant.truth.tec_enabled
    assert (running.state, running.answer.trouble.code) == (State.FAULT, codes.LINK_GONE)


# --- safe mode, storms, stops ------------------------------------------------------------------


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


def test_a_storm_over_missing_nodes_stays_up(tmp_path):
    """Bus by bus as `edgeleak run` opens them; this machine has none of the nodes."""
    board, said, clock = small_board(), [], SimClock()
    buses = linux.open_present(board, said.append)
    assert len(said) == 3
    options = Options(has_recorder=False, starts=STORM_STARTS + 1)
    instrument = Instrument(board, small_config(tmp_path), buses, clock,
                            folders=Folders(tmp_path, tmp_path), options=options)  # fmt: skip
    Lockstep(Plant(board), clock, instrument.loops).run_until(5 * NS)
    assert instrument.failure is None
    assert instrument.health.state is State.FAULT
    assert instrument.watchdog.feeds > 5
    instrument.shutdown()


def test_a_stop_that_was_asked_for_is_no_crash(tmp_path):
    for _ in range(STORM_STARTS + 2):
        rig = Rig(tmp_path).run_s(1)
        rig.instrument.shutdown()
    assert rig.state is State.COOLING


def test_shutdown_rests_everything(running):
    assert running.plant.truth.tec_enabled
    running.instrument.shutdown()
    running.plant.advance_to(running.plant.now_ns + NS // 5)
    assert not running.plant.truth.tec_enabled
    assert not running.plant.truth.led_enabled
    assert not running.plant.gpio_get("sensor_power")
    assert not running.plant.gpio_get("status_green")


# --- time, panel, recorder ---------------------------------------------------------------------


@pytest.mark.parametrize("jump_s", [86_400, -86_400, -50 * 365 * 86_400])
def test_a_clock_that_jumps_changes_labels_only(running, jump_s):
    running.run_s(2)
    running.clock.jump_utc(jump_s * NS)
    before = len(running.infos)
    running.run_s(10)
    assert set(running.answers[before:]) == {"NO GAS"}
    times = [info.monotonic_ns for info in running.infos]
    assert all(b > a for a, b in pairwise(times))
    assert min(info.ms_since_nuc for info in running.infos if info.nuc_id >= 0) >= 0
    assert running.instrument.health.is_degraded
    labels = {info.utc_ns for info in running.infos[before + 20 :]}
    assert labels == {-1} if jump_s < -(10**9) else min(labels) > 0
    assert running.infos[-1].drops == 0


def test_gas_raises_the_alarm_output(tmp_path):
    """The plant's own leak, with the answer judged by the output a relay would see."""
    from edgeleak.sim.scenario import Gas, Scenario

    scenario = Scenario(world=STILL.world, gas=Gas(start_s=35.0, rate_g_per_h=2000.0))
    rig = Rig(tmp_path, scenario=scenario, config=small_config(tmp_path)).run_to(State.DETECTING)
    for _ in range(120):
        rig.run_s(0.5)
        if "GAS" in rig.answers:
            break
    assert "GAS" in rig.answers
    assert rig.now_s > 35, "not before there was any"
    assert rig.plant.gpio_get("alarm")
    assert rig.instrument.status()["alarms"] == 1


def test_status_is_plain_for_json(running):
    import json

    found = json.loads(json.dumps(running.instrument.status(), allow_nan=False))
    assert (found["state"], found["verdict"], found["code"]) == ("detecting", "NO GAS", 0)
    assert found["cooler"]["cold_degc"] == pytest.approx(20, abs=0.2)
    assert found["link"]["drops"] == 0


def test_the_board_of_the_tests_is_el1_but_for_the_pixels():
    board = small_board()
    assert (board.name, board.sensor.width, board.tec is not None) == ("el1-a", 160, True)


def test_the_kit_without_cooler_and_light_shows_a_picture_and_never_says_no_gas(tmp_path):
    from edgeleak import board

    rig = Rig(tmp_path, board=board.load("lepton-pi-a"))
    rig.run_s(20)
    assert (rig.state, rig.answer.trouble.code) == (State.INHIBIT, codes.BLIND_SENSOR)
    assert len(rig.infos) > 100
    assert "NO GAS" not in rig.answers
    assert rig.instrument.watchdog.is_ready
    assert rig.instrument.status()["cooler"] is None
    rig.plant.set_input("button", True)
    rig.run_s(3.5)
    rig.plant.set_input("button", False)
    rig.run_s(3)
    assert any(info.flags & FrameFlag.SHUTTER for info in rig.infos[100:])
    rig.instrument.shutdown()
