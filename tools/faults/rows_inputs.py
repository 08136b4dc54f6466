# SPDX-License-Identifier: Apache-2.0
"""Damaged calibrations and settings, judged by answer, processor time and memory."""

import os
import random
import shutil
import struct
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from meter import Meter
from row import Outcome, Row
from rows_config import damaged_settings

from edgeleak.calibration import container, layout
from edgeleak.calibration.model import Calibration, Kind
from edgeleak.errors import EdgeLeakError

SETTINGS_SHARE = 5
SHAPES = ((1, 1), (1, 7), (7, 1), (2, 3), (3, 5), (6, 8), (5, 64), (64, 5), (17, 31), (24, 32),
          (33, 65), (60, 80), (62, 80), (96, 128), (120, 160), (122, 160), (240, 320), (256, 320),
          (480, 640), (480, 640))  # fmt: skip
"""Odd ones, both Leptons with and without telemetry, both el640; the last two differ in kind."""
PLANES = 8
"""Of every other file, and the last: the largest an el640 has, 6.8 MB."""
COUNTS_AT, COUNTS_END = 24, 40
"""Height, width, bad pixels and planes in a calibration's header."""
ENOUGH = 20
"""Problems after which no more cases are run."""
Damage = Callable[[Path, random.Random], None]


def damaged_files(count: int, seed: int) -> Outcome:
    """F2: calibrations, none accepted; of settings, none that means what no file says."""
    outcome, rng = Outcome(clean_unit="reads"), random.Random(seed)
    settings = count // SETTINGS_SHARE
    outcome.notes.append(f"{settings:,} of them are settings files, the others calibrations")
    with tempfile.TemporaryDirectory() as name:
        damaged_settings(outcome, settings, rng, Path(name))
    with tempfile.TemporaryDirectory() as name:
        _damaged_calibrations(outcome, count - settings, rng, Path(name))
    return outcome


def _damaged_calibrations(outcome: Outcome, count: int, rng: random.Random, folder: Path) -> None:
    """Half single bits, every one of the smallest files; then anything to each file in turn."""
    goods = [_made(folder, n) for n in range(len(SHAPES))]
    bits = [(good, n) for good in goods[: len(goods) // 2] for n in range(8 * good.stat().st_size)]
    bits, bad = bits[: count // 2], folder / "damaged"
    _first_calls(goods[0], bad)
    worst = Meter()
    for n in range(count):
        if len(outcome.problems) >= ENOUGH:
            break
        good, bit = bits[n] if n < len(bits) else (goods[n % len(goods)], -1)
        shutil.copyfile(good, bad)
        what = _flip(bad, bit) if bit >= 0 else _damage(bad, good, rng)
        outcome.executed += 1
        trouble = _trouble(bad, worst)
        outcome.trips += outcome.expect(not trouble, f"{good.name}, {what}: {trouble}")
    for good in goods:
        outcome.clean += 1
        outcome.false_trips += container.read(good).nuc_id != goods.index(good) + 1
    outcome.worst_ms = max(outcome.worst_ms, 1000 * worst.worst_s)
    outcome.notes.append(f"calibrations: {len(goods)} files, {len(bits):,} single bits,"
                         f" {worst.said()}")  # fmt: skip


def _first_calls(good: Path, bad: Path) -> None:
    """What the first read and the first refusal import is nobody's excess."""
    container.read(good)
    shutil.copyfile(good, bad)
    _flip(bad, 0)
    _trouble(bad, Meter())


def _made(folder: Path, number: int) -> Path:
    """One whole calibration of its own shape and content."""
    rng, shape = np.random.default_rng(number), SHAPES[number]
    has_planes = number % 2 == 1
    made = Calibration(
        Kind.TWO_POINT, rng.integers(15000, 17000, shape).astype(np.int16),
        rng.integers(-500, 500, shape).astype(np.int16), np.empty((0, 5), np.int32),
        np.empty(0, np.uint8), rng.integers(0, 900, shape).astype(np.uint16), number + 1,
    )  # fmt: skip
    if has_planes:
        planes = rng.integers(-500, 500, (PLANES, *shape)).astype(np.int16)
        made = replace(made, kind=Kind.BY_TEMPERATURE, offset_planes_q2=planes, bandwidth_k=5.0,
                       plane_temp_degc=np.arange(PLANES, dtype=float))  # fmt: skip
    path = folder / f"{shape[0]}x{shape[1]}{'-planes' if has_planes else ''}.elcal"
    container.write(path, made)
    return path


def _trouble(bad: Path, worst: Meter) -> str:
    """What is wrong with one read, metered from what is resident just before it."""
    mine = Meter()
    try:
        with mine.call():
            container.read(bad)
        return "accepted"
    except EdgeLeakError:
        return mine.excess()
    finally:
        worst.worst_s = max(worst.worst_s, mine.worst_s)
        worst.worst_bytes = max(worst.worst_bytes, mine.worst_bytes)


def _damage(bad: Path, good: Path, rng: random.Random) -> str:
    damage = rng.choice(DAMAGES)
    damage(bad, rng)
    if bad.stat().st_size == good.stat().st_size and _sum_of(bad) == _sum_of(good):
        return _flip(bad, 0)  # it hit nothing
    return damage.__name__


def _sum_of(path: Path, end: int | None = None) -> int:
    """CRC-32 of a file up to `end`, a piece at a time: its memory is not the reader's."""
    total, left = 0, path.stat().st_size if end is None else end
    with path.open("rb") as file:
        while left > 0 and (piece := file.read(min(left, 1 << 16))):
            total, left = zlib.crc32(piece, total), left - len(piece)
    return total


def _put(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def _flip(path: Path, bit: int) -> str:
    with path.open("r+b") as file:
        file.seek(bit // 8)
        (byte,) = file.read(1)
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))
    return f"bit {bit}"


def _cut(path: Path, rng: random.Random) -> None:
    os.truncate(path, rng.randrange(path.stat().st_size))


def _longer(path: Path, rng: random.Random) -> None:
    with path.open("ab") as file:
        file.write(rng.randbytes(rng.randrange(1, 64)))


def _bytes(path: Path, rng: random.Random) -> None:
    data = rng.randbytes(rng.randrange(1, 32))
    _put(path, rng.randrange(path.stat().st_size - len(data)), data)


def _bits(path: Path, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 2, 3, 8))):
        _flip(path, rng.randrange(8 * path.stat().st_size))


def _head(path: Path, rng: random.Random) -> None:
    _flip(path, rng.randrange(8 * layout.HEADER.size))


def _other_geometry(path: Path, rng: random.Random) -> None:
    """Sizes that the file does not have, under a check sum that is right."""
    at = rng.randrange(COUNTS_AT, COUNTS_END, 4)
    _put(path, at, struct.pack("<I", rng.choice((0, 5000, 1 << 16, 1 << 22, (1 << 32) - 1))))
    end = path.stat().st_size - layout.CRC.size
    _put(path, end, layout.CRC.pack(_sum_of(path, end)))


DAMAGES: tuple[Damage, ...] = (_cut, _longer, _bytes, _bits, _head, _other_geometry)

ROWS = (
    Row("F2", "damaged calibrations and settings: refused, or as the file says; 100 ms, 8 MiB",
        "process", 10_000, 1_000_000, damaged_files, "F2.patch", 2_000,
        more=("F2-unknown.patch", "F2-cut.patch", "F2-slow.patch", "F2-memory.patch")),
)  # fmt: skip
