# SPDX-License-Identifier: Apache-2.0
"""What an inspector does: a correction, settings, a leak that comes and goes."""

import numpy as np
import pytest

LEAK_S, TIGHT_S = 100_000.0, 200_000.0
"""Of plant.toml."""
TAKEN_S = 6.5
"""22 frames and 12 slices of the solution at 11 frames/s are 3.1 s, twice that."""
BACK_S = 8.0
"""The shutter opens, a second of settling, two of looking; 3.4 s were measured."""
LEAK_TO_GAS_S, TIGHT_TO_CLEAR_S = 15.0, 20.0
"""`make run` finds its leak after 6.2 s; GAS lasts while the last 5 s have 28 frames of it."""


def test_correction(operate, measure):
    before = [int(count) for count in operate.query("CAL:COUN?").split(",")]
    operate.write("CAL:RUN")
    took_s = operate.until(lambda: _taken(operate) > before[0], 30)
    measure("correction taken after", took_s, "s", high=TAKEN_S)
    back_s = _until_detecting(operate)
    measure("back to verdicts after", back_s, "s", high=BACK_S)
    assert int(operate.query("CAL:COUN?").split(",")[1]) == before[1], operate.query("CAL:STAT?")
    operate.write("FRAM:HOLD ON")
    number, age_ms, _, state = operate.query("FRAM:INFO?").split(",")[5:]
    operate.write("FRAM:HOLD OFF")
    assert (number, state) == (operate.query("CAL:ID?"), "VALID")
    # The wait was seen from both ends; each may be a frame and a question off.
    measure("age of the correction", int(age_ms) / 1000, "s", back_s - 0.5, back_s + 1.5)


def _taken(console) -> int:
    return int(console.query("CAL:COUN?").split(",")[0])


def _until_detecting(console) -> float:
    return console.until(lambda: console.query("SYST:STAT?") == "DETECTING", 60)


SETTINGS = [("SENS", "1.25"), ("CLAH:TILE", "4"), ("CLAH:CLIP", "3"), ("BACK:SLEW", "2"),
            ("PAL", "IRON"), ("AGC:LEV", "7000"), ("AGC:SPAN", "2000")]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), SETTINGS)
def test_setting_is_echoed_and_its_range_kept(operate, name, value):
    before = operate.query(f"{name}?")
    assert before != value
    try:
        operate.write(f"{name} {value}")
        assert operate.query(f"{name}?") == value
        assert operate.errors_of(f"{name} 1e9")[0][0] in (-222, -224)
        assert operate.query(f"{name}?") == value
    finally:
        operate.write(f"{name} {before}")


def test_a_locked_gain_follows_level_and_span(operate):
    try:
        operate.write("AGC:LEV 7000;SPAN 2000;MODE LOCK")
        assert operate.query("AGC:RANG?") == "6000,8000"
        bins = np.frombuffer(operate.block("HIST:DATA? PICT"), "<u4")
        rows, columns = (int(n) for n in operate.query("FRAM:SHAP?").split(","))
        assert bins.sum() == rows * columns
    finally:
        operate.write("*RST")


def test_a_command_above_the_level_is_refused(ready):
    ready.write("SYST:LOG")
    assert ready.errors_of("SENS 2")[0][0] == -203
    assert ready.errors_of("FAUL:CLE")[0][0] == -203


def test_a_leak_appears_and_ends(ready, plant, measure):
    assert ready.query("VERD?") in ("NO GAS", "INHIBIT")
    plant.to_second(LEAK_S)
    found_s = ready.until(lambda: ready.query("VERD?") == "GAS", 40)
    measure("leak to GAS", found_s, "s", high=LEAK_TO_GAS_S)
    measure("evidence", ready.number("EVID?"), "1", low=1)
    regions = ready.query("REG?").split(",")
    measure("regions", int(regions[0]), "", low=1)
    plant.to_second(TIGHT_S)
    clear_s = ready.until(lambda: ready.query("VERD?") == "NO GAS", 60)
    measure("tightened to NO GAS", clear_s, "s", high=TIGHT_TO_CLEAR_S)
