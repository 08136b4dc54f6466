# SPDX-License-Identifier: Apache-2.0
"""Readings that are odd, missing or blocked, and commands that do not get through."""

import math

import pytest
from services.cooler_held import ADC, DAC, PARTS, held, no_violation

from edgeleak import codes
from edgeleak.services.cooler_inputs import Reading
from edgeleak.services.thermal_status import CoolerState
from edgeleak.sim import faults


@pytest.mark.parametrize("kind", [faults.BusNack, faults.NackAfterData])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_short_bursts_are_ridden_through(kind, count):
    bench = held()
    for skip in range(0, 14, 3):
        bench.plant.inject(kind(count=count, skip=skip))
        bench.rig.run(1)
    assert bench.status.code == codes.OK
    name = faults.name_of(kind)
    assert bench.plant.counters[f"hit.{name}"] == 5 * count
    assert bench.plant.truth.cold_degc == pytest.approx(-20, abs=0.03)
    no_violation(bench)


def test_without_readings_the_current_is_held_then_ramped():
    bench = held()
    before = bench.plant.truth.tec_a
    bench.plant.inject(faults.BusNack(address=ADC))
    bench.rig.run(0.1)
    assert bench.plant.truth.tec_a == pytest.approx(before, abs=0.02)
    bench.rig.run(0.3)
    assert bench.plant.truth.tec_a < before - 0.05
    assert bench.status.state == CoolerState.DRIVE
    no_violation(bench)


@pytest.mark.parametrize("block_ms", [1000.0, math.inf])
def test_a_blocked_bus_is_off_by_the_monostable(block_ms):
    bench = held()
    bench.plant.inject(faults.BusStuck(block_ms=block_ms))
    bench.rig.run(0.3)
    assert not bench.plant.truth.tec_enabled
    bench.rig.run(8)
    assert not bench.plant.truth.tec_enabled
    if math.isfinite(block_ms):
        assert bench.status.code == codes.I2C_TEC_STUCK
    no_violation(bench)


def test_time_outs_in_a_row_are_a_stuck_bus_before_anything_is_late():
    bench = held()
    bench.plant.inject(faults.BusStuck(block_ms=1.0))
    bench.rig.run(0.2)
    assert (bench.status.state, bench.status.code) == (CoolerState.FAULT, codes.I2C_TEC_STUCK)
    assert not bench.plant.truth.tec_enabled


def test_two_odd_readings_are_left_out_and_the_third_is_believed():
    part = PARTS.fpa_thermistor
    reading = Reading(part)
    reading.take(part.volts(-20.0))
    for expected in (-20.0, -20.0, -10.0):
        reading.take(part.volts(-10.0))
        assert reading.degc == pytest.approx(expected)


def test_three_periods_without_a_reading_are_told_and_forgotten():
    bench = held()
    bench.plant.inject(faults.BusNack(address=ADC, count=40))
    assert bench.rig.run(0.5, lambda: bench.status.code == codes.I2C_TEC_MISSES)
    assert bench.rig.run(0.5, lambda: bench.status.code == codes.OK)


@pytest.mark.parametrize("address", [None, DAC])
def test_a_command_that_cannot_be_renewed_expires_and_it_starts_again(address):
    bench = held()
    bench.plant.inject(faults.BusNack(address=address))
    begin_s = bench.rig.now_s
    assert bench.rig.run(0.5, lambda: not bench.plant.truth.tec_enabled)
    assert bench.rig.now_s - begin_s <= 0.215
    assert bench.status.code == codes.I2C_TEC_MISSES
    bench.plant.clear("bus-nack")
    assert bench.rig.run(0.3, lambda: bench.plant.truth.tec_enabled)
    assert bench.rig.run(60, lambda: bench.status.code == codes.OK)
    assert not bench.judge.violations
