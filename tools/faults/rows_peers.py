# SPDX-License-Identifier: Apache-2.0
"""Console peers that are slow, dead, flooding or send garbage, over real ptys and sockets: the
frames loop must not notice them, by the plant's count, by its own records of every task, by the age
of the frames it judges and by processor time."""

import contextlib
import itertools
import os
import random
import socket
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from console_bench import Bench
from row import Outcome, Row

from edgeleak import board as boards
from edgeleak.clock import NS_PER_S
from edgeleak.console.jobs import JOBS_MOST
from edgeleak.console.listener import UnixListener
from edgeleak.console.pty_link import PtyLink
from edgeleak.console.tree import Level
from edgeleak.loop import Record

KINDS = ("greedy", "slow", "dead", "flooding", "garbage", "vanishing", "typing", "interrupts",
         "leaving")  # fmt: skip
FULL_SIZE = ("greedy",)
"""Before a sensor of 640x480 pixels, with a twin of their own."""
HEAVY = ("hoarding", "arguing")
TRANSPORTS = ("pty", "socket")
SECONDS = 2.0
POLL_MOST_S = 0.03
"""Of processor time: the turn's 3 ms, one command more, and a slow machine."""
LATE_MORE_MS = 8.0
"""Than in the twin: the 3 ms that all peers have of a turn, one command more, a slow machine; half
the time in which frames may wait for each other, 10 ms of a frame's 91."""
AGE_MORE_MS = POLL_MOST_S * 1000
"""One frame may come when the longest poll begins."""
NEVER = ("drops", "overruns", "plant")
SENT_MOST = 200_000
SLOW_BYTES = 3
BLOCK = b"#6300000" + b"a" * 300_000
TYPED, RETYPED = b"\x02" + b"a " * 252, b"\x08a" * 1024
"""A line as long as may be, then its last letter again and again."""
GREEDY = b"FRAM:DATA? CORR" + b";DATA? CORR" * 60 + b"\n"
FRAME_BYTES = 2 * 640 * 480
HELD_MOST = FRAME_BYTES + 200_000
"""Bytes of answers that were not taken: one frame, and what may stand around it."""
KEPT_MOST = 100_000
"""Bytes of all that is no whole message yet, of a peer who may send no block."""


class Far:
    """The other end of one transport; no call waits."""

    def __init__(self, transport: str, folder: Path, bench: Bench) -> None:
        self._transport, self._server = transport, bench.console.server
        self._path = folder / "port"
        if transport == "pty":
            link = PtyLink(self._path)
            self._server.peers.append(self._server._peer(link, Level.LOOK, 0))
        else:
            self._server._listener = UnixListener(self._path)
        self._descriptor, self._left = -1, memoryview(b"")
        self.open()

    def open(self) -> None:
        if self._transport == "pty":
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            return
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(self._path))
        client.setblocking(False)
        self._descriptor = client.detach()

    def send(self, data: bytes) -> None:
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            os.write(self._descriptor, data)

    def stream(self, data: bytes) -> None:
        """The same bytes over and over, none of them lost."""
        self._left = self._left or memoryview(data)
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            self._left = self._left[os.write(self._descriptor, self._left) :]

    def take(self, most: int) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionResetError):
            os.read(self._descriptor, most)

    def close(self) -> None:
        os.close(self._descriptor)


def act(far: Far, kind: str, turn: int, rng: random.Random) -> None:
    """What such a peer does between two polls."""
    if kind == "flooding":
        far.send(b"*IDN?;SYST:STAT?;:MEAS:TEMP?\n" * (SENT_MOST // 30))
        far.take(1 << 20)
    elif kind == "garbage":
        far.send(rng.randbytes(4000).replace(b"\x02", b""))
        far.take(1 << 20)
    elif kind == "hoarding":
        far.stream(b"X " + 20 * BLOCK)
    elif kind == "arguing":
        far.stream(b"X " + 2000 * b"1," + BLOCK + b"\n")
    elif kind == "greedy":
        far.stream(GREEDY)
        far.take(1 << 20)
    elif kind == "typing":
        far.send(RETYPED if turn else TYPED)
        far.take(1 << 20)
    elif kind == "interrupts":
        far.send(b"\x03" * 4000)
        far.take(1 << 20)
    elif kind == "leaving":
        leave(far, turn)
    elif kind == "vanishing":
        far.send(b"FRAM:DATA? CORR\nSYST:BUND?\nCAL:DATA #9000100000abc")
        if turn % 10 == 9:
            far.close()
            far.open()
    else:
        far.send(b"FRAM:DATA? CORR\nSYST:GLAN?\n")
        far.take(SLOW_BYTES if kind == "slow" else 0)


def leave(far: Far, turn: int) -> None:
    """Ask for work beside the frames loop in one turn, be gone in the next."""
    if turn % 2:
        far.close()
        far.open()
    else:
        far.send(b"CAL:DATA?\n")


class Stretch(NamedTuple):
    """What a run with a peer came to.

    counts  : by plant and firmware, the same in a twin
    missed  : deadlines by task, overrun or skipped
    late_ms : 99 of 100 starts of each task were no later
    age_ms  : of the oldest frame when it was judged
    jobs    : most that waited at a time beside the frames loop
    """

    counts: dict[str, int]
    missed: dict[str, int]
    late_ms: dict[str, float]
    age_ms: float
    poll_s: float
    defects: int
    kept: int
    held: int
    jobs: int


class Watch:
    """Stands around the polls of a bench: lets the peer act, and takes each poll's processor time
    from the simulated clock, so that what a peer costs makes the tasks behind it late."""

    def __init__(self, bench: Bench, act_now: Callable[[], None]) -> None:
        self._bench, self._act = bench, act_now
        self._poll, self._judged = bench.console.poll, bench.instrument.path.on_frame
        self._began_s, bench.console.server._clock_ns = 0.0, self.now_ns
        self.worst_s, self.kept, self.held, self.jobs, self.age_ns = 0.0, 0, 0, 0, 0
        bench.instrument.on_poll, bench.instrument.path.on_frame = self.poll, self.judged
        bench.blocking.counts_transfers = True  # loops may wait in the middle of a task
        for loop in bench.instrument.loops:
            for _, record in loop.records.values():
                record.reset()

    def poll(self, due_ns: int) -> None:
        self._act()
        self._began_s = time.thread_time()
        self._poll(due_ns)
        took_s = time.thread_time() - self._began_s
        self.worst_s = max(self.worst_s, took_s)
        peers = self._bench.console.server.peers
        self.kept = max(self.kept, sum(len(peer.session._reader._kept) for peer in peers))
        self.held = max(self.held, *(len(peer._out) for peer in peers))
        self.jobs = max(self.jobs, len(self._bench.desk.clerk._waiting))
        self._bench.blocking.wait(round(took_s * NS_PER_S))

    def now_ns(self) -> int:
        """Of a poll that is under way: the turn ends in time by what it took until now."""
        took_s = time.thread_time() - self._began_s
        return self._bench.clock.monotonic_ns() + round(took_s * NS_PER_S)

    def judged(self, info: Any) -> None:
        self._judged(info)
        self.age_ns = max(self.age_ns, self._bench.clock.monotonic_ns() - info.monotonic_ns)

    def tasks(self) -> dict[str, Record]:
        """Records of all loops; the console's own turn has its own limit."""
        found = {name: record for loop in self._bench.instrument.loops
                 for name, (_, record) in loop.records.items()}  # fmt: skip
        found.pop("console")
        return found


def run(kind: str, transport: str, seed: int, is_full: bool) -> Stretch:
    """`SECONDS` with such a peer, or without one; the sensor in full size or small."""
    rng, turns = random.Random(seed), itertools.count()
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), board=boards.load("el1-a") if is_full else None).ready()
        far = Far(transport, Path(name), bench) if kind else None
        watch = Watch(bench, lambda: far and act(far, kind, next(turns), rng))
        bench.run_s(SECONDS)
        tasks = watch.tasks()
        missed = {name: one.overruns + one.skipped for name, one in tasks.items()}
        late_ms = {name: one.late_ms(0.99) for name, one in tasks.items()}
        defects = sum(peer.session.defects for peer in bench.console.server.peers)
        found = Stretch(counts_of(bench), missed, late_ms, watch.age_ns / 1e6, watch.worst_s,
                        defects, watch.kept, watch.held, watch.jobs)  # fmt: skip
        if far is not None:
            far.close()
        bench.console.close()
    return found


def counts_of(bench: Bench) -> dict[str, int]:
    """What neither a peer nor the time it costs may change."""
    status = bench.instrument.acquisition.status
    return {"frames": bench.instrument.path.frames, "published": status.published,
            "drops": status.drops, "overruns": status.overruns,
            "answers": len(bench.answers), "plant": len(bench.plant.judge.violations),
            "refusals": bench.instrument.watchdog.refusals}  # fmt: skip


def judge(quiet: Stretch, found: Stretch, outcome: Outcome, what: str) -> bool:
    """Against the twin; whether all of it holds."""
    extra = {name: (value, found.counts[name]) for name, value in quiet.counts.items()
             if found.counts[name] != value}  # fmt: skip
    missed = {name: (quiet.missed[name], more) for name, more in found.missed.items()
              if more > quiet.missed[name]}  # fmt: skip
    late = {
        name: (round(quiet.late_ms[name], 1), round(more, 1))
        for name, more in found.late_ms.items()
        if more > quiet.late_ms[name] + LATE_MORE_MS
    }
    older_ms = found.age_ms - quiet.age_ms
    claims = (
        (not extra, f"differs from its twin: {extra}"),
        (not missed, f"deadlines missed, twin and this: {missed}"),
        (not late, f"late by ms, 99 of 100, twin and this: {late}"),
        (older_ms <= AGE_MORE_MS, f"frames are judged {older_ms:.1f} ms older"),
        (found.poll_s <= POLL_MOST_S, f"a poll took {found.poll_s:.3f} s"),
        (not found.defects, f"{found.defects} defects"),
        (found.kept <= KEPT_MOST, f"{found.kept} bytes are kept"),
        (found.held <= HELD_MOST, f"{found.held} bytes of answers are held"),
        (found.jobs <= JOBS_MOST, f"{found.jobs} pieces of work wait"),
    )
    held = [outcome.expect(holds, f"{what}: {said}") for holds, said in claims]
    return all(held)


def bad_peers(kinds: tuple[str, ...], count: int, seed: int) -> Outcome:
    """F1P, F1B: each kind over each transport against a twin without a peer."""
    outcome = Outcome(clean_unit="twins")
    twins = {is_full: run("", "", seed, is_full)
             for is_full in {kind in FULL_SIZE for kind in kinds}}  # fmt: skip
    for quiet in twins.values():
        outcome.clean += 1
        is_missed = any(quiet.missed.values())
        outcome.false_trips += bool(is_missed or any(quiet.counts[name] for name in NEVER))
    for kind, transport in itertools.islice(itertools.cycle(
        itertools.product(kinds, TRANSPORTS)), count):  # fmt: skip
        is_full = kind in FULL_SIZE
        found = run(kind, transport, seed, is_full)
        outcome.executed += 1
        outcome.trips += judge(twins[is_full], found, outcome, f"{kind} peer on a {transport}")
        outcome.worst_ms = max(outcome.worst_ms, 1000 * found.poll_s)
    return outcome


ROWS = (
    Row("F1P", "greedy, slow, dead, flooding, garbage, vanishing, typing, interrupting, leaving"
        " peers x pty, socket: no frame missed, polls under 30 ms", "real pty", 18, 100,
        partial(bad_peers, KINDS), "F1P.patch", 8, more=("F1P-late.patch", "F1P-greedy.patch"),
        control=0),
    Row("F1B", "blocks nobody may send, without end or behind arguments: none kept", "real pty",
        4, 100, partial(bad_peers, HEAVY), "F1B.patch", 4),
)  # fmt: skip
