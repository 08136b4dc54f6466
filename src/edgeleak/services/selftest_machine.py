# SPDX-License-Identifier: Apache-2.0
"""The machine's part of the self-test: kernels, calibration, storage, clock."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from edgeleak import kernels
from edgeleak.calibration import container
from edgeleak.clock import NS_PER_MS
from edgeleak.durable import replace_file
from edgeleak.errors import EdgeLeakError
from edgeleak.frame import UtcQuality
from edgeleak.kernels import reference
from edgeleak.services import parts
from edgeleak.services.checks import Bench, Check, Verdict, broken, guarded, within
from edgeleak.services.setup import CALIBRATION_NAME
from edgeleak.services.utc import FLOOR_YEAR, Utc

STATE_FREE_MIB = 1
MIB = 1 << 20
PROBE_NAME = "selftest.probe"
VECTOR = bytes.fromhex("454C0003010200010006AAA5557FFF")
"""One el640 packet of four pixels, and its checksum: the vector of docs/sensor-link.md."""
VECTOR_CRC = 0x2CCB


def steps(bench: Bench) -> Iterator[int]:
    """Nothing here touches the board."""
    for what, check in (
        ("kernels", _kernels), ("calibration", _calibration), ("state folder", _state),
        ("recordings", _recordings), ("clock", _clock),
    ):  # fmt: skip
        yield from guarded(bench, what, "can be looked at", _once(check, bench))


def _once(check: Callable[[Bench], None], bench: Bench) -> Iterator[int]:
    check(bench)
    yield NS_PER_MS


def _kernels(bench: Bench) -> None:
    """Compiled code gives the bytes of its NumPy twin on this very processor."""
    build = kernels.build_info()
    value = f"{build['isa']}, source {build['source_hash']}"
    crc = kernels.crc16(VECTOR)
    is_right = crc == VECTOR_CRC and _same_as_twin()
    bench.note(Check("kernels", value, "equal their twins",
                     Verdict.OK if is_right else Verdict.FAIL,
                     "" if is_right else "install the firmware again; try EDGELEAK_ISA=baseline"
                     ))  # fmt: skip


def _same_as_twin() -> bool:
    random = np.random.default_rng(640)
    shape = (37, 53)
    counts = random.integers(0, 1 << 14, shape, dtype=np.uint16)
    gain = random.integers(0, 1 << 15, shape).astype(np.int16)
    offset = random.integers(-8192, 8192, shape).astype(np.int16)
    twin = counts.copy()
    kernels.nuc(counts, gain, offset)
    reference.nuc(twin, gain, offset)
    return bool((counts == twin).all())


def _calibration(bench: Bench) -> None:
    """Readable and made for this sensor, or absent, which is told of."""
    path = bench.state / CALIBRATION_NAME
    sensor = parts.sensor(bench.board, bench.config.sensor, bench.buses, bench.clock)
    limit = f"{sensor.shape[1]}x{sensor.shape[0]}"
    if not path.is_file():
        verdict = Verdict.OK if parts.corrects_itself(sensor) else Verdict.NOTE
        step = "" if verdict is Verdict.OK else f"calibrate: edgeleak nuc; copy it to {path}"
        bench.note(Check("calibration", "none", "readable, or none", verdict, step))
        return
    try:
        found = container.read(path)
    except EdgeLeakError as error:
        bench.note(broken("calibration", error, limit))
        return
    height, width = found.shape
    is_ours = found.shape == sensor.shape
    bench.note(Check("calibration", f"{width}x{height}, id {found.nuc_id}", limit,
                     Verdict.OK if is_ours else Verdict.FAIL,
                     "" if is_ours else f"replace {path}, or set sensor.binning as it was"
                     ))  # fmt: skip


def _state(bench: Bench) -> None:
    _storage(bench, "state folder", bench.state, STATE_FREE_MIB)


def _recordings(bench: Bench) -> None:
    """The recorder makes its folder itself, so the nearest one that is there is looked at.

    A note, as codes 401 and 403 are: storage costs recordings, never an answer.
    """
    folder = Path(bench.config.recorder.folder)
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    least_mib = bench.config.recorder.keep_free_mib
    _storage(bench, "recordings", folder, least_mib, worst=Verdict.NOTE)


def _storage(bench: Bench, what: str, folder: Path, least_mib: int, *,
             worst: Verdict = Verdict.FAIL) -> None:  # fmt: skip
    """Writes, flushes, reads back and removes a small file; then counts free space."""
    limit, probe = f"at least {least_mib} MiB free", folder / PROBE_NAME
    try:
        replace_file(probe, VECTOR)
        is_same = probe.read_bytes() == VECTOR
        free_mib = shutil.disk_usage(folder).free / MIB
    except (EdgeLeakError, OSError) as error:
        found = getattr(error.__cause__, "strerror", None) or str(error)
        bench.note(Check(what, f"{folder}: {found}", f"writable, {limit}", worst,
                         "run: systemd-tmpfiles --create; or free some space"))  # fmt: skip
        return
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
    check = within(what, free_mib if is_same else -1, least_mib, float("inf"), "MiB free",
                   "free some space; a card that reads back other bytes is worn out",
                   form=".0f")  # fmt: skip
    bench.note(check if check.verdict is Verdict.OK else check._replace(verdict=worst))


def _clock(bench: Bench) -> None:
    """A wrong clock costs labels, never a frame, so it is a note."""
    utc = Utc(bench.clock, lambda moved_s: None)
    is_set = utc.quality is not UtcQuality.UNKNOWN
    moment = datetime.fromtimestamp(bench.clock.utc_ns() / 1e9, UTC)
    bench.note(Check("clock", f"{moment:%Y-%m-%d}, {utc.quality.name.lower().replace('_', ' ')}",
                     f"{FLOOR_YEAR} or later", Verdict.OK if is_set else Verdict.NOTE,
                     "" if is_set else "connect a network or set the clock"))  # fmt: skip
