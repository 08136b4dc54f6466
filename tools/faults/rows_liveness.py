# SPDX-License-Identifier: Apache-2.0
"""Hanging, crashing again and again, and running for long: watchdog, restart storm, leaks."""

import gc
import math
import os
import random
import sys
import tempfile
from array import array
from itertools import pairwise
from pathlib import Path

from instrument_rig import CAPTURE, CONTROL, FRAMES
from machine import Hang, Hangable, Machine, forked, machine
from row import Outcome, Row

from edgeleak import codes
from edgeleak.instrument import Options
from edgeleak.services.watchdog import STORM_STARTS, Notifier

WATCHDOG_S, LATE_SHARE, OFF_S = 5.0, 0.1, 0.205

# --- L1: hangs ------------------------------------------------------------------------------------

POINTS = (
    (CONTROL, "cooler inputs"), (CONTROL, "cooler"), (CONTROL, "light"), (CONTROL, "beat"),
    (CAPTURE, "capture"), (FRAMES, "frame"), (FRAMES, "console"), (FRAMES, "watchdog"),
)  # fmt: skip


class Manager(Notifier):
    """The service manager's ear, in simulated time; nothing leaves the process."""

    def __init__(self) -> None:
        super().__init__()
        self.watchdog_us = round(WATCHDOG_S * 1e6)
        self.rig: Machine | None = None
        self.fed_s: list[float] = []

    def send(self, *lines: str) -> bool:
        if self.rig is not None and "WATCHDOG=1" in lines:
            self.fed_s.append(self.rig.now_s)
        return True


def hangs(count: int, seed: int) -> Outcome:
    """L1: a thread hangs inside a task; not fed any more, restarted in time, outputs off."""
    outcome, rng = Outcome(clean_unit="s"), random.Random(seed)
    manager = Manager()
    rig = machine(seed, options=Options(has_recorder=False, notifier=manager))
    manager.rig = rig
    rig.run_s(60.0)
    gaps = [b - a for a, b in pairwise(manager.fed_s)]
    outcome.clean += 60
    outcome.false_trips += max(gaps) > WATCHDOG_S / 2
    for n in range(count):
        rig.run_s(rng.uniform(0.01, 0.6))
        index, name = POINTS[n % len(POINTS)]
        forked(outcome, f"hang in {name}", lambda mine: _hang(rig, manager, mine, index, name))  # noqa: B023 - run at once
    return outcome


def _hang(rig: Machine, manager: Manager, mine: Outcome, index: int, name: str) -> None:
    def never(_due_ns: int) -> None:
        raise Hang

    loop: Hangable = rig.hangable[index]
    row = next(row for row in loop.loop._rows if row.task.name == name)
    row.run = never
    mine.executed += 1
    begin_s = rig.now_s
    rig.run_until(2.0, lambda: loop.is_hung, 0.005)
    hung_s, off_s = rig.now_s, math.inf
    if index == CONTROL:
        off_s = rig.run_until(1.0, lambda: rig.is_dark, 0.005)
    rig.run_s(2 * WATCHDOG_S)
    found_s = manager.fed_s[-1] + WATCHDOG_S - hung_s
    for other in rig.hangable:  # SIGABRT by the manager: nothing runs any more
        other.is_hung = True
    killed_s = rig.run_until(1.0, lambda: rig.is_dark, 0.005)
    off_s = min(off_s, killed_s) if index == CONTROL else killed_s
    mine.safe_after(off_s * 1e3, OFF_S * 1e3 + 50, f"hang in {name}")
    mine.trips += mine.expect(
        loop.is_hung and found_s <= WATCHDOG_S * (1 + LATE_SHARE) and rig.is_dark,
        f"hang in {name} at {begin_s:.2f} s: found after {found_s:.2f} s, dark {rig.is_dark}",
    )


# --- L2: crash loop -------------------------------------------------------------------------------


def crash_loops(count: int, seed: int) -> Outcome:
    """L2: after five starts in a minute it stays in FAULT, drives nothing, and keeps talking."""
    outcome, rng = Outcome(), random.Random(seed)
    for _ in range(count):
        rig = _starts(rng, ends_well=False)
        rig.run_s(3.0)
        code = rig.answer.trouble.code
        outcome.executed += 1
        outcome.trips += outcome.expect(
            code == codes.RESTART_STORM and not rig.edges() and rig.is_dark,
            f"sixth start: code {code}, {rig.edges()} edges of the enables",
        )
        outcome.clean += 1
        twin = _starts(rng, ends_well=True)
        outcome.false_trips += twin.answer.trouble.code == codes.RESTART_STORM
    return outcome


def _starts(rng: random.Random, *, ends_well: bool) -> Machine:
    """The sixth start in a row, half a second to one and a half after it."""
    folder = Path(tempfile.mkdtemp(prefix="edgeleak-"))
    for n in range(STORM_STARTS + 1):
        rig = Machine(folder, cold=False)
        rig.run_s(rng.uniform(0.5, 1.5))
        if ends_well and n < STORM_STARTS:
            rig.instrument.shutdown()
    return rig


# --- L3: memory -----------------------------------------------------------------------------------

MOST_BLOCKS_A_FRAME, MOST_GROWN_BYTES, EVERY, WARM_UP = 0.01, 1 << 20, 200, 2000
"""The smallest leaked object is a block in every frame; one in 100 frames is noticed."""


def soak(count: int, seed: int) -> Outcome:
    """L3: frame after frame with live noise; memory stays.  Descriptors and threads are L3R."""
    outcome = Outcome(clean_unit="frames")
    rig = machine(seed, fps=20.0)
    rig.instrument.path.on_frame = None
    _run_frames(rig, rig.instrument.path.frames + WARM_UP)
    said = rig.instrument.health.lines  # a ring of 256; else each correction's six lines count
    said.extend(f"line {n}" for n in range(said.maxlen or 0))
    at, blocks = array("q"), array("q")  # nothing of ours grows by objects
    base, base_bytes = rig.instrument.path.frames, _own_bytes()
    while rig.instrument.path.frames < base + count:
        _run_frames(rig, rig.instrument.path.frames + EVERY)
        rig.lines.clear()
        rig.plant.log.clear()  # the judge's own records
        at.append(rig.instrument.path.frames - base)
        blocks.append(_blocks())
    slope, error = _slope(list(zip(at, blocks, strict=True)))
    grown = _own_bytes() - base_bytes
    outcome.executed = count
    is_flat = outcome.expect(
        slope + 2 * error < MOST_BLOCKS_A_FRAME and grown < MOST_GROWN_BYTES,
        f"memory: {slope:.4f} +- {2 * error:.4f} blocks a frame, {grown} bytes in all",
    )
    outcome.trips = count if is_flat else 0
    outcome.clean, outcome.false_trips = count, int(rig.is_fault)
    return outcome


def _run_frames(rig: Machine, until: int) -> None:
    while rig.instrument.path.frames < until:
        rig.run_s(0.5)


def _blocks() -> int:
    """Blocks in use, without what the interpreter keeps for itself until it is asked.

    Its method cache has 4,096 places and keeps a name in each.  `np.pad` and `np.quantile` look
    up new strings, so 340 blocks come in 60,000 frames although nothing of ours grows.
    """
    gc.collect()
    sys._clear_type_cache()
    return sys.getallocatedblocks()


def _own_bytes() -> int:
    """Resident bytes of this process without what it shares."""
    resident, shared = Path("/proc/self/statm").read_text().split()[1:3]
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


def _slope(points: list[tuple[int, int]]) -> tuple[float, float]:
    """Least squares: blocks a frame and its standard error."""
    n = len(points)
    if n < 3:
        return math.nan, math.nan
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    left = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in points)
    return slope, math.sqrt(left / (n - 2) / spread)


ROWS = (
    Row("L1", "a thread hangs in 8 places: found by the watchdog, outputs off", "lockstep",
        40, 200, hangs, "L1.patch", 8),
    Row("L2", "crash loop: five starts a minute, then FAULT and dark", "lockstep",
        6, 20, crash_loops, "L2.patch", 1),
    Row("L3", "memory over many frames", "lockstep",
        20_000, 100_000, soak, "L3.patch", 2_000, control=0),
)  # fmt: skip
