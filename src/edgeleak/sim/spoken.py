# SPDX-License-Identifier: Apache-2.0
"""What the instrument says, judged by what is so.

Heard are its real outputs: STATE and VERDICT lines as they are logged, the alarm line, both
status LEDs.  Each rule says how long a wrong word may stand; whoever says nothing breaks none.

| rule | wrong is |
|---|---|
| no-gas-covered, no-gas-shut | NO GAS with a cap on the lens, with the shutter closed |
| no-gas-warm | NO GAS with the detector away from its set-point |
| no-gas-frozen, no-gas-unread | NO GAS of frames that repeat, of frames that nobody fetched |
| no-gas-leak | NO GAS although a leak that must be found has been in view |
| gas-without-gas | GAS, and there is none and was none lately |
| fault-driven | FAULT, and an output is still enabled |
| alarm-silent, alarm-lasts | the alarm line is not what the verdict asks for |
| leds-differ | the status LEDs show another state, or no life |
| strap-ignored | an enable moved although the safe strap was set from the start |
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

NS_PER_S = 1_000_000_000
LOOK_NS = 25_000_000
LINE = re.compile(r"^(STATE|VERDICT) (.+?) t=(\d+) frame=(-?\d+) ?(.*)$", re.DOTALL)
LIMITS_S = {
    "no-gas-covered": 60.0,
    "no-gas-shut": 1.5,
    "no-gas-warm": 5.0,
    "no-gas-frozen": 2.5,
    "no-gas-unread": 1.5,
    "gas-without-gas": 0.5,
    "fault-driven": 3.5,
    "alarm-silent": 0.5,
    "alarm-lasts": 1.0,
    "leds-differ": 1.0,
}
"""How long each word may be wrong; a log reaches the judge up to 0.4 s late."""
WARM_K = 5.0
"""From the set-point: what a correction still holds for (`nuc.fpa` of the guard)."""
LINGERS_S = 15.0
"""So long after its release ends gas may be in view and in the window of a decision."""
DARK_S = 2.6
"""No pattern of `drivers.lines` leaves its LED dark, or on, for longer."""
SETTLES_S = 3.0
GREEN = frozenset({"cooling", "nuc", "ready", "detecting"})
RED = frozenset({"inhibit", "safe", "fault"})
STEADY = frozenset({"boot", "safe"})


@dataclass(frozen=True, slots=True)
class Promise:
    """What the firmware was told to do, as far as its words depend on it.

    set_point_degc : of the detector; NaN judges no temperature
    hold_s         : the alarm lasts so long after the last GAS
    find_s         : a leak of `find_g_per_h` or more is found within
    """

    set_point_degc: float = math.nan
    hold_s: float = 5.0
    find_s: float = 30.0
    find_g_per_h: float = 200.0


class So(NamedTuple):
    """What is true now; None is a line that nobody can drive: not wired, or its chip is gone."""

    cold_degc: float
    is_driven: bool
    is_covered: bool
    is_shut: bool
    is_frozen: bool
    frames: int
    gas_g_per_h: float
    alarm: bool | None
    green: bool | None
    red: bool | None


class Words(NamedTuple):
    """One line of the log."""

    kind: str
    word: str
    code: int


def parse(line: str) -> Words | None:
    """STATE new-state or VERDICT new-word; None for any other line."""
    found = LINE.match(line)
    if found is None:
        return None
    if found[1] == "STATE":
        _old, new, code = found[2].split()
        return Words("STATE", new, int(code))
    word, code = found[2].split(" > ")[1].rsplit(" ", 1)
    return Words("VERDICT", word, int(code))


class Spoken:
    """Keeps what was said and looks at it every 25 ms.

    blame : (time_ns, rule, seconds it was wrong, seconds allowed); at most that is kept
    """

    def __init__(self, blame: Callable[[int, str, float, float], None]) -> None:
        self._blame = blame
        self.promise = Promise()
        self.verdict = self.state = ""
        self.heard = 0
        self._is_strapped = False
        self._changed_ns = self._looked_ns = 0
        self._gas_said_ns = self._gas_ns = -(1 << 62)
        self._wrong_ns: dict[str, int] = {}
        self._frames, self._frames_ns = -1, 0
        self._leds: tuple[bool | None, bool | None] = (None, None)
        self._moved_ns = 0
        self._lit_ns = {"green": 0, "red": 0}

    # --- what is heard -----------------------------------------------------------------------

    def began(self, is_strapped: bool) -> None:
        """A program took the lines; the strap counts as it is now, as the firmware reads it."""
        self.ended()
        self._is_strapped = is_strapped

    def ended(self) -> None:
        """The program is gone: what it said last is said no more."""
        self.verdict = self.state = ""
        self._wrong_ns.clear()
        self._gas_said_ns = -(1 << 62)

    def strap_moved(self, is_set: bool) -> None:
        """A strap that is pulled, or set while running, counts at the next start."""
        self._is_strapped = self._is_strapped and is_set

    def hear(self, now_ns: int, line: str) -> bool:
        """One line of the log; True when it says something that is judged."""
        words = parse(line)
        if words is None:
            return False
        if words.kind == "STATE":
            self.state = words.word
        else:
            self.verdict = words.word
        self.heard += 1
        self._changed_ns = now_ns
        return True

    def enable_edge(self, now_ns: int) -> None:
        """A rising edge of an enable."""
        if self._is_strapped:
            self._blame(now_ns, "strap-ignored", 1.0, 0.0)

    # --- looking -----------------------------------------------------------------------------

    def is_due(self, now_ns: int) -> bool:
        """Time to look again."""
        return now_ns - self._looked_ns >= LOOK_NS

    def look(self, now_ns: int, so: So) -> None:
        """Compare; blames each rule once until it was kept again."""
        self._looked_ns = now_ns
        self._follow(now_ns, so)
        if not self.verdict and not self.state:
            return
        limits = LIMITS_S | {"no-gas-leak": self.promise.find_s}
        for rule, is_wrong in self._wrongs(now_ns, so).items():
            since_ns = self._wrong_ns.setdefault(rule, now_ns) if is_wrong else now_ns
            if not is_wrong:
                self._wrong_ns.pop(rule, None)
            self._blame(now_ns, rule, (now_ns - since_ns) / NS_PER_S, limits[rule])

    def _follow(self, now_ns: int, so: So) -> None:
        """Times of what was last so."""
        if so.gas_g_per_h > 0:
            self._gas_ns = now_ns
        if self.verdict == "GAS":
            self._gas_said_ns = now_ns
        if so.frames != self._frames:
            self._frames, self._frames_ns = so.frames, now_ns
        if (so.green, so.red) != self._leds:
            if None in self._leds:
                self._changed_ns = now_ns  # lines that are back need time to show a pattern
            self._leds, self._moved_ns = (so.green, so.red), now_ns
        for name, is_lit in (("green", so.green), ("red", so.red)):
            if is_lit:
                self._lit_ns[name] = now_ns

    def _wrongs(self, now_ns: int, so: So) -> dict[str, bool]:
        def since_s(time_ns: int) -> float:
            return (now_ns - time_ns) / NS_PER_S

        clear, gas, promise = self.verdict == "NO GAS", self.verdict == "GAS", self.promise
        is_sharp = not (so.is_covered or so.is_shut or so.is_frozen)
        return {
            "no-gas-covered": clear and so.is_covered,
            "no-gas-shut": clear and so.is_shut,
            "no-gas-warm": clear and abs(so.cold_degc - promise.set_point_degc) > WARM_K,
            "no-gas-frozen": clear and so.is_frozen,
            "no-gas-unread": clear and so.frames >= 0 and self._frames_ns < now_ns,
            "no-gas-leak": clear and is_sharp and so.gas_g_per_h >= promise.find_g_per_h,
            "gas-without-gas": gas and since_s(self._gas_ns) > LINGERS_S,
            "fault-driven": self.verdict == "FAULT" and so.is_driven,
            "alarm-silent": gas and so.alarm is False,
            "alarm-lasts": so.alarm is True and since_s(self._gas_said_ns) > promise.hold_s,
            "leds-differ": self._leds_differ(now_ns, so),
        }

    def _leds_differ(self, now_ns: int, so: So) -> bool:
        """The wrong colour, or no change where every pattern changes."""
        if so.green is None or so.red is None or not self.state:
            return False
        settled_ns = self._changed_ns + round((SETTLES_S + self.promise.hold_s) * NS_PER_S)
        if now_ns < settled_ns:
            return False
        dark_ns = now_ns - round(DARK_S * NS_PER_S)
        if self.state not in STEADY and self._moved_ns < dark_ns:
            return True
        green, red = self._lit_ns["green"] >= dark_ns, self._lit_ns["red"] >= dark_ns
        if self.state in RED or self.verdict == "GAS":
            return green or not red
        return (red or not green) if self.state in GREEN else not (green and red)
