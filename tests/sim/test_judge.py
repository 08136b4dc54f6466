# SPDX-License-Identifier: Apache-2.0
"""Every limit: an actor that keeps it is not blamed, one with a seeded defect is, by name."""

import dataclasses

import pytest

from edgeleak import board as boards
from edgeleak.board import LedPart
from edgeleak.sim.bus import open_buses
from edgeleak.sim.judge import Judge, LedLimits, Slew
from edgeleak.sim.plant import Plant
from edgeleak.sim.scenario import Scenario, World
from edgeleak.sim.truth import Truth

MS = 1_000_000
S = 1000 * MS
PERIOD = 50 * MS
EL1 = boards.load("el1-a")
TEC = EL1.tec


class Driver:
    """What a cooler service does on the wires, with defects on request."""

    def __init__(self, plant, *, max_a=TEC.max_cool_a, slew=TEC.max_slew_a_per_s, zero_first=True):
        self.plant, self.max_a, self.slew = plant, max_a, slew
        self.buses, _ = open_buses(plant)
        self.current_a = 0.0
        if zero_first:
            self.write(0.0)

    def write(self, current_a):
        code = round((TEC.zero_v + current_a / TEC.command_a_per_v) / 2.5 * 65536)
        self.buses.i2c.transfer(EL1.address.tec_dac, bytes((0x30, *code.to_bytes(2, "big"))))
        self.current_a = current_a

    def refresh(self):
        self.buses.lines.set("tec_enable", False)
        self.buses.lines.set("tec_enable", True)

    def run(self, seconds, target_a):
        """Ramp towards `target_a` at 20 Hz and keep the enable on."""
        step = self.slew * PERIOD / S
        for _ in range(round(seconds * S / PERIOD)):
            wanted = max(-self.max_a, min(self.max_a, target_a))
            self.write(self.current_a + max(-step, min(step, wanted - self.current_a)))
            self.refresh()
            self.plant.advance_to(self.plant.now_ns + PERIOD)


def limits(plant):
    return {violation.limit for violation in plant.judge.violations}


def test_a_careful_driver_breaks_nothing():
    plant = Plant(EL1)
    driver = Driver(plant)
    driver.buses.lines.set("fan", True)
    driver.run(30, TEC.max_cool_a)
    driver.run(10, -0.5 * TEC.max_heat_a)
    assert plant.judge.violations == []
    assert plant.judge.extremes["max_tec_a"] == pytest.approx(TEC.max_cool_a, abs=1e-4)
    assert plant.judge.extremes["min_cold_degc"] < 10


def test_enable_before_mid_scale_is_full_drive():
    plant = Plant(EL1)
    Driver(plant, zero_first=False).refresh()
    assert limits(plant) == {"tec-heat-current", "tec-slew"}
    worst = plant.judge.violations[0]
    assert worst.measured == pytest.approx(1.5)
    assert worst.allowed == pytest.approx(0.5, rel=2e-3)


@pytest.mark.parametrize(
    ("beyond_a", "limit"),
    [(TEC.max_cool_a + 0.01, "tec-cool-current"), (-TEC.max_heat_a - 0.01, "tec-heat-current")],
)
def test_current_beyond_the_part(beyond_a, limit):
    plant = Plant(EL1)
    Driver(plant, max_a=1.5).run(5, beyond_a)
    assert limits(plant) == {limit}


def test_current_limit_is_judged_once_until_it_is_kept_again():
    plant = Plant(EL1)
    driver = Driver(plant, max_a=1.5)
    for target in (1.2, 0.5, 1.2):
        driver.run(3, target)
    assert len(plant.judge.violations) == 2


def test_slew_of_the_command():
    plant = Plant(EL1)
    Driver(plant, slew=TEC.max_slew_a_per_s * 1.3).run(3, 0.8)
    assert limits(plant) == {"tec-slew"}


def test_late_but_lawful_staircase_is_not_blamed():
    plant = Plant(EL1)
    driver = Driver(plant)
    driver.run(1, 0.8)
    plant.advance_to(plant.now_ns + 60 * MS)  # one period missed
    driver.write(driver.current_a + TEC.max_slew_a_per_s * 0.1)
    assert plant.judge.violations == []


def test_enable_off_is_an_allowed_step_and_on_again_is_not():
    plant = Plant(EL1)
    driver = Driver(plant)
    driver.run(3, 0.8)
    driver.buses.lines.set("tec_enable", False)
    plant.advance_to(plant.now_ns + S)
    assert plant.truth.tec_a == 0.0
    assert plant.judge.violations == []
    driver.refresh()
    assert limits(plant) == {"tec-slew"}


def hot_plant():
    """Just below the hot side's limit, and getting warmer."""
    plant = Plant(EL1, scenario=Scenario(world=World(ambient_degc=TEC.max_hot_degc + 5)))
    plant.tec.rest_at(TEC.max_hot_degc - 0.02)
    plant.advance_to(5 * MS)
    return plant


def test_hot_side_while_driven_and_its_ceiling():
    plant = hot_plant()
    Driver(plant).run(400, TEC.max_cool_a)
    assert [v.limit for v in plant.judge.violations] == ["hot-side", "hot-side-ceiling"]
    side, ceiling = plant.judge.violations
    assert TEC.max_hot_degc < side.measured < TEC.max_hot_degc + 0.5
    assert ceiling.measured == pytest.approx(TEC.max_hot_degc + 10, abs=0.1)


def test_hot_side_driver_that_lets_go_in_time_is_not_blamed():
    plant = hot_plant()
    driver = Driver(plant)
    while plant.truth.hot_degc <= TEC.max_hot_degc:
        driver.run(0.05, TEC.max_cool_a)
    driver.buses.lines.set("tec_enable", False)
    plant.advance_to(plant.now_ns + 5 * S)
    assert plant.judge.extremes["max_hot_degc"] > TEC.max_hot_degc
    assert plant.judge.violations == []


@pytest.mark.parametrize(("rate_k_per_s", "is_broken"), [(1.95, False), (2.1, True), (-2.1, True)])
def test_cold_ramp_over_one_second(rate_k_per_s, is_broken):
    judge, truth = Judge(EL1), Truth()
    for step in range(600):
        truth.cold_degc += rate_k_per_s * 0.005
        judge.step(step * 5 * MS, truth)
    assert [v.limit for v in judge.violations] == ["cold-ramp"] * is_broken


def test_short_dip_within_the_window_is_judged_by_its_size():
    judge, truth = Judge(EL1), Truth()
    for step in range(400):
        truth.cold_degc = 25.0 - (1.0 if 100 <= step < 110 else 0.0)
        judge.step(step * 5 * MS, truth)
    assert judge.violations == []
    assert judge.extremes["max_ramp_k_per_s"] == pytest.approx(1.0)


def test_output_that_must_be_off():
    plant = Plant(EL1)
    driver = Driver(plant)
    driver.run(2, 0.5)
    plant.judge.require_off("tec", plant.now_ns + 200 * MS, "reversed")
    driver.run(0.15, 0.5)
    assert plant.judge.violations == []
    driver.run(0.1, 0.5)
    assert limits(plant) == {"tec-not-off: reversed"}
    plant.judge.release("tec")
    driver.run(1, 0.5)
    assert len(plant.judge.violations) == 1


@pytest.mark.parametrize("name", ["tec_enable", "led_enable"])
def test_enable_that_survives_silence(name):
    """Seeded defect: a monostable that never runs out."""
    plant = Plant(EL1)
    plant._enables[name]._refresh_ns = 1 << 60
    buses, _ = open_buses(plant)
    buses.lines.set(name, True)
    plant.advance_to(199 * MS)
    silent = f"{name}-silent"
    assert silent not in limits(plant)
    plant.advance_to(210 * MS)
    assert silent in limits(plant)


def test_silence_is_off_with_the_real_monostable():
    plant = Plant(EL1)
    driver = Driver(plant)
    driver.run(1, 0.1)
    plant.advance_to(plant.now_ns + S)
    assert plant.judge.violations == []
    off = plant.log.last("tec_enable")
    assert off.value == 0.0
    assert off.time_ns == 950 * MS + 200 * MS


PART: LedPart = EL1.led


def pulses(judge, *, on_ms, period_ms, count, current_ma=100.0, led_degc=25.0):
    for i in range(count):
        start = round(i * period_ms * MS)
        judge.lit(start, start + round(on_ms * MS), current_ma, led_degc)
    return [violation.limit for violation in judge.violations]


def test_led_within_all_four_limits():
    energy_ma = 1000 * PART.max_energy_j / (PART.forward_v * PART.duty_window_s * PART.max_duty)
    assert pulses(Judge(EL1), on_ms=50, period_ms=100, count=200, current_ma=0.99 * energy_ma) == []


def test_led_peak():
    assert pulses(Judge(EL1), on_ms=1, period_ms=100, count=1, current_ma=401) == ["led-peak"]


def test_led_pulse_even_when_it_comes_in_pieces():
    judge = Judge(EL1)
    for step in range(21):
        judge.lit(step * 5 * MS, (step + 1) * 5 * MS, 1.0, 25.0)
    assert [v.limit for v in judge.violations] == ["led-pulse"]


def test_led_duty_in_any_window():
    assert pulses(Judge(EL1), on_ms=60, period_ms=100, count=40, current_ma=1.0) == ["led-duty"]
    bursts = Judge(EL1)  # 27.5 % on the whole, too much in one window
    for second in range(0, 12, 4):
        for i in range(20):
            start = second * S + i * 60 * MS
            bursts.lit(start, start + 58 * MS, 1.0, 25.0)
    assert {v.limit for v in bursts.violations} == {"led-duty"}


def test_led_energy_and_its_derating():
    warm = PART.derate_from_degc + 0.75 * (PART.max_degc - PART.derate_from_degc)
    at_25 = pulses(Judge(EL1), on_ms=50, period_ms=100, count=40, current_ma=200)
    when_warm = pulses(Judge(EL1), on_ms=50, period_ms=100, count=40, current_ma=200, led_degc=warm)
    assert at_25 == []
    assert when_warm == ["led-energy"]
    assert pulses(Judge(EL1), on_ms=50, period_ms=100, count=40, current_ma=390) == ["led-energy"]


def test_led_window_matches_a_sum_over_all_spans(rng):
    limits_ = LedLimits(PART)
    spans, at = [], 0
    for _ in range(300):
        at += int(rng.integers(0, 80 * MS))
        length = int(rng.integers(MS, 60 * MS))
        limits_.lit(at, at + length, 100.0)
        spans.append((at, at + length))
        at += length
        limits_.forget(at)
        edge = at - round(PART.duty_window_s * S)
        on = sum(stop - max(start, edge) for start, stop in spans if stop > edge)
        assert limits_.duty() == pytest.approx(on / (PART.duty_window_s * S))
        assert limits_.energy_j() == pytest.approx(on / S * 0.1 * PART.forward_v)


def test_slew_matches_its_definition_over_all_pairs(rng):
    per_s, step = 0.5, 0.05
    for _ in range(50):
        slew, times, values = Slew(per_s, 0), [0], [0.0]
        for _ in range(40):
            times.append(times[-1] + int(rng.integers(MS, 100 * MS)))
            values.append(values[-1] + float(rng.normal(0, 0.03)))
            got = slew.to(times[-1], values[-1])
            # a value holds until the next write: its last moment counts
            pairs = zip(times[1:], values[:-1], strict=True)
            worst = max(abs(values[-1] - v) - per_s * (times[-1] - t) / S for t, v in pairs)
            assert got == pytest.approx(worst - step)


def test_limits_are_the_boards_own():
    gentle = dataclasses.replace(EL1, tec=dataclasses.replace(TEC, max_cool_a=0.3))
    plant = Plant(gentle)
    Driver(plant).run(2, 0.5)
    assert limits(plant) == {"tec-cool-current"}
