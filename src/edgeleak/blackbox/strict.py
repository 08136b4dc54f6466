# SPDX-License-Identifier: Apache-2.0
"""A recorded run again: the same threads in the same turns, on the recorded answers.

Every call the firmware makes is compared with the recorded one, every line it says likewise.  The
first difference ends the replay and is the result.
"""

import base64
import json
import tempfile
import threading
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeleak import board as boards
from edgeleak import config as settings
from edgeleak.blackbox import turns
from edgeleak.blackbox.calls import READ, READ_FOLLOWS, Call, Decoder, joined
from edgeleak.blackbox.format import Kind, Mark, Record, Recording
from edgeleak.blackbox.tape import Tape
from edgeleak.board import Board
from edgeleak.bus.protocols import Buses
from edgeleak.errors import DataError
from edgeleak.instrument import Folders, Instrument, Options
from edgeleak.services.watchdog import Notifier

STATED = ("STATE ", "VERDICT ", "FAILED ")


class Ended(BaseException):
    """The recording has no more of this thread."""


class Differs(BaseException):
    """The firmware does not what it did."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first one.

    at_s     : time of the recording
    thread   : control, capture, frames or main
    expected, got : calls or lines
    """

    at_s: float
    thread: str
    expected: str
    got: str

    def __str__(self) -> str:
        return (f"at {self.at_s:.6f} s, thread {self.thread}: expected {self.expected};"
                f" got {self.got}")  # fmt: skip


@dataclass(slots=True)
class Tenure:
    """One stretch in which a thread had the turn, and its calls before it had it again."""

    name: str
    reads_ns: list[int]
    begin_ns: int
    calls: list[Call] = field(default_factory=list)
    is_last: bool = False


@dataclass(slots=True)
class Result:
    """What a replay came to.

    lines    : states and verdicts said, as recorded
    calls    : compared and equal
    writes   : of these, outputs: lines and DACs
    seconds  : of the recording
    """

    difference: Difference | None
    lines: list[str]
    calls: int
    writes: int
    turns: int
    seconds: float


def started_with(recording: Recording) -> dict[str, Any]:
    """Facts of the run; DataError where the program left none."""
    metas = recording.marks(Mark.META)
    if not metas:
        raise DataError(
            "this recording holds transactions only: the program that made it left no turns;"
            " record `edgeleak run` to replay it"
        )
    return dict(json.loads(zlib.decompress(bytes(metas[0].asked))))


class Script:
    """A recording as turns and calls.

    board : of the recording
    """

    def __init__(self, recording: Recording, board: Board) -> None:
        self.tenures: list[Tenure] = []
        self.lines: list[str] = []
        self.begin_ns = recording.records[0].begin_ns if recording.records else 0
        self._decoder, self._names = Decoder(board), dict[int, str]()
        self._open: dict[int, tuple[Tenure, list[tuple[Call, bool]]]] = {}
        for record in recording.records:
            if record.kind == Kind.LOST or not self._add(record):
                break
        for tenure, calls in self._open.values():
            tenure.calls = joined(calls)
            if not tenure.is_last and tenure.calls and tenure.calls[-1].kind == "spi":
                tenure.calls.pop()  # the end may lie between two messages of one read
        self.end_ns = self.tenures[-1].begin_ns if self.tenures else self.begin_ns

    def _add(self, record: Record) -> bool:
        """False at the end: somebody from outside switched the outputs off."""
        if record.kind == Kind.BUS:
            calls = [(call, record.op == READ and record.code == READ_FOLLOWS)
                     for call in self._decoder.of(record)]  # fmt: skip
            if record.thread in self._open:
                self._open[record.thread][1].extend(calls)
            return record.thread in self._open or not self._names
        if record.op == Mark.OVER:
            return False
        name = self._names.get(record.thread, "")
        if record.op == Mark.BEGIN:
            self._names[record.thread] = bytes(record.asked).decode()
        elif record.op == Mark.LINE and name:
            self.lines.append(bytes(record.asked).decode())
        elif record.op == Mark.TENURE:
            self._tenure(name, record)
        elif record.op == Mark.DONE and record.thread in self._open:
            self._open[record.thread][0].is_last = True
            if name == "main":
                self._open.pop(record.thread)
        return True

    def _tenure(self, name: str, record: Record) -> None:
        reads = [int.from_bytes(record.asked[at : at + 8], "little", signed=True)
                 for at in range(0, len(record.asked), 8)]  # fmt: skip
        tenure = Tenure(name, reads, record.begin_ns)
        if record.thread in self._open:
            before, calls = self._open[record.thread]
            before.calls = joined(calls)
        self._open[record.thread] = tenure, []
        self.tenures.append(tenure)


class RepeatedTurns:
    """Turns in the recorded order, with the recorded times."""

    def __init__(self, script: Script) -> None:
        self._script, self._at = script, 0
        self._may = {name: threading.Semaphore(0) for name in {t.name for t in script.tenures}}
        self._names: dict[int, str] = {}
        self._pending: dict[str, deque[Call]] = {name: deque() for name in self._may}
        self._read, self._now_ns = 0, script.begin_ns
        self.difference: Difference | None = None
        self.calls = self.writes = 0
        self.is_over = not script.tenures
        if not self.is_over:
            self._may[script.tenures[0].name].release()

    @property
    def name(self) -> str:
        """Of the calling thread, empty when it takes no part."""
        return self._names.get(threading.get_ident(), "")

    @property
    def now_s(self) -> float:
        """Time of the recording."""
        return (self._now_ns - self._script.begin_ns) / 1e9

    @property
    def at(self) -> int:
        """Turns so far."""
        return self._at

    # --- turns -----------------------------------------------------------------------------------

    def begin(self, name: str) -> None:
        self._names[threading.get_ident()] = name
        self.take()

    def end(self) -> None:
        self.give()
        self._names.pop(threading.get_ident(), None)

    def take(self) -> None:
        if not (name := self.name):
            return
        if (left := self._pending[name]) and not self.is_over:
            self.differ(left[0].text, "no such call")
        if name not in self._may or self.is_over:
            raise Ended
        self._may[name].acquire()
        if self.is_over:
            raise Ended
        self._read = 0

    def give(self) -> None:
        if self.is_over or not (name := self.name):
            return
        tenure = self._script.tenures[self._at]
        if tenure.name != name:
            return
        if self._read < len(tenure.reads_ns):
            left = len(tenure.reads_ns) - self._read
            self.differ(f"{left} more looks at the clock", "a call or a wait")
        self._pending[name].extend(tenure.calls)
        self._at += 1
        if self._at == len(self._script.tenures):
            self.stop()
        else:
            self._may[self._script.tenures[self._at].name].release()

    def stop(self) -> None:
        """Everybody ends."""
        self.is_over = True
        for one in self._may.values():
            one.release(4)

    def is_last(self) -> bool:
        """The loop of the calling thread ended here."""
        if self.is_over:
            return True
        tenure = self._script.tenures[self._at]
        return tenure.is_last and self._read == len(tenure.reads_ns)

    # --- time and calls --------------------------------------------------------------------------

    def clock_ns(self, _which: int) -> int:
        if not self.name:
            return self._now_ns
        if self.is_over:
            raise Ended
        reads_ns = self._script.tenures[self._at].reads_ns
        if self._read >= len(reads_ns):
            self.differ("no further look at the clock", "one")
        self._now_ns = reads_ns[self._read]
        self._read += 1
        return self._now_ns

    def wait_until_ns(self, time_ns: int) -> None:
        self.give()
        self.take()

    def peek(self) -> Call | None:
        """The call that this thread made next, if any before its next turn."""
        pending = self._pending.get(self.name)
        return pending[0] if pending else None

    def answer(self, kind: str, key: tuple[object, ...]) -> Call:
        """The recorded call, which has to be this one."""
        found = self.peek()
        asked = Call(kind, key, b"", 0, 0, 0, 0).text
        if found is None:
            if self.is_over or self.name not in self._further():
                raise Ended
            self.differ("no call", asked)
        elif (found.kind, found.key) != (kind, key):
            self.differ(found.text, asked)
        self.calls += 1
        self.writes += kind == "set" or (kind == "i2c" and not key[2])
        return self._pending[self.name].popleft()

    def _further(self) -> set[str]:
        """Threads that have another turn, or ended by themselves."""
        rest = self._script.tenures[self._at :]
        return {one.name for one in rest} | {t.name for t in self._script.tenures if t.is_last}

    def differ(self, expected: str, got: str) -> None:
        """The first difference stops everything."""
        if self.difference is None and not self.is_over:
            self.difference = Difference(self.now_s, self.name, expected, got)
        self.stop()
        raise Differs


def make(facts: dict[str, Any], folder: Path, clock: Any, log: Callable[[str], None],
         buses_of: Callable[[Board], Buses]) -> Instrument:  # fmt: skip
    """The instrument as the recording's program had it.

    folder : gets its state
    """
    board = load_board(facts, folder)
    paths = []
    for number, text in enumerate(facts["config"]):
        paths.append(folder / f"{number}.toml")
        paths[-1].write_text(text, encoding="utf-8")
    for name, data in facts["state"].items():
        (folder / Path(name).name).write_bytes(base64.b64decode(data))
    options = Options(log=log, notifier=Notifier("", facts["watchdog_us"]), recorder=(),
                      safe_mode=facts["safe"], starts=facts["starts"])  # fmt: skip
    return Instrument(board, settings.load(paths).config, buses_of(board), clock,
                      folders=Folders(folder, folder), options=options)  # fmt: skip


def load_board(facts: dict[str, Any], folder: Path) -> Board:
    """The board of a recording."""
    path = folder / "board.toml"
    path.write_text(facts["board"], encoding="utf-8")
    return boards.load(str(path))


def replay(recording: Recording) -> Result:
    """Run it again; DataError when the recording holds transactions only."""
    facts = started_with(recording)
    with tempfile.TemporaryDirectory(prefix="edgeleak-replay-") as name:
        folder = Path(name)
        board = load_board(facts, folder)
        script = Script(recording, board)
        tape = RepeatedTurns(script)
        said = _Said(script.lines, tape)
        _run(facts, folder, tape, said)
    said.end()
    seconds = (script.end_ns - script.begin_ns) / 1e9
    return Result(tape.difference, said.lines, tape.calls, tape.writes, tape.at, seconds)


class _Said:
    """Lines of the firmware, compared as they come."""

    def __init__(self, expected: list[str], tape: RepeatedTurns) -> None:
        self._expected, self._tape, self.lines = expected, tape, list[str]()

    def add(self, line: str) -> None:
        if not line.startswith(STATED) or self._tape.is_over:
            return
        at = len(self.lines)
        expected = self._expected[at] if at < len(self._expected) else "no line"
        if line != expected:
            self._tape.differ(expected, line)
        self.lines.append(line)

    def end(self) -> None:
        """A line that never came differs too."""
        if self._tape.difference is None and len(self.lines) < len(self._expected):
            missing = self._expected[len(self.lines)]
            self._tape.difference = Difference(self._tape.now_s, "frames", missing, "no line")


def _run(facts: dict[str, Any], folder: Path, tape: RepeatedTurns, said: _Said) -> None:
    def buses_of(board: Board) -> Buses:
        bus = Tape(tape, board)
        return turns.turned(Buses(bus, bus, bus), tape)

    try:
        with turns.part_of(tape, "main"):
            instrument = make(facts, folder, turns.TurnClock(tape), said.add, buses_of)
    except (Differs, Ended):
        return
    instrument.path.judge = turns.freed(instrument.path.judge, tape)
    instrument.life.write = turns.freed(instrument.life.write, tape)
    threads = [threading.Thread(target=_loop, args=(instrument, loop, tape), daemon=True)
               for loop in instrument.loops]  # fmt: skip
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def _loop(instrument: Instrument, loop: Any, tape: RepeatedTurns) -> None:
    try:
        with turns.part_of(tape, loop.name):
            try:
                loop.run_forever(tape.is_last)
            except Exception as error:
                instrument.fail(error)
    except (Differs, Ended):
        return
