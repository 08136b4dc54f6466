# SPDX-License-Identifier: Apache-2.0
"""Defects that are put into the console's parser to see whether the fuzzer finds them.

The seeds that hold one already are left out of the search for it.  All but `stages` are within
reach of a mutator that knows the grammar; `stages` is behind conditions each of which is only
kept because libFuzzer sees a new branch, and with that one function left uninstrumented (`--blind`)
it is not found.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

Instrument = Callable[[Any], Any]


def break_block_end(scpi: Any, _tree: Any) -> None:
    """A block that comes in two portions is taken for whole after the first."""

    def pass_block(self: Any) -> None:
        self._at += min(self._left, len(self._kept) - self._at)
        self._left = 0
        if self._error is not None:
            self._forget()

    scpi.Reader._pass_block = pass_block


def break_suffix(_scpi: Any, tree: Any) -> None:
    """An unknown prefix of a right unit is looked up without asking whether it is there."""

    def scale(self: Any, unit: str) -> float:
        mine = self.unit.upper()
        if unit in ("", mine):
            return 1.0
        factor: float = tree.SCALES[unit.removesuffix(mine)]
        return factor

    tree.NumberOf._scale = scale


def break_header(scpi: Any, _tree: Any) -> None:
    """A header of many characters that is none takes for ever: nested repetition."""
    scpi.HEADER = re.compile(rb"(?:\*[A-Za-z]{1,12}|(?::?[A-Za-z0-9_]+)+)\??(?=[ \t;]|$)")


def break_room(scpi: Any, _tree: Any) -> None:
    """Any number of blocks in a message, for any command."""

    def admitted(self: Any, _text: bytes, length: int) -> None:
        self._left = min(length, scpi.BLOCK_MOST)

    scpi.Reader._admitted = admitted


def break_copies(scpi: Any, _tree: Any) -> None:
    """Each step over a gap copies all that follows."""

    def past(these: Any, text: bytes, at: int) -> int:
        return at + int(these.match(text[at:]).end())

    scpi._past = past


def break_stages(scpi: Any, _tree: Any, instrument: Instrument = lambda one: one) -> None:
    """Headers without colon pile up the path of a message; too deep a path ends in no table.

    The longest header has three nodes, so the depth has to grow a unit at a time; nothing else in
    the parser branches on it.
    """
    units = scpi.units

    def stages(depth: int) -> None:
        if depth > 5:  # noqa: SIM102 - each is a branch of its own
            if depth > 7:  # noqa: SIM102
                if depth > 9:  # noqa: SIM102
                    if depth > 11:  # noqa: SIM102
                        if depth > 13:
                            raise IndexError("a path deeper than its table")

    watched = instrument(stages)

    def checked(message: bytes) -> Iterator[Any]:
        for unit in units(message):
            watched(len(unit.path))
            yield unit

    scpi.units = checked


PLANTED: dict[str, tuple[Callable[[Any, Any], None], str]] = {
    "block-end": (break_block_end, "Finding: cut every"),
    "suffix": (break_suffix, "KeyError"),
    "room": (break_room, "Finding: the reader keeps"),
    "copies": (break_copies, "Finding: copied"),
    "header": (break_header, "Finding: took|libFuzzer: timeout"),
    "stages": (break_stages, "IndexError: a path deeper"),
}
"""Name -> (puts the defect in place, what the search says when it found it)."""
