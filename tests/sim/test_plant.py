# SPDX-License-Identifier: Apache-2.0
"""The plant: time, inputs, chips, light, scenario, and what it writes down."""

import dataclasses
import itertools
import math

import pytest
from sim.plant_bench import EL1, MS, S, adc_volts, drive, fpa_degc, hot_degc

from edgeleak.errors import UsageError
from edgeleak.sim import faults
from edgeleak.sim.bus import open_buses
from edgeleak.sim.plant import STEP_NS, Plant
from edgeleak.sim.scenario import Change, Event, Scenario, World


@pytest.fixture
def plant():
    return Plant(EL1)


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
