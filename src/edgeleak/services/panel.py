# SPDX-License-Identifier: Apache-2.0
"""What a person sees and presses without a screen: two LEDs, one button, the alarm output.

PATTERNS is the specification; docs/instrument.md prints it.  One character is an eighth of a
second, a pattern repeats.  Where `#` stands the LED flashes the hundreds digit of the code
(1 link, 2 cooler, 3 LED, ... 9 software), then pauses.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from edgeleak.bus.protocols import GpioLines
from edgeleak.clock import NS_PER_MS, NS_PER_S
from edgeleak.errors import BusError
from edgeleak.services.health import State

SLOT_NS = NS_PER_S // 8
COUNTED = "#"


class Pattern(NamedTuple):
    """Green and red, "1" lit, "0" dark, one character a slot."""

    green: str
    red: str
    meaning: str


GAS = "gas"
PATTERNS: dict[str, Pattern] = {
    State.BOOT: Pattern("10", "01", "green and red in turn, fast: starting"),
    State.SELFTEST: Pattern("1100", "0011", "green and red in turn: self-test"),
    State.COOLING: Pattern("1111000000000000", "0", "one long green flash every 2 s: cooling"),
    State.NUC: Pattern("1010000000000000", "0", "two short green flashes: correction, hold still"),
    State.READY: Pattern("11110000", "0", "green on and off: learning the scene"),
    State.DETECTING: Pattern("1", "0", "green: watching, and no gas"),
    GAS: Pattern("0", "10", "red flashes fast: GAS"),
    State.INHIBIT: Pattern(COUNTED, "0", "green flashes the code's hundreds: no answer now"),
    State.FAULT: Pattern("0", COUNTED, "red flashes the code's hundreds: fault, outputs off"),
    State.SAFE: Pattern("1000000000000000", "1000000000000000", "both flash every 2 s: safe mode"),
}
PAUSE = "00000000"
DEBOUNCE_NS = 30 * NS_PER_MS
RECORD_NS = 1 * NS_PER_S
NUC_NS = 3 * NS_PER_S
STUCK_NS = 20 * NS_PER_S


class Gesture(StrEnum):
    """What the button means."""

    SNAPSHOT = "snapshot"  # let go before 1 s
    RECORD = "record"  # let go between 1 and 3 s
    NUC = "nuc"  # held for 3 s; at once, without letting go


class Button:
    """Presses to gestures; pure."""

    def __init__(self) -> None:
        self._level = self._stable = False
        self._changed_ns = 0
        self._pressed_ns: int | None = None
        self.held_s = 0.0
        self.is_stuck = False

    def step(self, now_ns: int, is_pressed: bool) -> Gesture | None:
        """Call at 20 ms or faster with the raw level."""
        if is_pressed != self._level:
            self._level, self._changed_ns = is_pressed, now_ns
        elif is_pressed != self._stable and now_ns - self._changed_ns >= DEBOUNCE_NS:
            return self._settle(is_pressed)
        return self._hold(now_ns)

    def _settle(self, is_pressed: bool) -> Gesture | None:
        """A new level that lasted; its time is that of the edge."""
        self._stable = is_pressed
        if is_pressed:
            self._pressed_ns = self._changed_ns
            return None
        pressed_ns, self._pressed_ns = self._pressed_ns, None
        self.held_s, self.is_stuck = 0.0, False
        if pressed_ns is None:
            return None  # the 3 s gesture was given while it was held
        return Gesture.RECORD if self._changed_ns - pressed_ns >= RECORD_NS else Gesture.SNAPSHOT

    def _hold(self, now_ns: int) -> Gesture | None:
        if not self._stable:
            return None
        if self._pressed_ns is None:
            self.is_stuck = now_ns - self._changed_ns >= STUCK_NS
            return None
        held_ns = now_ns - self._pressed_ns
        self.held_s = held_ns / NS_PER_S
        if held_ns < NUC_NS:
            return None
        self._pressed_ns = None
        return Gesture.NUC


def slots(pattern: str, code: int) -> str:
    """A pattern as slots, with the code's hundreds put in."""
    if pattern != COUNTED:
        return pattern
    return "1000" * max(1, code // 100) + PAUSE


class Panel:
    """LEDs, button and alarm output on the lines that are wired; a line that fails is counted.

    lines    : the board's GPIO
    names    : lines that are wired
    hold_s   : an alarm lasts at least this long after the last GAS
    on_press : called with each gesture
    """

    def __init__(self, lines: GpioLines, names: set[str], hold_s: float,
                 on_press: Callable[[Gesture], None]) -> None:  # fmt: skip
        self._lines, self._names, self._on_press = lines, names, on_press
        self._hold_ns = round(hold_s * NS_PER_S)
        self._shown: dict[str, bool] = {}
        self._gas_ns: int | None = None
        self.button = Button()
        self.errors = 0

    @property
    def is_alarm(self) -> bool:
        return self._shown.get("alarm", False)

    def note_gas(self, now_ns: int) -> None:
        """The answer is GAS; the output follows at once, not at the next step."""
        self._gas_ns = now_ns
        self._set("alarm", True)

    def step(self, now_ns: int, state: State, code: int) -> None:
        """Every 20 ms: button, alarm, LEDs."""
        if "button" in self._names and (gesture := self._read_button(now_ns)) is not None:
            self._on_press(gesture)
        gas_ns = self._gas_ns
        is_alarm = gas_ns is not None and now_ns - gas_ns < self._hold_ns
        self._set("alarm", is_alarm)
        self._show(now_ns, PATTERNS[GAS if is_alarm else state], code)

    def dark(self) -> None:
        """Everything off, as at the end of the program."""
        for name in ("alarm", "status_green", "status_red"):
            self._shown.pop(name, None)
            self._set(name, False)

    def _read_button(self, now_ns: int) -> Gesture | None:
        try:
            return self.button.step(now_ns, self._lines.get("button"))
        except BusError:
            self.errors += 1
            return None

    def _show(self, now_ns: int, pattern: Pattern, code: int) -> None:
        slot = now_ns // SLOT_NS
        # A held button answers at 1 s and 3 s, so that nobody counts in his head.
        if self.button.held_s >= RECORD_NS / NS_PER_S:
            pattern = Pattern("10", "10", "held")
        for name, row in (("status_green", pattern.green), ("status_red", pattern.red)):
            lit = slots(row, code)
            self._set(name, lit[slot % len(lit)] == "1")

    def _set(self, name: str, is_on: bool) -> None:
        if name not in self._names or self._shown.get(name) == is_on:
            return
        try:
            self._lines.set(name, is_on)
            self._shown[name] = is_on
        except BusError:
            self.errors += 1
