# SPDX-License-Identifier: Apache-2.0
"""Frozen dataclasses from TOML tables, each number with its unit, range and reason.

    @dataclass(frozen=True, slots=True)
    class Cooler:
        set_point_degc: float = number("degC", -30, 20, "lowest dark current", -20.0)

`build` refuses unknown keys, wrong types and values out of range with file, line and the
nearest name; the metadata also generates the commented default file and the documents.
"""

import dataclasses
import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from edgeleak.errors import ConfigError, MissingInputError

Made = TypeVar("Made")
REQUIRED = dataclasses.MISSING


def number(unit: str, low: float, high: float, why: str, default: Any = REQUIRED) -> Any:
    """A field for an int or float; the annotation says which.  Both ends are allowed."""
    facts = {"unit": unit, "low": low, "high": high, "why": why}
    return dataclasses.field(default=default, metadata=facts)


def word(why: str, default: Any = REQUIRED, choices: tuple[str, ...] = ()) -> Any:
    """A field for a str; any text where `choices` is empty."""
    return dataclasses.field(default=default, metadata={"why": why, "choices": choices})


def switch(why: str, default: Any = REQUIRED) -> Any:
    """A field for a bool."""
    return dataclasses.field(default=default, metadata={"why": why})


def read(path: Path | str) -> tuple[dict[str, Any], str]:
    """(tables, text) of a TOML file."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MissingInputError(f"{path} is not there; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}; check the file") from error
    try:
        return tomllib.loads(text), text
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}; correct that line") from error


def read_whole(path: Path | str) -> tuple[dict[str, Any], str]:
    """The same where a number that is cut off would be driven: the last line must have its end."""
    table, text = read(path)
    if text and not text.endswith("\n"):
        raise ConfigError(
            f"{path}: its last line has no end, so it may be cut off; complete it, or end the line"
        )
    return table, text


def build(cls: type[Made], table: Mapping[str, Any], origin: str, text: str = "",
          section: str = "") -> Made:  # fmt: skip
    """An instance of the dataclass `cls` from a TOML table, nested dataclasses included.

    origin  : file named in errors
    text    : the file's text, to find lines
    section : dotted name of the table
    """
    known = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    kinds = {name: _needed(kind) for name, kind in get_type_hints(cls).items()}
    for key in table:
        if key not in known:
            raise ConfigError(_unknown(key, known, at(origin, text, section, key), section))
    values: dict[str, Any] = {}
    for name, field in known.items():
        where = f"{at(origin, text, section, name)}: {_dotted(section, name)}"
        if name in table:
            inner = _dotted(section, name)
            values[name] = _value(field, kinds[name], table[name], where, origin, text, inner)
        elif _has_no_default(field):
            raise ConfigError(f"{where} is missing; {_expected(field)}")
    return cls(**values)


def _needed(kind: Any) -> Any:
    """The type behind `X | None`: a table that may be missing is still an X when it is there."""
    if get_origin(kind) in (Union, UnionType):
        return next(arg for arg in get_args(kind) if arg is not type(None))
    return kind


def _has_no_default(field: "dataclasses.Field[Any]") -> bool:
    return field.default is REQUIRED and field.default_factory is REQUIRED


def _value(field: "dataclasses.Field[Any]", kind: Any, value: Any, where: str, origin: str,
           text: str, section: str) -> Any:  # fmt: skip
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise ConfigError(f"{where} = {value!r}: expected a table")
        return build(kind, value, origin, text, section)  # type: ignore[arg-type]
    if get_origin(kind) is dict:
        if not isinstance(value, dict):
            raise ConfigError(f"{where} = {value!r}: expected a table of tables")
        inner = get_args(kind)[1]
        for name, part in value.items():
            if not isinstance(part, dict):
                place = f"{at(origin, text, section, name)}: {_dotted(section, name)}"
                raise ConfigError(f"{place} = {part!r}: expected a table")
        return {k: build(inner, v, origin, text, f"{section}.{k}") for k, v in value.items()}
    if problem := _problem(field, kind, value):
        raise ConfigError(f"{where} = {value!r} {problem}; {_expected(field)}")
    return float(value) if kind is float else value


def _problem(field: "dataclasses.Field[Any]", kind: type, value: Any) -> str:
    facts = field.metadata
    if kind is bool:
        return "" if isinstance(value, bool) else "is no true or false"
    if kind is str:
        if not isinstance(value, str):
            return "is no text"
        return "is not known" if facts.get("choices") and value not in facts["choices"] else ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "is no number"
    if kind is int and not isinstance(value, int):
        return "is no whole number"
    return "" if facts["low"] <= value <= facts["high"] else "is out of range"


def _expected(field: "dataclasses.Field[Any]") -> str:
    facts = field.metadata
    if "low" in facts:
        return f"expected {facts['low']:g} to {facts['high']:g} {facts['unit']}".rstrip()
    if facts.get("choices"):
        return f"expected one of {', '.join(facts['choices'])}"
    return facts.get("why", "see the documented file")


def _unknown(key: str, known: Mapping[str, "dataclasses.Field[Any]"], where: str,
             section: str) -> str:  # fmt: skip
    near = difflib.get_close_matches(key, list(known), 1, 0.5)
    if near:
        return (
            f"{where}: unknown setting '{_dotted(section, key)}'; nearest is '{near[0]}',"
            f" {_expected(known[near[0]])}"
        )
    return f"{where}: unknown setting '{_dotted(section, key)}'; known are {', '.join(known)}"


def _dotted(section: str, name: str) -> str:
    return f"{section}.{name}" if section else name


def at(origin: str, text: str, section: str, name: str) -> str:
    """File and, where it can be found, the line of `name` in `section`; else of `section`."""
    here = ""
    for line_number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if header := re.fullmatch(r"\[+\s*([^\]]+?)\s*\]+.*", bare):
            here = re.sub(r"\s*\.\s*", ".", re.sub(r"[\"']", "", header[1]))
            if here == _dotted(section, name):
                return f"{origin}, line {line_number}"
        elif here == section and re.match(rf"[\"']?{re.escape(name)}[\"']?\s*[.=]", bare):
            return f"{origin}, line {line_number}"
    if not section:
        return origin
    parent, _, last = section.rpartition(".")
    return at(origin, text, parent, last)
