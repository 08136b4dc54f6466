# SPDX-License-Identifier: Apache-2.0
"""What recording costs: per call, and what the firmware's loops notice.

    tools/bench/blackbox_cost.py [--rounds 5] [--seconds 12]

Pairs with and without a recording, one after the other, on the emulated board.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from edgeleak.sim.launch import RunningPlant

CALLS = 2000
CHILD = f"""
import sys, time
from edgeleak import board
from edgeleak.bus import linux
from edgeleak.blackbox import tap
from edgeleak.blackbox.format import Mark
buses = linux.open_buses(board.load("el1-a"))
room = memoryview(bytearray(64410))
mark = tap.marker() or (lambda number, data: None)
def timed(call, count={CALLS}):
    took = []
    for _ in range(count):
        begin = time.perf_counter_ns()
        call()
        took.append(time.perf_counter_ns() - begin)
    took.sort()
    return took[len(took) // 2] / 1000
print(timed(lambda: buses.lines.get("button")), timed(lambda: mark(Mark.TENURE, b"x" * 24)),
      timed(lambda: buses.spi.read_into(room), 100))
"""


def calls(plant: RunningPlant, box: Path | None) -> list[float]:
    """us of a line read, a mark, a 64 kB read; median."""
    extra = {} if box is None else {"EDGELEAK_BLACKBOX": str(box)}
    result = subprocess.run([sys.executable, "-c", CHILD], env={**plant.environment(), **extra},
                            capture_output=True, text=True, check=True)  # fmt: skip
    return [float(word) for word in result.stdout.split()]


def firmware(folder: Path, seconds: float, box: Path | None) -> dict[str, tuple[float, float]]:
    """Mean ms and late p99 ms of each task, and the processor time of the program."""
    extra = {} if box is None else {"EDGELEAK_BLACKBOX": str(box)}
    for name in ("state", "run"):
        (folder / name).mkdir(parents=True)
    with RunningPlant() as plant:
        before = os.times()
        result = subprocess.run(
            [sys.executable, "-m", "edgeleak", "run", "--board", "el1-a", "--seconds",
             str(seconds), "--state", str(folder / "state"), "--run", str(folder / "run"),
             "--json"], env={**plant.environment(), **extra}, capture_output=True, text=True,
            check=True)  # fmt: skip
        after = os.times()
    report = json.loads(result.stdout)
    found = {row["task"]: (row["mean_ms"], row["late_p99_ms"]) for row in report["tasks"]}
    used = after.children_user + after.children_system
    return found | {"processor s, drops": (
        used - before.children_user - before.children_system, report["link"]["drops"])}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=12.0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with RunningPlant() as plant:
            pairs = [(calls(plant, None), calls(plant, folder / "a")) for _ in range(args.rounds)]
        for at, what in enumerate(("line read", "mark of a turn", "64 kB SPI read")):
            plain = statistics.median(pair[0][at] for pair in pairs)
            more = statistics.median(pair[1][at] - pair[0][at] for pair in pairs)
            print(f"{what:<16}{plain:9.2f} us without, {more:+8.2f} us recorded")
        begin = time.monotonic()
        without = firmware(folder / "1", args.seconds, None)
        recorded = firmware(folder / "2", args.seconds, folder / "b")
        print(f"{'task':<20}{'mean ms':>10}{'recorded':>10}{'late p99':>10}{'recorded':>10}")
        for task, (mean, late) in without.items():
            own = recorded[task]
            print(f"{task:<20}{mean:>10.3f}{own[0]:>10.3f}{late:>10.2f}{own[1]:>10.2f}")
        mb = (folder / "b").stat().st_size / 1e6
        print(f"{mb:.1f} MB in {args.seconds:g} s; load {os.getloadavg()[0]:.1f};"
              f" {time.monotonic() - begin:.0f} s")  # fmt: skip


if __name__ == "__main__":
    main()
