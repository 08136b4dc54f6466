# SPDX-License-Identifier: Apache-2.0
"""Record the firmware again and again, replay each recording, and count the ones that are equal.

    tools/bench/blackbox_replays.py [--runs 20] [--seconds 12]

Every second run has damaged lines and a chip that does not answer for a moment.  A recording that
does not replay is kept, and its first difference printed; exit code 1.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

QUIET = """summary = "a few seconds of a quiet yard"
[world]
ambient_degc = 25
[start]
cold_degc = -17
"""
FAULTS = """
[[fault]]
name = "crc-error"
from_s = 5
to_s = 7
bits = 2
count = 8
why = "damaged lines"

[[fault]]
name = "bus-nack"
from_s = 8
to_s = 8.3
count = 4
why = "a chip that does not answer"
"""


def edgeleak(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "edgeleak", *words], capture_output=True,
                          text=True)  # fmt: skip


def once(folder: Path, number: int, seconds: float) -> tuple[bool, str]:
    """(equal, what the replay said) of one run."""
    scenario, box = folder / "scenario.toml", folder / f"run-{number}.elbb"
    scenario.write_text(QUIET + (FAULTS if number % 2 else ""))
    shutil.rmtree(folder / "out", ignore_errors=True)
    done = edgeleak("blackbox", "record", str(box), "--", "edgeleak", "sim", str(scenario),
                    "--seconds", f"{seconds:g}", "--out", str(folder / "out"))  # fmt: skip
    if not box.exists():
        return False, f"not recorded: {done.stderr[-300:]}"
    megabytes = box.stat().st_size / 1e6
    replayed = edgeleak("blackbox", "replay", str(box), "--json")
    if replayed.returncode:
        return False, (replayed.stdout + replayed.stderr)[-600:]
    box.unlink()
    found = json.loads(replayed.stdout)
    return True, f"{megabytes:.0f} MB, {found.get('calls', '?')} calls"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--keep", type=Path, default=Path("out/replays"), metavar="DIR",
                        help="for recordings that differ (out/replays)")  # fmt: skip
    args = parser.parse_args()
    equal = 0
    with tempfile.TemporaryDirectory() as name:
        for number in range(args.runs):
            is_equal, said = once(Path(name), number, args.seconds)
            equal += is_equal
            word = "equal" if is_equal else "DIFFERS"
            print(f"run {number + 1}: {word}, {said}, load {os.getloadavg()[0]:.1f}", flush=True)
            for path in Path(name).glob("*.elbb"):
                args.keep.mkdir(parents=True, exist_ok=True)
                shutil.move(path, args.keep / path.name)
    print(f"{equal} of {args.runs} replays equal")
    return 0 if equal == args.runs else 1


if __name__ == "__main__":
    sys.exit(main())
