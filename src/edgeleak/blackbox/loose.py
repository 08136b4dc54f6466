# SPDX-License-Identifier: Apache-2.0
"""A firmware that may have changed, on the answers of a recording.

One scheduler over a simulated clock, as in lockstep.  A request is answered by what the same
request got nearest to that time: a chip's register after the same last write to that chip, an
output as it was driven, edges and frames when they came.  So a case outlives changes of the
firmware that a replay call by call would not, and stretches can be taken out of it.
"""

import errno
import os
import tempfile
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgeleak.blackbox import paint
from edgeleak.blackbox.calls import READ, READ_FOLLOWS, Call, Decoder, joined
from edgeleak.blackbox.format import Kind, Mark, Recording
from edgeleak.blackbox.stored import CALL, call_of
from edgeleak.blackbox.strict import STATED, load_board, make, started_with
from edgeleak.blackbox.tape import refuse
from edgeleak.board import Board
from edgeleak.bus.linux import failed
from edgeleak.bus.protocols import Buses
from edgeleak.clock import NS_PER_MS, NS_PER_S
from edgeleak.drivers import el640_link
from edgeleak.errors import EdgeLeakError
from edgeleak.kernels import seal_el640

UTC_FROM_NS = 1 << 60
"""2006; a machine's monotonic clock does not get there."""
EARLY_NS, LATE_NS = 60 * NS_PER_MS, 250 * NS_PER_MS
"""A frame is taken up to so long before or after it was read."""
WINDOW_NS = NS_PER_S
IDLE_LINE = 0x7FFF
Stretch = tuple[int, int]


@dataclass(slots=True)
class Past:
    """Everything recorded on the buses, in order of time.

    begin_ns, end_ns : of the recording
    loops_ns : the threads began
    utc_ns : wall clock at begin_ns
    """

    facts: dict[str, Any]
    calls: list[Call]
    begin_ns: int
    loops_ns: int
    end_ns: int
    utc_ns: int
    lines: list[str] = field(default_factory=list)


def past_of(recording: Recording) -> Past:
    """The calls of a recording; DataError where the program left no facts."""
    facts = started_with(recording)
    with tempfile.TemporaryDirectory(prefix="edgeleak-case-") as name:
        board = load_board(facts, Path(name))
    decoder = Decoder(board)
    found: dict[int, list[tuple[Call, bool]]] = {}
    main, painter = -1, paint.Painter()
    is_started, utc_ns = False, 0
    for record in recording.records:
        if record.kind == Kind.MARK and record.op == Mark.PAINT:
            painter.add(record)
        elif record.kind == Kind.MARK and record.op == Mark.BEGIN and main < 0:
            main = record.thread
        elif record.kind == Kind.MARK and record.op == Mark.DONE and record.thread == main:
            is_started = True
        elif record.kind == Kind.MARK and record.op == Mark.TENURE and not utc_ns:
            utc_ns = _utc_ns(record.asked)
        elif record.kind == Kind.BUS and record.op == CALL:
            found.setdefault(record.thread, []).append((call_of(record), False))
        elif record.kind == Kind.BUS and is_started and record.thread == main:
            break  # somebody from outside switched the outputs off: this is the end
        elif record.kind == Kind.MARK and record.op == Mark.OVER:
            break
        elif record.kind == Kind.BUS:
            follows = record.op == READ and record.code == READ_FOLLOWS
            found.setdefault(record.thread, []).extend(
                (painter.call(record) or call, follows) for call in decoder.of(record)
            )
    calls = [call for row in found.values() for call in joined(row)]
    calls.sort(key=lambda one: one.begin_ns)
    begin_ns = recording.records[0].begin_ns
    end_ns = max((one.begin_ns for one in calls), default=begin_ns)
    if recording.marks(Mark.CASE):
        end_ns = recording.records[-1].begin_ns
    said = [bytes(one.asked).decode() for one in recording.marks(Mark.LINE)]
    loops_ns = min((one.begin_ns for one in calls if one.thread != main), default=begin_ns)
    return Past(facts, calls, begin_ns, loops_ns, end_ns, utc_ns or UTC_FROM_NS, said)


def _utc_ns(reads: bytes | memoryview) -> int:
    """Wall clock at the beginning, from the first turn's looks at the clocks."""
    values = np.frombuffer(reads, np.int64)
    wall = values[values > UTC_FROM_NS]
    return int(wall[0]) if len(wall) else 0


def cut(past: Past, kept: Iterable[Stretch]) -> Past:
    """Only these stretches, moved together: what lies between did not happen."""
    calls: list[Call] = []
    at_ns, loops_ns = past.begin_ns, past.begin_ns
    for from_ns, to_ns in kept:
        moved_ns = at_ns - from_ns
        if from_ns <= past.loops_ns < to_ns:
            loops_ns = past.loops_ns + moved_ns
        calls += [_moved(one, moved_ns) for one in past.calls if from_ns <= one.begin_ns < to_ns]
        at_ns += to_ns - from_ns
    return Past(past.facts, calls, past.begin_ns, loops_ns, at_ns, past.utc_ns, past.lines)


def _moved(call: Call, by_ns: int) -> Call:
    edges = tuple(at_ns + by_ns for at_ns in call.edges_ns)
    return Call(call.kind, call.key, call.data, call.errno, call.begin_ns + by_ns, call.took_ns,
                call.thread, edges, call.picture)  # fmt: skip


class Answers:
    """Calls of one kind of request, by time."""

    def __init__(self) -> None:
        self._rows: dict[Any, tuple[list[int], list[Call]]] = {}

    def add(self, key: Any, call: Call) -> None:
        times, calls = self._rows.setdefault(key, ([], []))
        times.append(call.begin_ns)
        calls.append(call)

    def nearest(self, key: Any, now_ns: int) -> Call | None:
        """The call nearest to a time; None when there was never such a request."""
        if key not in self._rows:
            return None
        times, calls = self._rows[key]
        at = bisect_left(times, now_ns)
        if at and (at == len(times) or now_ns - times[at - 1] <= times[at] - now_ns):
            at -= 1
        return calls[at]


class LooseBuses:
    """All three buses of a board, answered from the past.

    now_ns : the simulated clock
    """

    def __init__(self, past: Past, board: Board, now_ns: Callable[[], int]) -> None:
        self._board, self._now_ns = board, now_ns
        self.max_message_bytes = board.spi.bufsiz_bytes
        self._reads, self._writes, self._levels = Answers(), Answers(), Answers()
        self._written: dict[int, bytes] = {}
        self._registers: dict[tuple[int, bytes], bytes] = {}
        self._driven: dict[str, bool] = {}
        self._edges: dict[str, deque[int]] = {}
        self._frames: deque[Call] = deque()
        self.width = 640
        self.unanswered = 0
        self._sort(past)

    def _sort(self, past: Past) -> None:
        last: dict[int, bytes] = {}
        for call in past.calls:
            if call.kind == "i2c":
                address, data, length = call.key
                assert isinstance(address, int)
                assert isinstance(data, bytes)
                if length:
                    self._reads.add((address, last.get(address), data, length), call)
                    self._reads.add((address, data, length), call)
                else:
                    self._writes.add((address, data[:1]), call)
                if len(data) > 1:
                    last[address] = data
            elif call.kind == "edges":
                self._edges.setdefault(str(call.key[0]), deque()).extend(call.edges_ns)
            elif call.kind in ("get", "set"):
                self._levels.add((call.kind, call.key[0]), call)
            elif call.kind == "spi":
                self._frames.append(call)

    # --- I2C -------------------------------------------------------------------------------------

    def transfer(self, address: int, data: bytes, read_length: int = 0) -> bytes:
        data = bytes(data)
        where = f"{self._board.i2c.device} 0x{address:02x}: write {len(data)}, read {read_length}"
        now_ns = self._now_ns()
        if read_length:
            found = self._reads.nearest(
                (address, self._written.get(address), data, read_length), now_ns
            )
            kept = self._registers.get((address, data), b"")
            if found is None and len(kept) == read_length:
                return kept
            found = found or self._reads.nearest((address, data, read_length), now_ns)
        else:
            found = self._writes.nearest((address, data[:1]), now_ns)
        if found is None:
            self.unanswered += 1
            raise failed(where, OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO)))
        refuse(found, where)
        if len(data) > 1:
            self._written[address] = data
            for pointer in (data[:1], b""):
                self._registers[address, pointer] = data[1:]
        return bytes(found.data)

    # --- SPI -------------------------------------------------------------------------------------

    def read_into(self, buffer: memoryview, message_bytes: int = 0) -> int:
        now_ns = self._now_ns()
        while self._frames and self._frames[0].begin_ns < now_ns - LATE_NS:
            self._frames.popleft()
        if not self._frames or self._frames[0].begin_ns > now_ns + EARLY_NS:
            return self._idle(buffer)
        if self._frames[0].key[0] != len(buffer):
            return self._idle(buffer)
        call = self._frames.popleft()
        refuse(call, f"{self._board.spi.device}: read {len(buffer)}")
        data = call.data if call.picture is None else call.picture()
        buffer[: len(data)] = data
        return len(data)

    def _idle(self, buffer: memoryview) -> int:
        """As many lines that say that nothing is ready."""
        size = el640_link.packet_bytes(self.width)
        packet = np.zeros(size, np.uint8)
        seal_el640(packet, self.width, IDLE_LINE, 0, 0)
        whole = packet.tobytes() * (len(buffer) // size + 1)
        buffer[:] = whole[: len(buffer)]
        return len(buffer)

    # --- lines -----------------------------------------------------------------------------------

    def set(self, name: str, is_active: bool) -> None:
        found = self._levels.nearest(("set", name), self._now_ns())
        if found is not None:
            refuse(found, f"{self._board.gpio.chip}: set {name}")
        self._driven[name] = bool(is_active)

    def get(self, name: str) -> bool:
        found = self._levels.nearest(("get", name), self._now_ns())
        if found is not None:
            refuse(found, f"{self._board.gpio.chip}: get {name}")
        if name in self._driven:
            return self._driven[name]
        return found is not None and found.data != b"\0"

    def wait_edge(self, name: str, timeout_s: float) -> int | None:
        queue, now_ns = self._edges.get(name), self._now_ns()
        while queue and queue[0] < now_ns - WINDOW_NS:
            queue.popleft()
        return queue.popleft() if queue and queue[0] <= now_ns else None

    def reopen(self) -> None: ...

    def close(self) -> None: ...


class Time:
    """The simulated clock."""

    def __init__(self, now_ns: int, utc_ns: int) -> None:
        self.now_ns, self._utc_ns = now_ns, utc_ns - now_ns

    def monotonic_ns(self) -> int:
        return self.now_ns

    def utc_ns(self) -> int:
        return self.now_ns + self._utc_ns

    def wait_until_ns(self, time_ns: int) -> None:
        self.now_ns = max(self.now_ns, time_ns)


@dataclass(slots=True)
class Run:
    """What a loose run came to.

    lines : states, verdicts and failures, as said
    at_ns : time of each
    """

    lines: list[str] = field(default_factory=list)
    at_ns: list[int] = field(default_factory=list)
    frames: int = 0
    unanswered: int = 0


def run(past: Past, until: Callable[[str], bool] = lambda line: False) -> Run:
    """Run the firmware on a past to its end, or until it has said a line that fits."""
    found, clock = Run(), Time(past.begin_ns, past.utc_ns)
    is_over = [False]

    def log(line: str) -> None:
        if line.startswith(STATED):
            found.lines.append(line)
            found.at_ns.append(clock.now_ns)
            is_over[0] |= until(line)

    with tempfile.TemporaryDirectory(prefix="edgeleak-case-") as name:
        buses: list[LooseBuses] = []

        def buses_of(board: Board) -> Buses:
            bus = LooseBuses(past, board, clock.monotonic_ns)
            buses.append(bus)
            return Buses(bus, bus, bus)

        try:
            instrument = make(past.facts, Path(name), clock, log, buses_of)
        except EdgeLeakError as error:
            log(f"FAILED {error!r}")
            return found
        buses[0].width = instrument.sensor.shape[1]
        clock.wait_until_ns(past.loops_ns)
        _go(instrument, clock, past.end_ns, is_over)
        found.frames, found.unanswered = instrument.path.frames, buses[0].unanswered
        if instrument.recorder is not None:
            instrument.recorder.close()
    return found


def _go(instrument: Any, clock: Time, end_ns: int, is_over: list[bool]) -> None:
    """Loops in the order of their due times."""
    loops = list(instrument.loops)
    for loop in loops:
        loop.begin()
    while not is_over[0] and instrument.failure is None:
        loop = min(loops, key=lambda one: one.next_due_ns)
        if max(loop.next_due_ns, clock.now_ns) >= end_ns:
            return
        clock.now_ns = max(clock.now_ns, loop.next_due_ns)
        try:
            loop.run_due()
        except Exception as error:
            instrument.fail(error)
