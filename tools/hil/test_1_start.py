# SPDX-License-Identifier: Apache-2.0
"""From power to the first verdict, with the profile of the cool-down."""

from math import nan
from typing import NamedTuple

import pytest

BOOT_MOST_S, READY_MOST_S = 30.0, 280.0
HARD_RAMP_K_PER_S = 2.0
"""The board's ceiling; the setting is below it."""
ASK = "SYST:UPT?;:SYST:STAT?;:MEAS:TEMP?;:MEAS:TEMP:HOTS?;:COOL:SETP?;:COOL:STAB?"


class Row(NamedTuple):
    """One look at the start."""

    up_s: float
    state: str
    cold_degc: float
    hot_degc: float
    wish_degc: float
    is_stable: bool


class Start(NamedTuple):
    """What the start was like."""

    boot_s: float
    rows: list[Row]


def look(console) -> Row:
    up, state, *numbers = console.query(ASK).split(";")
    cold, hot, wish, stable = (nan if float(n) > 9e36 else float(n) for n in numbers)
    return Row(float(up), state, cold, hot, wish, stable == 1)


@pytest.fixture(scope="module")
def start(strategy, console):
    """From power off where there is a switch, else from what is found."""
    boot_s = nan
    if strategy.power is not None:
        strategy.transition("off")
        strategy.transition("booting")
        begin_ns = console._clock.monotonic_ns()
        strategy.transition("console")
        boot_s = (console._clock.monotonic_ns() - begin_ns) / 1e9
    strategy.transition("console")
    rows = [look(console)]
    for _ in console.tries(READY_MOST_S, 0.1):
        rows.append(look(console))
        if rows[-1].state in ("DETECTING", "FAULT", "SAFE"):
            break
    return Start(boot_s, rows)


def test_power_on_to_ready(start, strategy, console, measure):
    """Every state in its order, none of them a fault."""
    assert start.rows[-1].state == "DETECTING", console.query("SYST:CODE?")
    order = ("BOOT", "SELFTEST", "COOLING", "NUC", "READY", "DETECTING", "INHIBIT")
    assert {row.state for row in start.rows} <= set(order)
    if strategy.power is not None:
        measure("power to first answer", start.boot_s, "s", high=BOOT_MOST_S)
        measure("power to first verdict", start.rows[-1].up_s, "s", high=READY_MOST_S)
    assert int(console.query("*TST?")) == 0
    strategy.transition("ready")


def test_cool_down_profile(start, measure):
    rows = [row for row in start.rows if row.cold_degc == row.cold_degc]
    wish = rows[-1].wish_degc
    if rows[0].is_stable or rows[0].cold_degc - wish < 5:
        pytest.skip(f"the detector was at {rows[0].cold_degc:.1f} degC already")
    stable = next(row for row in rows if row.is_stable)
    steepest = max(
        (a.cold_degc - b.cold_degc) / (b.up_s - a.up_s)
        for a, b in ((a, b) for a in rows for b in rows if 0.9 <= b.up_s - a.up_s <= 1.3)
    )
    measure("warm detector", rows[0].cold_degc, "degC", -45, 60)
    measure("set-point", wish, "degC", -40, 30)
    measure("steepest over a second", steepest, "K/s", 0.1, HARD_RAMP_K_PER_S)
    measure("start to steady", stable.up_s, "s", high=240)
    measure("below the set-point", wish - min(row.cold_degc for row in rows), "K", high=0.15)
    measure("hot side at most", max(row.hot_degc for row in rows), "degC", high=60)


def test_the_plant_agrees(start, console, plant, measure):
    """What the thermistor says is what the detector has."""
    difference = console.number("MEAS:TEMP?") - plant.truth()["cold_degc"]
    measure("thermistor against truth", difference, "K", -0.1, 0.1)
