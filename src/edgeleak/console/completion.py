# SPDX-License-Identifier: Apache-2.0
"""What a Tab can finish: words for people with what may follow them, headers in either form, and
what an argument may be.  All of it is read from the registry."""

import itertools
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from edgeleak.console.tree import Choice, Command, NumberOf, Parameter, Switch, Tree, forms

QUOTES = "\"'"
BESIDE = ("exit", "help", "quit", "watch")
"""Words that are no shortcut."""


class Word(Protocol):
    """A word for people, as far as it is finished here."""

    @property
    def takes(self) -> tuple[str, ...]:
        """Headers of the settings whose values follow it, in order."""
        ...

    @property
    def also(self) -> tuple[str, ...]:
        """What else may follow it."""
        ...


class Found(NamedTuple):
    """What fits.

    begin : where in the line it stands
    words : each may take the place of all from there on; nothing where the line cannot go on
    hint  : what stands there, in words
    """

    begin: int
    words: list[str]
    hint: str = ""

    @property
    def agreed(self) -> str:
        """What all words begin with, lower case."""
        letters = itertools.takewhile(lambda row: len({*row}) == 1, zip(
            *(word.lower() for word in self.words), strict=False))  # fmt: skip
        return "".join(row[0] for row in letters)


def fitting(line: str, tree: Tree, people: Mapping[str, Word]) -> Found:
    """What the last word of an unfinished line may become."""
    begin, parent = _last_unit(line)
    unit = line[begin:]
    if not begin and not (unit[:1].isupper() or unit[:1] in (":", "*")):
        found = _for_people(unit, tree, people)
        if found.words or found.hint:
            return found
    at = begin + len(unit) - len(unit.lstrip(" "))
    found = _of_tree(line[at:], parent, tree)
    return found._replace(begin=found.begin + at)


def _last_unit(line: str) -> tuple[int, tuple[str, ...]]:
    """(where the last unit begins, the path it continues)."""
    begin, quote, parent = 0, "", ""
    for at, sign in enumerate(line):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in QUOTES:
            quote = sign
        elif sign == ";":
            header = (line[begin:at].split() or [""])[0].rstrip("?")
            if not header.startswith("*"):
                path = header if header.startswith(":") or not parent else f"{parent}:{header}"
                parent = path.lstrip(":").rpartition(":")[0]
            begin = at + 1
    return begin, tuple(parent.split(":")) if parent else ()


# --- words for people -----------------------------------------------------------------------------


def _for_people(typed: str, tree: Tree, people: Mapping[str, Word]) -> Found:
    lower = typed.lower()
    whole = sorted(name for name in {*BESIDE, *people} if name.startswith(lower))
    name = max((name for name in people if lower.startswith(f"{name} ")), key=len, default="")
    if name:
        found = _behind(name, typed, tree, people[name])
        return found if not whole else Found(0, whole + [typed[: found.begin] + one
                                                         for one in found.words])  # fmt: skip
    if lower.startswith("help "):
        topics = sorted({*people, *tree.spelt("")})
        return Found(5, [one for one in topics if one.lower().startswith(lower[5:])])
    return Found(0, whole)


def _behind(name: str, typed: str, tree: Tree, word: Word) -> Found:
    """The last of the values that follow a word."""
    given = typed[len(name) :].split(" ")[1:]
    begin, at, part = len(typed) - len(given[-1]), len(given) - 1, given[-1].lower()
    parameter = _parameter(tree, word.takes[at]) if at < len(word.takes) else None
    may_be = [*(word.also if not at else ()), *map(str.lower, _words(parameter))]
    fits = [one for one in may_be if one.startswith(part)]
    return Found(begin, fits, _hint(parameter))


def _parameter(tree: Tree, header: str) -> Parameter:
    """The first one of a command that is there."""
    return tree.find(tuple(header.upper().split(":")), False).parameters[0]


# --- the tree -------------------------------------------------------------------------------------


def _of_tree(unit: str, parent: tuple[str, ...], tree: Tree) -> Found:
    if " " in unit:
        return _argument(unit, parent, tree)
    is_whole_path = unit[:1] in (":", "*") or not parent
    lead = "" if is_whole_path else ":".join(parent) + ":"
    colon = ":" if unit.startswith(":") else ""
    found = tree.spelt(f"{lead}{unit.lstrip(':')}")
    words = [colon + one[len(lead) :] for one in found]
    return Found(0, words if not colon else [one for one in words if one[1:2] != "*"])


def _argument(unit: str, parent: tuple[str, ...], tree: Tree) -> Found:
    """The last argument of a unit; a query of a setting takes its limits."""
    header, _, rest = unit.partition(" ")
    command = _command(header, parent, tree)
    given = rest.split(",")
    part = given[-1].lstrip(" ")
    begin = len(unit) - len(part)
    if command is None:
        return Found(begin, [])
    at, parameters = len(given) - 1, command.parameters
    if at >= len(parameters):
        return Found(begin, [])
    words = [word for form in _words(parameters[at]) if (word := _form(form, part))]
    return Found(begin, words, _hint(parameters[at]))


def _command(header: str, parent: tuple[str, ...], tree: Tree) -> Command | None:
    """What a header means; for the query of a setting without parameters, the setting."""
    nodes = tuple(header.upper().lstrip(":").rstrip("?").split(":"))
    is_whole_path = header[:1] in (":", "*") or not parent
    path = nodes if is_whole_path else (*(node.upper() for node in parent), *nodes)
    is_query = header.endswith("?")
    if not tree.has(path, is_query):
        return None
    command = tree.find(path, is_query)
    if is_query and not command.parameters and tree.has(path, False):
        setting = tree.find(path, False)
        is_number = len(setting.parameters) == 1 and isinstance(setting.parameters[0], NumberOf)
        return setting if is_number else command
    return command


def _form(form: str, part: str) -> str:
    """The shorter form of a word that begins so; "" where none does."""
    fits = (one for one in sorted(forms(form), key=len) if one.startswith(part.upper()))
    return next(fits, "")


def _words(parameter: Parameter | None) -> Iterable[str]:
    """What may stand for a parameter, apart from numbers and text."""
    if isinstance(parameter, Choice):
        return parameter.words
    if isinstance(parameter, Switch):
        return ("ON", "OFF")
    if isinstance(parameter, NumberOf):
        return ("MIN", "MAX", "DEF") if parameter.default is not None else ("MIN", "MAX")
    return ()


def _hint(parameter: Parameter | None) -> str:
    return "" if parameter is None else f"{parameter.name}: {parameter.spoken()}"
