# SPDX-License-Identifier: Apache-2.0
"""What every command of the registry has to do, said a second time and without the console's code:
arguments and their errors, levels, states, settings, and the form of answers."""

import re
from itertools import zip_longest
from math import isclose, log2
from typing import NamedTuple

from edgeleak import board as boards
from edgeleak.console import commands
from edgeleak.console.tree import Block, Choice, Level, NumberOf, Switch, Text
from edgeleak.pipeline.live import LEAST_OCTAVES, TOP_COUNTS
from edgeleak.services.health import State

EVERY = commands.tree(boards.load("el1-a")).commands
BY_HEADER = {command.header: command for command in EVERY}
PIN = "1234"
DRIVES = ("COOLer:SETPoint", "COOLer:TUNE", "LED:CURRent", "CALibration:RUN")
RECORDS = tuple(h for h in BY_HEADER if h.startswith("RECord"))
AGC_SPAN = ("AGC:LEVel", "AGC:SPAN")
LIGHT = ("LED:MODE", "LED:CURRent", "SENSe:INTegration")
KEPT = ("*ESE", "*SRE", "STATus:OPERation:ENABle", "STATus:QUEStionable:ENABle", "FRAMe:HOLD",
        "SYSTem:LEVel", "SYSTem:SAFE", "COOLer:SETPoint", "LED:CURRent", "SENSe:INTegration",
        "AGC:MODE", "AGC:LEVel", "AGC:SPAN", "AGC:LOCK", "CLAHe:TILE", "CLAHe:CLIP",
        "BACKground:SLEW", "SENSitivity", "PALette")  # fmt: skip
"""Commands whose query answers what was set; the others that have one answer what is measured."""
OWN = ("*ESE", "*SRE", "STATus:OPERation:ENABle", "STATus:QUEStionable:ENABle", "FRAMe:HOLD",
       "SYSTem:LEVel")  # fmt: skip
"""Of these each connection has its own."""
MASKS = {"*SRE": ~0x40, "STATus:OPERation:ENABle": 0x7FFF, "STATus:QUEStionable:ENABle": 0x7FFF}
"""What a register takes of what it is given."""
PICTURE = tuple(h for h in KEPT if h.split(":")[0] in ("AGC", "CLAHe", "BACKground", "SENSitivity",
                                                      "PALette"))  # fmt: skip
SHORT = {"OPERATE": "OPER", "SERVICE": "SERV", "LOCKED": "LOCK", "ALTERNATE": "ALT"}
"""Answers are short forms."""
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(E[-+]?\d+)?")
BARE = re.compile(r"[A-Z0-9_ .:\-]+", re.IGNORECASE)


class Given(NamedTuple):
    """A parameter as written, the error it makes, and what it means."""

    text: str
    error: int = 0
    value: object = None


def number_forms(parameter):
    low, high, unit = parameter.low, parameter.high, parameter.unit
    middle = low if parameter.default is None else parameter.default
    yield Given(f"{middle:.12g} {unit}", 0, float(middle))
    yield Given(f"{low:.12g}", 0, low)
    yield Given("MAX", 0, high)
    yield Given("MIN", 0, low)
    default = parameter.default
    yield Given("DEF", -224) if default is None else Given("DEF", 0, default)
    yield Given(f"{low - 1:.12g}", -222)
    yield Given(f"{2 * high + 1:.12g}", -222)
    yield Given(f"{middle:.12g} XYZ", -131 if unit else -138)
    yield Given("NOPE", -224)
    yield Given("'1'", -104)
    if parameter.is_whole:
        yield Given(f"{low + 0.4}", 0, low)


def forms_of(parameter):
    """Every kind of thing that somebody may write there, right ones first."""
    if isinstance(parameter, NumberOf):
        yield from number_forms(parameter)
    elif isinstance(parameter, Choice):
        for word in parameter.words:
            yield Given(word, 0, word.upper())
            yield Given("".join(c for c in word if not c.islower()).lower(), 0, word.upper())
        yield from (Given("NOPE", -224), Given("1.5", -224), Given("'x'", -224))
    elif isinstance(parameter, Switch):
        yield from (Given("ON", 0, True), Given("OFF", 0, False), Given("1", 0, True),
                    Given("0", 0, False), Given("2", 0, True), Given("MAYBE", -224))  # fmt: skip
    elif isinstance(parameter, Text):
        yield from (Given(f'"{PIN}"', 0, PIN), Given("12", -104),
                    Given(f"'{'x' * (parameter.most + 1)}'", -223))  # fmt: skip
    else:
        assert isinstance(parameter, Block)
        yield from (Given("#15hello", 0, b"hello"), Given("5", -104))


class Line(NamedTuple):
    """A whole line, the error of its arguments, the values that it gives."""

    command: object
    text: str
    error: int = 0
    values: tuple = ()


def plain(header):
    return header.replace("[", "").replace("]", "")


def line_of(command, given):
    """With these parameters; the first wrong one decides, the number of them before all."""
    least = len(command.parameters) if command.needed < 0 else command.needed
    text = f"{plain(command.header)} {','.join(one.text for one in given)}".strip()
    if len(given) > len(command.parameters):
        return Line(command, text, -108)
    if len(given) < least:
        return Line(command, text, -109)
    error = next((one.error for one in given if one.error), 0)
    return Line(command, text, error, tuple(one.value for one in given))


def lines_of(command):
    """Each form of each parameter once, one missing, one too many."""
    usual = [next(forms_of(parameter)) for parameter in command.parameters]
    yield line_of(command, usual)
    for at, parameter in enumerate(command.parameters):
        for given in forms_of(parameter):
            yield line_of(command, [*usual[:at], given, *usual[at + 1 :]])
        yield line_of(command, usual[:at])
    yield line_of(command, [*usual, Given("1")])


LINES = tuple(line for command in EVERY for line in lines_of(command))


class Oracle:
    """What the instrument should answer; asked before each line, told afterwards.

    bench : for its state, which is not the console's; nothing of the console is asked
    """

    def __init__(self, bench, kept):
        self._on = bench.instrument
        self.defaults, self.kept = dict(kept), dict(kept)
        self.pins, self.wrong = set(), 0
        self.connect(Level.SERVICE)

    def connect(self, level):
        """A new connection: a cable, or a socket that may more."""
        self.level = self.floor = level
        self.is_owner, self.has_shown_pin = level == Level.LOOK, False
        self.own = dict.fromkeys(OWN, 0) | {"SYSTem:LEVel": level.name}

    @property
    def rests(self):
        health = self._on.health
        return health.state in (State.FAULT, State.SAFE) or health.latched is not None

    @property
    def records(self):
        return self._on.recorder is not None and self._on.recorder.is_recording

    def errors(self, line):
        """The errors that may come; 0 is none."""
        header, values = line.command.header, line.values
        if line.command.level > self.level and "#" in line.text:
            return {-203}  # a block is looked at before its line is whole
        if line.error:
            return {line.error}
        if line.command.level > self.level:
            return {-203}
        if header in RECORDS and self._on.recorder is None:
            return {-241}
        is_off = values[:1] in ((False,), ("OFF",))
        drives = header in DRIVES or (header in ("COOLer:STATe", "LED:MODE") and not is_off)
        if drives and self.rests:
            return {-221}
        return self._of_values(header, values)

    def _of_values(self, header, values):
        if header in AGC_SPAN and None in (self.kept[name] for name in AGC_SPAN):
            return {0, -222}  # the other one is what the automatic found
        if header in AGC_SPAN and not self._has_room({**self.kept, header: values[0]}):
            return {-222}
        if header in LIGHT:
            return {0, -221, -222}  # by the LED's own limits; `tell` looks which
        if header == "AGC:LOCK" and values[0]:
            return {0, -222}  # what the automatic found may be too narrow
        if header == "CALibration:DATA":
            return {-221} if self.records else {-230}
        if header in ("FRAMe:DATA?", "FRAMe:HOLD"):
            return self._of_frames(header, values)
        if header == "SYSTem:LEVel":
            return self._of_level(values)
        if header == "SYSTem:PIN":
            return self._of_pin(values)
        return {0}

    def _of_frames(self, header, values):
        is_raw = values == ("RAW",) and self._on.recorder is None
        if header == "FRAMe:HOLD" and not values[0]:
            return {0}
        is_held = header == "FRAMe:DATA?" and self.own["FRAMe:HOLD"]
        return {0} if (self._on.path.frames or is_held) and not is_raw else {-230}

    def _of_level(self, values):
        wanted = Level[values[0]]
        is_shown = len(values) == 2 and self.level <= wanted == self.floor
        if wanted <= max(self.floor, self.level) and not (is_shown and values[0] in self.pins):
            return {0}
        return {0, -203} if values[0] in self.pins else {-203}

    def _of_pin(self, values):
        if values[0] not in self.pins:
            is_logged_in = self.level > self.floor or self.has_shown_pin
            is_allowed = is_logged_in if self.pins else self.is_owner
            return {0} if is_allowed else {-203}
        if self.level >= Level.SERVICE:
            return {0}
        return {0, -203} if len(values) == 3 else {-203}

    @staticmethod
    def _has_room(kept):
        level, half = float(kept["AGC:LEVel"]), float(kept["AGC:SPAN"]) / 2
        low, high = max(level - half, 1.0), min(level + half, TOP_COUNTS)
        return log2(high) - log2(low) >= LEAST_OCTAVES

    def tell(self, line, error):
        """The line was carried out, or refused with this error."""
        header, values = line.command.header, line.values
        if error:
            return
        if header == "SYSTem:LEVel":
            self._keep_level(*values)
        elif header in OWN:
            self._keep_own(header, values[0])
        elif header in KEPT and header != "AGC:LOCK":
            self.kept[header] = values[0]
            if header == "AGC:MODE":
                self.kept["AGC:LOCK"] = values[0] == "LOCKED"
        elif header == "AGC:LOCK":
            self.kept |= {header: values[0], "AGC:MODE": "LOCKED" if values[0] else "AUTO"}
            if values[0]:  # level and span are what the automatic found
                self.kept |= dict.fromkeys(AGC_SPAN)
        elif header == "SYSTem:PIN":
            self.pins.add(values[0])
        elif header in ("RECord:STATe", "RECord:STARt"):
            assert self.records == bool(values[0])
        else:
            self._tell_of_many(header)

    def _keep_level(self, name, pin=""):
        wanted, is_right = Level[name], bool(pin) and name in self.pins
        is_kept = self.has_shown_pin and wanted == self.level
        self.has_shown_pin = is_kept or (is_right and wanted >= self.level)
        self.level, self.own["SYSTem:LEVel"] = wanted, name

    def _keep_own(self, header, value):
        self.own[header] = int(value) & MASKS[header] if header in MASKS else value

    def _tell_of_many(self, header):
        if header == "STATus:PRESet":
            self.own |= {"STATus:OPERation:ENABle": 0, "STATus:QUEStionable:ENABle": 0}
        elif header == "*RST":
            assert not self.records
            self.own["FRAMe:HOLD"] = 0
            back = [*PICTURE, "LED:CURRent"]
            self.kept |= {name: self.defaults[name] for name in back}
            self.kept["COOLer:SETPoint"] = None  # by the cooler that is there, and off or on
        elif header == "SYSTem:SAVE":
            self.defaults = dict(self.kept)
        elif header == "SYSTem:LOGout":
            self.own |= {"FRAMe:HOLD": 0, "SYSTem:LEVel": self.floor.name}
            self.level, self.has_shown_pin = self.floor, False

    def agrees(self, header, text):
        """The query's answer is what was set; one that nobody can know is learnt."""
        place = self.own if header in OWN else self.kept
        wanted = place[header]
        if wanted is None:
            place[header] = text
            return True
        if isinstance(wanted, bool):
            wanted = int(wanted)
        wanted = SHORT.get(wanted, wanted)
        return text == wanted if isinstance(wanted, str) and not NUMBER.fullmatch(wanted) else (
            isclose(float(text), float(wanted), rel_tol=1e-5, abs_tol=1e-9))  # fmt: skip


def fits(said, raw):
    """Whether an answer has the form that the reference promises."""
    if said.startswith("block"):
        text = raw if isinstance(raw, bytes) else raw.encode()
        head = 2 + int(text[1:2])
        return text[:1] == b"#" and len(text) == head + int(text[2:head])
    kinds = said.split(",")
    fields = re.findall(r'"(?:[^"]|"")*"|[^,]+', raw)
    if said in ("word", "words"):
        return bool(BARE.fullmatch(raw.replace(",", " ")))
    if kinds[-1] in ("...", "numbers") or said in ("texts", "numbers"):
        kinds = [*kinds[:-1], kinds[0]] if kinds[-1] == "..." else kinds
        return bool(fields)
    if said == "0 or 1":
        return raw in ("0", "1")
    if said == "numbers,word":
        kinds = ["number"] * (len(fields) - 1) + ["word"]
    return all(field is not None and kind is not None and fits_field(kind, field)
               for kind, field in zip_longest(kinds, fields))  # fmt: skip


def fits_field(kind, field):
    if kind == "text":
        return field.startswith('"') and field.endswith('"')
    if kind == "word":
        return bool(BARE.fullmatch(field))
    return bool(NUMBER.fullmatch(field))
