# SPDX-License-Identifier: Apache-2.0
"""Damage small files of every kind, open them as `replay` does, count what happens.

    python tools/fuzz/mutate_sources.py                 20,000 mutations
    python tools/fuzz/mutate_sources.py --plant crash   must report a finding

Each worker process has an address-space limit and an alarm; the parent counts

    whole    every frame came, no damage was noticed
    partial  some frames came, the damage was named
    refused  one sentence, an expected error class
    DEFECT   anything else: another exception, a wrong result type, a stall,
             a worker that died, more memory or processor time than allowed,
             a frame that the undamaged file does not hold although the format
             has check sums (each frame of a recording; an archive without a
             word of damage)

and exits 1 when there is a DEFECT.  Each worker first opens the undamaged
files, which must give what was put into them.  Videos are decoded in a process of their
own (sources/video.py), so FFmpeg dying counts as `refused` with the word
"died"; these are counted apart.
"""

import argparse
import hashlib
import itertools
import json
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import seed_files
from mutations import Damaged, mutate

from edgeleak.errors import DataError, EdgeLeakError, UsageError
from edgeleak.frame import MAX_COUNTS, FrameInfo
from edgeleak.sources import open_source

EXPECTED = (DataError, UsageError)
MEMORY_BYTES = 1 << 30
CASE_S = 30
CASE_CPU_S = 0.1
MAX_FRAMES = 64
# A decoding process for each video costs 0.2 s; the others run at 200..2000 a second.
VIDEO_SHARE = 0.02
SUMMED, SUMMED_WHOLE = ("mcap",), ("npz", "difference.npz")
"""Check sums tell every frame; only at the end of a member, when frames were already given."""
EXACT = ("npy", "npz", "difference.npz", "tif", "plain.tif", "mcap", "cptv")


def use(path: Path, kind: str, held: set[bytes], is_summed: bool) -> str:
    """Open and read as replay does; the outcome, or an exception that is a defect."""
    try:
        with open_source(path) as source:
            strange = 0
            for pixels, info in itertools.islice(source, MAX_FRAMES):
                check_frame(source.shape, pixels, info)
                strange += digest(pixels) not in held
            outcome = "partial" if source.damage else "whole"
            is_told = kind in SUMMED or (kind in SUMMED_WHOLE and outcome == "whole")
            if strange and is_told and is_summed:
                raise AssertionError(
                    f"{strange} frames that the file never held, read as {outcome}"
                )
            return outcome
    except EXPECTED as error:
        if len(str(error)) < 10:
            raise AssertionError(f"the message says nothing: {error!r}") from error
        return "refused, decoder died" if "died on this file" in str(error) else "refused"


def digest(pixels: np.ndarray) -> bytes:
    return hashlib.sha256(f"{pixels.shape}{pixels.dtype}".encode() + pixels.tobytes()).digest()


def held_by(folder: Path, kind: str, data: bytes) -> set[bytes]:
    """Digests of the frames of an undamaged file; AssertionError when it is not read whole."""
    path = Path(folder, f"seed.{kind}")
    path.write_bytes(data)
    with open_source(path) as source:
        found = [digest(pixels) for pixels, _ in source]
        if source.damage or not found:
            raise AssertionError(f"undamaged, but: {source.damage}, {len(found)} frames")
    if kind in EXACT and found != [digest(pixels) for pixels in seed_files.frames()]:
        raise AssertionError("undamaged, but other frames than were written")
    return set(found)


def check_frame(shape: tuple[int, int], pixels: np.ndarray, info: FrameInfo) -> None:
    if pixels.shape != shape or pixels.dtype not in (np.uint8, np.uint16):
        raise AssertionError(f"a frame of {pixels.shape} {pixels.dtype}, promised {shape}")
    if pixels.dtype == np.uint16 and int(pixels.max()) > MAX_COUNTS and info.sequence >= 0:
        raise AssertionError(f"counts up to {pixels.max()}")


def planted(plant: str | None, number: int) -> None:
    """A defect on purpose, to show that the harness sees it."""
    if plant is None or number % 50:
        return
    if plant == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if plant == "exception":
        raise KeyError("planted")
    if plant == "memory":
        np.ones(MEMORY_BYTES, np.uint16).sum()
    if plant == "stall":
        while True:
            pass


def on_alarm(_number: int, _frame: Any) -> None:
    raise TimeoutError(f"no answer within {CASE_S} s")


def limit() -> None:
    """What one worker may use."""
    resource.setrlimit(resource.RLIMIT_AS, (3 * MEMORY_BYTES, 3 * MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, on_alarm)
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115  the cptv package prints


def resident_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def worker(
    jobs: list[tuple[str, int]], seeds: dict[str, bytes], plant: str | None, pipe: Any
) -> None:
    """Undamaged files, then cases; sends (kind, seed, mutation, outcome, detail) for each."""
    limit()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        held = {kind: clean(folder, kind, seeds, pipe) for kind in sorted({k for k, _ in jobs})}
        base_kb = resident_kb()
        for kind, number in jobs:
            case = mutate(kind, seeds, random.Random(number))
            pipe.send(("start", kind, number, case.change, ""))
            outcome, detail, cpu_s = run_case(folder, kind, number, case, held[kind], plant)
            if (used_kb := resident_kb()) - base_kb > MEMORY_BYTES >> 11:
                outcome, detail = "DEFECT", f"{used_kb >> 10} MiB resident"
                base_kb = used_kb
            pipe.send(("done", kind, number, case.change, outcome, detail, cpu_s))
    pipe.send(None)


def clean(folder: Path, kind: str, seeds: dict[str, bytes], pipe: Any) -> set[bytes]:
    """What the undamaged file holds; it also loads the packages that read the kind."""
    try:
        held, detail = held_by(folder, kind, seeds[kind]), ""
    except (Exception, EdgeLeakError) as error:
        held, detail = set(), f"{type(error).__name__}: {error}"[:300]
    pipe.send(("clean", kind, detail))
    return held


def run_case(
    folder: Path, kind: str, number: int, case: Damaged, held: set[bytes], plant: str | None
) -> tuple[str, str, float]:
    """(outcome, detail, processor seconds) of one damaged file."""
    path = folder / f"case.{kind}"
    path.write_bytes(case.data)
    began_s, detail = time.thread_time(), ""
    signal.alarm(CASE_S if plant != "stall" else 2)
    try:
        planted(plant, number)
        outcome = use(path, kind, held, case.is_summed)
    except (Exception, EdgeLeakError) as error:
        outcome, detail = "DEFECT", f"{type(error).__name__}: {error}"[:300]
    signal.alarm(0)
    cpu_s = time.thread_time() - began_s
    if cpu_s > CASE_CPU_S and not detail:
        outcome, detail = "DEFECT", f"{cpu_s * 1000:.0f} ms of processor time"
    return outcome, detail, cpu_s


def plan(count: int, seed: int) -> list[tuple[str, int]]:
    """(kind, number) of every case; videos are rare because each costs a process."""
    rng = random.Random(seed)
    quick = [kind for kind in seed_files.KINDS if kind not in seed_files.VIDEO]
    return [
        (rng.choice(seed_files.VIDEO if rng.random() < VIDEO_SHARE else quick), seed + i)
        for i in range(count)
    ]


class Tally:
    """Counts by kind and outcome, the defects themselves, the undamaged files.

    clean, spoiled : undamaged files read, and (kind, why) of those that were not read right
    worst_s        : most processor time of a case
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.defects: list[dict[str, Any]] = []
        self.clean = 0
        self.spoiled: list[tuple[str, str]] = []
        self.worst_s = 0.0

    def add_clean(self, kind: str, detail: str) -> None:
        self.clean += 1
        self.spoiled += [(kind, detail)] if detail else []

    def add(
        self, kind: str, number: int, name: str, outcome: str, detail: str, cpu_s: float = 0.0
    ) -> None:
        self.counts[kind, outcome] += 1
        self.worst_s = max(self.worst_s, cpu_s)
        if outcome == "DEFECT":
            self.defects.append(
                {"kind": kind, "number": number, "mutation": name, "detail": detail}
            )


def drive(
    jobs: list[tuple[str, int]], seeds: dict[str, bytes], plant: str | None, tally: Tally
) -> None:
    """One worker after the other until the jobs are done; a dead one is a defect."""
    while jobs:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.Process(target=worker, args=(jobs, seeds, plant, theirs))
        process.start()
        theirs.close()
        done, running, ended = 0, None, False
        try:
            while (message := ours.recv()) is not None:
                if message[0] == "start":
                    running = message[1:4]
                elif message[0] == "clean":
                    tally.add_clean(*message[1:])
                else:
                    tally.add(*message[1:])
                    done, running = done + 1, None
            ended = True
        except EOFError:
            pass
        process.join()
        if ended:
            return
        kind, number, name = running or (*jobs[done], "none")
        tally.add(kind, number, name, "DEFECT", f"the worker died, status {process.exitcode}")
        jobs = jobs[done + 1 :]


def run(count: int, seed: int, workers: int, plant: str | None) -> Tally:
    """All cases over some worker threads of this process, each driving its own worker."""
    import threading

    with tempfile.TemporaryDirectory() as folder:
        seeds = seed_files.make(Path(folder))
    jobs, tallies, threads = plan(count, seed), [], []
    for part in range(workers):
        tallies.append(Tally())
        arguments = (jobs[part::workers], seeds, plant, tallies[-1])
        threads.append(threading.Thread(target=drive, args=arguments))
        threads[-1].start()
    for thread in threads:
        thread.join()
    total = Tally()
    for tally in tallies:
        total.counts += tally.counts
        total.defects += tally.defects
        total.clean += tally.clean
        total.spoiled += tally.spoiled
        total.worst_s = max(total.worst_s, tally.worst_s)
    return total


def show(tally: Tally, seconds: float) -> None:
    outcomes = ("whole", "partial", "refused", "refused, decoder died", "DEFECT")
    print(f"{'kind':<16}" + "".join(f"{name:>23}" for name in outcomes))
    for kind in (*seed_files.KINDS, "all"):
        row = [
            sum(n for (k, o), n in tally.counts.items() if o == name and kind in (k, "all"))
            for name in outcomes
        ]
        print(f"{kind:<16}" + "".join(f"{n:>23}" for n in row))
    total = sum(tally.counts.values())
    print(
        f"{total} mutations in {seconds:.0f} s, at most {tally.worst_s * 1000:.0f} ms of processor"
        f" time; {len(tally.defects)} defects"
    )
    print(f"{tally.clean} undamaged files, {len(tally.spoiled)} not read right")
    for defect in (*tally.spoiled, *tally.defects[:20]):
        print(f"  {defect}")


def main() -> int:
    """Exit code 1 when a defect was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--plant", choices=("crash", "exception", "memory", "stall"))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    began = time.monotonic()
    tally = run(args.count, args.seed, args.workers, args.plant)
    if args.json:
        counts = {f"{kind}: {outcome}": n for (kind, outcome), n in sorted(tally.counts.items())}
        print(json.dumps({"counts": counts, "defects": tally.defects, "spoiled": tally.spoiled}))
    else:
        show(tally, time.monotonic() - began)
    return 1 if tally.defects or tally.spoiled else 0


if __name__ == "__main__":
    sys.exit(main())
