# SPDX-License-Identifier: Apache-2.0
"""What is in a recording, for people: counts by part, lines, calls, a timeline."""

import json
import os
import tempfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeleak.blackbox import paint
from edgeleak.blackbox.calls import READ, READ_FOLLOWS, Call, Decoder, chips, joined
from edgeleak.blackbox.format import Kind, Mark, Recording
from edgeleak.blackbox.stored import CALL, call_of
from edgeleak.board import Board, load
from edgeleak.errors import EdgeLeakError

REGISTERS = {
    "adc": {0: "conversion", 1: "config", 2: "low threshold", 3: "high threshold"},
    "tmp117": {0: "temperature", 1: "configuration", 15: "device id"},
    "el640": {0: "id", 2: "ctrl", 4: "integration_us", 8: "frame_period_us", 12: "led_mode"},
}
EL640_ADDRESS = 0x3A


@dataclass(slots=True)
class Row:
    """One kind of request."""

    what: str
    calls: int = 0
    errors: int = 0
    bytes: int = 0
    worst_ns: int = 0
    times_s: list[float] = field(default_factory=list)
    error_times_s: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Look:
    """A recording at a glance."""

    recording: Recording
    seconds: float
    rows: dict[str, Row]
    calls: list[tuple[float, str]]
    lines: list[tuple[float, str]]


def look(recording: Recording, from_s: float = 0.0, to_s: float | None = None) -> Look:
    """Everything between two times."""
    board = _board(recording)
    names = {} if board is None else chips(board) | {EL640_ADDRESS: "el640"}
    begin_ns = recording.records[0].begin_ns if recording.records else 0
    until_s = float("inf") if to_s is None else to_s
    rows: dict[str, Row] = {}
    calls: list[tuple[float, str]] = []
    seconds = 0.0
    for call in _calls(recording, board):
        at_s = (call.begin_ns - begin_ns) / 1e9
        if not from_s <= at_s <= until_s:
            continue
        seconds = max(seconds, at_s)
        what = named(call, names)
        _note(rows.setdefault(what, Row(what)), call, at_s)
        calls.append((at_s, f"{what}{_detail(call)}"))
    lines = [((one.begin_ns - begin_ns) / 1e9, bytes(one.asked).decode())
             for one in recording.marks(Mark.LINE)]  # fmt: skip
    return Look(recording, seconds, dict(sorted(rows.items())), sorted(calls), lines)


def _note(row: Row, call: Call, at_s: float) -> None:
    row.calls += 1
    row.bytes += len(call.data)
    row.worst_ns = max(row.worst_ns, call.took_ns)
    row.times_s.append(at_s)
    if call.errno:
        row.errors += 1
        row.error_times_s.append(at_s)


def _board(recording: Recording) -> Board | None:
    """The board of the recording; None where the program left no facts."""
    for mark in recording.marks(Mark.META)[:1]:
        with tempfile.TemporaryDirectory(prefix="edgeleak-show-") as name:
            path = Path(name) / "board.toml"
            path.write_text(json.loads(zlib.decompress(bytes(mark.asked)))["board"])
            try:
                return load(str(path))
            except EdgeLeakError:
                return None
    return None


def _calls(recording: Recording, board: Board | None) -> Iterator[Call]:
    decoder, painter = Decoder(board), paint.Painter()
    rows: dict[int, list[tuple[Call, bool]]] = defaultdict(list)
    for record in recording.records:
        if record.kind == Kind.MARK and record.op == Mark.PAINT:
            painter.add(record)
        elif record.kind == Kind.BUS and record.op == CALL:
            rows[record.thread].append((call_of(record), False))
        elif record.kind == Kind.BUS:
            follows = record.op == READ and record.code == READ_FOLLOWS
            painted = painter.call(record)
            made = [painted] if painted is not None else list(decoder.of(record))
            rows[record.thread] += [(one, follows) for one in made]
    for row in rows.values():
        yield from joined(row)


def named(call: Call, names: dict[int, str]) -> str:
    """Part and register of a call."""
    if call.kind != "i2c":
        return call.text.rpartition(" = ")[0] if call.kind == "set" else call.text
    address, data, length = call.key
    assert isinstance(address, int)
    assert isinstance(data, bytes)
    chip = names.get(address, "?")
    known = REGISTERS.get(chip, {})
    register = known.get(data[0], f"0x{data[0]:02x}") if data else "plain"
    return f"I2C 0x{address:02x} {chip} {'read' if length else 'write'} {register}"


def _detail(call: Call) -> str:
    if call.errno:
        return f" -> {os.strerror(call.errno)}"
    if call.kind == "set":
        return f" = {int(bool(call.key[1]))}"
    if call.kind == "i2c":
        data = call.key[1]
        assert isinstance(data, bytes)
        return f" {(bytes(call.data) or data[1:]).hex()}"
    if call.kind == "get":
        return f" -> {int(call.data != bytes(1))}"
    return f" -> {len(call.edges_ns)}" if call.kind == "edges" else f" -> {len(call.data)} bytes"


def text(found: Look, most_calls: int) -> Iterator[str]:
    """The table."""
    recording = found.recording
    minutes = max(found.seconds, 1e-9) / 60
    end = "ended well" if recording.is_closed else "cut: the program did not end it"
    yield (f"{found.seconds:.2f} s, {recording.bytes / 1e6:.2f} MB"
           f" ({recording.bytes / 1e6 / minutes:.1f} MB/min), {end}; {recording.lost} records lost,"
           f" {recording.damaged} bytes damaged")  # fmt: skip
    yield f"  {'what':<44}{'calls':>8}{'errors':>8}{'bytes':>12}{'worst ms':>10}"
    for row in found.rows.values():
        yield (f"  {row.what:<44}{row.calls:>8}{row.errors:>8}{row.bytes:>12}"
               f"{row.worst_ns / 1e6:>10.2f}")  # fmt: skip
    for at_s, line in found.lines:
        yield f"  {at_s:10.3f}  {line}"
    for at_s, line in found.calls[:most_calls]:
        yield f"  {at_s:12.6f}  {line}"


def plain(found: Look, most_calls: int) -> dict[str, Any]:
    """For JSON."""
    recording = found.recording
    rows = [{"what": row.what, "calls": row.calls, "errors": row.errors, "bytes": row.bytes,
             "worst_ms": round(row.worst_ns / 1e6, 3)} for row in found.rows.values()]  # fmt: skip
    return {"seconds": found.seconds, "bytes": recording.bytes, "lost": recording.lost,
            "damaged": recording.damaged, "closed": recording.is_closed, "rows": rows,
            "lines": found.lines, "calls": found.calls[:most_calls]}  # fmt: skip


def draw(found: Look, path: Path) -> None:
    """One row a part, one mark a call, errors red, states along the top; PNG."""
    from matplotlib.figure import Figure

    groups: dict[str, Row] = {}
    for row in found.rows.values():
        words = row.what.split()
        name = " ".join(words[:3]) if words[0] == "I2C" else " ".join(words[:2])
        name = words[-1] if words[0] in ("line", "level", "edges") else name
        group = groups.setdefault(name, Row(name))
        group.times_s += row.times_s
        group.error_times_s += row.error_times_s
    figure = Figure(figsize=(12, 0.3 * len(groups) + 2), layout="constrained")
    axes = figure.subplots()
    for at, row in enumerate(groups.values()):
        axes.plot(row.times_s, [at] * len(row.times_s), "|", color="#1565c0", markersize=5)
        axes.plot(row.error_times_s, [at] * len(row.error_times_s), "|", color="#c62828",
                  markersize=11, markeredgewidth=2)  # fmt: skip
    for at_s, line in found.lines:
        axes.axvline(at_s, color="#9e9e9e", linewidth=0.7)
        axes.text(at_s, len(groups) - 0.4, " ".join(line.split()[:4]), rotation=60, fontsize=6)
    axes.set_yticks(range(len(groups)), list(groups))
    axes.set_xlabel("seconds; red: the call failed")
    figure.savefig(path, dpi=110)
