# SPDX-License-Identifier: Apache-2.0
"""What each GPIO line is for: fan and tacho, button, alarm, status LEDs, sensor supply, strap.

Nothing here waits; everything takes the time from its caller.  A board without a line has None
in its place (`roles`).  The two enables have their own module, `drivers.enables`.
"""

import itertools
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from edgeleak.board import GpioWiring
from edgeleak.bus.protocols import GpioLines
from edgeleak.errors import UsageError

NS_PER_MS = 1_000_000
NS_PER_MINUTE = 60_000_000_000


class Output:
    """One output that is on or off: alarm, sensor power, sensor reset."""

    def __init__(self, lines: GpioLines, name: str) -> None:
        self._lines, self.name = lines, name
        self.is_on: bool | None = None

    def set(self, is_on: bool) -> None:
        """Drive the line where that is a change.  Raises BusError."""
        if is_on != self.is_on:
            self.is_on = None  # unknown while the write may fail
            self._lines.set(self.name, is_on)
            self.is_on = is_on


class Fan:
    """Fan switch and tacho.

    pulses : tacho pulses a revolution
    """

    SPIN_UP_NS = 3_000 * NS_PER_MS
    STILL_NS = 500 * NS_PER_MS
    """No pulse for so long is standing still: below 60 rpm."""

    def __init__(self, lines: GpioLines, *, pulses: int, has_tacho: bool = True) -> None:
        self._lines, self._has_tacho, self._pulses = lines, has_tacho, pulses
        self._switch = Output(lines, "fan")
        self._on_since_ns: int | None = None
        self._edges_ns: deque[int] = deque(maxlen=10)

    def set(self, is_on: bool, now_ns: int) -> None:
        """On or off.  Raises BusError."""
        self._switch.set(is_on)
        if not is_on:
            self._on_since_ns = None
        elif self._on_since_ns is None:
            self._on_since_ns = now_ns

    def poll(self) -> None:
        """Fetch tacho pulses; at least twice a second.  Raises BusError."""
        while self._has_tacho and (edge_ns := self._lines.wait_edge("fan_tacho", 0)) is not None:
            self._edges_ns.append(edge_ns)

    def rpm(self, now_ns: int) -> float:
        """Speed from the median of the newest pulse intervals, so lost pulses do not matter."""
        if len(self._edges_ns) < 3 or now_ns - self._edges_ns[-1] > self.STILL_NS:
            return 0.0
        intervals_ns = sorted(b - a for a, b in itertools.pairwise(self._edges_ns))
        interval_ns = intervals_ns[len(intervals_ns) // 2]
        return NS_PER_MINUTE / (interval_ns * self._pulses) if interval_ns > 0 else 0.0

    def is_failing(self, now_ns: int, least_rpm: float) -> bool:
        """True when it was given time to spin up and does not reach `least_rpm`."""
        if not self._has_tacho or self._on_since_ns is None:
            return False
        return now_ns - self._on_since_ns > self.SPIN_UP_NS and self.rpm(now_ns) < least_rpm


class Press(StrEnum):
    """What a press of the button asks for."""

    SNAPSHOT = "snapshot"
    RECORD = "record"
    NUC = "nuc"


class Button:
    """The one button: below 1 s a snapshot, 1 s to 3 s record, 3 s to 10 s a correction.

    Told by levels at each `poll`: two active ones `DEBOUNCE_NS` apart begin a press, so neither
    a spike nor a bouncing contact is one.  Held at start, or longer than 10 s: nothing.
    """

    DEBOUNCE_NS = 20 * NS_PER_MS
    RECORD_NS, NUC_NS, LONGEST_NS = (ms * NS_PER_MS for ms in (1_000, 3_000, 10_000))

    def __init__(self, lines: GpioLines) -> None:
        self._lines = lines
        self._since_ns: int | None = None
        self._seen_ns = 0
        self._was_released = False

    def poll(self, now_ns: int) -> Press | None:
        """What was asked for, at release; call it every 50 ms or faster.  Raises BusError."""
        if self._lines.get("button"):
            if self._since_ns is None:
                self._since_ns = now_ns
            self._seen_ns = now_ns
            return None
        since_ns, self._since_ns = self._since_ns, None
        was_released, self._was_released = self._was_released, True
        if since_ns is None or not was_released or self._seen_ns - since_ns < self.DEBOUNCE_NS:
            return None
        return press_of(now_ns - since_ns)


def press_of(held_ns: int) -> Press | None:
    """Meaning of a press of this length."""
    if held_ns > Button.LONGEST_NS:
        return None
    if held_ns >= Button.NUC_NS:
        return Press.NUC
    return Press.RECORD if held_ns >= Button.RECORD_NS else Press.SNAPSHOT


@dataclass(frozen=True, slots=True)
class Pattern:
    """What the two status LEDs do, again and again.

    period_ms  : length of one round
    green, red : (from, to) in ms within the round during which it is lit
    meaning    : what it tells, in the table of docs/instrument.md
    """

    period_ms: int
    green: tuple[tuple[int, int], ...]
    red: tuple[tuple[int, int], ...]
    meaning: str

    def levels(self, time_ms: int) -> tuple[bool, bool]:
        """(green, red) at a time."""
        at = time_ms % self.period_ms
        green, red = (any(a <= at < b for a, b in spans) for spans in (self.green, self.red))
        return green, red


_ON_1S = ((0, 1000),)
PATTERNS = {
    "boot": Pattern(1000, _ON_1S, _ON_1S, "starting"),
    "selftest": Pattern(500, ((0, 250),), ((250, 500),), "self-test"),
    "cooling": Pattern(2000, _ON_1S, (), "cooling down, or the cooler is off or being tuned"),
    "nuc": Pattern(250, ((0, 125),), (), "correction, hold still"),
    "cap-on": Pattern(1600, ((0, 100), (300, 400)), (), "put the cap on"),
    "cap-off": Pattern(1600, ((0, 100), (300, 400), (600, 700)), (), "take the cap off"),
    "ready": Pattern(2000, ((0, 100),), (), "ready, learning the scene"),
    "detecting": Pattern(1000, ((0, 900),), (), "looking for gas, none seen"),
    "gas": Pattern(250, (), ((0, 125),), "GAS"),
    "inhibit": Pattern(2000, (), _ON_1S, "no verdict at the moment"),
    "safe": Pattern(1000, (), _ON_1S, "safe mode, no actuators"),
}
"""By state of the instrument; `gas` is `detecting` with gas, `cap-on` and `cap-off` are `nuc` that
waits for a person.  A fault counts, see `fault`.
A live `detecting` moves: a light that only stays on belongs to a program that hangs.
Two patterns differ by colour, number of flashes, twice the round or three times the flash:
nobody tells 100 ms from 200 ms."""
FLASH_MS, GAP_MS, PAUSE_MS = 200, 200, 1600


def fault(code: int) -> Pattern:
    """As many red flashes as the code has hundreds: 2 is the cooler; see `codes.GROUPS`."""
    count = max(1, code // 100)
    each = FLASH_MS + GAP_MS
    flashes = tuple((i * each, i * each + FLASH_MS) for i in range(count))
    return Pattern(count * each + PAUSE_MS, (), flashes, f"FAULT {count}xx")


class StatusLeds:
    """Green and red status LED."""

    def __init__(self, lines: GpioLines) -> None:
        self._green, self._red = Output(lines, "status_green"), Output(lines, "status_red")
        self._pattern: Pattern | None = None
        self._since_ns = 0

    def show(self, state: str, now_ns: int, *, code: int = 0, is_gas: bool = False) -> None:
        """Drive both LEDs for this moment; a new pattern begins at its beginning.

        state : word of the instrument's state
        code  : number shown in state `fault`

        Raises BusError; UsageError for a state without a pattern.
        """
        name = "gas" if is_gas and state == "detecting" else state
        if name != "fault" and name not in PATTERNS:
            raise UsageError(f"no LED pattern for state '{name}'; known are {', '.join(PATTERNS)}")
        pattern = fault(code) if name == "fault" else PATTERNS[name]
        if pattern != self._pattern:
            self._pattern, self._since_ns = pattern, now_ns
        green, red = pattern.levels((now_ns - self._since_ns) // NS_PER_MS)
        self._drive(green, red)

    def off(self) -> None:
        """Both dark."""
        self._pattern = None
        self._drive(False, False)

    def _drive(self, green: bool, red: bool) -> None:
        """A line that fails does not take the other colour with it."""
        try:
            self._green.set(green)
        finally:
            self._red.set(red)


class Strap:
    """Jumper that forces safe mode."""

    def __init__(self, lines: GpioLines) -> None:
        self._lines = lines

    def is_set(self) -> bool:
        """Raises BusError."""
        return self._lines.get("safe_strap")


@dataclass(frozen=True, slots=True)
class Roles:
    """Every role that this board has lines for, the cooler's apart; None for those it has not."""

    button: Button | None
    alarm: Output | None
    leds: StatusLeds | None
    sensor_power: Output | None
    sensor_reset: Output | None
    strap: Strap | None


def roles(lines: GpioLines, wiring: GpioWiring) -> Roles:
    """The roles of a board's lines."""
    has = wiring.lines.keys()
    both = {"status_green", "status_red"} <= has
    return Roles(
        button=Button(lines) if "button" in has else None,
        alarm=Output(lines, "alarm") if "alarm" in has else None,
        leds=StatusLeds(lines) if both else None,
        sensor_power=Output(lines, "sensor_power") if "sensor_power" in has else None,
        sensor_reset=Output(lines, "sensor_reset") if "sensor_reset" in has else None,
        strap=Strap(lines) if "safe_strap" in has else None,
    )
