# SPDX-License-Identifier: Apache-2.0
"""The firmware's side of a recording: turns and log lines into the preload library's file.

The library writes the transactions (`sim/native/blackbox.h`).  Without it, or without
$EDGELEAK_BLACKBOX, a tap changes nothing.
"""

import base64
import contextlib
import ctypes
import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgeleak import __version__
from edgeleak.blackbox.format import Mark
from edgeleak.blackbox.turns import RecordedTurns, TurnClock, freed, part_of, turned
from edgeleak.bus.protocols import Buses
from edgeleak.clock import Clock

VARIABLE = "EDGELEAK_BLACKBOX"
FUNCTION = "edgeleak_blackbox_mark"
MOST_STATE_BYTES = 8 << 20
LOGGED = ("STATE ", "VERDICT ", "FAILED ")


def marker() -> Callable[[Mark, bytes], None] | None:
    """Appends a record of the program's own; None where nothing records."""
    if not os.environ.get(VARIABLE):
        return None
    call = getattr(ctypes.PyDLL(None), FUNCTION, None)  # keeps the interpreter: it is short
    if call is None:
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t)

    def mark(number: Mark, data: bytes) -> None:
        call(number, data, len(data))

    return mark


class Tap:
    """Around one run of the instrument.

    clock : of the machine
    mark  : see `marker`; None leaves everything as it is
    """

    def __init__(self, clock: Clock, mark: Callable[[Mark, bytes], None] | None) -> None:
        self._mark = mark
        self._turns = None if mark is None else RecordedTurns(clock, mark)
        self.clock: Clock = clock if self._turns is None else TurnClock(self._turns)

    def buses(self, buses: Buses) -> Buses:
        """The buses for the instrument."""
        return buses if self._turns is None else turned(buses, self._turns)

    def log(self, log: Callable[[str], None]) -> Callable[[str], None]:
        """`log` that also leaves what a replay has to say again."""
        mark = self._mark
        if mark is None:
            return log

        def both(line: str) -> None:
            if line.startswith(LOGGED):
                mark(Mark.LINE, line.encode())
            log(line)

        return both

    def note(self, facts: Callable[[], dict[str, Any]]) -> None:
        """What the run was started with."""
        if self._mark is not None:
            text = json.dumps({"version": __version__, **facts()})
            self._mark(Mark.META, zlib.compress(text.encode()))

    def part(self, name: str) -> contextlib.AbstractContextManager[None]:
        """The block belongs to the run: a thread of it, or its start."""
        return contextlib.nullcontext() if self._turns is None else part_of(self._turns, name)

    def over(self) -> None:
        """What comes from here on is done from outside the loops: no part of a replay."""
        if self._mark is not None:
            self._mark(Mark.OVER, b"")

    def loosen(self, instrument: Any) -> None:
        """The pipeline works and the storage is waited for without the turn."""
        if self._turns is not None:
            instrument.path.judge = freed(instrument.path.judge, self._turns)
            instrument.life.write = freed(instrument.life.write, self._turns)

    def aside(self, run: Callable[[int], None]) -> Callable[[int], None]:
        """A task that is no part of a replay."""
        return run if self._turns is None else self._turns.aside(run)


def facts(board_toml: Path, configs: list[Path], state: Path, **more: Any) -> dict[str, Any]:
    """What a run depends on besides its buses and its clock, as JSON."""
    kept = {}
    for path in sorted(state.glob("*")) if state.is_dir() else ():
        if path.is_file() and path.stat().st_size <= MOST_STATE_BYTES and "pin" not in path.name:
            kept[path.name] = base64.b64encode(path.read_bytes()).decode()
    return {"board": board_toml.read_text(encoding="utf-8"),
            "config": [path.read_text(encoding="utf-8") for path in configs],
            "state": kept, **more}  # fmt: skip
