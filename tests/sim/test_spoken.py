# SPDX-License-Identifier: Apache-2.0
"""Every rule about words: who tells the truth is not blamed, who lies is, by name."""

from dataclasses import replace

import pytest

from edgeleak import board as boards
from edgeleak.drivers.lines import Output, StatusLeds
from edgeleak.errors import BusError
from edgeleak.sim import faults
from edgeleak.sim.bus import open_buses
from edgeleak.sim.plant import Plant
from edgeleak.sim.scenario import Gas, Scenario
from edgeleak.sim.spoken import LIMITS_S, Promise, parse

S = 10**9
STEP = 20_000_000
EL1 = boards.load("el1-a")
HELD_S, FOUND_S = 5.0, 30.0


class Speaker:
    """What an instrument shows and logs, and what of it is a lie.

    shows_leds, shows_alarm : the panel follows the words
    reads                   : frames are fetched
    """

    def __init__(self, scenario=None, *, shows_leds=True, shows_alarm=True, reads=True):
        self.plant = Plant(EL1, scenario=scenario or Scenario())
        self.plant.spoken.promise = Promise(self.plant.truth.cold_degc, HELD_S, FOUND_S)
        buses, _ = open_buses(self.plant)
        self.lines = buses.lines
        self.leds, self.alarm = StatusLeds(buses.lines), Output(buses.lines, "alarm")
        self.shows_leds, self.shows_alarm, self.reads = shows_leds, shows_alarm, reads
        self.state, self.word, self.gas_ns = "boot", "INHIBIT", None
        self.enables = False

    def say(self, state, word):
        spoken, now_ns = self.plant.spoken, self.plant.now_ns
        for kind, old, new in (("STATE", self.state, state), ("VERDICT", self.word, word)):
            sep = " " if kind == "STATE" else " > "
            assert spoken.hear(now_ns, f"{kind} {old}{sep}{new} 0 t={now_ns // 10**6} frame=1 why")
        self.state, self.word = state, word
        return self

    def run(self, seconds):
        for _ in range(round(seconds * S / STEP)):
            now_ns = self.plant.now_ns
            if self.word == "GAS":
                self.gas_ns = now_ns
            held = self.gas_ns is not None and now_ns - self.gas_ns < HELD_S * S
            if self.shows_alarm:
                self.alarm.set(held)
            if self.shows_leds:
                self.leds.show(self.state, now_ns, code=200, is_gas=held)
            if self.enables:
                self.lines.set("tec_enable", False)
                self.lines.set("tec_enable", True)
            if self.reads:
                self.plant.sensor.counters["read"] += 1
            self.plant.advance_to(now_ns + STEP)
        return self

    def detect(self):
        return self.say("detecting", "NO GAS").run(1)

    @property
    def blamed(self):
        return [violation.limit for violation in self.plant.judge.violations]


LEAK = Scenario(gas=Gas(start_s=10, stop_s=70))


@pytest.mark.parametrize(("state", "word", "seconds"), [
    ("boot", "INHIBIT", 20), ("cooling", "INHIBIT", 60), ("nuc", "INHIBIT", 20),
    ("ready", "INHIBIT", 60), ("detecting", "NO GAS", 120), ("inhibit", "INHIBIT", 60),
    ("fault", "FAULT", 60), ("safe", "INHIBIT", 60),
])  # fmt: skip
def test_an_honest_panel_is_not_blamed_in_any_state(state, word, seconds):
    assert Speaker().say(state, word).run(seconds).blamed == []


def test_an_honest_alarm_is_not_blamed_from_the_leak_to_its_end():
    speaker = Speaker(LEAK).detect().run(14).say("detecting", "GAS").run(60)
    assert speaker.say("detecting", "NO GAS").run(30).blamed == []


BROKEN = [
    ("no-gas-covered", faults.LensCovered()),
    ("no-gas-shut", faults.ShutterStuck(closed=True)),
    ("no-gas-frozen", faults.FrozenFrame(loop=3)),
    ("no-gas-frozen", faults.CounterStuck()),
    ("no-gas-frozen", faults.PixelsStuck()),
]


@pytest.mark.parametrize(("rule", "fault"), BROKEN)
def test_no_gas_of_a_picture_that_is_none(rule, fault):
    liar, honest = Speaker().detect(), Speaker().detect()
    for speaker in (liar, honest):
        speaker.plant.inject(fault)
        speaker.run(LIMITS_S[rule] - 0.5)
        assert speaker.blamed == [], "there is time to notice"
    liar.run(1.0)
    assert liar.blamed == [rule]
    assert honest.say("inhibit", "INHIBIT").run(60).blamed == []
    liar.run(60)
    assert liar.blamed == [rule], "once until it was kept again"


def test_no_gas_of_frames_that_nobody_fetched():
    liar = Speaker().detect()
    liar.reads = False
    assert liar.run(1.0).blamed == []
    assert liar.run(1.0).blamed == ["no-gas-unread"]


@pytest.mark.parametrize(("set_point_k", "blamed"), [(4.0, []), (6.0, ["no-gas-warm"])])
def test_no_gas_away_from_the_set_point(set_point_k, blamed):
    speaker = Speaker()
    promise = speaker.plant.spoken.promise
    set_point_degc = promise.set_point_degc - set_point_k
    speaker.plant.spoken.promise = replace(promise, set_point_degc=set_point_degc)
    assert speaker.detect().run(10).blamed == blamed


def test_a_leak_that_must_be_found():
    liar = Speaker(LEAK).detect().run(9 + FOUND_S - 0.5)
    assert liar.blamed == []
    assert liar.run(1).blamed == ["no-gas-leak"]
    small = Scenario(gas=Gas(start_s=10, stop_s=70, rate_g_per_h=20))
    assert Speaker(small).detect().run(60).blamed == [], "nobody promised to find 20 g/h"


def test_gas_where_there_is_none():
    assert Speaker().detect().say("detecting", "GAS").run(1).blamed == ["gas-without-gas"]
    late = Speaker(LEAK).detect().run(14).say("detecting", "GAS").run(69)
    assert late.blamed == [], "it lingers"
    assert late.run(2).blamed == ["gas-without-gas"]


@pytest.mark.parametrize(("enables", "blamed"), [(True, ["fault-driven"]), (False, [])])
def test_a_fault_that_goes_on_driving(enables, blamed):
    speaker = Speaker()
    speaker.lines.set("fan", True)
    transfer = open_buses(speaker.plant)[0].i2c.transfer
    transfer(EL1.address.tec_dac, b"\x30\x80\x00")  # 0 A: the enable alone is the lie
    speaker.enables = True
    speaker.say("cooling", "INHIBIT").run(2).say("fault", "FAULT").run(2)
    assert speaker.blamed == []
    speaker.enables = enables
    assert speaker.run(3).blamed == blamed


def test_an_alarm_line_that_does_not_follow():
    silent = Speaker(LEAK, shows_alarm=False).detect().run(14).say("detecting", "GAS")
    assert silent.run(0.4).blamed == []
    assert silent.run(0.4).blamed == ["alarm-silent"]
    stuck = Speaker(shows_alarm=False).detect()
    stuck.lines.set("alarm", True)
    assert stuck.run(0.9).blamed == []
    assert stuck.run(0.4).blamed == ["alarm-lasts"]


def test_an_alarm_that_lasts_after_its_hold():
    speaker = Speaker(LEAK).detect().run(14).say("detecting", "GAS").run(5)
    speaker.shows_alarm = False
    speaker.say("inhibit", "INHIBIT").run(HELD_S + 0.9)
    assert speaker.blamed == []
    assert speaker.run(0.4).blamed == ["alarm-lasts"]


@pytest.mark.parametrize(("shown", "said"), [
    ("detecting", ("inhibit", "INHIBIT")), ("fault", ("detecting", "NO GAS")),
    ("inhibit", ("detecting", "NO GAS")), ("cooling", ("fault", "FAULT")),
    ("detecting", ("safe", "INHIBIT")), ("detecting", ("boot", "INHIBIT")),
])  # fmt: skip
def test_leds_of_another_state(shown, said):
    speaker = Speaker(shows_leds=False).say(*said)

    def run(seconds):
        for _ in range(round(seconds * S / STEP)):
            speaker.leds.show(shown, speaker.plant.now_ns, code=200)
            speaker.run(STEP / S)

    run(8)
    assert speaker.blamed == []
    run(2)
    assert speaker.blamed == ["leds-differ"]


def test_leds_of_a_program_that_hangs():
    speaker = Speaker().detect().run(20)
    speaker.shows_leds = False
    speaker.leds._green.set(True)
    assert speaker.run(2).blamed == []
    assert speaker.run(3).blamed == ["leds-differ"]


@pytest.mark.parametrize(("goes_on", "blamed"), [(True, []), (False, ["leds-differ"])])
@pytest.mark.parametrize("fault", [faults.GpioUnplugged(), faults.CallFails(error="ENODEV")])
def test_lines_that_nothing_moves_are_judged_when_it_can(fault, goes_on, blamed):
    speaker = Speaker().detect().run(20)
    speaker.plant.inject(fault)
    with pytest.raises(BusError):
        speaker.run(1)
    speaker.shows_leds = speaker.shows_alarm = False
    assert speaker.say("fault", "FAULT").run(60).blamed == [], "nobody can move an LED"
    speaker.plant.clear(fault.name)
    speaker.shows_leds = goes_on
    assert speaker.run(60).blamed == blamed


def test_lines_are_judged_again_once_a_call_that_failed_works():
    speaker = Speaker().detect().run(20)
    speaker.plant.inject(faults.CallFails(count=1))
    with pytest.raises(BusError):
        speaker.run(1)
    speaker.shows_leds = speaker.shows_alarm = False
    assert speaker.say("fault", "FAULT").run(60).blamed == ["leds-differ"]


@pytest.mark.parametrize(("moment", "blamed"), [
    ("before", ["strap-ignored"]), ("after", []), ("pulled", []),
])  # fmt: skip
def test_the_strap_counts_as_it_was_when_the_program_began(moment, blamed):
    plant = Plant(EL1)
    plant.set_input("safe_strap", moment != "after")
    buses, _ = open_buses(plant)
    if moment == "pulled":
        plant.set_input("safe_strap", False)
    plant.set_input("safe_strap", moment != "pulled")
    buses.i2c.transfer(EL1.address.tec_dac, b"\x30\x80\x00")
    for _ in range(5):
        buses.lines.set("tec_enable", True)
        buses.lines.set("tec_enable", False)
    assert {v.limit for v in plant.judge.violations} == set(blamed)


def test_the_dead_say_nothing():
    speaker = Speaker().detect()
    speaker.plant.spoken.ended()
    speaker.plant.inject(faults.ShutterStuck(closed=True))
    speaker.shows_leds = speaker.reads = False
    assert speaker.run(60).blamed == []


@pytest.mark.parametrize(("line", "expected"), [
    ("STATE cooling nuc 109 t=23448 frame=251 nuc-missing: no", ("STATE", "nuc", 109)),
    ("VERDICT INHIBIT > NO GAS 0 t=30469 frame=-1 every", ("VERDICT", "NO GAS", 0)),
    ("VERDICT NO GAS > FAULT 215 t=1 frame=2", ("VERDICT", "FAULT", 215)),
    ("NOTE clock-stepped t=1 frame=2", None), ("", None),
])  # fmt: skip
def test_lines_of_the_log(line, expected):
    assert parse(line) == expected
