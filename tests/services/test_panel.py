# SPDX-License-Identifier: Apache-2.0
"""The panel on the plant: what its LEDs do in each state; no line takes another with it."""

import importlib.util
import re
from itertools import pairwise
from pathlib import Path

import pytest

from edgeleak import board as boards
from edgeleak import codes
from edgeleak.codes import GROUPS
from edgeleak.drivers.lines import Press, Roles, roles
from edgeleak.services.health import State
from edgeleak.services.panel import Panel
from edgeleak.sim.bus import open_buses
from edgeleak.sim.faults import LineRefused
from edgeleak.sim.plant import Plant

MS = 10**6
STEP_MS = 20
EL1 = boards.load("el1-a")
ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("write_patterns", ROOT / "tools/write_patterns.py")
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)
PAGE = (ROOT / "docs/instrument.md").read_text(encoding="utf-8")

SHOWN = {
    "boot": ("green and red", [], "starting"),
    "selftest": ("green, then red", [250, 250], "self-test"),
    "cooling": ("green", [1000, 1000], "cooling down"),
    "nuc": ("green", [125, 125], "correction"),
    "cap-on": ("green", [100, 200, 100, 1200], "put the cap on"),
    "cap-off": ("green", [100, 200, 100, 200, 100, 900], "take the cap off"),
    "ready": ("green", [100, 1900], "learning"),
    "detecting": ("green", [900, 100], "looking for gas, none seen"),
    "gas": ("red", [125, 125], "GAS"),
    "inhibit": ("red", [1000, 1000], "no verdict"),
    "safe": ("red", [], "safe mode"),
} | {
    f"fault {group}xx": ("red", [200, 200] * (group - 1) + [200, 1800], name)
    for group, name in GROUPS.items()
}
"""Colour, ms on, off, on ... of one round (steady: none), a word of the meaning."""


CAP_CODES = {"cap-on": codes.PUT_CAP_ON, "cap-off": codes.TAKE_CAP_OFF}


class Bench:
    """A panel of EL-1 on its plant, stepped as the instrument does."""

    def __init__(self):
        self.plant = Plant(EL1)
        buses, _ = open_buses(self.plant)
        self.pressed = []
        self.panel = Panel(roles(buses.lines, EL1.gpio), 5.0, self.pressed.append)

    def show(self, state, code=0, *, for_ms=200, is_gas=False):
        for _ in range(0, for_ms, STEP_MS):
            now_ns = self.plant.now_ns
            if is_gas:
                self.panel.note_gas(now_ns)
            self.panel.step(now_ns, state, code)
            self.plant.advance_to(now_ns + STEP_MS * MS)

    def press(self, for_ms):
        self.plant.set_input("button", True)
        self.show(State.DETECTING, for_ms=for_ms)
        self.plant.set_input("button", False)
        self.show(State.DETECTING)

    def edges(self, line):
        """(ms, level) as the plant saw them; off before the first."""
        writes = [(entry.time_ns / MS, bool(entry.value))
                  for entry in self.plant.log if entry.what == line]  # fmt: skip
        levels = [False, *(is_on for _, is_on in writes)]
        return [write for write, before in zip(writes, levels, strict=False) if write[1] != before]


def words(name):
    """State, code and gas that the panel is told for a row of the table."""
    if found := re.fullmatch(r"fault (\d)xx", name):
        return State.FAULT, 100 * int(found[1]) + 7, False
    if name in CAP_CODES:
        return State.NUC, CAP_CODES[name], False
    return (State.DETECTING, 0, True) if name == "gas" else (State(name), 0, False)


def page_rows():
    table = tool.PART.search(PAGE)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()
            if line.startswith("| ")]  # fmt: skip
    return {state: rest for state, *rest in rows[1:]}


def test_the_page_is_current():
    assert tool.filled(PAGE) == PAGE, "run: python tools/write_patterns.py"


def test_the_page_has_a_row_for_every_state_word():
    assert page_rows().keys() == SHOWN.keys()
    assert {str(words(name)[0]) for name in SHOWN} == {str(state) for state in State}


def round_of(text):
    """ms on, off, on ... from the words of the page."""
    if text == "steady":
        return []
    if found := re.fullmatch(r"(\d+) ms on, (\d+) ms off", text):
        return [int(ms) for ms in found.groups()]
    found = re.fullmatch(r"(\d) times (\d+) ms on, (\d+) ms between, then (\d+) ms off", text)
    count, on_ms, gap_ms, off_ms = map(int, found.groups())
    return [on_ms, gap_ms] * (count - 1) + [on_ms, off_ms]


@pytest.mark.parametrize("name", SHOWN)
def test_the_page_says_what_each_state_means(name):
    colour, round_ms, meaning = SHOWN[name]
    said_colour, said_round, said_meaning = page_rows()[name]
    assert (said_colour, round_of(said_round)) == (colour, round_ms)
    assert meaning in said_meaning


@pytest.mark.parametrize("name", SHOWN)
def test_the_plant_sees_what_the_page_says(name):
    """Edges over two rounds and more; a step of the panel is 20 ms."""
    colour, said, _ = page_rows()[name]
    round_ms = round_of(said)
    bench, (state, code, is_gas) = Bench(), words(name)
    bench.show(state, code, for_ms=3 * sum(round_ms) + 1000, is_gas=is_gas)
    for line, word in (("status_green", "green"), ("status_red", "red")):
        edges = bench.edges(line)
        if word not in colour:
            assert edges == []
        elif not round_ms:
            assert edges == [(0, True)]
        else:
            seen = [after - before for (before, _), (after, _) in pairwise(edges)]
            assert len(seen) >= 2 * len(round_ms)
            for i, ms in enumerate(seen):
                assert ms == pytest.approx(round_ms[i % len(round_ms)], abs=STEP_MS)


def test_selftest_shows_one_led_at_a_time():
    bench = Bench()
    bench.show(State.SELFTEST, for_ms=2000)
    green = dict(bench.edges("status_green"))
    for ms, is_on in bench.edges("status_red"):
        assert green.get(ms) is not is_on


@pytest.mark.parametrize("broken", ["status_green", "status_red", "alarm"])
def test_no_line_takes_another_with_it(broken):
    """Both LEDs are on at boot; a press and the alarm follow whatever else fails."""
    bench = Bench()
    bench.plant.inject(LineRefused(line=broken))
    bench.show(State.BOOT)
    bench.press(300)
    bench.panel.note_gas(bench.plant.now_ns)
    assert bench.pressed == [Press.SNAPSHOT]
    seen = {line: (0, True) in bench.edges(line) for line in ("status_green", "status_red")}
    assert seen == {line: line != broken for line in seen}
    assert bench.plant.gpio_get("alarm") is (broken != "alarm")
    assert bench.panel.errors > 0


def test_an_led_that_works_again_shows_the_state():
    bench = Bench()
    bench.plant.inject(LineRefused(line="status_green"))
    bench.show(State.COOLING, for_ms=500)
    assert bench.edges("status_green") == []
    bench.plant.clear("line-refused")
    bench.show(State.COOLING, for_ms=3000)
    assert len(bench.edges("status_green")) >= 3


def test_the_end_is_dark_and_the_alarm_off_whatever_fails():
    bench = Bench()
    bench.show(State.BOOT, is_gas=True)
    bench.plant.inject(LineRefused(line="status_green"))
    bench.panel.dark()
    assert not bench.plant.gpio_get("status_red")
    assert not bench.plant.gpio_get("alarm")


def test_a_board_without_a_panel_needs_none():
    none = Roles(*[None] * len(Roles.__dataclass_fields__))
    panel = Panel(none, 5.0, lambda press: pytest.fail(f"{press} without a button"))
    panel.note_gas(0)
    panel.step(20 * MS, State.DETECTING, 0)
    assert (panel.is_alarm, panel.errors) == (True, 0)
    panel.dark()
    assert not panel.is_alarm
