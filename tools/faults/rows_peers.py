# SPDX-License-Identifier: Apache-2.0
"""Console peers that are slow, dead, flooding or send garbage, over real ptys and sockets: the
frames loop must not notice them, by the plant's count and by processor time."""

import contextlib
import itertools
import os
import random
import socket
import tempfile
import time
from functools import partial
from pathlib import Path

from console_bench import Bench
from row import Outcome, Row

from edgeleak.console.listener import UnixListener
from edgeleak.console.pty_link import PtyLink
from edgeleak.console.tree import Level

KINDS = ("slow", "dead", "flooding", "garbage", "vanishing")
HEAVY = ("hoarding", "arguing")
TRANSPORTS = ("pty", "socket")
SECONDS = 2.0
POLL_MOST_S = 0.03
"""Of processor time: the turn's 3 ms, one command more, and a slow machine."""
SENT_MOST = 200_000
SLOW_BYTES = 3
BLOCK = b"#6300000" + b"a" * 300_000
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
        with contextlib.suppress(BlockingIOError):
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
    elif kind == "vanishing":
        far.send(b"FRAM:DATA? CORR\nSYST:BUND?\nCAL:DATA #9000100000abc")
        if turn % 10 == 9:
            far.close()
            far.open()
    else:
        far.send(b"FRAM:DATA? CORR\nSYST:GLAN?\n")
        far.take(SLOW_BYTES if kind == "slow" else 0)


def run(kind: str, transport: str, seed: int) -> tuple[dict[str, int], float, int, int]:
    """(counters, longest poll in s of processor time, defects, most bytes kept) of `SECONDS` with
    such a peer."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name)).ready()
        far = Far(transport, Path(name), bench) if kind else None
        poll, turns, worst = bench.console.poll, itertools.count(), [0.0]
        kept = [0]

        def timed(due_ns: int) -> None:
            if far is not None:
                act(far, kind, next(turns), rng)
            began_s = time.thread_time()
            poll(due_ns)
            worst[0] = max(worst[0], time.thread_time() - began_s)
            kept.append(sum(len(peer.session._reader._kept)
                            for peer in bench.console.server.peers))  # fmt: skip

        bench.instrument.on_poll = timed
        bench.run_s(SECONDS)
        status = bench.instrument.acquisition.status
        frame = bench.instrument.loops[2].records["frame"][1]
        found = {"frames": bench.instrument.path.frames, "published": status.published,
                 "drops": status.drops, "overruns": status.overruns, "skipped": frame.skipped,
                 "answers": len(bench.answers), "plant": len(bench.plant.judge.violations),
                 "refusals": bench.instrument.watchdog.refusals}  # fmt: skip
        defects = sum(peer.session.defects for peer in bench.console.server.peers)
        if far is not None:
            far.close()
        bench.console.close()
    return found, worst[0], defects, max(kept)


def bad_peers(kinds: tuple[str, ...], count: int, seed: int) -> Outcome:
    """F5, F6: each kind over each transport against a twin without a peer."""
    outcome = Outcome(clean_unit="twins")
    quiet, *_ = run("", "", seed)
    outcome.clean += 1
    outcome.false_trips += bool(quiet["drops"] or quiet["overruns"] or quiet["plant"])
    for kind, transport in itertools.islice(itertools.cycle(
        itertools.product(kinds, TRANSPORTS)), count):  # fmt: skip
        found, worst_s, defects, kept = run(kind, transport, seed)
        what = f"{kind} peer on a {transport}"
        extra = {name: (quiet[name], found[name]) for name in quiet if found[name] != quiet[name]}
        is_good = outcome.expect(not extra, f"{what}: differs from its twin: {extra}")
        is_good &= outcome.expect(worst_s <= POLL_MOST_S, f"{what}: a poll took {worst_s:.3f} s")
        is_good &= outcome.expect(not defects, f"{what}: {defects} defects")
        is_good &= outcome.expect(kept <= KEPT_MOST, f"{what}: {kept} bytes are kept")
        outcome.executed += 1
        outcome.trips += is_good
        outcome.worst_ms = max(outcome.worst_ms, 1000 * worst_s)
    return outcome


ROWS = (
    Row("F5", "slow, dead, flooding, garbage, vanishing peers x pty, socket: no frame missed,"
        " polls under 30 ms", "real pty", 10, 100, partial(bad_peers, KINDS), "F5.patch", 6),
    Row("F6", "blocks nobody may send, without end or behind arguments: none kept", "real pty",
        4, 100, partial(bad_peers, HEAVY), "F6.patch", 4),
)  # fmt: skip
