# SPDX-License-Identifier: Apache-2.0
"""The instrument when something breaks: its answer, outputs that rest, what starts again."""

from dataclasses import replace
from math import nan

import pytest
from instrument_rig import CAPTURE, CONTROL, FRAMES, Rig, small_config, violations

from edgeleak import codes
from edgeleak.errors import LinkLost
from edgeleak.services.health import State
from edgeleak.sim.faults import (
    BusNack,
    BusStuck,
    LensCovered,
    SensorDead,
    ShutterStuck,
    ThermistorFrozen,
    ThermistorOpen,
)

FOR_EVER = float("inf")


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


def test_each_refused_correction_is_one_line(running):
    """Also one whose answer comes back, because the old one is good."""
    running.run_s(3)
    kept = running.instrument.nuc.status.nuc_id
    running.plant.inject(ShutterStuck(closed=False))
    for _ in range(2):
        running.instrument.nuc.request("test")
        running.run_s(14)
    said = [line for line in running.lines if line.startswith("NUC refused")]
    assert len(said) == running.instrument.nuc.status.refused == 2
    for line in said:
        assert line.startswith(f"NUC refused {codes.NUC_SILENT} t=")
        assert "nuc-shutter-silent: the shutter has not answered for 2.1 s, 2.0 s is its" in line
        assert line.endswith(f"; reason test, {kept} stays in force")
    assert running.answers[-1] == "NO GAS"


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


def test_a_supply_that_was_never_measured_ends_the_cooling(tmp_path):
    rig = Rig(tmp_path, config=small_config(tmp_path))
    rig.instrument.actuators.climate._supply_v = lambda: nan
    driven_s = 0.0
    for _ in range(40):
        rig.run_s(1)
        driven_s += rig.plant.truth.tec_enabled
    assert rig.instrument.cooler.status.code == codes.SUPPLY_UNKNOWN
    assert 3 < driven_s < 9
    assert not rig.plant.truth.tec_enabled


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
