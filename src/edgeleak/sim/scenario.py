# SPDX-License-Identifier: Apache-2.0
"""What the world does over time: weather, gas, and what breaks when; from TOML or built.

    summary = "a fan that slows down, then stops"
    seconds = 200
    [world]
    ambient_degc = 30
    [gas]
    start_s = 90
    [[change]]
    at_s = 60
    over_s = 120
    ambient_degc = 45
    why = "the sun comes round"
    [[fault]]
    name = "fan-slow"
    from_s = 120
    to_s = 180
    share = 0.3
    why = "bearing runs dry"
    [[press]]
    line = "button"
    at_s = 20
    for_s = 0.2
    [expect]
    comes = ["fan-slow", "fan-lost"]
    ends = "fault"

Times are in seconds from the plant's start; `seconds` is how long a run takes unless told.
"""

import difflib
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edgeleak import schema
from edgeleak.errors import ConfigError, MissingInputError
from edgeleak.schema import number, switch, word
from edgeleak.sim import expect, faults
from edgeleak.sim.expect import Expect
from edgeleak.sim.faults import Fault

FOLDER = Path(__file__).parent / "scenarios"
NEVER_S = 1e9
USUAL_S = 60.0
LEAK = "the leak"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Surroundings of the camera at one moment."""

    ambient_degc: float = number("degC", -40, 85, "air around the camera", 25.0)
    humidity: float = number("1", 0, 1, "relative, inside the housing", 0.3)
    supply_v: float = number("V", 0, 6, "at the board's input", 5.0)
    movers: bool = switch("person, cat and fan pass through the picture", True)
    gas_g_per_h: float = number("g/h", 0, 1e6, "methane released now; `[gas]` sets it", 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The camera at time 0."""

    cold_degc: float = number("degC", -40, 85, "detector; NaN is at ambient since long", math.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gas:
    """One methane release."""

    start_s: float = number("s", 0, NEVER_S, "first gas", NEVER_S)
    stop_s: float = number("s", 0, NEVER_S, "last gas", NEVER_S)
    rate_g_per_h: float = number("g/h", 0, 1e6, "size of the leak", 250.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A straight course of the world to new values."""

    at_s: float = number("s", 0, NEVER_S, "begin")
    over_s: float = number("s", 0, NEVER_S, "how long it takes; 0 is at once", 0.0)
    ambient_degc: float = number("degC", -40, 85, "new value", math.nan)
    humidity: float = number("1", 0, 1, "new value", math.nan)
    supply_v: float = number("V", 0, 6, "new value", math.nan)
    why: str = word("reason, for the reader", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A person or wire moves an input line."""

    line: str = word("input line of the board", choices=("button", "safe_strap"))
    at_s: float = number("s", 0, NEVER_S, "begin")
    for_s: float = number("s", 0.001, NEVER_S, "how long it is held")
    why: str = word("reason, for the reader", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happens at one moment: exactly one of fault, clear and line is set."""

    at_s: float
    fault: Fault | None = None
    clear: str | None = None
    line: str | None = None
    level: bool = False


@dataclass(frozen=True)
class Scenario:
    """A named course of the world.

    world   : at time 0
    gas     : the leak
    start   : what is not at ambient then
    changes : courses of the weather, in order of time
    events  : faults and key presses, in order of time
    seconds : how long a run takes to show all of it
    expect  : what the firmware must say; None judges the gas alone
    """

    name: str = "still room"
    summary: str = "nothing happens"
    seconds: float = USUAL_S
    world: World = World()
    gas: Gas = Gas()
    start: Start = Start()
    changes: tuple[Change, ...] = ()
    events: tuple[Event, ...] = ()
    expect: Expect | None = None
    _kept: list[Any] = field(default_factory=lambda: [math.inf, -math.inf, None], repr=False)

    def happenings(self) -> list[tuple[float, str]]:
        """(second, what) of all that begins after the start, in order of time."""
        found = [(event.at_s, f"the fault {event.fault.name}" if event.fault else "the key press")
                 for event in self.events if event.fault or event.level]  # fmt: skip
        found += [(change.at_s, "the change of weather or supply") for change in self.changes]
        if self.gas.start_s < NEVER_S:
            found.append((self.gas.start_s, LEAK))
        return sorted((row for row in found if row[0] > 0), key=lambda row: row[0])

    def world_at(self, time_s: float) -> World:
        """The world at a moment."""
        kept = self._kept
        if not kept[0] <= time_s < kept[1]:
            kept[:] = self._calm_from(time_s)
        if kept[2] is None:
            return self._course(time_s)
        return kept[2]  # type: ignore[no-any-return]

    def _calm_from(self, time_s: float) -> tuple[float, float, World | None]:
        """(from, to, world): the stretch around `time_s` and its world, None while it changes."""
        edges = [0.0, self.gas.start_s, self.gas.stop_s]
        for change in self.changes:
            edges += [change.at_s, change.at_s + change.over_s]
        start = max((edge for edge in edges if edge <= time_s), default=-math.inf)
        stop = min((edge for edge in edges if edge > time_s), default=math.inf)
        moving = any(c.at_s <= time_s < c.at_s + c.over_s for c in self.changes)
        return start, stop, None if moving else self._course(time_s)

    def _course(self, time_s: float) -> World:
        values = {name: getattr(self.world, name) for name in COURSES}
        for change in self.changes:
            if change.at_s > time_s:
                break
            done = (time_s - change.at_s) / change.over_s if change.over_s > 0 else 1.0
            for name in COURSES:
                if not math.isnan(wanted := getattr(change, name)):
                    values[name] += (wanted - values[name]) * min(1.0, done)
        leaks = self.gas.start_s <= time_s < self.gas.stop_s
        gas = self.gas.rate_g_per_h if leaks else self.world.gas_g_per_h
        return replace(self.world, gas_g_per_h=gas, **values)


COURSES = ("ambient_degc", "humidity", "supply_v")


def names() -> list[str]:
    """The scenarios that come with EdgeLeak."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str) -> Scenario:
    """A scenario by name, or by path when it ends in .toml.

    Raises MissingInputError with the nearest name, ConfigError with file, line and range.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        near = difflib.get_close_matches(name, names(), 1, 0.5)
        hint = f"nearest is '{near[0]}'" if near else f"known are {', '.join(names())}"
        raise MissingInputError(f"scenario '{name}' is not known; {hint}")
    table, text = schema.read(path)
    return parse(table, str(path), text)


def parse(table: dict[str, Any], origin: str, text: str = "") -> Scenario:
    """A scenario from its TOML tables."""
    known = ("summary", "seconds", "world", "gas", "start", "change", "fault", "press", "expect")
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0.5)
            hint = f"nearest is '{near[0]}'" if near else f"known are {', '.join(known)}"
            raise ConfigError(f"{origin}: unknown setting '{key}'; {hint}")
    changes = [
        _built(Change, row, origin, text, "change", i) for i, row in _rows(table, origin, "change")
    ]
    events = []
    for i, row in _rows(table, origin, "fault"):
        events += _fault_events(row, f"{origin}: fault {i}")
    for i, row in _rows(table, origin, "press"):
        press = _built(Press, row, origin, text, "press", i)
        events.append(Event(at_s=press.at_s, line=press.line, level=True))
        events.append(Event(at_s=press.at_s + press.for_s, line=press.line))
    return Scenario(
        name=Path(origin).stem,
        summary=str(table.get("summary", "")),
        seconds=_seconds(table, origin),
        world=schema.build(World, table.get("world", {}), origin, text, "world"),
        gas=schema.build(Gas, table.get("gas", {}), origin, text, "gas"),
        start=schema.build(Start, table.get("start", {}), origin, text, "start"),
        changes=tuple(sorted(changes, key=lambda change: change.at_s)),
        events=tuple(sorted(events, key=lambda event: event.at_s)),
        expect=_expected(table, origin),
    )


def _seconds(table: dict[str, Any], origin: str) -> float:
    value = table.get("seconds", USUAL_S)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < NEVER_S:
        raise ConfigError(f"{origin}: seconds = {value!r}; expected a number above 0")
    return float(value)


def _expected(table: dict[str, Any], origin: str) -> Expect | None:
    if (found := table.get("expect")) is None:
        return None
    if not isinstance(found, dict):
        raise ConfigError(f"{origin}: 'expect' is a table; write [expect]")
    return expect.parse(found, origin)


def _rows(table: dict[str, Any], origin: str, key: str) -> list[tuple[int, dict[str, Any]]]:
    rows = table.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(f"{origin}: '{key}' is a list of tables; write [[{key}]]")
    return list(enumerate(rows, 1))


def _built(cls: type[Any], row: dict[str, Any], origin: str, text: str, section: str,
           index: int) -> Any:  # fmt: skip
    try:
        return schema.build(cls, row, origin, text, section)
    except ConfigError as error:
        raise ConfigError(f"{error} (in {section} {index})") from None


def _fault_events(row: dict[str, Any], where: str) -> list[Event]:
    row = dict(row)
    name, _ = row.pop("name", ""), row.pop("why", "")
    from_s, to_s = row.pop("from_s", 0.0), row.pop("to_s", NEVER_S)
    for key, value in (("from_s", from_s), ("to_s", to_s)):
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ConfigError(f"{where}: {key} = {value!r}; expected seconds from 0")
    if to_s <= from_s:
        raise ConfigError(f"{where}: to_s = {to_s:g} is not after from_s = {from_s:g}")
    fault = faults.make(name, row, where)
    return [Event(at_s=from_s, fault=fault), Event(at_s=to_s, clear=fault.name)]
