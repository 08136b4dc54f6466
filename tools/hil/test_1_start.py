# SPDX-License-Identifier: Apache-2.0
"""From power to the first verdict, with the profile of the cool-down."""

from math import isnan, nan
from typing import NamedTuple

import pytest

from edgeleak.config import CoolerConfig

BOOT_MOST_S = {"emulated": 10.0}
LINUX_MOST_S = 30.0
"""From power to the first answer; only a board has Linux to start before the firmware."""
READY_MOST_S = 280.0
"""Nobody waits longer for a start; what one may take is `start_most_s`."""
COOLER = CoolerConfig()
RAMP_K_PER_S = COOLER.ramp_k_per_s
"""The measured limit; the course aims at 85 % of it, less than half is a cooler without force."""
COURSE_SHARE, SLACK = 0.85, 1.5
STEADY_S = 20.0
"""Bring-up, bends of the course, the 5 s within tolerance that make it steady; twice 10 s."""
VERDICT_S = 25.0
"""From steady to a verdict: correction 3.1 s, settling, learning; 7 s were measured."""
SINK_RISE_K = 3.0 * COOLER.max_power_w
"""Sink and fan of 3 K/W (board.toml) under all the power that the settings allow."""
APART_MOST_K = 3.0
"""A detector that nobody cools yet is no warmer than its hot side, as `bringup` has it."""
TRUE_WITHIN_K = 0.03
"""A third of the tolerance; the two are asked for one after the other."""
ORDER = ("BOOT", "SELFTEST", "COOLING", "NUC", "READY", "DETECTING")
ASK = ("SYST:UPT?;:SYST:STAT?;:MEAS:TEMP?;:MEAS:TEMP:HOTS?;:COOL:SETP?;:COOL:STAB?;"
       ":MEAS:TEMP:HOUS?")  # fmt: skip


class Row(NamedTuple):
    """One look at the start."""

    up_s: float
    state: str
    cold_degc: float
    hot_degc: float
    wish_degc: float
    is_stable: bool
    housing_degc: float


class Start(NamedTuple):
    """What the start was like."""

    boot_s: float
    rows: list[Row]


def look(console) -> Row:
    up, state, *numbers = console.query(ASK).split(";")
    cold, hot, wish, stable, housing = (nan if float(n) > 9e36 else float(n) for n in numbers)
    return Row(float(up), state, cold, hot, wish, stable == 1, housing)


def start_most_s(rows: list[Row]) -> float:
    """From power to a steady detector: the way at the course's pace, with slack."""
    known = [row.cold_degc for row in rows if row.cold_degc == row.cold_degc]
    way_k = abs(known[0] - rows[-1].wish_degc) if known else 0.0
    return SLACK * way_k / (COURSE_SHARE * RAMP_K_PER_S) + STEADY_S + COOLER.stable_s


def is_in_order(states: list[str]) -> bool:
    """Each state after the ones before it; INHIBIT may come between any two."""
    places = [ORDER.index(state) for state in states if state != "INHIBIT"]
    return places == sorted(places)


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


def test_power_on_to_ready(start, strategy, console, measure, request):
    """Every state in its order, none of them a fault."""
    assert start.rows[-1].state == "DETECTING", console.query("SYST:CODE?")
    states = [row.state for row in start.rows]
    assert {*states} <= {*ORDER, "INHIBIT"}
    assert is_in_order(states), list(dict.fromkeys(states))
    if strategy.power is not None:
        boot_s = BOOT_MOST_S.get(request.config.getoption("--hil-target"), LINUX_MOST_S)
        measure("power to first answer", start.boot_s, "s", high=boot_s)
        measure("power to first verdict", start.rows[-1].up_s, "s",
                high=start_most_s(start.rows) + VERDICT_S)  # fmt: skip
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
    measure("detector above its hot side, warm", rows[0].cold_degc - rows[0].hot_degc, "K",
            high=APART_MOST_K)  # fmt: skip
    measure("steady from the set-point", abs(stable.cold_degc - wish), "K",
            high=COOLER.tolerance_k)  # fmt: skip
    measure("steepest over a second", steepest, "K/s", RAMP_K_PER_S / 2, RAMP_K_PER_S)
    measure("start to steady", stable.up_s, "s", high=start_most_s(rows))
    measure("below the set-point", wish - min(row.cold_degc for row in rows), "K", high=0.15)
    # The housing's own chip answers a moment after the detector's.
    rises_k = [row.hot_degc - row.housing_degc for row in rows if not isnan(row.housing_degc)]
    measure("hot side above the housing", max(rises_k, default=nan), "K", high=SINK_RISE_K)


def test_the_plant_agrees(start, console, plant, measure):
    """What the thermistor says is what the detector has."""
    difference = console.number("MEAS:TEMP?") - plant.truth()["cold_degc"]
    measure("thermistor against truth", difference, "K", -TRUE_WITHIN_K, TRUE_WITHIN_K)
