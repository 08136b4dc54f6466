# SPDX-License-Identifier: Apache-2.0
"""The LED by the plant's truth: lit as asked, dark when in doubt, never over a limit."""

import dataclasses
import errno
import math

import pytest

from edgeleak import board as boards
from edgeleak import codes
from edgeleak.config import SensorConfig
from edgeleak.errors import BusError, UsageError
from edgeleak.rigs import light_loop
from edgeleak.services.illumination import GRACE_FRAMES, FlagWatch
from edgeleak.sim import faults
from edgeleak.sim.cooler_rig import Rig

BOARD = boards.load("el1-a")
CONFIG = SensorConfig(binning=True, fps=20.0, integration_us=8000)


class LightRig:
    def __init__(self, config=CONFIG, seed=0, settle_s=0.5, board=BOARD):
        keep = []
        self.rig = Rig(board, light_loop(board, config, keep), seed=seed)
        self.parts = keep[0]
        self.light, self.plant = self.parts.light, self.rig.plant
        self.rig.run(settle_s)

    def run(self, seconds, until=None):
        return self.rig.run(seconds, until)

    def lit(self, mode="on", current_ma=200.0):
        self.light.request(mode, current_ma)
        self.run(2.0)
        assert self.light.status.code == codes.OK
        assert self.plant.truth.led_held_ma == pytest.approx(current_ma, rel=0.01)
        return self


@pytest.fixture
def rig():
    return LightRig()


def test_dark_until_asked(rig):
    rig.run(2.0)
    assert rig.plant.counters["led.pulses"] == 0
    assert not any(rig.parts.flags)
    assert rig.parts.frames > 20


@pytest.mark.parametrize(("mode", "share"), [("on", 1.0), ("alternate", 0.5)])
def test_lit_as_asked(rig, mode, share):
    rig.lit(mode)
    before = len(rig.parts.flags)
    rig.run(2.0)
    flags = rig.parts.flags[before:]
    assert sum(flags) / len(flags) == pytest.approx(share, abs=0.05)
    assert rig.light.status.measured_ma == pytest.approx(200.0, rel=0.02)
    assert rig.light.status.code == codes.OK
    assert not rig.plant.judge.violations


def test_the_supply_is_read_behind_the_boards_divider():
    supply = dataclasses.replace(BOARD.adc.supply, divider=2.5)
    board = dataclasses.replace(BOARD, adc=dataclasses.replace(BOARD.adc, supply=supply))
    rig = LightRig(board=board)
    assert rig.light.supply_v() == pytest.approx(rig.plant.truth.supply_v, abs=0.01)


def test_no_reading_yet_is_no_trouble():
    rig = LightRig(settle_s=0.0)
    rig.light.may_light = False  # as while the instrument starts
    rig.light.request("on", 200.0)
    told = set()
    rig.run(0.5, lambda: told.add(rig.light.status.code))
    assert told == {codes.OK}
    rig.light.may_light = True
    assert rig.run(0.2, lambda: rig.light.status.mode)
    assert math.isfinite(rig.light.status.led_degc)


def test_a_converter_that_never_answers_is_told_after_a_second():
    rig = LightRig(settle_s=0.0)
    rig.plant.inject(faults.BusNack(address=BOARD.adc.led_thermistor.address))
    rig.light.request("on", 200.0)
    assert not rig.run(0.9, lambda: rig.light.status.code)
    assert rig.run(0.5, lambda: rig.light.status.code == codes.LED_TELEMETRY)
    assert rig.plant.counters["led.pulses"] == 0


def test_off_is_dark_within_a_frame(rig):
    rig.lit().light.request("off", 0.0)
    rig.run(0.1)
    pulses = rig.plant.counters["led.pulses"]
    rig.run(1.0)
    assert rig.plant.counters["led.pulses"] == pulses


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (faults.LedOpen(), codes.LED_OPEN),
        (faults.LedShort(), codes.LED_SHORT),
        (faults.ThermistorOpen(which="led"), codes.LED_THERMISTOR),
        (faults.ThermistorShort(which="led"), codes.LED_THERMISTOR),
        (faults.LedFlagWrong(), codes.LED_FLAG),
    ],
)
def test_trouble_has_its_code_and_ends_in_the_dark(rig, fault, code):
    rig.lit()
    rig.plant.inject(fault)
    assert rig.run(3.0, lambda: rig.light.status.code == code)
    rig.run(0.2)
    pulses = rig.plant.counters["led.pulses"]
    rig.run(1.0)
    assert rig.plant.counters["led.pulses"] == pulses
    assert not rig.plant.truth.led_enabled


def test_an_open_led_is_tried_again_and_a_short_is_not(rig):
    rig.lit()
    rig.plant.inject(faults.LedOpen())
    rig.run(3.0)
    assert rig.light.status.code == codes.LED_OPEN
    rig.plant.clear("led-open")
    dark = rig.plant.counters["led.pulses"]
    assert rig.run(15.0, lambda: rig.plant.counters["led.pulses"] > dark)
    rig.run(1.0)
    assert rig.light.status.code == codes.OK
    rig.plant.inject(faults.LedShort())
    rig.run(3.0)
    rig.plant.clear("led-short")
    rig.run(15.0)
    assert rig.light.status.code == codes.LED_SHORT
    dark = rig.plant.counters["led.pulses"]
    rig.light.clear()
    assert rig.run(3.0, lambda: rig.plant.counters["led.pulses"] > dark)


def test_heat_lowers_the_current_and_then_forbids_it(rig):
    slow = LightRig(SensorConfig(binning=True, fps=11.0, integration_us=40_000))
    slow.light.request("on", 350.0)
    slow.run(2.0)
    cool_ma = slow.light.status.current_ma
    slow.plant.inject(faults.LedHot(kelvin=35.0))
    slow.run(30.0)
    assert 0 < slow.light.status.current_ma < cool_ma
    slow.plant.inject(faults.LedHot(kelvin=60.0))
    assert slow.run(60.0, lambda: slow.light.status.code == codes.LED_HOT)
    assert not slow.plant.judge.violations


def test_a_bus_that_fails_darkens_by_itself(rig):
    rig.lit()
    rig.plant.inject(faults.I2cUnplugged())
    assert rig.run(0.25, lambda: not rig.plant.truth.led_enabled)
    assert rig.light.status.code == codes.LED_BUS
    rig.run(3.0)
    assert not rig.plant.truth.led_enabled
    assert rig.plant.truth.led_ma == 0


def failing_once(method, number=errno.EIO):
    """`method`, whose next call fails."""
    left = [1]

    def call(*given):
        if left:
            left.pop()
            raise BusError(number, "injected")
        return method(*given)

    return call


@pytest.mark.parametrize("number", [errno.EIO, errno.ETIMEDOUT])
@pytest.mark.parametrize("ask", ["request", "permission", "end"])
def test_a_zero_that_fails_once_leaves_no_gate_mode(rig, monkeypatch, ask, number):
    rig.lit()
    dac = rig.light._led._dac
    monkeypatch.setattr(dac, "write_code", failing_once(dac.write_code, number))
    if ask == "request":
        rig.light.request("off", 0.0)
    elif ask == "permission":
        rig.light.may_light = False
    else:
        rig.light.off()
    rig.run(0.2)
    assert rig.plant.log.last("led_mode").value == 0
    assert dac.read_code() == 0


def test_a_gate_mode_that_fails_once_is_written_again(rig, monkeypatch):
    rig.lit()
    sensor = rig.light._sensor
    monkeypatch.setattr(sensor, "set_led_mode", failing_once(sensor.set_led_mode))
    rig.light.may_light = False
    rig.run(0.2)
    assert rig.plant.log.last("led_mode").value == 0


@pytest.mark.parametrize("current_ma", [-1.0, math.nan, math.inf, 401.0])
def test_a_wish_beyond_a_limit_is_refused_and_changes_nothing(rig, current_ma):
    rig.lit()
    with pytest.raises(UsageError):
        rig.light.request("on", current_ma)
    rig.run(1.0)
    assert rig.plant.truth.led_held_ma == pytest.approx(200.0, rel=0.01)


def test_a_longer_exposure_under_a_fine_wish_goes_dark_before_a_limit_breaks():
    rig = LightRig(SensorConfig(binning=True, fps=5.0, integration_us=8000)).lit()
    rig.parts.sensor.integration_us = 150_000  # what the next plan sees
    rig.run(1.0)
    assert rig.light.status.code == codes.LED_LIMIT
    assert not rig.plant.truth.led_enabled
    assert not rig.plant.judge.violations


def test_flag_watch_forgives_the_frames_under_way_and_nothing_more():
    watch = FlagWatch()
    assert [watch.note(1, False) for _ in range(GRACE_FRAMES)] == [0] * GRACE_FRAMES
    assert watch.note(1, False) == 1
    assert watch.note(1, True) == 0
    alternate = FlagWatch()
    flags = [False, True] * 10
    assert max(alternate.note(2, flag) for flag in flags) == 0


def test_a_board_without_led_is_named():
    from edgeleak.errors import ConfigError
    from edgeleak.services.illumination import Illumination

    bare = dataclasses.replace(BOARD, led=None)
    with pytest.raises(ConfigError, match="no LED is wired"):
        Illumination(None, None, None, bare, None)


def test_settings_that_break_a_limit_are_refused_at_the_start():
    from edgeleak.config import LedConfig
    from edgeleak.errors import ConfigError
    from edgeleak.services import parts
    from edgeleak.sim.bus import open_buses
    from edgeleak.sim.plant import Plant
    from edgeleak.sim.sim_clock import SimClock

    buses, _ = open_buses(Plant(BOARD))
    clock = SimClock()
    sensor = parts.sensor(BOARD, CONFIG, buses, clock)
    good = parts.illumination(BOARD, buses, clock, sensor, LedConfig(mode="on"))
    assert good.status.code == codes.OK
    with pytest.raises(ConfigError, match="0 to 400 mA"):
        parts.illumination(BOARD, buses, clock, sensor, LedConfig(mode="on", current_ma=900.0))


@pytest.mark.parametrize("fault", [faults.LedOpen(), faults.LedShort(),
                                   faults.ThermistorOpen(which="led")])  # fmt: skip
@pytest.mark.parametrize("phase_s", [0.0, 0.013, 0.031, 0.044])
def test_a_broken_light_is_not_driven_after_two_frames(rig, fault, phase_s):
    rig.lit()
    rig.run(phase_s)
    begin_ns = rig.plant.now_ns
    rig.plant.inject(fault)
    assert rig.run(1.0, lambda: rig.plant.led_command_v == 0)
    assert rig.plant.now_ns - begin_ns <= 2 * 91_000_000
    assert rig.light.status.code != codes.OK
