# SPDX-License-Identifier: Apache-2.0
"""Records as calls of the buses, with the names of the board's parts.

Numbers: linux/i2c-dev.h, linux/spi/spidev.h, linux/gpio.h; requests as the headers
of `sim/native` lay them out.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields

from edgeleak.blackbox.format import Kind, Record
from edgeleak.board import Board
from edgeleak.bus import gpio_v2

OPEN, IOCTL, READ, WRITE, STAT, BUFSIZ = range(1, 7)
I2C_RDWR = 0x0707
I2C_HEAD = struct.Struct("=HHH")
READ_FLAG, READ_FOLLOWS = 1, 1
POINTER_BYTES = 1
"""Registers of all chips of the board are one byte."""


@dataclass(slots=True)
class Call:
    """One call of a bus.

    kind    : i2c, spi, set, get, edges or setup
    key     : what was asked: (address, written, bytes to read), (bytes,), (line, level), (line,),
              (words,)
    data    : what came back, for `get` b"\\1" or b"\\0"
    edges_ns: times of a line's edges
    errno   : 0, or why it failed
    picture : makes the bytes that came, where they are not stored
    """

    kind: str
    key: tuple[object, ...]
    data: bytes | memoryview
    errno: int
    begin_ns: int
    took_ns: int
    thread: int
    edges_ns: tuple[int, ...] = ()
    picture: Callable[[], bytes] | None = None

    @property
    def text(self) -> str:
        """For people."""
        if self.kind == "i2c":
            address, written, length = self.key
            return f"I2C 0x{address:02x} write [{bytes(written).hex(' ')}] read {length}"  # type: ignore[call-overload, str-bytes-safe]
        words = {"spi": "SPI read {} bytes", "set": "line {} = {}", "get": "level of line {}",
                 "edges": "edges of line {}", "setup": "{}"}  # fmt: skip
        return words[self.kind].format(*self.key)


class Decoder:
    """Records to calls; knows which descriptor was opened as what.

    board : names of its lines; None numbers them
    """

    def __init__(self, board: Board | None) -> None:
        lines = {} if board is None else board.gpio.lines
        self._names = {line.line: name for name, line in lines.items()}
        self._lines: dict[int, list[str]] = {}
        self._paths: dict[int, str] = {}

    def calls(self, records: Iterable[Record]) -> Iterator[Call]:
        """Everything of these records that is a call, in their order."""
        for record in records:
            if record.kind == Kind.BUS:
                yield from self.of(record)

    def of(self, record: Record) -> Iterator[Call]:
        """Calls of one record; one that names several lines is several calls."""
        if record.op == OPEN and record.result >= 0:
            self._paths[record.who] = bytes(record.asked).decode("utf-8", "replace")
        if record.op == IOCTL and record.code == I2C_RDWR:
            yield self._i2c(record)
        elif record.op == IOCTL and record.who in self._lines:
            yield from self._levels(record)
        elif record.op == READ and record.who in self._lines:
            if record.answered or record.result != -11:
                yield self._edges(record)
        elif record.op == READ and "spidev" in self._paths.get(record.who, "spidev"):
            yield _made(record, "spi", (record.want,), record.answered)
        else:
            yield self._setup(record)

    def _setup(self, record: Record) -> Call:
        if record.op == IOCTL and record.code == gpio_v2.GET_LINE and record.result >= 0:
            asked = gpio_v2.REQUEST.unpack(record.asked)
            count = asked[-4]
            self._lines[record.want] = [self._names.get(at, str(at)) for at in asked[:count]]
        words = {OPEN: "open", IOCTL: "ioctl", WRITE: "write", STAT: "stat", BUFSIZ: "bufsiz"}
        path = self._paths.get(record.who, "")
        text = f"{words.get(record.op, record.op)} {path} {record.code:#x}".replace("  ", " ")
        return _made(record, "setup", (text,), record.answered)

    def _i2c(self, record: Record) -> Call:
        at = record.want * I2C_HEAD.size
        heads = list(I2C_HEAD.iter_unpack(record.asked[:at]))
        written = bytes(record.asked[at:])
        length = sum(size for _, flags, size in heads if flags & READ_FLAG)
        return _made(record, "i2c", (heads[0][0], written, length), record.answered)

    def _levels(self, record: Record) -> Iterator[Call]:
        bits, mask = gpio_v2.VALUES.unpack(record.asked)
        is_set = record.code == gpio_v2.SET_VALUES
        if not is_set and record.result >= 0:
            bits = gpio_v2.VALUES.unpack(record.answered)[0]
        for place, name in enumerate(self._lines[record.who]):
            if mask >> place & 1:
                level = bool(bits >> place & 1)
                key = (name, level) if is_set else (name,)
                yield _made(record, "set" if is_set else "get", key, bytes((level,)))

    def _edges(self, record: Record) -> Call:
        events = gpio_v2.EVENT.iter_unpack(record.answered) if record.result > 0 else ()
        made = _made(record, "edges", (self._lines[record.who][0],), b"")
        made.edges_ns = tuple(event[0] for event in events)
        return made


def joined(calls: Iterable[tuple[Call, bool]]) -> list[Call]:
    """Parts of one read of several messages as one call; a failed later part ends it."""
    out: list[Call] = []
    for call, follows in calls:
        if not follows or not out:
            out.append(call)
            continue
        last = out[-1]
        last.key = (last.key[0] + call.key[0],)  # type: ignore[operator]
        last.took_ns = call.begin_ns + call.took_ns - last.begin_ns
        if not call.errno:
            last.data = bytes(last.data) + bytes(call.data)
    return out


def _made(record: Record, kind: str, key: tuple[object, ...], data: bytes | memoryview) -> Call:
    return Call(kind, key, data, max(0, -record.result), record.begin_ns, record.took_ns,
                record.thread)  # fmt: skip


def chips(board: Board) -> dict[int, str]:
    """Names of the board's I2C addresses."""
    names: dict[int, list[str]] = {}
    if board.address is not None:
        for one in fields(board.address):
            names.setdefault(getattr(board.address, one.name), []).append(one.name)
    if board.adc is not None:
        for one in fields(board.adc):
            channel = getattr(board.adc, one.name)
            if channel is not None and hasattr(channel, "address"):
                names.setdefault(channel.address, []).append("adc")
    return {address: "/".join(dict.fromkeys(found)) for address, found in names.items()}
