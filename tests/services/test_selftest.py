# SPDX-License-Identifier: Apache-2.0
"""The self-test shows what is there, names what is not, and drives nothing but the fan."""

import errno
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from instrument_rig import STILL, small_board, small_config

from edgeleak import board as boards
from edgeleak.bus.protocols import Buses
from edgeleak.calibration import container
from edgeleak.calibration.model import UNITY_GAIN_Q14, Calibration, Kind
from edgeleak.cli import bringup
from edgeleak.clock import NS_PER_MS
from edgeleak.drivers.link import Steps
from edgeleak.errors import BusError
from edgeleak.services import selftest
from edgeleak.services.checks import Bench, Verdict, within
from edgeleak.sim import faults
from edgeleak.sim.bus import open_buses
from edgeleak.sim.plant import Plant
from edgeleak.sim.scenario import Scenario, World
from edgeleak.sim.sim_clock import SimClock

ROOT = Path(__file__).resolve().parents[2]


def checked(folder, board=None, prepare=None, config=None, wrap=None):
    """({what: check}, plant) of a self-test in lockstep."""
    board = board or small_board()
    plant, clock, checks = Plant(board, scenario=STILL), SimClock(), []
    if prepare is not None:
        prepare(plant)
    buses, _ = open_buses(plant)
    buses = buses if wrap is None else wrap(buses)
    bench = Bench(board, config or small_config(folder), buses, clock, checks.append, folder)
    steps = Steps(clock)
    steps.begin(selftest.steps(bench))
    while not steps.advance():
        plant.advance_to(clock.monotonic_ns() + NS_PER_MS)
        clock.advance_to(plant.now_ns)
        assert clock.monotonic_ns() < 60 * 10**9
    selftest.rest(bench)
    names = [check.what for check in checks]
    assert len(set(names)) == len(names)
    return {check.what: check for check in checks}, plant


def failed(checks):
    return {what for what, check in checks.items() if check.verdict is Verdict.FAIL}


def test_a_whole_board_passes_and_nothing_is_driven(tmp_path):
    checks, plant = checked(tmp_path)
    assert failed(checks) == set()
    assert abs(checks["detector"].measured - 25) < 0.5
    assert abs(checks["supply"].measured - 5) < 0.05
    assert abs(checks["frame rate"].measured - 10) < 0.2
    assert checks["fan"].measured > 1500
    assert checks["cooler command"].measured == 0
    assert plant.counters["tec_enable.edges"] + plant.counters["led_enable.edges"] == 0
    assert not [entry for entry in plant.log if entry.what in ("tec_enable", "led_enable")
                and entry.value]  # fmt: skip
    assert plant.log.last("fan").value == 0
    assert not plant.judge.violations


def test_supply_and_fan_are_read_by_the_boards_table(tmp_path):
    board = small_board()
    adc = replace(board.adc, supply=replace(board.adc.supply, divider=2.0))
    fan = replace(board.fan, pulses_per_turn=1)
    checks, _ = checked(tmp_path, replace(board, adc=adc, fan=fan))
    assert abs(checks["supply"].measured - 5) < 0.05
    assert 1500 < checks["fan"].measured <= board.fan.full_rpm


def test_the_kit_passes_without_what_it_does_not_have(tmp_path):
    checks, _ = checked(tmp_path, boards.load("lepton-pi-a"))
    assert failed(checks) == set()
    assert checks["sensor lepton"].measured == 4
    assert "cooler command" not in checks
    assert checks["calibration"].verdict is Verdict.OK


def inject(fault):
    return lambda plant: plant.inject(fault)


@pytest.mark.parametrize(("prepare", "what", "said"), [
    (inject(faults.ThermistorOpen()), {"detector"}, "nan degC"),
    (inject(faults.ThermistorShort(which="hot")), {"hot side"}, "nan degC"),
    (inject(faults.BrownOut(volts=4.2)), {"supply"}, "4.20 V"),
    (inject(faults.FanDead()), {"fan"}, "0 rpm"),
    (inject(faults.CrcError(count=1)), {"bad CRCs"}, "1 packets"),
    (inject(faults.PixelsStuck(counts=0)), {"picture level", "picture spread"}, "0 counts"),
    (inject(faults.SensorDead()), {"sensor el640"}, "no frame"),
    (inject(faults.BusNack(address=0x44)), {"I2C 0x44"}, "no answer in 3 tries"),
    (lambda plant: plant.chips.pop(0x4E), {"I2C 0x4e"}, "no answer in 3 tries"),
    (lambda plant: plant.set_input("button", True), {"button"}, "pressed"),
])  # fmt: skip
def test_what_is_wrong_is_named_and_everything_else_still_checked(tmp_path, prepare, what, said):
    checks, plant = checked(tmp_path, prepare=prepare)
    assert failed(checks) == what
    assert any(said in checks[name].value for name in what)
    assert all(checks[name].next_step for name in what)
    assert "enables after" in checks
    assert plant.counters["tec_enable.edges"] == 0


def test_a_wrong_chip_is_told_from_a_missing_one(tmp_path):
    def swap(plant):
        plant.chips[0x49], plant.chips[0x4A] = plant.chips[0x4A], plant.chips[0x49]

    checks, _ = checked(tmp_path, prepare=swap)
    assert failed(checks) == {"I2C 0x49", "I2C 0x4a"}
    assert "expected TMP117 (0x117), read" in checks["I2C 0x49"].value
    assert checks["housing"].verdict is Verdict.SKIPPED
    assert checks["supply"].verdict is Verdict.SKIPPED


def test_a_slow_fan_a_strap_and_damp_air_are_notes(tmp_path):
    def prepare(plant):
        plant.inject(faults.FanSlow(share=0.3))
        plant.set_input("safe_strap", True)
        plant.scenario = Scenario(world=World(movers=False, humidity=0.95))

    wet = replace(small_config(tmp_path).cooler, set_point_degc=-20.0, dew_margin_k=20.0)
    config = replace(small_config(tmp_path), cooler=wet)
    checks, _ = checked(tmp_path, prepare=prepare, config=config)
    assert failed(checks) == set()
    for what in ("fan", "safe strap", "humidity", "window over dew", "calibration"):
        assert checks[what].verdict is Verdict.NOTE, what
        assert checks[what].next_step


class StuckHigh:
    """Lines whose TEC enable reads back high whatever is written."""

    def __init__(self, lines):
        self._lines = lines

    def __getattr__(self, name):
        return getattr(self._lines, name)

    def get(self, name):
        return True if name == "tec_enable" else self._lines.get(name)


def test_an_enable_that_does_not_obey_fails(tmp_path):
    with pytest.raises(Exception, match="tec_enable: reads back high"):
        checked(tmp_path, wrap=lambda buses: Buses(buses.spi, buses.i2c, StuckHigh(buses.lines)))


class FailingLine:
    """Lines of which one refuses every write; keeps what the others were told."""

    def __init__(self, lines, failing):
        self._lines, self._failing, self.told = lines, failing, []

    def __getattr__(self, name):
        return getattr(self._lines, name)

    def set(self, name, is_active):
        if name == self._failing:
            raise BusError(errno.EIO, name)
        self.told.append(name)
        self._lines.set(name, is_active)


@pytest.mark.parametrize("failing", ["tec_enable", "led_enable", "fan", "sensor_power"])
def test_a_line_that_fails_keeps_no_other_from_rest(tmp_path, failing):
    board = small_board()
    buses, _ = open_buses(Plant(board, scenario=STILL))
    lines = FailingLine(buses.lines, failing)
    bench = Bench(board, small_config(tmp_path), Buses(buses.spi, buses.i2c, lines), SimClock(),
                  [].append, tmp_path)  # fmt: skip
    with pytest.raises(BusError, match=failing):
        selftest.rest(bench)
    names = ["tec_enable", "led_enable", "fan", "sensor_power"]
    assert lines.told == [name for name in names if name != failing]


def plain_calibration(shape):
    return Calibration(
        Kind.ONE_POINT, np.full(shape, UNITY_GAIN_Q14, np.int16), np.zeros(shape, np.int16),
        np.empty((0, 5), np.int32), np.empty(0, np.uint8), np.zeros(shape, np.uint16), nuc_id=7,
    )  # fmt: skip


@pytest.mark.parametrize(("shape", "verdict"), [((120, 160), Verdict.OK),
                                                ((240, 320), Verdict.FAIL)])  # fmt: skip
def test_a_calibration_must_fit_the_sensor(tmp_path, shape, verdict):
    container.write(tmp_path / "calibration.elcal", plain_calibration(shape))
    checks, _ = checked(tmp_path)
    assert checks["calibration"].verdict is verdict
    assert "id 7" in checks["calibration"].value


def test_a_damaged_calibration_fails(tmp_path):
    container.write(tmp_path / "calibration.elcal", plain_calibration((120, 160)))
    whole = (tmp_path / "calibration.elcal").read_bytes()
    (tmp_path / "calibration.elcal").write_bytes(whole[: len(whole) // 2])
    checks, _ = checked(tmp_path)
    assert failed(checks) == {"calibration"}


def test_a_state_folder_that_is_missing_fails_and_a_full_card_is_a_note(tmp_path):
    recorder = replace(small_config(tmp_path).recorder, keep_free_mib=100_000)
    config = replace(small_config(tmp_path), recorder=recorder)
    checks, _ = checked(tmp_path / "nowhere", config=config)
    assert failed(checks) == {"state folder"}
    assert checks["recordings"].verdict is Verdict.NOTE
    assert "free some space" in checks["recordings"].next_step
    assert not list(tmp_path.glob("*probe*"))


def test_kernels_that_differ_from_their_twin_fail(tmp_path, monkeypatch):
    from edgeleak.kernels import reference

    monkeypatch.setattr(reference, "nuc", lambda counts, gain, offset: counts.fill(1))
    checks, _ = checked(tmp_path)
    assert failed(checks) == {"kernels"}


def test_a_board_that_is_unplugged_meanwhile_fails_everything_but_does_not_crash(tmp_path):
    checks, _ = checked(tmp_path, prepare=inject(faults.I2cUnplugged()))
    assert {"I2C 0x44", "I2C 0x48", "sensor el640"} <= failed(checks)
    assert checks["detector"].verdict is Verdict.SKIPPED


@pytest.mark.parametrize(("measured", "low", "high", "limit", "passes"), [
    (1.0, 1.0, 2.0, "1 to 2 V", True),
    (2.01, 1.0, 2.0, "1 to 2 V", False),
    (float("nan"), 1.0, 2.0, "1 to 2 V", False),
    (5.0, 1.0, float("inf"), "at least 1 V", True),
    (float("inf"), 1.0, 9.0, "1 to 9 V", False),
    (float("inf"), 1.0, float("inf"), "at least 1 V", False),
    (5.0, float("-inf"), 4.0, "at most 4 V", False),
    (0.0, 0.0, 0.0, "0 V", True),
])  # fmt: skip
def test_limits(measured, low, high, limit, passes):
    check = within("x", measured, low, high, "V", "look")
    assert check.limit == limit
    assert (check.verdict is Verdict.OK) == passes
    assert (check.next_step == "look") != passes


def test_the_guide_shows_the_rows_of_today(tmp_path):
    text = (ROOT / "docs/bringup.md").read_text(encoding="utf-8")
    shown = text.split("$ edgeleak selftest\n", 1)[1].split("```", 1)[0]
    again = "run: python tools/write_bringup.py"
    checks, _ = checked(tmp_path)
    for what, check in checks.items():
        assert f"\n{what:<16}  " in shown, again
        if what not in ("sensor el640", "frame rate"):  # a smaller sensor here
            assert check.limit in shown, again


def test_the_guide_lists_every_small_proof():
    text = (ROOT / "docs/bringup.md").read_text(encoding="utf-8")
    for name in bringup.NAMES:
        assert f"\n| {name} | " in text
