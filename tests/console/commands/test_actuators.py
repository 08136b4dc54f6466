# SPDX-License-Identifier: Apache-2.0
"""Cooler and LED obey, keep their limits, and rest in safe mode and fault."""

import pytest
from console_bench import Bench, brought
from instrument_rig import small_config

from edgeleak import codes, config
from edgeleak.console import commands
from edgeleak.console.tree import Level, NumberOf
from edgeleak.services.health import State


def test_cooler_obeys_and_keeps_its_limits(fresh):
    fresh.ready()
    assert fresh.ask("COOL:STAB?;SETP 22;SETP?;STAB?") == ("1;22;0", [])
    fresh.run_s(1)
    assert fresh.instrument.cooler.status.wish_degc == 22
    assert fresh.ask("COOL:SETP -200")[1] == [-222]
    assert fresh.ask("COOL:STAT OFF")[1] == []
    fresh.run_s(60)
    assert fresh.ask("COOL:STAT?;PHAS?") == ("0;OFF", [])
    assert not fresh.plant.truth.tec_enabled
    assert fresh.ask("COOL:STAT ON")[1] == []
    fresh.run_s(2)
    assert fresh.plant.truth.tec_enabled
    assert fresh.plant.judge.violations == []


def test_light_is_asked_for_in_amperes_and_refused_beyond_its_limits(fresh):
    fresh.ready()
    assert fresh.ask("LED:CURR 300 mA;CURR?;MODE?") == ("0.3;OFF", [])
    assert fresh.ask("LED:MODE ALT;MODE?") == ("ALT", [])
    fresh.run_s(3)
    assert fresh.ask("LED:MODE?")[0] == "ALT"
    assert float(fresh.ask("MEAS:LED:CURR?")[0]) == pytest.approx(0.3, rel=0.1)
    assert fresh.ask("LED:CURR 1.9")[1] == [-222]
    assert fresh.ask("LED:CURR?")[0] == "0.3"
    assert fresh.ask("SENS:INT 4 ms")[1] == []
    fresh.run_s(1)
    assert fresh.ask("SENS:INT?")[0] == "0.004"
    assert fresh.ask("SYST:SAVE;*OPC?")[0] == "1"
    assert config.load([fresh.folder / config.TUNED_NAME]).config.sensor.integration_us == 4000
    assert fresh.ask("LED:MODE OFF;:SENS:INT 8 ms")[1] == []
    fresh.run_s(1)
    assert fresh.instrument.sensor.integration_us == 8000
    assert fresh.ask("*RST;:SENS:INT?;:LED:MODE?") == ("0.004;ALT", [])
    fresh.run_s(1)
    assert fresh.instrument.sensor.integration_us == 4000
    assert fresh.ask("SENS:INT 2")[1] == [-222]
    assert fresh.plant.judge.violations == []


def test_a_current_beyond_the_board_is_refused_in_the_dark_too(fresh):
    fresh.ready()
    assert fresh.ask("LED:MODE?;CURR? MAX;CURR? DEF") == ("OFF;0.4;0.2", [])
    assert fresh.ask("LED:CURR 0.401")[1] == [-222]
    assert fresh.ask("LED:CURR 2")[1] == [-222]
    assert fresh.ask("LED:CURR MAX;CURR?") == ("0.4", [])
    assert fresh.ask("SYST:SAVE;*OPC?")[0] == "1"
    assert config.load([fresh.folder / config.TUNED_NAME]).config.led.current_ma == 400


def test_light_without_a_current_is_refused_and_is_dark_where_the_settings_say_so(tmp_path):
    bench = Bench(tmp_path, config=small_config(tmp_path, led={"mode": "on", "current_ma": 0.0}))
    bench.ready()
    assert bench.ask("LED:MODE ON")[1] == [-221]
    assert bench.ask("LED:MODE OFF;CURR 0", level=Level.OPERATE)[1] == []
    assert bench.ask("LED:MODE ON")[1] == [-221]
    assert bench.ask("LED:CURR 0.1;MODE ALT")[1] == []
    assert bench.ask("LED:CURR 0.5mA")[1] == [-221]
    bench.run_s(2)
    assert bench.ask("LED:MODE?;CURR?;:SYST:STAT?")[0] == "ALT;0.1;DETECTING"


def settings():
    """Every setting of level operate with one number."""
    found = {}
    for command in commands.tree().commands:
        is_number = [type(p) for p in command.parameters] == [NumberOf]
        if is_number and command.level is Level.OPERATE and not command.is_query:
            found[command.header] = command
    return found


def test_no_setting_at_its_end_latches_a_fault(tmp_path):
    assert {"SENSe:INTegration", "LED:CURRent", "COOLer:SETPoint"} <= set(settings())
    bench = Bench(tmp_path).ready()
    for header in settings():
        for lines in ([f"{header} MIN"], [f"{header} MAX"]):
            for line in [*lines, "LED:MODE ON", "LED:MODE ALT"]:
                bench.ask(line, Level.OPERATE)
                bench.run_s(1.5)
                assert bench.instrument.health.latched is None, (header, lines, line)
            bench.ask("*RST", Level.OPERATE)
            bench.run_s(0.5)
            assert bench.ask("SENS:INT?")[0] == "0.008"
    assert bench.plant.judge.violations == []


def test_a_saturated_picture_inhibits_and_reset_puts_the_exposure_back(tmp_path):
    bench = Bench(tmp_path).ready()
    bench.ask("SENS:INT MAX", Level.OPERATE)
    bench.run_s(0.5)
    bench.answers.clear()
    bench.run_s(3)
    assert "NO GAS" not in bench.answers
    assert (bench.answer.trouble.code, bench.state) == (codes.SOURCE_SATURATED, State.INHIBIT)
    bench.ask("*RST", Level.OPERATE)
    bench.run_s(0.5)
    assert bench.ask("SENS:INT?")[0] == "0.008"
    bench.ready()


@pytest.mark.parametrize("state", ["safe", "fault"])
def test_reset_puts_the_exposure_back_where_actuators_rest(tmp_path, state):
    bench = brought(tmp_path, state)
    bench.ask("SENS:INT 4 ms")
    bench.run_s(0.5)
    before = bench.edges()
    assert bench.ask("*RST", Level.OPERATE)[1] == []
    bench.run_s(0.5)
    assert bench.ask("SENS:INT?")[0] == "0.008"
    assert bench.edges() == before


@pytest.mark.parametrize("line", ["COOL:SETP 20", "COOL:STAT ON", "COOL:TUNE", "LED:MODE ON",
                                  "LED:CURR 0.1", "CAL:RUN"])  # fmt: skip
def test_nothing_drives_in_safe_mode_or_fault(ready, line):
    bench = ready
    bench.ask("SYST:SAFE ON")
    bench.run_to(State.SAFE).run_s(8)
    before = bench.edges()
    assert bench.ask(line)[1] == [-221]
    assert bench.ask("SYST:SAFE?;STAT?") == ("1;SAFE", [])
    bench.run_s(1)
    assert bench.edges() == before
    bench.ask("SYST:SAFE OFF")
    bench.ready()
    assert bench.ask("SYST:SAFE?")[0] == "0"


def test_reset_leaves_a_cooler_off_that_is_off(fresh):
    fresh.ready()
    assert fresh.ask("COOL:STAT OFF;*RST;:COOL:STAT OFF")[1] == []
    fresh.run_s(1)
    assert fresh.ask("*RST")[1] == []
    fresh.run_s(1)
    assert fresh.ask("COOL:PHAS?")[0] in ("WARM", "OFF")
    assert fresh.ask("COOL:STAT ON;*RST")[1] == []
    fresh.run_s(1)
    assert fresh.ask("COOL:PHAS?")[0] == "DRIVE"


def test_reset_in_the_line_that_switches_the_cooler_off_leaves_it_off(fresh):
    fresh.ready()
    assert fresh.ask("COOL:STAT OFF;*RST")[1] == []
    fresh.run_s(1)
    assert fresh.ask("COOL:PHAS?")[0] in ("WARM", "OFF")


def test_reset_while_the_cooler_has_yet_to_start_keeps_it_wished(fresh):
    assert fresh.ask("*RST")[1] == []
    fresh.ready()
    assert fresh.ask("COOL:PHAS?")[0] == "DRIVE"
