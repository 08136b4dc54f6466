# SPDX-License-Identifier: Apache-2.0
"""The plant: time, enables, inputs, faults where reality breaks, and what it writes down."""

import dataclasses
import itertools
import math

import pytest

from edgeleak import board as boards
from edgeleak.drivers import ads1115
from edgeleak.errors import UsageError
from edgeleak.sim import faults
from edgeleak.sim.bus import open_buses
from edgeleak.sim.monostable import Monostable
from edgeleak.sim.plant import STEP_NS, Plant
from edgeleak.sim.scenario import Change, Event, Scenario, World

MS = 1_000_000
S = 1000 * MS
EL1 = boards.load("el1-a")
DAC = EL1.address.tec_dac


@pytest.fixture
def plant():
    return Plant(EL1)


def adc_volts(plant, part, channel):
    """One conversion as a driver would ask for it, 2 ms later."""
    full_scale = ads1115.FULL_SCALES_V.index(part.full_scale_v)
    config = ads1115.OS | (4 + channel) << ads1115.MUX_SHIFT | full_scale << ads1115.PGA_SHIFT
    config |= ads1115.MODE_SINGLE_SHOT | 7 << ads1115.RATE_SHIFT
    plant.i2c(part.address, b"\x01" + config.to_bytes(2, "big"), 0)
    plant.advance_to(plant.now_ns + 2 * MS)
    raw = plant.i2c(part.address, b"\x00", 2)
    return int.from_bytes(raw, "big", signed=True) / 0x8000 * part.full_scale_v


def fpa_degc(plant):
    return EL1.fpa_thermistor.degc(adc_volts(plant, EL1.adc.fpa_thermistor, 0))


def hot_degc(plant):
    return EL1.hot_thermistor.degc(adc_volts(plant, EL1.adc.hot_thermistor, 1))


def drive(plant, seconds, current_a):
    code = round((EL1.tec.zero_v + current_a / EL1.tec.command_a_per_v) / 2.5 * 65536)
    plant.i2c(DAC, bytes((0x30, *code.to_bytes(2, "big"))), 0)
    for _ in range(round(seconds / 0.1)):
        plant.gpio_set("tec_enable", False)
        plant.gpio_set("tec_enable", True)
        plant.advance_to(plant.now_ns + 100 * MS)


# --- monostable ------------------------------------------------------------------------------


def test_rising_edge_keeps_it_on_for_the_refresh_time():
    one = Monostable(200 * MS, 20 * MS)
    one.set(True, 0)
    one.settle(200 * MS - 1)
    assert one.is_on
    one.settle(500 * MS)
    assert one.take_changes() == [(0, True), (200 * MS, False)]


def test_a_short_low_bridges_and_a_long_one_does_not():
    one = Monostable(200 * MS, 20 * MS)
    one.set(True, 0)
    one.set(False, 100 * MS)
    one.set(True, 119 * MS)
    one.set(False, 200 * MS)
    one.settle(400 * MS)
    assert one.take_changes() == [(0, True), (220 * MS, False)]


def test_stuck_high_and_repeated_high_run_out():
    one = Monostable(200 * MS, 20 * MS)
    for at in range(0, 1000, 50):
        one.set(True, at * MS)
    assert one.take_changes() == [(0, True), (200 * MS, False)]


def test_settling_often_or_rarely_gives_the_same(rng):
    edges = sorted(int(at) for at in rng.integers(0, 3000 * MS, 40))
    often, rarely = Monostable(200 * MS, 20 * MS), Monostable(200 * MS, 20 * MS)
    for index, at in enumerate(edges):
        for between in range(0, at, 10 * MS):
            often.settle(min(between, at)) if between > (edges[index - 1] if index else 0) else None
        often.set(index % 2 == 0, at)
        rarely.set(index % 2 == 0, at)
    often.settle(10 * S)
    rarely.settle(10 * S)
    assert often.take_changes() == rarely.take_changes()


# --- time ------------------------------------------------------------------------------------


def test_the_course_does_not_depend_on_who_asks_when(rng):
    """Physics run on their own grid: calls in between change nothing."""
    coarse, fine = Plant(EL1, seed=3), Plant(EL1, seed=3)
    for plant in (coarse, fine):
        plant.gpio_set("fan", True)
        drive(plant, 1, 0.5)
    end_ns = coarse.now_ns + 2 * S
    coarse.advance_to(end_ns)
    while fine.now_ns < end_ns:
        fine.advance_to(min(end_ns, fine.now_ns + int(rng.integers(1, 13 * MS))))
    assert dataclasses.asdict(coarse.truth) == dataclasses.asdict(fine.truth)
    assert list(coarse.log) == list(fine.log)


def test_same_seed_same_readings_other_seed_other_noise():
    same = [[fpa_degc(Plant(EL1, seed=seed)) for _ in range(2)] for seed in (1, 1, 2)]
    assert same[0] == same[1] != same[2]


def test_the_past_changes_nothing(plant):
    plant.advance_to(S)
    before = dataclasses.asdict(plant.truth)
    plant.advance_to(0)
    assert plant.now_ns == S
    assert dataclasses.asdict(plant.truth) == before


def test_starts_at_a_time_of_its_own():
    plant = Plant(EL1, start_ns=123 * S + 1)
    plant.advance_to(124 * S + 1)
    assert plant.elapsed_s == pytest.approx(1.0)
    assert plant._stepped_ns == plant.start_ns + S
    assert S % STEP_NS == 0


# --- what the chips measure --------------------------------------------------------------------


def test_adc_reads_temperatures_currents_and_supply(plant):
    plant.gpio_set("fan", True)
    drive(plant, 20, 0.5)
    truth, adc = plant.truth, EL1.adc
    assert fpa_degc(plant) == pytest.approx(truth.cold_degc, abs=0.3)
    assert hot_degc(plant) == pytest.approx(truth.hot_degc, abs=0.05)
    telemetry = (adc_volts(plant, adc.tec_current, 2) - EL1.tec.zero_v) / EL1.tec.telemetry_v_per_a
    assert telemetry == pytest.approx(truth.tec_a, abs=2e-3)
    across = (adc_volts(plant, adc.tec_voltage, 3) - EL1.tec.zero_v) / EL1.tec.voltage_gain
    assert across == pytest.approx(truth.tec_v, abs=5e-3)
    assert 4 * adc_volts(plant, adc.supply, 2) == pytest.approx(5.0, abs=2e-3)


def test_current_is_limited_by_the_voltage_there_is(plant):
    plant.inject(faults.BrownOut(volts=2.8))
    plant.advance_to(100 * MS)
    drive(plant, 1, 1.1)
    assert plant.truth.tec_v == pytest.approx(2.8, abs=0.01)
    assert 1.0 < plant.truth.tec_a < 1.09


def test_driver_locks_out_below_its_supply(plant):
    drive(plant, 1, 0.5)
    plant.inject(faults.BrownOut(volts=2.0))
    drive(plant, 0.2, 0.5)
    assert plant.truth.tec_a == 0.0


def test_tacho_gives_two_pulses_a_revolution_and_the_kernels_queue_forgets_the_oldest(plant):
    plant.gpio_set("fan", True)
    plant.advance_to(5 * S)
    edges = plant.take_edges("fan_tacho")
    assert len(edges) == 16
    assert edges[-1] > 5 * S - 20 * MS
    assert [b - a for a, b in itertools.pairwise(edges)] == pytest.approx([10 * MS] * 15, rel=1e-3)
    plant.inject(faults.FanSlow(share=0.25))
    plant.advance_to(10 * S)
    edges = plant.take_edges("fan_tacho")
    assert edges[-1] - edges[-2] == pytest.approx(40 * MS, rel=1e-2)
    plant.inject(faults.FanDead())
    plant.advance_to(15 * S)
    plant.take_edges("fan_tacho")
    plant.advance_to(20 * S)
    assert plant.take_edges("fan_tacho") == []
    assert plant.truth.fan_speed < 0.01


def test_inputs_move_and_only_inputs(plant):
    assert plant.gpio_get("button") is False
    plant.advance_to(7 * MS)
    plant.set_input("button", True)
    plant.set_input("button", True)
    assert plant.gpio_get("button") is True
    assert plant.take_edges("button") == [7 * MS]
    with pytest.raises(UsageError, match="fan"):
        plant.set_input("fan", True)
    with pytest.raises(UsageError, match="button"):
        plant.gpio_set("button", True)
    with pytest.raises(UsageError, match="no-such"):
        plant.gpio_get("no-such")


def test_log_has_every_change_once_with_its_time(plant):
    plant.advance_to(10 * MS)
    plant.gpio_set("fan", True)
    plant.gpio_set("fan", True)
    plant.advance_to(20 * MS)
    plant.gpio_set("alarm", True)
    plant.i2c(DAC, b"\x30\x80\x00", 0)
    assert list(plant.log) == [
        (10 * MS, "fan", 1.0), (20 * MS, "alarm", 1.0), (20 * MS, "tec_command_v", 1.25),
    ]  # fmt: skip
    assert plant.log.last("fan").time_ns == 10 * MS
    assert plant.log.last("led_enable") is None


# --- faults ------------------------------------------------------------------------------------


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


# --- LED gate ----------------------------------------------------------------------------------


class Gate:
    """A sensor that only opens the LED gate: `spans`."""

    address = 0x3A
    spans = ()

    def advance_to(self, time_ns):
        pass

    def tick(self):
        pass

    def led_gate(self, from_ns, to_ns):
        cut = [(max(a, from_ns), min(b, to_ns)) for a, b in self.spans]
        return [(a, b) for a, b in cut if a < b]


def test_light_is_gate_and_enable_to_the_nanosecond(plant):
    plant.sensor = gate = Gate()
    gate.spans = [(10 * MS + 7, 30 * MS + 9), (150 * MS, 260 * MS)]
    code = round(100 / EL1.led.ma_per_v / 2.5 * 65536)
    plant.i2c(EL1.address.led_dac, bytes((0x30, *code.to_bytes(2, "big"))), 0)
    plant.gpio_set("led_enable", True)
    plant.advance_to(300 * MS)
    # the second span is cut at 200 ms by the monostable
    assert plant.counters["led.lit_ns"] == 20 * MS + 2 + 50 * MS
    assert plant.counters["led.pulses"] == 2
    assert plant.led.pulses == 2
    assert plant.judge.extremes["max_led_ma"] == pytest.approx(100, abs=0.1)
    assert plant.judge.violations == []


def test_no_enable_no_light_no_matter_what_the_gate_says(plant):
    plant.sensor = gate = Gate()
    gate.spans = [(0, S)]
    plant.i2c(EL1.address.led_dac, b"\x30\xff\xff", 0)
    plant.advance_to(S)
    assert plant.counters["led.lit_ns"] == 0
    assert plant.judge.violations == []


def test_too_long_a_gate_is_the_judges_business(plant):
    plant.sensor = gate = Gate()
    gate.spans = [(0, S)]
    plant.i2c(EL1.address.led_dac, b"\x30\x08\x00", 0)
    for _ in range(6):
        plant.gpio_set("led_enable", False)
        plant.gpio_set("led_enable", True)
        plant.advance_to(plant.now_ns + 50 * MS)
    assert [v.limit for v in plant.judge.violations] == ["led-pulse"]
    assert plant.led.pulses == 0  # the pulse has not ended


# --- scenario ----------------------------------------------------------------------------------


def test_scenario_moves_the_world_and_breaks_things_on_time():
    course = Scenario(
        world=World(ambient_degc=20.0),
        changes=(Change(at_s=1.0, over_s=1.0, ambient_degc=30.0),),
        events=(
            Event(at_s=0.5, fault=faults.FanDead()),
            Event(at_s=0.7, clear="fan-dead"),
            Event(at_s=0.8, line="button", level=True),
        ),
    )
    plant = Plant(EL1, scenario=course)
    assert plant.truth.cold_degc == 20.0
    seen = {}
    for ms in (495, 505, 695, 705, 805, 1500, 2500):
        plant.advance_to(ms * MS)
        seen[ms] = ("fan-dead" in plant.faults, plant.gpio_get("button"), plant.truth.ambient_degc)
    assert seen == {
        495: (False, False, 20), 505: (True, False, 20), 695: (True, False, 20),
        705: (False, False, 20), 805: (False, True, 20), 1500: (False, True, 25),
        2500: (False, True, 30),
    }  # fmt: skip


def test_skip_brings_the_scenario_nearer_and_leaves_physics_alone():
    course = Scenario(events=(Event(at_s=100.0, fault=faults.FanDead()),))
    plant = Plant(EL1, scenario=course)
    plant.skip(99.9)
    plant.advance_to(50 * MS)
    assert not plant.faults
    plant.advance_to(105 * MS)
    assert "fan-dead" in plant.faults
    assert plant.now_ns == 105 * MS
    for wrong in (-1.0, math.nan):
        with pytest.raises(UsageError, match="skip"):
            plant.skip(wrong)


def test_scheduled_events_keep_their_order(plant):
    plant.schedule(Event(at_s=0.2, line="button"))
    plant.schedule(Event(at_s=0.1, line="button", level=True))
    plant.advance_to(150 * MS)
    assert plant.gpio_get("button")
    plant.advance_to(205 * MS)
    assert not plant.gpio_get("button")


def test_board_without_cooler_and_led_has_no_chips_for_them():
    plain = dataclasses.replace(EL1, adc=None, address=None, tec=None, tec_model=None, led=None)
    plant = Plant(plain)
    plant.advance_to(S)
    assert set(plant.chips) <= {EL1.sensor.i2c_address}
    assert plant.judge.violations == []


def test_buses_of_a_plant_speak_to_it(plant):
    buses, _ = open_buses(plant)
    buses.lines.set("fan", True)
    assert plant.gpio_get("fan")
