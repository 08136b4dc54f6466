# SPDX-License-Identifier: Apache-2.0
"""Descriptors and threads of `edgeleak run` and its recorder, counted by the kernel.

In lockstep there are no sockets, no device nodes and no recorder, so row L3 sees only memory.
"""

import contextlib
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from judged import judged
from row import Outcome, Row
from rows_kill import Camera, plant_of

from edgeleak.console.client import Client, connect
from edgeleak.errors import BusError, UnavailableError

SETTINGS = """
[recorder]
folder = "{folder}"
preroll_s = 1.0
postroll_s = 0.0
[led]
mode = "on"
"""
CLIENTS, RUDE_CLIENTS = 2, 2
"""Of each round: some ask and say good-bye, some leave in the middle of a line."""
NACKS, SILENT_S, SEEN_S, RECORDED_S, CLEAN_S = 45, 0.5, 5.0, 15.0, 2.0
"""Transfers without an answer, 0.3 s: the bus is opened again, and it is no fault yet."""
SPI_GONE = b"[board spi]"
"""In the line of the log that says so."""
SETTLED_S = 10.0
"""A closed file, an ended job and a client who has left are gone by then."""
LEAVES_S, CONNECTS = 0.2, 3
"""The console takes its turn every 20 ms, on a busy machine later."""
Handles = Counter[str]


def rounds(count: int, seed: int) -> Outcome:
    """L3R: clients come and go, buses are opened again, recordings begin and end: nothing stays."""
    outcome, rng = Outcome(clean_unit="s"), random.Random(seed)
    with plant_of(seed) as plant:
        draws = rng.randrange(1 << 30)

        def program(mine: Outcome) -> None:
            with tempfile.TemporaryDirectory() as name, \
                 Camera(plant, Path(name), SETTINGS.format(folder=name)) as camera:  # fmt: skip
                _program(camera, mine, count, random.Random(draws))

        judged(outcome, program)
    return outcome


def _program(camera: Camera, outcome: Outcome, count: int, rng: random.Random) -> None:
    if not outcome.need(camera.until_driving(), f"never drove, {camera.end}"):
        return
    _round(camera, outcome, rng)  # what is opened once, on first use
    base = _handles(camera)
    camera.listen(CLEAN_S)
    outcome.clean += round(CLEAN_S)
    outcome.false_trips += bool(_handles(camera) - base)
    for n in range(count):
        if not _round(camera, outcome, rng):
            return
        outcome.executed += 1
        grown = _grown(camera, base)
        outcome.trips += outcome.expect(not grown, f"round {n}: {_names(grown)} more than before")
    outcome.notes.append(f"{sum(base.values())} descriptors and threads; a round is five clients,"
                         " both buses opened again and a recording")  # fmt: skip


def _round(camera: Camera, outcome: Outcome, rng: random.Random) -> bool:
    """Everything that opens and closes something, once; False where it did not take place."""
    socket = str(camera.folder / "scpi")
    for _ in range(RUDE_CLIENTS):
        with contextlib.closing(connect(socket, 0)) as wire:
            wire.write(b"*IDN?\nMEAS:"[: rng.randrange(1, 12)])
            camera.listen(LEAVES_S)
    for _ in range(CLIENTS):
        with _client(camera) as client:
            outcome.need("EdgeLeak" in client.query("*IDN?"), "no answer to *IDN?")
    outcome.need(_breaks(camera, lambda: _hits(camera) == NACKS, "bus-nack", count=NACKS),
                 "I2C never was silent")  # fmt: skip
    gone = camera.said.count(SPI_GONE)
    outcome.need(_breaks(camera, lambda: camera.said.count(SPI_GONE) > gone, "spi-unplugged"),
                 "SPI never was gone")  # fmt: skip
    with _client(camera) as client:
        return outcome.need(_records(camera, client), f"nothing was recorded, {camera.end}")


def _breaks(camera: Camera, is_seen: Callable[[], bool], fault: str, **words: object) -> bool:
    """A bus fails for long enough to be opened again, and until that was seen."""
    end_s = time.monotonic() + SEEN_S
    camera.ask("inject", fault=fault, **words)
    camera.listen(SILENT_S)
    while not (is_there := is_seen()) and time.monotonic() < end_s:
        camera.listen(0.1)
    camera.ask("clear", fault=fault)
    return is_there


def _hits(camera: Camera) -> int:
    return int(camera.ask("faults")["faults"]["bus-nack"]["hits"])


def _records(camera: Camera, client: Client) -> bool:
    """A recording with frames of a sensor that has come back."""
    end_s, before = time.monotonic() + RECORDED_S, _written(client)
    client.write("REC:STAT 1")
    while (is_empty := _written(client) <= before) and time.monotonic() < end_s:
        camera.listen(0.1)
    client.write("REC:STAT 0")
    return not is_empty


def _written(client: Client) -> int:
    """Frames that the recorder has stored since it began."""
    return int(client.query("REC:INFO?").split(",")[1])


def _client(camera: Camera) -> Client:
    """The next one; who comes while four of this user are still open is turned away."""
    socket = str(camera.folder / "scpi")
    for _ in range(CONNECTS):
        camera.listen(LEAVES_S)
        client = Client(connect(socket, 0))
        with contextlib.suppress(BusError):
            client.start()
            return client
        client.close()
    raise UnavailableError(f"{socket}: no client is let in")


def _grown(camera: Camera, base: Handles) -> Handles:
    """What there is more of than before, once that has settled."""
    end_s = time.monotonic() + SETTLED_S
    while (grown := _handles(camera) - base) and time.monotonic() < end_s:
        camera.listen(0.1)
    return grown


def _handles(camera: Camera) -> Handles:
    """Threads and descriptors by kind, of the program and the processes it started."""
    found: Handles = Counter()
    for process in _family(camera.process.pid):
        found["threads"] += len(os.listdir(process / "task"))
        for link in (process / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found[os.readlink(link).split(":")[0]] += 1
    return found


def _family(pid: int) -> Iterator[Path]:
    yield Path(f"/proc/{pid}")
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _family(int(child))


def _names(grown: Handles) -> str:
    return ", ".join(f"{times} {kind}" for kind, times in grown.most_common(5))


ROWS = (
    Row("L3R", "clients, buses, recordings come and go under run: descriptors, threads stay",
        "real time", 4, 40, rounds, "L3R.patch", 1, control=0),
)  # fmt: skip
