# SPDX-License-Identifier: Apache-2.0
"""The cooler service on the simulated board: register models below, the plant's truth as judge."""

import dataclasses
import errno
import math

import pytest
from services.cooler_held import ADC, DAC, PARTS, held, no_violation

from edgeleak import codes
from edgeleak.config import CoolerConfig
from edgeleak.control.pid import Gains
from edgeleak.cooler_bench import Bench
from edgeleak.drivers.ad5693r import Ad5693r
from edgeleak.drivers.tec import code_for
from edgeleak.errors import ConfigError, UsageError
from edgeleak.services.thermal_status import CoolerState
from edgeleak.sim import faults
from edgeleak.sim.bus import Blocking, SimI2c
from edgeleak.sim.cooler_rig import step_result


@pytest.fixture(scope="module")
def cool_down():
    bench = Bench(PARTS)
    bench.rig.run(170)
    return bench


def test_nominal_cool_down_on_the_true_temperature(cool_down):
    result = step_result(cool_down.trace, -20.0)
    assert result.settle_s <= 120
    assert result.overshoot_k < 0.5
    assert result.rms_k < 0.020
    assert result.ramp_k_per_s <= CoolerConfig().ramp_k_per_s
    no_violation(cool_down)


@pytest.mark.parametrize("at_degc", [10.0, 2.0, 0.3])
def test_a_lost_reading_on_the_way_costs_no_overshoot(at_degc):
    bench = Bench(PARTS, CoolerConfig(set_point_degc=0.0))
    assert bench.rig.run(60, lambda: bench.plant.truth.cold_degc < at_degc)
    bench.plant.inject(faults.BusNack(address=ADC))
    bench.rig.run(0.1)
    bench.plant.clear("bus-nack")
    bench.rig.run(40)
    assert min(bench.trace.cold_degc) > -0.15  # 0.12 K without a loss
    no_violation(bench)


def test_status_agrees_with_the_plant(cool_down):
    status, truth = cool_down.status, cool_down.plant.truth
    assert status.cold_degc == pytest.approx(truth.cold_degc, abs=0.02)
    assert status.hot_degc == pytest.approx(truth.hot_degc, abs=0.1)
    assert status.current_a == pytest.approx(truth.tec_a, abs=0.01)
    assert status.power_w == pytest.approx(truth.tec_a * truth.tec_v, rel=0.02)
    energy_j = sum(cool_down.trace.power_w) * 0.05
    assert status.energy_j == pytest.approx(energy_j, rel=0.02)
    assert 90 < status.cool_down_s < 120
    assert status.energy_to_set_point_j < status.energy_j
    assert status.holding_w == pytest.approx(status.power_w, rel=0.05)
    assert (status.code, status.is_stable, status.state) == (codes.OK, True, CoolerState.DRIVE)


def test_life_counts_hours_and_the_cycle(cool_down):
    life = cool_down.life.values()
    assert life["tec_hours"] == pytest.approx(170 / 3600, rel=0.02)
    assert life["thermal_cycles"] == 1
    assert life["tec_starts"] == 1


def test_cooling_is_never_called_stable():
    bench = Bench(PARTS)
    bench.rig.run(30)
    assert bench.status.code == codes.COOLING
    assert not bench.status.is_stable


def test_heats_to_a_set_point_above_ambient():
    bench = Bench(PARTS, CoolerConfig(set_point_degc=20.0), ambient_degc=0.0)
    bench.rig.run(80)
    assert bench.plant.truth.tec_a < 0
    assert bench.plant.truth.cold_degc == pytest.approx(20.0, abs=0.1)
    assert bench.status.is_stable
    no_violation(bench)


def test_off_warms_on_the_ramp_then_switches_off():
    bench = held()
    bench.cooler.request("off")
    bench.rig.run(100)
    assert bench.status.state == CoolerState.OFF
    assert not bench.plant.truth.tec_enabled
    assert bench.plant.truth.cold_degc > 20
    assert bench.judge.extremes["max_ramp_k_per_s"] < 0.7
    no_violation(bench)


def test_stop_ramps_the_current_then_switches_off():
    bench = held()
    bench.cooler.request("stop")
    seconds = bench.run_until_off(5)
    assert 1.0 < seconds < 1.6  # 0.6 A at 0.5 A/s
    assert bench.status.is_safe
    no_violation(bench)


def test_a_stop_is_not_lost_to_a_later_word_of_the_same_period():
    bench = held()
    bench.cooler.request("stop")
    bench.cooler.request("clear")
    bench.rig.run(2)
    assert not bench.plant.truth.tec_enabled
    assert bench.status.state == CoolerState.OFF


def test_shutdown_cuts_the_enable_at_once():
    bench = held()
    bench.cooler.shutdown()
    bench.plant.advance_to(bench.plant.now_ns + 80_000_000)
    assert not bench.plant.truth.tec_enabled


def command_code(bench):
    return Ad5693r(SimI2c(bench.plant, Blocking()), DAC).read_code()


def test_the_command_is_zero_after_the_output_has_run_out():
    bench = held()
    zero = code_for(PARTS.tec, 0.0)
    off_ns = bench.rig.clock.monotonic_ns()
    bench.cooler.shutdown()
    assert command_code(bench) != zero
    bench.cooler.zero()
    assert command_code(bench) == zero
    assert 0 < bench.rig.clock.monotonic_ns() - off_ns <= 60_000_000


@pytest.mark.parametrize("fault", [faults.BusStuck(), faults.I2cUnplugged()])
def test_a_bus_that_does_not_answer_bounds_the_end(fault):
    bench = held()
    bench.plant.inject(fault)
    bench.rig.run(0.1)
    bench.cooler.shutdown()
    off_ns = bench.rig.clock.monotonic_ns()
    bench.cooler.zero()
    assert bench.rig.clock.monotonic_ns() - off_ns <= 200_000_000
    bench.plant.advance_to(bench.plant.now_ns + 80_000_000)
    assert not bench.plant.truth.tec_enabled


@pytest.mark.parametrize("wish", [math.nan, -41.0, 31.0, math.inf, "full"])
def test_refuses_what_is_no_wish(wish):
    with pytest.raises(UsageError):
        held(0.1).cooler.request(wish)


def test_unreachable_is_said_and_left_within_a_second():
    bench = Bench(PARTS, CoolerConfig(set_point_degc=-40.0), ambient_degc=35.0)
    bench.rig.start_at(-26.0, 44.0)
    bench.rig.run(150)
    assert bench.status.code in (codes.UNREACHABLE, codes.COOLING)
    before_a, cold = bench.status.command_a, bench.plant.truth.cold_degc
    bench.cooler.request(cold + 5)
    assert bench.rig.run(1.0, lambda: bench.status.command_a < before_a - 0.02)
    no_violation(bench)


@pytest.mark.parametrize(("fault", "code", "most_s"), [
    (faults.ThermistorOpen(), codes.FPA_OPEN, 0.25),
    (faults.ThermistorShort(), codes.FPA_SHORT, 0.25),
    (faults.ThermistorOpen(which="hot"), codes.HOT_OPEN, 0.25),
    (faults.ThermistorShort(which="hot"), codes.HOT_SHORT, 0.25),
    (faults.ThermistorFrozen(), codes.FPA_STUCK, 10.1),
    (faults.ThermistorDetached(tau_s=1.0), codes.FPA_DETACHED, 3.0),
    (faults.ThermistorDetached(tau_s=15.0), codes.FPA_DETACHED, 3.0),
    (faults.TecReversed(), codes.TEC_REVERSED, 2.0),
    (faults.TecOpen(), codes.TEC_OPEN, 0.3),
    (faults.FanDead(), codes.FAN_LOST, 3.0),
    (faults.BusNack(), codes.I2C_TEC, 0.6),
    (faults.BusNack(address=ADC), codes.I2C_TEC, 0.6),
    (faults.BusNack(address=DAC), codes.I2C_TEC, 0.6),
    (faults.ReadCorrupted(address=DAC), codes.TEC_READ_BACK, 0.2),
    (faults.BusStuck(block_ms=35.0), codes.I2C_TEC_STUCK, 0.3),
])  # fmt: skip
def test_each_fault_ends_in_its_own_code_and_off(fault, code, most_s):
    bench = held()
    cold = bench.plant.truth.cold_degc
    bench.plant.inject(fault)
    seconds = bench.run_until_fault(most_s + 1)
    assert seconds <= most_s + 0.05
    assert bench.status.code == code
    assert bench.run_until_off(2.5) < 2.5
    assert bench.plant.truth.cold_degc > cold - 3
    assert not bench.status.is_stable
    bench.rig.run(1)
    assert not bench.plant.truth.tec_enabled
    no_violation(bench)


def test_a_fault_stays_until_it_is_cleared():
    bench = held()
    bench.plant.inject(faults.ThermistorOpen())
    bench.run_until_fault(1)
    bench.plant.clear("thermistor-open")
    bench.rig.run(20)
    assert bench.status.code == codes.FPA_OPEN
    bench.cooler.request("clear")
    bench.rig.run(40)
    assert bench.status.state == CoolerState.DRIVE
    assert bench.plant.truth.cold_degc == pytest.approx(-20, abs=0.2)
    no_violation(bench)


def test_humid_air_limits_the_set_point():
    bench = Bench(PARTS, humidity=0.92)
    bench.rig.run(40)
    assert bench.status.set_point_degc > -15
    assert bench.status.code in (codes.DEW_LIMITED, codes.COOLING)
    assert Bench(PARTS, humidity=0.5).hold(8).status.set_point_degc == -20.0


def test_power_limit_is_kept_by_the_plants_measure():
    bench = Bench(PARTS, CoolerConfig(max_power_w=2.5))
    bench.rig.run(90)
    late = list(bench.trace.power_w)[200:]
    assert max(late) < 2.5 * 1.08
    assert bench.status.note.code == codes.POWER_LIMITED
    no_violation(bench)


def test_gain_change_and_set_point_make_no_bump():
    bench = held()
    worst, last = 0.0, bench.status.command_a
    for k in range(12):
        bench.cooler.gains = Gains(0.2 + 0.1 * (k % 3), 0.03, 0.05 * (k % 2))
        bench.cooler.request(-20.0 + (k % 4))
        for _ in range(10):
            bench.rig.run(0.05)
            worst, last = max(worst, abs(bench.status.command_a - last)), bench.status.command_a
    assert 0 < worst <= 0.016  # 1 % of -0.5..1.1 A


def test_tuning_gives_gains_and_goes_on_holding():
    bench = held(20)
    bench.cooler.request("tune")
    bench.rig.run(2)
    assert bench.status.code == codes.TUNING
    bench.rig.run(60)
    tuning = bench.cooler.tuning
    assert tuning is not None
    assert tuning.gains == bench.cooler.gains
    assert bench.status.code == codes.OK
    assert bench.plant.truth.cold_degc == pytest.approx(-20, abs=0.05)
    no_violation(bench)


def test_tuning_is_refused_while_off():
    bench = Bench(PARTS, CoolerConfig(is_on_at_start=False))
    bench.rig.run(1)
    bench.cooler.request("tune")
    bench.rig.run(0.2)
    assert bench.cooler.tuning.gains is None
    assert bench.status.state == CoolerState.OFF


def test_a_bus_that_fails_while_tuning_ends_the_experiment():
    bench = held(20)
    bench.cooler.request("tune")
    bench.rig.run(8)
    before = bench.cooler.gains
    bench.plant.inject(faults.BusNack(address=ADC, count=30))
    bench.rig.run(3)
    assert bench.cooler.tuning.gains is None
    assert bench.cooler.gains == before
    no_violation(bench)


def test_a_slow_fan_is_a_note_only():
    bench = held()
    bench.plant.inject(faults.FanSlow(share=0.4))
    bench.rig.run(6)
    assert bench.status.note.code == codes.FAN_SLOW
    assert bench.status.code == codes.OK


def test_a_dark_board_is_refused_with_its_name():
    with pytest.raises(ConfigError, match="no cooler"):
        Bench(dataclasses.replace(PARTS, tec=None))


def test_off_is_a_reason_of_its_own():
    bench = Bench(PARTS, CoolerConfig(is_on_at_start=False))
    bench.rig.run(1)
    assert (bench.status.state, bench.status.code) == (CoolerState.OFF, codes.COOLER_OFF)


def test_a_start_is_told_as_one_and_aims_at_a_number():
    bench, told = Bench(PARTS), []
    told.append(bench.status)
    for _ in range(40):
        bench.rig.run(0.05)
        told.append(bench.status)
    assert list(dict.fromkeys(row.code for row in told)) == [codes.COOLER_STARTS, codes.COOLING]
    assert {row.expected for row in told if row.code == codes.COOLING} == {-20.0}


def test_an_enable_line_that_refuses_is_no_late_program():
    bench = held()
    bench.plant.inject(faults.GpioUnplugged())
    bench.rig.run(0.3)
    status = bench.status
    assert (status.state, status.code) == (CoolerState.FAULT, codes.ENABLE_LINE)
    assert (status.measured, status.expected) == (errno.ENODEV, 0.2)
    assert not bench.plant.truth.tec_enabled
    no_violation(bench)


def test_clear_within_the_bridge_time_makes_no_step():
    bench = held()
    bench.plant.inject(faults.TecReversed())
    assert bench.rig.run(5, lambda: bench.cooler._trip is not None)
    bench.plant.clear("tec-reversed")
    bench.rig.run(5, lambda: not bench.status.is_enabled)
    bench.cooler.request("clear")
    bench.rig.run(2.0)
    assert bench.status.is_enabled
    assert not bench.judge.violations


def test_a_tuning_that_cannot_begin_leaves_a_note():
    bench = Bench(PARTS, CoolerConfig(is_on_at_start=False))
    bench.rig.run(0.5)
    bench.cooler.request("tune")
    bench.rig.run(0.2)
    assert bench.status.note.code == codes.TUNE_REFUSED
    assert bench.cooler.tuning.gains is None
