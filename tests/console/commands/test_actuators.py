# SPDX-License-Identifier: Apache-2.0
"""Cooler and LED obey, keep their limits, and rest in safe mode and fault."""

import pytest

from edgeleak import config
from edgeleak.services.health import State


def test_cooler_obeys_and_keeps_its_limits(fresh):
    fresh.ready()
    assert fresh.ask("COOL:SETP 22;SETP?;STAB?") == ("22;1", [])
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
    assert fresh.ask("LED:MODE ALT;MODE?") == ("ALTERNATE", [])
    fresh.run_s(3)
    assert fresh.ask("LED:MODE?")[0] == "ALTERNATE"
    assert float(fresh.ask("MEAS:LED:CURR?")[0]) == pytest.approx(0.3, rel=0.1)
    assert fresh.ask("LED:CURR 1.9")[1] == [-222]
    assert fresh.ask("LED:CURR?")[0] == "0.3"
    assert fresh.ask("SENS:INT 4 ms")[1] == []
    fresh.run_s(1)
    assert fresh.ask("SENS:INT?")[0] == "0.004"
    assert fresh.ask("SYST:SAVE;*OPC?")[0] == "1"
    assert config.load([fresh.folder / config.TUNED_NAME]).config.sensor.integration_us == 4000
    assert fresh.ask("*RST;:SENS:INT?;:LED:MODE?") == ("0.008;OFF", [])
    fresh.run_s(1)
    assert fresh.instrument.sensor.integration_us == 8000
    assert fresh.ask("SENS:INT 4 ms")[1] == []
    fresh.run_s(1)
    assert fresh.ask("SENS:INT 2")[1] == [-222]
    assert fresh.plant.judge.violations == []


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
