# SPDX-License-Identifier: Apache-2.0
"""Faults strike where reality breaks, and only there."""

import errno
import math

import pytest
from sim.plant_bench import DAC, EL1, MS, S, adc_volts, drive, fpa_degc

from edgeleak.errors import UsageError
from edgeleak.sim import faults
from edgeleak.sim.plant import STEP_NS, Plant


@pytest.fixture
def plant():
    return Plant(EL1)


def test_nack_strikes_the_address_after_skipping_and_then_stops(plant):
    plant.inject(faults.BusNack(address=DAC, skip=2, count=3))
    outcome = []
    for _ in range(8):
        plant.i2c(EL1.address.tmp117, b"\x0f", 2)  # another address is not counted
        try:
            plant.i2c(DAC, b"\x30\x80\x00", 0)
            outcome.append("ok")
        except faults.Nack:
            outcome.append("nack")
    assert outcome == ["ok"] * 2 + ["nack"] * 3 + ["ok"] * 3
    active = plant.clear("bus-nack")
    assert (active.seen, active.hits) == (8, 3)
    assert plant.counters["hit.bus-nack"] == 3
    assert plant.counters["injected.bus-nack"] == 1
    assert plant.counters["i2c.calls"] == 16
    assert plant.counters["i2c.nacks"] == 3


def test_nack_before_and_after_the_data_differ_in_the_register(plant):
    plant.i2c(DAC, b"\x30\x80\x00", 0)
    plant.inject(faults.BusNack(count=1))
    with pytest.raises(faults.Nack):
        plant.i2c(DAC, b"\x30\x90\x00", 0)
    assert plant.tec_command_v == 1.25
    plant.inject(faults.NackAfterData(count=1))
    with pytest.raises(faults.Nack):
        plant.i2c(DAC, b"\x30\x90\x00", 0)
    assert plant.tec_command_v == pytest.approx(1.25 * 0x90 / 0x80)


def test_corrupted_read_turns_the_bits_of_its_mask(plant):
    clean = plant.i2c(EL1.address.tmp117, b"\x0f", 2)
    plant.inject(faults.ReadCorrupted(address=EL1.address.tmp117, mask=0x80, count=1))
    assert plant.i2c(EL1.address.tmp117, b"\x0f", 2) == bytes((clean[0] ^ 0x80, clean[1]))
    assert plant.i2c(EL1.address.tmp117, b"\x0f", 2) == clean


@pytest.mark.parametrize(("block_ms", "block_ns"), [(35, 35 * MS), (math.inf, faults.FOR_EVER_NS)])
def test_stuck_bus_says_for_how_long(plant, block_ms, block_ns):
    plant.inject(faults.BusStuck(block_ms=block_ms))
    with pytest.raises(faults.Stuck) as stuck:
        plant.i2c(DAC, b"", 2)
    assert stuck.value.block_ns == block_ns


def test_unplugged_nodes_are_gone(plant):
    for fault, act in (
        (faults.I2cUnplugged(), lambda: plant.i2c(DAC, b"", 2)),
        (faults.SpiUnplugged(), lambda: plant.spi_read(memoryview(bytearray(4)))),
        (faults.GpioUnplugged(), lambda: plant.gpio_set("fan", True)),
    ):
        plant.inject(fault)
        with pytest.raises(faults.Gone):
            act()
        plant.clear(fault.name)
        act()


def test_a_line_that_is_refused_leaves_the_others_and_is_not_judged(plant):
    plant.inject(faults.LineRefused(line="alarm", skip=1, count=2))
    plant.gpio_set("alarm", True)
    for _ in range(2):
        with pytest.raises(faults.Gone) as gone:
            plant.gpio_set("alarm", False)
        assert gone.value.number == errno.EIO
        plant.gpio_set("fan", True)
        assert plant.gpio_get("alarm")
        is_last = plant.faults["line-refused"].is_spent
        assert plant.so().alarm is (True if is_last else None)
        assert plant.so().green is False
    plant.gpio_set("alarm", False)
    assert not plant.gpio_get("alarm")


def test_thermistor_faults_are_seen_by_the_adc(plant):
    part = EL1.adc.fpa_thermistor
    clean = adc_volts(plant, part, 0)
    for fault, volts in (
        (faults.ThermistorOpen(), 3.3),
        (faults.ThermistorShort(), 0.0),
        (faults.ThermistorOffset(kelvin=5.0), EL1.fpa_thermistor.volts(plant.truth.cold_degc + 5)),
    ):
        plant.inject(fault)
        assert adc_volts(plant, part, 0) == pytest.approx(volts, abs=1e-3)
        plant.clear(fault.name)
        assert adc_volts(plant, part, 0) == pytest.approx(clean, abs=2e-3)


def test_frozen_thermistor_repeats_without_noise_and_the_other_lives(plant):
    part = EL1.adc.fpa_thermistor
    assert len({adc_volts(plant, part, 0) for _ in range(20)}) > 1
    plant.inject(faults.ThermistorFrozen(which="fpa"))
    drive(plant, 2, 0.5)
    assert len({adc_volts(plant, part, 0) for _ in range(20)}) == 1
    assert len({adc_volts(plant, EL1.adc.hot_thermistor, 1) for _ in range(20)}) > 1


def test_detached_thermistor_drifts_to_the_hot_side(plant):
    plant.tec.rest_at(0.0)
    plant.tec.hot_degc = 40.0
    plant.advance_to(STEP_NS)
    plant.inject(faults.ThermistorDetached(tau_s=1.0))
    assert fpa_degc(plant) == pytest.approx(plant.truth.cold_degc, abs=0.3)
    plant.advance_to(S)
    cold, hot = plant.truth.cold_degc, plant.truth.hot_degc
    share = (fpa_degc(plant) - cold) / (hot - cold)
    assert share == pytest.approx(1 - math.exp(-1), abs=0.03)


def test_reversed_module_heats_and_the_driver_sees_its_own_current(plant):
    plant.inject(faults.TecReversed())
    drive(plant, 3, 0.5)
    assert plant.truth.cold_degc > 26
    assert plant.truth.tec_a == pytest.approx(0.5, abs=1e-3)
    plant.clear("tec-reversed")
    warm = plant.truth.cold_degc
    drive(plant, 3, 0.5)
    assert plant.truth.cold_degc < warm


@pytest.mark.parametrize("fault", [faults.TecOpen(), faults.TecShort()])
def test_broken_module_pumps_nothing(plant, fault):
    plant.inject(fault)
    drive(plant, 3, 0.5)
    assert plant.truth.cold_degc > 25.0
    assert (plant.truth.tec_a == 0.0) == (fault.name == "tec-open")


def test_sink_gets_hotter_without_fan_and_when_it_is_blocked(plant):
    assert plant.sink_k_per_w() == pytest.approx(EL1.tec_model.sink_still_k_per_w)
    plant.gpio_set("fan", True)
    plant.advance_to(10 * S)
    assert plant.sink_k_per_w() == pytest.approx(EL1.tec_model.sink_fan_k_per_w, rel=1e-3)
    plant.inject(faults.SinkBlocked(factor=4))
    assert plant.sink_k_per_w() == pytest.approx(4 * EL1.tec_model.sink_fan_k_per_w, rel=1e-3)


def test_led_faults_come_and_go_with_their_part(plant):
    plant.inject(faults.LedOpen())
    plant.inject(faults.LedAged(hours=100))
    assert plant.led.is_open
    assert plant.led.hours == 100
    plant.clear("led-open")
    plant.clear("led-aged")
    assert not plant.led.is_open
    assert plant.led.hours == 0


def test_injecting_twice_is_one_fault(plant):
    plant.inject(faults.LedAged(hours=100))
    plant.inject(faults.LedAged(hours=50))
    assert plant.led.hours == 50
    assert plant.clear("led-aged") is not None
    assert plant.clear("led-aged") is None
    assert plant.led.hours == 0
    with pytest.raises(UsageError, match="nearest is 'led-aged'"):
        plant.clear("led-agd")
