# SPDX-License-Identifier: Apache-2.0
"""The shortest stretches of a recording that still end in a failure.

A stretch is taken out by moving what follows up to what came before; the firmware then runs on
what is left (`loose`).  Delta debugging over ever shorter stretches keeps what the failure needs
and nothing else; then frames are painted (`paint`) where the failure does not need their pixels,
and answers that repeat the one before are dropped.
"""

import itertools
import json
import re
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgeleak.blackbox import format as box
from edgeleak.blackbox import loose, paint
from edgeleak.blackbox.calls import Call
from edgeleak.blackbox.format import Kind, Mark, Record
from edgeleak.blackbox.loose import Past, Stretch
from edgeleak.blackbox.stored import record_of
from edgeleak.blackbox.strict import load_board
from edgeleak.clock import NS_PER_MS, NS_PER_S
from edgeleak.errors import DataError

FIRST_NS, LAST_NS = 2 * NS_PER_S, 250 * NS_PER_MS
"""Stretches that are tried: halved from the first to the last."""
AFTER_NS = 2 * NS_PER_MS
TRIES = 400
FAILURE = re.compile(r"FAILED |STATE \S+ (fault|safe|inhibit) |VERDICT .* > (FAULT|INHIBIT) ")
SAID_MOST, SHOWN_MOST = 60, 3


@dataclass(frozen=True, slots=True)
class Case:
    """A failure as a file.

    until   : pattern of the line that has to be said
    said    : the line, when the case was made
    at_s    : when it is said
    was_s   : length of the recording
    painted : its frames are painted
    """

    until: str
    said: str
    at_s: float
    was_s: float
    painted: bool


@dataclass(slots=True)
class Shrunk:
    """What shrinking came to.

    whole : everything up to the failure, where the short one does not fail any more as a file
    """

    case: Case
    past: Past
    whole: Past
    kept: list[Stretch]
    tries: int
    size: int = 0


def shrink(past: Past, until: str, say: Callable[[str], None] = lambda line: None) -> Shrunk:
    """Delta debugging; DataError when the firmware does not say it on the whole recording."""
    pattern = re.compile(until)
    search = _Search(past, pattern)
    whole = [(past.begin_ns, past.end_ns + 1)]
    at_ns = search.found_ns(whole)
    if at_ns is None:
        raise DataError(_not_said(past.lines, search.lines, pattern))
    kept = [(past.begin_ns, min(at_ns + AFTER_NS, past.end_ns + 1))]
    uncut = loose.cut(past, kept)
    say(f"{_seconds(kept):.2f} s to the failure")
    size_ns = FIRST_NS
    while size_ns >= LAST_NS and search.tries < TRIES:
        kept = _without(kept, size_ns, search)
        say(f"{_seconds(kept):.2f} s left after stretches of {size_ns / 1e9:g} s")
        size_ns //= 2
    short = loose.cut(past, kept)
    found = loose.run(short, lambda line: bool(pattern.search(line)))
    if not found.lines or not pattern.search(found.lines[-1]):
        raise DataError(f"'{until}' is said on the whole recording, and not when it is cut behind"
                        " that; keep the recording itself")  # fmt: skip
    short.end_ns = found.at_ns[-1] + AFTER_NS
    case = Case(until, found.lines[-1], (found.at_ns[-1] - short.begin_ns) / 1e9,
                (past.end_ns - past.begin_ns) / 1e9, False)  # fmt: skip
    return Shrunk(case, short, uncut, kept, search.tries)


def _not_said(then: list[str], now: list[str], pattern: re.Pattern[str]) -> str:
    """Why there is nothing to shrink, and what to do next.

    then, now : what was said when it was recorded (a case has none of it), and by today's firmware
    """
    no_case = (
        f"no line of the firmware fits '{pattern.pattern}' on this recording, so no case is made"
    )
    if said := next((line for line in then if pattern.search(line)), ""):
        return (f"{no_case}: '{said[:SAID_MOST]}' was said when it was recorded, today's firmware"
                " does not say it; edgeleak blackbox replay tells where they part")  # fmt: skip
    lines = then or now
    failures = [line for line in lines if FAILURE.match(line)]
    if not failures:
        last = lines[-1][:SAID_MOST] if lines else "nothing"
        return (f"{no_case}: nothing fails in it, the last that was said is '{last}'; record"
                " until it fails, edgeleak blackbox record")  # fmt: skip
    shown = "; ".join(f"'{line[:SAID_MOST]}'" for line in failures[:SHOWN_MOST])
    return (f"{no_case}; other failures are said in it, {shown}; give one to --until, edgeleak"
            " blackbox show lists all")  # fmt: skip


class _Search:
    """Runs of the firmware on parts of the past."""

    def __init__(self, past: Past, pattern: re.Pattern[str]) -> None:
        self._past, self._pattern, self.tries = past, pattern, 0
        self.lines: list[str] = []

    def found_ns(self, kept: Sequence[Stretch]) -> int | None:
        """When the line is said; None when it is not."""
        self.tries += 1
        run = loose.run(loose.cut(self._past, kept), lambda line: bool(self._pattern.search(line)))
        self.lines = run.lines
        said = [at for line, at in zip(run.lines, run.at_ns, strict=True)
                if self._pattern.search(line)]  # fmt: skip
        return said[0] if said else None


def _without(kept: list[Stretch], size_ns: int, search: _Search) -> list[Stretch]:
    """Take out what can go: first half of everything, then single stretches."""
    pieces = [piece for stretch in kept for piece in _pieces(stretch, size_ns)]
    step = max(1, len(pieces) // 2)
    while step:
        at = 0
        while at < len(pieces) and search.tries < TRIES:
            rest = pieces[:at] + pieces[at + step :]
            if rest and search.found_ns(_merged(rest)) is not None:
                pieces = rest
            else:
                at += step
        step //= 2
    return _merged(pieces)


def _pieces(stretch: Stretch, size_ns: int) -> list[Stretch]:
    begin_ns, end_ns = stretch
    edges = [*range(begin_ns, end_ns, size_ns), end_ns]
    return list(itertools.pairwise(edges))


def _merged(pieces: Sequence[Stretch]) -> list[Stretch]:
    out: list[Stretch] = []
    for begin_ns, end_ns in pieces:
        if out and out[-1][1] == begin_ns:
            out[-1] = out[-1][0], end_ns
        else:
            out.append((begin_ns, end_ns))
    return out


def _seconds(kept: Sequence[Stretch]) -> float:
    return sum(end_ns - begin_ns for begin_ns, end_ns in kept) / NS_PER_S


# --- the file ---------------------------------------------------------------------------------


def save(shrunk: Shrunk, path: Path, shape: tuple[int, int] | None) -> Shrunk:
    """Write the case as small as it still fails: painted and thinned where that is possible; a
    file that was there before stays until then.

    shape : rows and columns of the sensor; None for one whose frames are not painted
    """
    tried: list[tuple[tuple[int, int] | None, bool]] = []
    if shape is not None:
        tried += [(shape, True), (shape, False)]
    tried += [(None, True), (None, False)]
    part = path.with_name(f"{path.name}.part")
    try:
        for past, (painted, thin) in itertools.product((shrunk.past, shrunk.whole), tried):
            box.write(part, _records(replace(shrunk, past=past), painted, thin))
            if said := said_by(part):
                case = replace(shrunk.case, said=said[0], at_s=said[1], painted=painted is not None)
                done = replace(shrunk, case=case, past=past)
                done.size = box.write(part, _records(done, painted, thin))
                part.replace(path)
                return done
    finally:
        part.unlink(missing_ok=True)
    raise DataError(f"{path}: as a file it does not fail, not even whole; keep the recording")


def said_by(path: Path) -> tuple[str, float] | None:
    """(line, s) of the failure of a case on today's firmware; None when it does not fail."""
    recording = box.read(path)
    case = case_of(recording)
    past = loose.past_of(recording)
    pattern = re.compile(case.until)
    run = loose.run(past, lambda line: bool(pattern.search(line)))
    if run.lines and pattern.search(run.lines[-1]):
        return run.lines[-1], (run.at_ns[-1] - past.begin_ns) / 1e9
    return None


def case_of(recording: box.Recording) -> Case:
    """What a case file says of itself; DataError where it is none."""
    marks = recording.marks(Mark.CASE)
    if not marks:
        raise DataError("this recording is no case; make one with edgeleak blackbox shrink")
    return Case(**json.loads(bytes(marks[0].asked)))


def shape_of(past: Past) -> tuple[int, int] | None:
    """Rows and columns of an el640's frames in this recording."""
    from edgeleak.drivers import el640_link

    with tempfile.TemporaryDirectory(prefix="edgeleak-case-") as name:
        board = load_board(past.facts, Path(name))
    if board.sensor.kind != "el640":
        return None
    whole = board.sensor.height, board.sensor.width
    sizes = [call.key[0] for call in past.calls if call.kind == "spi"]
    half = whole[0] // 2, whole[1] // 2
    return max((whole, half), key=lambda shape: sizes.count(el640_link.frame_bytes(shape)))


def _records(shrunk: Shrunk, shape: tuple[int, int] | None, thin: bool) -> list[Record]:
    past = shrunk.past
    facts = zlib.compress(json.dumps(past.facts).encode(), 9)
    case: dict[str, Any] = {name: getattr(shrunk.case, name) for name in Case.__slots__}
    clocks = past.begin_ns.to_bytes(8, "little") + past.utc_ns.to_bytes(8, "little")
    head = [(Mark.META, facts), (Mark.CASE, json.dumps(case).encode()), (Mark.BEGIN, b"main"),
            (Mark.TENURE, clocks)]  # fmt: skip
    records = [Record(Kind.MARK, mark, 0, past.begin_ns, 0, 0, 0, 0, 0, data, b"")
               for mark, data in head]  # fmt: skip
    sketcher = None if shape is None else paint.Sketcher(shape)
    calls = _thinned(past.calls) if thin else past.calls
    body = []
    for call in calls:
        if call.begin_ns > past.end_ns:
            continue
        sketch = sketcher.of(call) if sketcher is not None and call.kind == "spi" else None
        body.append(sketch or record_of(call, past.loops_ns))
    templates = [] if sketcher is None else sketcher.templates
    end = Record(Kind.END, 0, 0, past.end_ns, 0, 0, 0, 0, 0, b"", b"")
    return [*records, *templates, *body, end]


def _thinned(calls: Sequence[Call]) -> list[Call]:
    """Without calls between two that asked and got the same: the nearest says it anyway."""
    rows: dict[Any, list[Call]] = {}
    last: dict[Any, bytes] = {}
    dropped: set[int] = set()
    for call in calls:
        if call.kind not in ("i2c", "get", "set"):
            continue
        row = rows.setdefault(_thin_key(call, last), [])
        row.append(call)
        if len(row) >= 3 and _same(row[-1], row[-2]) and _same(row[-2], row[-3]):
            dropped.add(id(row.pop(-2)))
    return [call for call in calls if id(call) not in dropped]


def _same(one: Call, other: Call) -> bool:
    return one.errno == other.errno and bytes(one.data) == bytes(other.data)


def _thin_key(call: Call, last: dict[Any, bytes]) -> Any:
    """As `loose.LooseBuses` looks it up."""
    if call.kind != "i2c":
        return call.kind, call.key if call.kind == "get" else call.key[0]
    address, data, length = call.key
    assert isinstance(data, bytes)
    key = (address, last.get(address), data, length) if length else (address, data)
    if len(data) > 1:
        last[address] = data
    return key
