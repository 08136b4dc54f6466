# SPDX-License-Identifier: Apache-2.0
"""Count every full-frame array that the running instrument holds; the table of architecture.md.

write_memory.py            run it on the emulated board, compare with NAMED, write the table
write_memory.py --check    exit code 1 when the page is old; the instrument is made and not run

A full-frame array is a block of memory of at least one byte for each pixel, held between two
frames.  Counted are blocks of numpy and of Python (tracemalloc) and mapped memory, of this process
and without the emulated board; a block belongs to the file of ours that asked for it.
"""

import argparse
import gc
import mmap
import os
import re
import sys
import tempfile
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from edgeleak import board as boards
from edgeleak.config import Config, CoolerConfig, NucConfig
from edgeleak.instrument import Folders, Instrument, Options
from edgeleak.pipeline.arena import ALIGNMENT, Member
from edgeleak.sim.bus import open_buses
from edgeleak.sim.lockstep import Lockstep
from edgeleak.sim.plant import Plant
from edgeleak.sim.scenario import Scenario, Start, World
from edgeleak.sim.sim_clock import SimClock

ROOT = Path(__file__).resolve().parents[1]
FILE, SOURCE = ROOT / "docs" / "architecture.md", ROOT / "src" / "edgeleak"
PART = re.compile("(<!-- memory -->\n).*?(<!-- end -->)", re.DOTALL)
SHAPE = (480, 640)
FRAMES_OF_CALLS = 8
"""Of each block; numpy calls itself a few times, then comes the file that asked."""
MOST_S, SETTLE_S = 30.0, 1.0
Held = Counter[tuple[str, int]]
"""How many blocks of so many bytes each file holds."""


class Named(NamedTuple):
    """Blocks that may be there, each for its reason.

    file   : that asks for them, below src/edgeleak
    nbytes : of one, by the instrument
    """

    file: str
    count: int
    nbytes: Callable[[Instrument], int]
    what: str
    why: str


def per_pixel(nbytes: int) -> Callable[[Instrument], int]:
    """Of an array with so many bytes a pixel."""
    return lambda on: nbytes * pixels(on)


def pixels(on: Instrument) -> int:
    height, width = on.sensor.shape
    return height * width


def parts(on: Instrument) -> int:
    """Regions that a mask of this shape can have, and one."""
    height, width = on.sensor.shape
    return -(-height // 2) * -(-width // 2) + 1


def packets(on: Instrument) -> int:
    count, size = on.sensor.packets_shape
    return count * size


def ring(on: Instrument) -> int:
    """Of its memory: `recorder.ring_s` times the rate in frames, and their correction."""
    return 0 if on.recorder is None else os.fstat(on.recorder.ring.descriptor).st_size


ARENA = Named("pipeline/arena.py", 1, lambda on: on.pipeline.arena.nbytes + ALIGNMENT, "arena", "")
NAMED = (
    Named("pipeline/chain.py", 1, per_pixel(2), "offsets in force",
          "they change in place, with the temperature and each correction; the factory's do not"),
    Named("pipeline/chain.py", 1, lambda on: 40 * parts(on), "facts of each part of the mask",
          "a mask may have a quarter as many regions as pixels; no frame may allocate"),
    Named("pipeline/chain.py", 2, lambda on: 4 * parts(on), "which parts are one region, numbers",
          "as above"),
    Named("calibration/model.py", 3, per_pixel(2), "gain, offset and noise of the factory",
          "as read, never written to: pipeline and correction use its gain, the console makes"
          " the calibration in force of it"),
    Named("services/nuc.py", 1, per_pixel(4), "sum of the closed shutter",
          "a replay has a pipeline and no shutter"),
    Named("services/nuc.py", 1, per_pixel(4), "gain as float32",
          "made once for each factory calibration, not for each row that is solved"),
    Named("services/nuc.py", 2, per_pixel(2), "offsets of this correction and of the next",
          "the one goes beside the ring, the other is solved while the first is used"),
    Named("services/known_bad.py", 1, per_pixel(1), "bad pixels known so far",
          "what flickers joins those of the factory"),
    Named("services/flicker_search.py", 1, per_pixel(2), "first closed frame",
          "every later one is compared with it"),
    Named("services/flicker_search.py", 1, per_pixel(1), "jumps of each pixel",
          "counted over the closed frames"),
    Named("services/acquisition.py", 2, packets, "packets of a frame",
          "the capture thread fills one while the frames thread unpacks the other"),
    Named("services/ring.py", 1, ring, "the recorder's ring",
          "frames of `recorder.ring_s` at `sensor.fps`, and their correction; shared with the"
          " recorder's process"),
)  # fmt: skip


def named(on: Instrument) -> Held:
    """What may be held."""
    held: Held = Counter()
    for row in (ARENA, *NAMED):
        held[row.file, row.nbytes(on)] += row.count
    return held


# --- what is held --------------------------------------------------------------------------------


@contextmanager
def watched() -> Iterator[Callable[[int], Held]]:
    """Gives a function that tells the blocks of at least so many bytes asked for since."""
    before = [one for one in gc.get_objects() if isinstance(one, mmap.mmap)]
    tracemalloc.start(FRAMES_OF_CALLS)
    try:
        yield lambda least: _allocated(least) + _mapped(least, before)
    finally:
        tracemalloc.stop()


def _allocated(least: int) -> Held:
    gc.collect()
    held: Held = Counter()
    for trace in tracemalloc.take_snapshot().traces:
        if trace.size < least:
            continue
        ours = [Path(call.filename) for call in trace.traceback
                if Path(call.filename).is_relative_to(SOURCE)]  # fmt: skip
        file = ours[-1].relative_to(SOURCE) if ours else Path("sim")  # the newest call is the last
        if file.parts[0] != "sim":
            held[file.as_posix(), trace.size] += 1
    return held


def _mapped(least: int, before: list[mmap.mmap]) -> Held:
    known = set(map(id, before))
    return Counter(("services/ring.py", len(one)) for one in gc.get_objects()
                   if isinstance(one, mmap.mmap) and id(one) not in known
                   and len(one) >= least)  # fmt: skip


@contextmanager
def instrument(shape: tuple[int, int]) -> Iterator[tuple[Instrument, Lockstep]]:
    """EL-1 with a sensor of this shape on the emulated board; what would take time is made short:
    its detector is at the set-point from the start, and a correction is the mean of six frames."""
    config = Config(cooler=CoolerConfig(set_point_degc=20.0), nuc=NucConfig(frames=6))
    board = boards.load("el1-a")
    board = replace(board, sensor=replace(board.sensor, height=shape[0], width=shape[1]))
    start = Start(cold_degc=config.cooler.set_point_degc)
    plant = Plant(board, scenario=Scenario(world=World(movers=False), start=start))
    clock = SimClock()
    buses, blocking = open_buses(plant)
    with tempfile.TemporaryDirectory() as name:
        made = Instrument(board, config, buses, clock, folders=Folders(Path(name), Path(name)),
                          options=Options(recorder=(), segmenter=()))  # fmt: skip
        try:
            yield made, Lockstep(plant, clock, made.loops, blocking)
        finally:
            made.shutdown()


def run(on: Instrument, lockstep: Lockstep) -> None:
    """Until it was corrected once, and a little longer."""
    end_ns = 0
    while on.nuc.status.taken == 0:
        end_ns += 10**9
        if end_ns > MOST_S * 1e9:
            sys.exit(f"no correction in {MOST_S:g} s: {on.health.answer.reason}")
        lockstep.run_until(end_ns)
    lockstep.run_until(end_ns + round(SETTLE_S * 1e9))


# --- the page ------------------------------------------------------------------------------------


def full_frames(on: Instrument) -> list[Member]:
    """Members of the arena of the frame's shape, or some of them."""
    arena = on.pipeline.arena
    return [member for member in arena.members if member.shape[-2:] == arena.shape]


def planes(member: Member) -> int:
    return member.shape[0] if len(member.shape) > 2 else 1


def table(on: Instrument) -> str:
    """Markdown: every array, its bytes, its reason; then the sums."""
    rows = ["| array | where | number | bytes | why |", "|---|---|---|---|---|"]
    inside = full_frames(on)
    for member in inside:
        count = planes(member)
        each = f"{'' if count == 1 else f'{count} x '}{member.nbytes // count:,}"
        rows.append(f"| `{member.name}` | arena | {count} | {each} | {member.why} |")
    for row in NAMED:
        nbytes = row.nbytes(on)
        each = f"{'' if row.count == 1 else f'{row.count} x '}{nbytes:,}"
        rows.append(f"| {row.what} | `{row.file}` | {row.count} | {each} | {row.why} |")
    return "\n".join([*rows, "", said(on)])


def said(on: Instrument) -> str:
    """The sums in a sentence."""
    arena = on.pipeline.arena
    frames = sum(map(planes, full_frames(on)))
    outside = [row for row in NAMED if row.nbytes is not ring]
    count = sum(row.count for row in outside)
    nbytes = sum(row.count * row.nbytes(on) for row in outside)
    return (f"{frames + count} full-frame arrays: {frames} in the arena ({arena.nbytes:,} bytes"
            f" with its small members), {count} outside ({nbytes:,} bytes), and the ring"
            f" ({ring(on):,} bytes).")  # fmt: skip


def filled(text: str, on: Instrument) -> str:
    """The page with the table of today."""
    made, count = PART.subn(lambda match: f"{match[1]}{table(on)}\n{match[2]}", text)
    if count != 1:
        sys.exit(f"{FILE}: {count} places for the memory, expected one")
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    text = FILE.read_text(encoding="utf-8")
    with watched() as found, instrument(SHAPE) as (on, lockstep):
        made = filled(text, on)
        if args.check:
            return _is_current(made == text)
        run(on, lockstep)
        if wrong := differences(found(pixels(on)), named(on)):
            sys.exit("\n".join(wrong))
        print(table(on))
    FILE.write_text(made, encoding="utf-8")
    return 0


def _is_current(is_so: bool) -> int:
    if not is_so:
        print(f"{FILE} is old; run: python tools/write_memory.py", file=sys.stderr)
    return int(not is_so)


def differences(found: Held, expected: Held) -> list[str]:
    """A line for each kind of block of which there are more or fewer than expected."""
    return [f"{key[0]}: {found[key]} blocks of {key[1]:,} bytes, NAMED says {expected[key]}"
            for key in sorted(found.keys() | expected.keys())
            if found[key] != expected[key]]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
