# SPDX-License-Identifier: Apache-2.0
"""Console: damaged lines through a real pty, on a whole instrument."""

import contextlib
import os
import random
import select
import tempfile
import time
from pathlib import Path

from console_bench import Bench
from row import Outcome, Row
from slip import is_slip

from edgeleak.console import commands
from edgeleak.console.pty_link import PtyLink
from edgeleak.console.tree import Block, Choice, Command, Level, NumberOf, Switch, Text

HANG_S, STUCK_S = 0.1, 5.0
"""Of processor time, because other programs run here too; and of time at all."""
BATCH = 50
TURN_NS, ASK_NS = 20_000_000, 1_000_000_000
ASKS_MOST = 8
"""An open block takes what is asked for two seconds, and one line more."""
MOST_TURNS, QUIET_TURNS = 400, 2
FRAME_EVERY = 20
ASK = b"\n\x01*CLS\n*ESE %d;*ESE?;*IDN?\n"
CLEAN = b"*OPC?;SYST:VERS?;:MEAS:FRAM?\n"
MODE_KEYS = bytes((1, 2))
SPECIAL = b"\"'#;:,*? \t\x00\xff\x7f()@+-.eE0123456789"


def valid(command: Command, rng: random.Random) -> bytes:
    """A line that the registry allows."""
    header = command.header.replace("[", "").replace("]", "")
    return f"{header} {','.join(argument(p, rng) for p in command.parameters)}".encode().strip()


def argument(parameter: object, rng: random.Random) -> str:
    if isinstance(parameter, NumberOf):
        return f"{rng.uniform(parameter.low, parameter.high):.4g} {parameter.unit}"
    if isinstance(parameter, Choice):
        return rng.choice(parameter.words)
    if isinstance(parameter, Switch):
        return rng.choice(("ON", "OFF"))
    if isinstance(parameter, Block):
        return "#15hello"
    assert isinstance(parameter, Text)
    return '"1234"'


def damaged(line: bytes, rng: random.Random) -> bytes:
    """One to four things that happen to bytes on a cable, or that somebody types."""
    text = bytearray(line)
    for _ in range(rng.randint(1, 4)):
        kind, at = rng.randrange(8), rng.randrange(len(text) + 1)
        if kind == 0 and text:
            text[at % len(text)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del text[at : at + rng.randrange(1, 5)]
        elif kind == 2:
            text[at:at] = rng.randbytes(rng.randrange(1, 6))
        elif kind == 3:
            text[at:at] = bytes(rng.choices(SPECIAL, k=rng.randrange(1, 6)))
        elif kind == 4:
            text[at:at] = text[: rng.randrange(1, 20)]
        elif kind == 5:
            text[at:at] = b"#" + str(rng.randrange(10)).encode() + rng.randbytes(2)
        elif kind == 6:
            text[at:at] = str(10 ** rng.randrange(400)).encode()
        else:
            text[at:at] = rng.choice((b";", b":", b",", b" ")) * rng.choice((1, 3, 5000))
    return bytes(text).translate(None, MODE_KEYS + b"\n")


class Target:
    """An instrument at level service behind a pty; the clock of the console is turned by hand."""

    def __init__(self, folder: Path, outcome: Outcome) -> None:
        self.bench, self._outcome = Bench(folder), outcome
        self.bench.ready()
        self.server = self.bench.console.server
        link = PtyLink(folder / "port")
        self.peer = self.server._peer(link, Level.SERVICE, 0)
        self.server.peers = [self.peer]
        self._far = os.open(folder / "port", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self.at_ns, self.worst_s, self._got = self.bench.clock.monotonic_ns(), 0.0, bytearray()

    def turn(self, step_ns: int = TURN_NS) -> None:
        """One poll against the limit; what was answered is read."""
        self.at_ns += step_ns
        begin, began = time.thread_time(), time.monotonic()
        try:
            self.server.poll(self.at_ns)
        except Exception as error:  # what must never leave a poll
            note = self._outcome.need if is_slip(error) else self._outcome.expect
            note(False, f"a poll raised {error!r}")
            self.peer.session.defects += 1
        took_s, passed_s = time.thread_time() - begin, time.monotonic() - began
        self.worst_s = max(self.worst_s, took_s)
        is_quick = took_s < HANG_S and passed_s < STUCK_S
        self._outcome.expect(is_quick, f"a poll took {took_s:.3f} s of {passed_s:.3f} s")
        while select.select([self._far], [], [], 0)[0]:
            self._got += os.read(self._far, 65536)

    def send(self, data: bytes) -> None:
        view, turns = memoryview(data), 0
        while view and turns < MOST_TURNS * (1 + len(data) // 1000):
            with contextlib.suppress(BlockingIOError):
                view = view[os.write(self._far, view) :]
            if (job := self.peer.session._job) is not None:
                job.wait(10)  # the clock is turned by hand, a hash takes its time
            self.turn()
            turns += 1
        self._outcome.expect(not view, "the console took no more bytes")

    def recovers(self) -> bool:
        """Whether who asks once a second, without ever pausing, is answered before long."""
        for number in range(ASKS_MOST):
            if self.answers(ASK % number, b"%d;EdgeLeak,el1-a,0000,0.1.0\n" % number):
                return True
            self.turn(ASK_NS)
        return False

    def answers(self, line: bytes, end: bytes) -> bool:
        """Send a line; whether its answer comes as soon as everything before it is done."""
        self._drain()
        self._got.clear()
        self.send(line)
        self._drain()
        return self._got.endswith(end)

    def _drain(self) -> None:
        """Until there is nothing left to do; one quiet turn proves nothing, because a turn that
        still had bytes from before reads none."""
        quiet = 0
        for _ in range(MOST_TURNS):
            peer = self.peer
            if (job := peer.session._job) is not None:
                job.wait(10)
            self.turn()
            is_quiet = not (peer._in or peer._out or peer._is_busy) and peer.heard_ns < self.at_ns
            quiet = quiet + 1 if is_quiet else 0
            if quiet == QUIET_TURNS:
                return

    def close(self) -> None:
        os.close(self._far)
        self.bench.console.close()


def damaged_lines(count: int, seed: int) -> Outcome:
    """F1: after every batch the console answers, nothing raised, no poll was long."""
    outcome, rng = Outcome(clean_unit="lines"), random.Random(seed)
    every = [command for _, found in commands.SUBJECTS for command in found]
    seen: set[int] = set()
    with tempfile.TemporaryDirectory() as name:
        target = Target(Path(name), outcome)
        while outcome.executed < count:
            batch = []
            while len(batch) < min(BATCH, count - outcome.executed):
                line = damaged(valid(rng.choice(every), rng), rng)
                if (digest := hash(line)) not in seen:
                    seen.add(digest)
                    batch.append(line)
            _strike(target, batch, outcome)
        _finish(target, outcome)
    return outcome


def _strike(target: Target, batch: list[bytes], outcome: Outcome) -> None:
    session = target.peer.session
    before = session.defects
    target.send(b"\n".join(batch) + b"\n")
    is_alive = target.recovers()
    outcome.executed += len(batch)
    is_good = is_alive and session.defects == before
    said = [line for line in target.bench.lines if line.startswith("FAILED")][-1:]
    outcome.trips += len(batch) * outcome.expect(
        is_good,
        f"alive {is_alive}, {session.defects - before} defects {said} after"
        f" {[line[:60] for line in batch[-3:]]}",
    )
    session.level = Level.SERVICE
    outcome.clean += 1
    outcome.false_trips += not target.answers(CLEAN, b"\n")
    if outcome.executed // BATCH % FRAME_EVERY == 0:
        target.bench.run_s(0.2)


def _finish(target: Target, outcome: Outcome) -> None:
    bench = target.bench
    outcome.expect(bench.instrument.failure is None, f"ended: {bench.instrument.failure}")
    outcome.expect(not bench.plant.judge.violations, f"limits: {bench.plant.judge.violations[:2]}")
    outcome.worst_ms = 1000 * target.worst_s
    target.close()


ROWS = (
    Row("F1", "damaged lines through a pty: 0 defects, 0 polls over 100 ms", "real pty",
        100_000, 1_000_000, damaged_lines, "F1.patch", 3_000),
)  # fmt: skip
