# SPDX-License-Identifier: Apache-2.0
"""Storage: power cuts, kills and cards."""

import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from crash_states import Disk, record
from recorder_bench import Camera, config_of, frames_in, made_recorder, until
from row import Outcome, Row
from rows_kill_saves import kill_saves
from torn_card import HARMS, LOOKS, Card, Harm

from edgeleak import codes, config
from edgeleak.calibration import container
from edgeleak.errors import EdgeLeakError
from edgeleak.services.recorder import Recorder

SAVER = """
import os
import sys
from pathlib import Path
import numpy as np
from edgeleak.calibration import container
from edgeleak.calibration.model import Calibration, Kind
from edgeleak.durable import replace_text

folder, kind, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for n in range(1, count + 1):
    if kind == "settings":
        replace_text(folder / "saved", f"[nuc]\\nframes = {3 + n}\\n" + "# pad\\n" * 1000)
    else:
        shape = int(sys.argv[4]), int(sys.argv[5])
        container.write(folder / "saved", Calibration(
            Kind.ONE_POINT, np.full(shape, 16384, np.int16), np.full(shape, n, np.int16),
            np.empty((0, 5), np.int32), np.empty(0, np.uint8), np.zeros(shape, np.uint16), n))
    os.write(1, b"ACK %d\\n" % n)
"""
STATES_A_SAVE = 7
"""At the least: how many saves give the states that were asked for."""


def generation(kind: str, data: bytes, scratch: Path) -> int | None:
    """Which save this is; None when the file is not whole."""
    scratch.write_bytes(data)
    try:
        if kind == "settings":
            text = data.decode()
            if text.count("# pad\n") != 1000:
                return None
            return config.load([scratch]).config.nuc.frames - 3
        return int(container.read(scratch).nuc_id)
    except (EdgeLeakError, UnicodeDecodeError):
        return None


def power_cuts(count: int, seed: int) -> Outcome:
    """D1: every state of the disk at every call of recorded saves; old or new, never neither."""
    outcome, saves = Outcome(clean_unit="saves"), -(-count // STATES_A_SAVE)
    with tempfile.TemporaryDirectory() as name:
        folder, scratch = Path(name) / "store", Path(name) / "scratch.toml"
        for kind in ("settings", "calibration"):
            folder.mkdir()
            calls = record(SAVER, folder, kind, str(saves), "24", "32")
            _replay(kind, calls, folder, scratch, outcome)
            last = generation(kind, (folder / "saved").read_bytes(), scratch)
            outcome.clean += saves
            outcome.false_trips += last != saves
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()
    return outcome


def _replay(kind: str, calls: list, folder: Path, scratch: Path, outcome: Outcome) -> None:
    disk, target = Disk(folder), str(folder / "saved")
    for at, call in enumerate(calls):
        disk.apply(call)
        for content in disk.states(target):
            outcome.executed += 1
            if content is None:
                is_good = disk.acked == 0
                found = "no file"
            else:
                number = generation(kind, content, scratch)
                is_good = number is not None and disk.acked <= number <= disk.acked + 1
                found = f"generation {number}" if number else f"a mixture of {len(content)} bytes"
            outcome.trips += outcome.expect(
                is_good, f"{kind}: cut after call {at} ({call.name}): {found}, {disk.acked} acked"
            )


KILLED = """
import sys
from pathlib import Path
from edgeleak.durable import replace_text
path, n = Path(sys.argv[1]) / "saved", 0
while True:
    n += 1
    replace_text(path, f"{n:08d}" * 20_000)
    print(n, flush=True)
"""


def kills(count: int, seed: int) -> Outcome:
    """D3: kill -9 in the middle of saves, of the instrument and of a process that does nothing
    else; files are whole and not older than reported, and the next start has them."""
    outcome, rng = Outcome(clean_unit="saves"), random.Random(seed)
    kill_saves(outcome, count // 2, rng, seed)
    _kill_savers(outcome, count - count // 2, rng)
    return outcome


def _kill_savers(outcome: Outcome, count: int, rng: random.Random) -> None:
    with tempfile.TemporaryDirectory() as name:
        saved = Path(name) / "saved"
        for _ in range(count):
            child = subprocess.Popen([sys.executable, "-c", KILLED, name],
                                     stdout=subprocess.PIPE, text=True)  # fmt: skip
            assert child.stdout is not None
            child.stdout.readline()
            until = time.perf_counter() + rng.uniform(0, 0.01)
            while time.perf_counter() < until:
                pass
            child.send_signal(signal.SIGKILL)
            acks = child.stdout.read().split()
            child.wait()
            content = saved.read_text() if saved.exists() else ""
            number = content[:8]
            outcome.executed += 1
            is_whole = bool(content) and content == number * 20_000
            outcome.trips += outcome.expect(
                is_whole and int(number) >= max(map(int, acks), default=1),
                f"kill: {len(content)} bytes, generation {number}, acked {acks[-1:]}",
            )
            outcome.clean += len(acks)
            outcome.false_trips += not content


# --- D8: the memory card --------------------------------------------------------------------------

BEFORE, DURING, AFTER = 10, 20, 10
"""Frames; all fit into the ring, so none may be missing."""
REFUSED = (codes.STORAGE_FULL, codes.STORAGE_FAILED)
NS = 1_000_000_000


def torn_cards(count: int, seed: int) -> Outcome:
    """D8: the card refuses or stalls under the real recorder, and is put back later."""
    outcome, rng = Outcome(clean_unit="recordings"), random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for n in range(count):
            if outcome.problems:
                break  # each more waits in vain for long
            harm = rng.choice((*HARMS.values(), Harm(0, LOOKS, rng.randrange(50, 400))))
            _one_card(work, n, harm, outcome, rng.randrange(1, DURING))
            if n % 10 == 0:
                _one_card(work, count + n, Harm(), outcome, 0)
    return outcome


def _one_card(work: Path, number: int, harm: Harm, outcome: Outcome, late: int) -> None:
    """One recording on a card of its own; `late` frames after the harm it is put back."""
    card, total = Card(work / f"card-{number}", work), BEFORE + DURING + AFTER
    with made_recorder(config_of(card.folder), card.command) as recorder:
        camera = Camera(recorder)
        try:
            _record(recorder, camera, card, harm, late)
        except AssertionError as error:
            outcome.expect(False, f"{harm}: {error}")
    seen = _recorded(card.folder)
    is_harmed = harm != Harm()
    is_good = seen == list(range(total)) and camera.slowest_s < 1 and not outcome.problems
    outcome.expect(is_good, f"{harm}: {len(seen)} of {total} frames, {camera.slowest_s:.2f} s")
    outcome.expect(bool(card.struck) == is_harmed, f"{harm}: {card.struck} calls were struck")
    card.close()
    if is_harmed:
        outcome.executed += 1
        outcome.trips += is_good
    else:
        outcome.clean += 1
        outcome.false_trips += not is_good


def _record(recorder: Recorder, camera: Camera, card: Card, harm: Harm, late: int) -> None:
    """Begin, suffer, be mended, end.  Raises AssertionError for what never happened."""
    recorder.start("test")
    camera.take(BEFORE)
    until(recorder.said, lambda: recorder.ring.progress().handled >= BEFORE - 1, "frames")
    card.suffer(harm)
    camera.take(late)
    try:
        if harm.number:
            until(recorder.said, lambda: recorder.report().code in REFUSED, "the refusal is said")
            struck = card.struck
            _seconds(recorder, 1, 8)
            until(card.said, lambda: card.struck > struck, "tried again in vain")
        elif harm.stall_ms:
            until(card.said, lambda: card.struck, "a stall")
    finally:
        card.mend()
    _seconds(recorder, 8, 16)
    camera.take(DURING - late + AFTER)
    last = camera.number - 1
    until(recorder.said, lambda: recorder.ring.progress().handled == last, "it goes on")
    recorder.stop()


def _seconds(recorder: Recorder, first: int, end: int) -> None:
    for now_s in range(first, end):
        recorder.supervise(now_s * NS)


def _recorded(folder: Path) -> list[int]:
    """Sequence numbers in all files of one card, in order of the files."""
    paths = sorted(folder.glob("EL*.mcap*"), key=lambda path: path.name.split(".")[0])
    return [info.sequence for path in paths for _, info in frames_in(path)]


ROWS = (
    Row("D1", "power cut in any save: old or new file, acknowledged ones stay", "process",
        200, 200, power_cuts, "D1.patch", 50,
        more=("D1-folder.patch",)),
    Row("D3", "kill -9 in saves, half of them edgeleak run's: whole, acked stay, dark, starts",
        "process", 50, 500, kills, "D3.patch", 24, more=("D3-early.patch",), control=2),
    Row("D8", "card torn out, full, read-only, slow: said, no frame lost, goes on", "process",
        40, 200, torn_cards, "D8.patch", 8),
)  # fmt: skip
