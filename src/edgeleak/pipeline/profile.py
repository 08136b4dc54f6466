# SPDX-License-Identifier: Apache-2.0
"""Profiles: every number of the pipeline as data, with unit, range and reason.

A profile is a TOML file.  The ones in the package are complete: each setting is a table

    [background.slew_sigma_per_s]
    value = 0.5
    unit = "sigma of the frame a second"
    range = [0.0, 5.0]
    reason = "why this number"

(words have `choices`, switches have neither).  A user's file may instead say
`based_on = "sensitive"` and then only what differs, as plain values:

    based_on = "sensitive"
    [background]
    slew_sigma_per_s = 1.0

Ranges are wide enough to experiment and end where an answer would mean nothing: NO GAS from a
threshold that nothing reaches, or from a background that swallows a plume.  A file of a user
cannot widen them.  `_AT_ODDS` lists settings that are allowed alone and not together.
"""

import dataclasses
import difflib
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edgeleak.errors import ConfigError, MissingInputError

NAMES = ("paper", "paper-log-after-he", "sensitive")
_FOLDER = Path(__file__).with_name("profiles")
_HEAD = ("name", "summary", "based_on")
_FIELDS = {"value", "unit", "range", "choices", "reason"}

Value = bool | int | float | str
_AT_ODDS: tuple[tuple[tuple[str, ...], Callable[..., bool], str], ...] = (
    (
        ("gain.low_percent", "gain.high_percent"),
        lambda low, high: high - low < 30,
        "leave less than 30 % of the pixels between black and white",
    ),
    (
        ("guard.learn_s", "lag.span_s"),
        lambda learn, span: learn < span,
        "end the learning before the ring of past frames is full",
    ),
    (
        ("guard.blank_span_counts", "guard.min_span_counts"),
        lambda blank, least: blank > least,
        "call a picture blank that has enough contrast",
    ),
    (
        ("evidence.least_frames", "evidence.window_s"),
        lambda least, window: least > 10 * window,
        "ask for more than ten frames a second: gas could hardly ever be reported",
    ),
    (
        ("evidence.gas", "evidence.area_permille"),
        lambda gas, area: gas * area > 100,
        "ask for gas in more than a tenth of the picture: NO GAS would mean nothing",
    ),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One number, word or switch.

    key     : "section.name"
    value   : what is used
    unit    : of the value; "" for switches, words and plain numbers
    low, high : range of numbers, both included
    choices : words allowed
    reason  : why this value
    """

    key: str
    value: Value
    unit: str
    low: float
    high: float
    choices: tuple[str, ...]
    reason: str

    def checked(self, value: object, where: str) -> "Setting":
        """The same setting with another value, or ConfigError."""
        problem = self._problem(value)
        if problem:
            shown = repr(value)[:60]
            raise ConfigError(f"{where}: {self.key} = {shown} {problem}; {self._expected()}")
        if not isinstance(self.value, bool | str):
            value = type(self.value)(value)  # type: ignore[arg-type, call-overload]
        return dataclasses.replace(self, value=value)  # type: ignore[arg-type]

    def _problem(self, value: object) -> str:
        if isinstance(self.value, bool):
            return "" if isinstance(value, bool) else "is no true or false"
        if isinstance(self.value, str):
            return "" if value in self.choices else "is not known"
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "is no number"
        if not self.low <= value <= self.high:
            return "is out of range"
        is_whole = not isinstance(self.value, int) or float(value).is_integer()
        return "" if is_whole else "is no whole number"

    def _expected(self) -> str:
        if isinstance(self.value, bool):
            return "expected true or false"
        if isinstance(self.value, str):
            return f"expected one of {', '.join(self.choices)}"
        return f"expected {self.low:g} to {self.high:g} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Profile:
    """A named set of settings; `profile["lag.span_s"]` is the value.

    name     : shown in reports
    summary  : one sentence
    origin   : file it was read from
    settings : key -> Setting
    """

    name: str
    summary: str
    origin: str
    settings: Mapping[str, Setting]

    def __getitem__(self, key: str) -> Any:
        if key not in self.settings:
            raise ConfigError(_unknown(key, self.settings, f"profile {self.name}"))
        return self.settings[key].value

    def replace(self, changes: Mapping[str, object] | None = None, **more: object) -> "Profile":
        """A copy with other values: replace({"lag.span_s": 2.0}) or replace(lag__span_s=2.0)."""
        wanted = dict(changes or {})
        wanted.update({key.replace("__", ".", 1): value for key, value in more.items()})
        settings = dict(self.settings)
        for key, value in wanted.items():
            if key not in settings:
                raise ConfigError(_unknown(key, settings, f"profile {self.name}"))
            settings[key] = settings[key].checked(value, f"profile {self.name}")
        _check_together(settings, f"profile {self.name}")
        name = self.name if not wanted else f"{self.name.removesuffix('*')}*"
        return Profile(name, self.summary, self.origin, MappingProxyType(settings))

    def as_table(self) -> str:
        """All settings with value, unit, range and reason, for people."""
        rows = (f"{s.key} = {s.value} {s.unit}".rstrip() + f"  # {s.reason}" for s in self)
        return "\n".join(rows)

    def __iter__(self):
        return iter(self.settings.values())


def load(profile: "str | Path | Profile") -> Profile:
    """Profile by name, path of a TOML file, or as it is.

    Raises ConfigError naming file, line, nearest name and range; MissingInputError.
    """
    if isinstance(profile, Profile):
        return profile
    if str(profile) in NAMES:
        return _built_in(str(profile))
    path = Path(profile)
    if path.suffix != ".toml":
        near = difflib.get_close_matches(str(profile), NAMES, 1)
        hint = f"; did you mean '{near[0]}'?" if near else "."
        known = ", ".join(NAMES)
        raise ConfigError(f"profile '{profile}' is not known{hint} Known: {known}, or a .toml file")
    return _read(path)


@cache
def _built_in(name: str) -> Profile:
    return _read(_FOLDER / f"{name}.toml")


def _read(path: Path) -> Profile:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MissingInputError(f"profile {path} is not there; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"profile {path} cannot be read: {error}") from error
    try:
        data = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, or a number of thousands of digits
        raise ConfigError(f"{path}: not TOML: {error}") from error
    head = {key: str(data.pop(key)) for key in _HEAD if key in data}
    _only_tables(data, path, text)
    if "based_on" in head:
        settings = _overlaid(head["based_on"], data, path, text)
    else:
        settings = _complete(data, path, text)
    _check_together(settings, str(path))
    name = head.get("name", path.stem)
    return Profile(name, head.get("summary", ""), str(path), MappingProxyType(settings))


def _check_together(settings: Mapping[str, Setting], where: str) -> None:
    for keys, is_wrong, meaning in _AT_ODDS:
        if all(key in settings for key in keys):
            values = [settings[key].value for key in keys]
            if is_wrong(*values):
                both = " and ".join(f"{k} = {v}" for k, v in zip(keys, values, strict=True))
                raise ConfigError(f"{where}: {both} {meaning}; change one of them")


def _only_tables(data: Mapping[str, object], path: Path, text: str) -> None:
    for section, content in data.items():
        if not isinstance(content, dict):
            raise ConfigError(
                f"{_at(path, text, section)}: '{section}' stands outside a section;"
                f" top-level keys are {', '.join(_HEAD)}"
            )


def _overlaid(base: str, data: Mapping[str, Any], path: Path, text: str) -> dict[str, Setting]:
    if base not in NAMES:
        raise ConfigError(
            f"{_at(path, text, 'based_on')}: based_on = '{base}' is not known;"
            f" expected one of {', '.join(NAMES)}"
        )
    settings = dict(_built_in(base).settings)
    for section, content in data.items():
        for name, value in content.items():
            key = f"{section}.{name}"
            where = _at(path, text, name)
            if key not in settings:
                raise ConfigError(_unknown(key, settings, where))
            plain = value.get("value") if isinstance(value, dict) else value
            settings[key] = settings[key].checked(plain, where)
    return settings


def _complete(data: Mapping[str, Any], path: Path, text: str) -> dict[str, Setting]:
    settings = {}
    for section, content in data.items():
        for name, table in content.items():
            key = f"{section}.{name}"
            settings[key] = _setting(key, table, _at(path, text, name, section))
    expected: Mapping[str, Setting] = settings
    if path.parent != _FOLDER:
        is_grey = "chain.detector" in settings and settings["chain.detector"].value == "grey"
        expected = _built_in("paper" if is_grey else "sensitive").settings
    for key, setting in list(settings.items()):
        where = _at(path, text, key.split(".")[1])
        if key not in expected:
            raise ConfigError(_unknown(key, expected, where))
        known = expected[key].checked(setting.value, where)
        settings[key] = dataclasses.replace(known, reason=setting.reason)
    if missing := sorted(set(expected) - set(settings)):
        raise ConfigError(
            f"{path}: {len(missing)} settings are missing, first {missing[0]};"
            ' add them or start with based_on = "sensitive"'
        )
    return settings


def _setting(key: str, table: object, where: str) -> Setting:
    if not isinstance(table, dict) or "value" not in table or "reason" not in table:
        raise ConfigError(f"{where}: {key} needs a table with value, unit, range and reason")
    if strange := sorted(set(table) - _FIELDS):
        raise ConfigError(_unknown(strange[0], _FIELDS, f"{where}: {key}"))
    value = table["value"]
    low, high = table.get("range", (-math.inf, math.inf))
    choices = tuple(table.get("choices", ()))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and ("range" not in table or "unit" not in table):
        raise ConfigError(f"{where}: {key} is a number and needs unit and range")
    made = Setting(key, value, table.get("unit", ""), low, high, choices, table["reason"])
    return made.checked(value, where)


def _unknown(key: str, known: Any, where: str) -> str:
    near = difflib.get_close_matches(key, list(known), 1, 0.5)
    if not near:
        return f"{where}: unknown setting '{key}'; known are {', '.join(sorted(known)[:6])} ..."
    hint = f"; nearest is '{near[0]}'"
    if isinstance(known, Mapping) and isinstance(known[near[0]], Setting):
        hint += f", {known[near[0]]._expected()}"
    return f"{where}: unknown setting '{key}'{hint}"


def _at(path: Path, text: str, name: str, section: str = "") -> str:
    """File and, where it can be found, the line of *name*."""
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if bare.startswith(f"[{section}.{name}]") or bare.split("=")[0].strip().endswith(name):
            return f"{path}, line {number}"
    return str(path)
