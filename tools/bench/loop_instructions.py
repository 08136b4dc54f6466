# SPDX-License-Identifier: Apache-2.0
"""Instructions of the whole instrument on aarch64, interpreter and all, and what they come to.

    tools/bench/loop_instructions.py [--row 640x480 ...] [--json]      after `make firmware`

The wheel's kernels and Debian's arm64 Python run `loop_tape.py` under qemu-user with the
counting plugin; two lengths make one difference, so start and tape drop out.  The share of a
core is an ESTIMATE for a Cortex-A53 at 1 GHz: at one instruction a cycle, and at two cycles an
instruction, which is what an interpreter on a small in-order core may need.

Counted: what the tasks of the loops control, frames and capture execute in user space.  Not
counted: recorder and segmenter processes, kernel and interrupts, threads that wait, see
docs/main-loop.md.
Exit code 1 when the goal is missed at one instruction a cycle; the slower core is printed beside.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import main_loop

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import count_instructions

WORK = ROOT / "build" / "loop"
DEBIAN = ROOT / "build/cross/firmware/debian"
TAPE = ROOT / "tools/bench/loop_tape.py"
SHORT_S, LONG_S = 1, 3
LIMIT_S = 900
HZ = 1e9
GOAL, GOAL_ROW = 0.25, "640x480"
CYCLES = {"1 a cycle": 1.0, "0.5 a cycle": 2.0}
"""Cycles an instruction of each assumption; the goal is stated for the first."""
KINDS = {"all": (), "control": ("control",)}


def make_site() -> Path:
    """This tree as it is now, with the wheel's kernels for aarch64 beside this machine's."""
    wheels = sorted(ROOT.glob("dist/edgeleak-*-linux_aarch64.whl"), key=os.path.getmtime)
    if not wheels or not DEBIAN.is_dir():
        sys.exit("loop_instructions: no wheel or no arm64 packages: run `make firmware` first")
    site = WORK / "site"
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(ROOT / "src/edgeleak", site / "edgeleak",
                    ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    with zipfile.ZipFile(wheels[-1]) as archive:
        for name in archive.namelist():
            if name.endswith("-aarch64-linux-gnu.so"):
                archive.extract(name, site)
    return site


def counted(site: Path, plugin: Path, words: list[str]) -> tuple[int, int]:
    """(instructions, frames) of one run of the player."""
    folder = DEBIAN / "usr/lib/aarch64-linux-gnu"
    names = {
        "PYTHONHOME": DEBIAN / "usr",
        "PYTHONPATH": f"{site}:{DEBIAN}/usr/lib/python3/dist-packages",
        "LD_LIBRARY_PATH": f"{folder}/blas:{folder}/lapack",
        "PYTHONHASHSEED": "0",
    }
    given = [part for key, value in names.items() for part in ("-E", f"{key}={value}")]
    command = ["qemu-aarch64", "-plugin", str(plugin), "-L", str(DEBIAN), *given,
               str(DEBIAN / "usr/bin/python3.11"), str(TAPE), "play", *words]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    found = re.search(r"instructions (\d+)", done.stderr)
    shown = re.search(r"frames (\d+)", done.stdout)
    if done.returncode or not found or not shown:
        sys.exit(f"loop_instructions: {' '.join(command)}:\n{(done.stdout + done.stderr)[-1500:]}")
    return int(found[1]), int(shown[1])


def count(row: main_loop.Row, site: Path, plugin: Path) -> dict[str, Any]:
    """Instructions a second of everything and of its parts."""
    tape = WORK / f"{row.name}.tape"
    binned = ["--binned"] if row.binning else []
    command = [sys.executable, str(TAPE), "record", str(tape), "--fps", str(row.fps), *binned]
    subprocess.run(command, check=True, timeout=LIMIT_S, stdout=subprocess.DEVNULL,
                   env={**os.environ, "PYTHONPATH": str(site)})  # fmt: skip
    found: dict[str, Any] = {"row": row.name, "fps": row.fps}
    for kind, loops in KINDS.items():
        long, long_frames = counted(site, plugin, [str(tape), str(LONG_S), *loops])
        short, short_frames = counted(site, plugin, [str(tape), str(SHORT_S), *loops])
        per_s = (long - short) / (LONG_S - SHORT_S)
        found[kind] = {"per_s": per_s, "core": per_s / HZ}
        if frames := long_frames - short_frames:
            found[kind]["per_frame"] = (long - short) / frames
    frames_per_s = found["all"]["per_s"] - found["control"]["per_s"]
    found["frames"] = {"per_s": frames_per_s, "core": frames_per_s / HZ,
                       "per_frame": frames_per_s / row.fps}  # fmt: skip
    return found


def judged(counts: list[dict[str, Any]]) -> dict[str, bool]:
    """Assumption -> whether the whole instrument stays under the goal; empty without its row."""
    found = [count["all"]["core"] for count in counts if count["row"] == GOAL_ROW]
    return {name: cycles * found[0] < GOAL for name, cycles in CYCLES.items()} if found else {}


def exit_code(goals: dict[str, bool]) -> int:
    """The stated goal decides; nothing is judged where its row was not counted."""
    return 0 if all(list(goals.values())[:1]) else 1


def print_goals(goals: dict[str, bool]) -> None:
    for name, is_met in goals.items():
        print(f"goal, under {GOAL:.0%} of a core at {GOAL_ROW}, at {name}:"
              f" {'met' if is_met else 'NOT MET'}")  # fmt: skip


def print_table(counts: list[dict[str, Any]]) -> None:
    print(f"{'aarch64':<10}{'part':<10}{'M a second':>12}{'M a frame':>12}{'core, 1 a cycle':>18}"
          f"{'0.5 a cycle':>14}")  # fmt: skip
    for found in counts:
        for kind in ("all", "control", "frames"):
            one = found[kind]
            frame = f"{one['per_frame'] / 1e6:.2f}" if "per_frame" in one else "-"
            shares = [cycles * one["core"] for cycles in CYCLES.values()]
            print(f"{found['row']:<10}{kind:<10}{one['per_s'] / 1e6:>12.1f}{frame:>12}"
                  f"{shares[0]:>18.1%}{shares[1]:>14.1%}")  # fmt: skip
    print("estimates for a Cortex-A53 at 1 GHz; without recorder process and kernel")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--row", action="append", choices=list(main_loop.ROWS))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    count_instructions.BUILD.mkdir(parents=True, exist_ok=True)
    site, plugin = make_site(), count_instructions.build_plugin()
    counts = [count(main_loop.ROWS[name], site, plugin) for name in args.row or main_loop.ROWS]
    goals = judged(counts)
    if args.json:
        print(json.dumps({"rows": counts, "goals": goals}))
    else:
        print_table(counts)
        print_goals(goals)
    return exit_code(goals)


if __name__ == "__main__":
    sys.exit(main())
