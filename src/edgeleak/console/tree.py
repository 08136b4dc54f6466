# SPDX-License-Identifier: Apache-2.0
"""The registry: every command once, with its level, parameters and help; `help`, completion and
the reference in docs are printed from here."""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from edgeleak.console.jobs import Job
from edgeleak.console.scpi import Argument, Number, ScpiError, Unit, Word, before_block

Context = Any
Response = str | bytes | None | Job
SYNONYMS = {"CEL": "DEGC", "C": "DEGC"}
"""Suffixes of SCPI for units that are spelt otherwise here."""
SCALES = {"": 1.0, "K": 1e3, "M": 1e-3, "U": 1e-6, "N": 1e-9}


class Level(IntEnum):
    """Who may."""

    LOOK = 0
    OPERATE = 1
    SERVICE = 2


@dataclass(frozen=True, slots=True)
class NumberOf:
    """A number with unit and range; MIN, MAX and DEF are understood, a whole one is rounded."""

    name: str
    unit: str
    low: float
    high: float
    default: float | None = None
    is_whole: bool = False

    def value(self, argument: Argument) -> float | int:
        if isinstance(argument, Word):
            return self.limit(argument.text)
        if not isinstance(argument, Number):
            raise ScpiError(-104, f"{self.name}: expected a number")
        value = argument.value * self._scale(argument.unit)
        value = round(value) if self.is_whole else value
        if not self.low <= value <= self.high:
            raise ScpiError(-222, f"{self.name}: {self.spoken()}")
        return value

    def limit(self, text: str) -> float | int:
        """What MIN, MAX and DEF stand for."""
        value = {"MIN": self.low, "MINIMUM": self.low, "MAX": self.high, "MAXIMUM": self.high,
                 "DEF": self.default, "DEFAULT": self.default}.get(text)  # fmt: skip
        if value is None:
            raise ScpiError(-224, f"{self.name}: {self.spoken()}")
        return int(value) if self.is_whole else value

    def _scale(self, unit: str) -> float:
        """Factor of a suffix such as MA for a parameter in A; the bare unit or none is 1."""
        mine, unit = self.unit.upper(), SYNONYMS.get(unit, unit)
        if unit in ("", mine):
            return 1.0
        prefix = unit.removesuffix(mine)
        if mine and unit.endswith(mine) and prefix in SCALES:
            return SCALES[prefix]
        if not mine:
            raise ScpiError(-138, f"{self.name}: got {unit}")
        raise ScpiError(-131, f"{self.name}: expected {self.unit}, got {unit}")

    def spoken(self) -> str:
        low, high = (f"{n:.0f}" if self.is_whole else f"{n:g}" for n in (self.low, self.high))
        return f"{low} to {high} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words; short forms as in SCPI (ALTernate)."""

    name: str
    words: tuple[str, ...]

    def value(self, argument: Argument) -> str:
        given = argument.text if isinstance(argument, Word) else None
        for form in self.words:
            if given in forms(form):
                return form.lower()
        raise ScpiError(-224, f"{self.name}: {self.spoken()}")

    def short(self, value: str) -> str:
        """The short form of a value, as a query answers it."""
        return next(min(forms(form), key=len) for form in self.words if form.lower() == value)

    def spoken(self) -> str:
        return " | ".join(self.words)


@dataclass(frozen=True, slots=True)
class Switch:
    """ON, OFF or a number: it is rounded, and any but 0 is ON."""

    name: str

    def value(self, argument: Argument) -> bool:
        if isinstance(argument, Word) and argument.text in ("ON", "OFF"):
            return argument.text == "ON"
        if isinstance(argument, Number):
            if argument.unit:
                raise ScpiError(-138, f"{self.name}: {self.spoken()}")
            return round(argument.value) != 0
        raise ScpiError(-224, f"{self.name}: {self.spoken()}")

    def spoken(self) -> str:
        return "ON | OFF"


@dataclass(frozen=True, slots=True)
class Text:
    """Quoted text."""

    name: str
    most: int = 64

    def value(self, argument: Argument) -> str:
        if not isinstance(argument, str):
            raise ScpiError(-104, f"{self.name}: expected quoted text")
        if len(argument) > self.most:
            raise ScpiError(-223, f"{self.name}: at most {self.most} characters")
        return argument

    def spoken(self) -> str:
        return f'"text", at most {self.most}'


@dataclass(frozen=True, slots=True)
class Block:
    """A definite-length block."""

    name: str
    most: int

    def value(self, argument: Argument) -> bytes:
        if not isinstance(argument, bytes):
            raise ScpiError(-104, f"{self.name}: expected a block")
        if len(argument) > self.most:
            raise ScpiError(-223, f"{self.name}: at most {self.most} bytes")
        return argument

    def spoken(self) -> str:
        return f"#block, at most {self.most} bytes"


Parameter = NumberOf | Choice | Switch | Text | Block


@dataclass(frozen=True, slots=True)
class Command:
    """One command or query.

    header     : as documented: upper case is the short form, [] is optional, ? is a query
    run        : (context, *values) -> response of a query, None of a command
    help       : one sentence
    level      : who may
    parameters : in order
    needed     : how many of them must be given
    answer     : what a query returns, with its unit
    """

    header: str
    run: Callable[..., Response]
    help: str
    level: Level = Level.LOOK
    parameters: tuple[Parameter, ...] = ()
    needed: int = -1
    answer: str = ""

    @property
    def is_query(self) -> bool:
        return self.header.endswith("?")

    @property
    def least(self) -> int:
        """How many parameters must be given."""
        return len(self.parameters) if self.needed < 0 else self.needed

    def spoken(self) -> list[str]:
        """Each parameter with its range; in brackets what may be left out."""
        said = [f"{p.name}: {p.spoken()}" for p in self.parameters]
        return said[: self.least] + [f"[{one}]" for one in said[self.least :]]

    def values(self, arguments: Sequence[Argument]) -> list[Any]:
        """Checked values; ScpiError by the standard's numbers."""
        needed = self.least
        if len(arguments) > len(self.parameters):
            raise ScpiError(-108, f"{self.header} takes {len(self.parameters)}")
        if len(arguments) < needed:
            missing = self.parameters[len(arguments)]
            raise ScpiError(-109, f"{missing.name}: {missing.spoken()}")
        return [p.value(a) for p, a in zip(self.parameters, arguments, strict=False)]


def forms(node: str) -> set[str]:
    """Short and long form of one node, upper case: ALTernate -> ALT, ALTERNATE."""
    short = re.match(r"[^a-z]*", node)
    return {short[0] if short and short[0] else node.upper(), node.upper()}


def spellings(header: str) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Every (path, is_query) a client may write for a documented header."""
    is_query = header.endswith("?")
    nodes: list[tuple[set[str], bool]] = []
    for opened, plain in re.findall(r"\[:?([A-Za-z0-9*]+):?\]|([A-Za-z0-9*]+)", header):
        nodes.append((forms(opened or plain), bool(opened)))
    options = [[None, *sorted(names)] if optional else sorted(names) for names, optional in nodes]
    for choice in itertools.product(*options):
        yield tuple(name for name in choice if name is not None), is_query


class Tree:
    """All commands by every spelling."""

    def __init__(self, commands: Sequence[Command]) -> None:
        self.commands = tuple(commands)
        self._by_path: dict[tuple[tuple[str, ...], bool], Command] = {}
        for command in commands:
            for key in spellings(command.header):
                if key in self._by_path:
                    raise ValueError(f"{command.header} and {self._by_path[key].header} clash")
                self._by_path[key] = command
        written = ((":".join(path) + "?" * is_query, command.header)
                   for (path, is_query), command in self._by_path.items())  # fmt: skip
        self._written = sorted(written, key=lambda one: (len(one[0]), one[0]))

    def spelt(self, begin: str) -> list[str]:
        """The shortest spelling of each header that begins so, upper case, sorted."""
        found: dict[str, str] = {}
        wanted = begin.upper()
        for text, header in self._written:
            if text.startswith(wanted):
                found.setdefault(header, text)
        return sorted(found.values())

    def has(self, path: tuple[str, ...], is_query: bool) -> bool:
        return (path, is_query) in self._by_path

    def find(self, path: tuple[str, ...], is_query: bool) -> Command:
        """The command, or ScpiError -113 that says when only the other form exists."""
        command = self._by_path.get((path, is_query))
        if command is not None:
            return command
        shown = ":".join(path)
        if (path, not is_query) in self._by_path:
            other = "is only a command" if is_query else "is only a query"
            raise ScpiError(-113, f"{shown} {other}")
        raise ScpiError(-113, shown[:48])

    def limit(self, unit: Unit) -> float | int | None:
        """What a query such as `COOL:SETP? MAX` asks of its setting; None is another question."""
        asked = unit.arguments[0] if len(unit.arguments) == 1 else None
        command = self._by_path.get((unit.path, False))
        if not (unit.is_query and isinstance(asked, Word) and command is not None):
            return None
        if self.find(unit.path, True).parameters or len(command.parameters) != 1:
            return None
        (parameter,) = command.parameters
        return parameter.limit(asked.text) if isinstance(parameter, NumberOf) else None

    def taking_block(self, text: bytes, length: int) -> Command:
        """The command that has a block of this length behind *text*; ScpiError where none has."""
        unit = before_block(text)
        command = self.find(unit.path, unit.is_query)
        at = len(unit.arguments) - 1
        parameter = command.parameters[at] if at < len(command.parameters) else None
        if not isinstance(parameter, Block):
            raise ScpiError(-168, command.header)
        if length > parameter.most:
            raise ScpiError(-223, f"{parameter.name}: at most {parameter.most} bytes")
        return command
