# SPDX-License-Identifier: Apache-2.0
"""docs/faults.md from the JSON of `run.py --json`.

write_table.py out/faults.json [older.json ...]

Rows that the first file lacks are taken from the older ones.  A row is of this commit when its
stamp is the one of the sources as they are; all others get a star and are counted apart.
"""

import argparse
import json
import platform
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))  # the tests' rigs
sys.path.insert(0, str(Path(__file__).parent))

from rows import ROWS
from stamp import stamp_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
HEAD = """# Faults

What was broken on purpose, how often, and what the simulated board saw of it. The firmware under
test does not judge itself: every limit, every current and every published frame is compared with
the plant's own truth (`edgeleak.sim`). Times to safe count from the fault to both outputs off, or
to the INHIBIT where the outputs may stay on; "-" where there is no such time.

Each row has a clean twin that must not react, and seeded defects, one or more patches of
[tools/faults/defects](../tools/faults/defects), each applied to a copy of the sources: a row
counts only when every one of its patches turned it red. Red is what the row's own judgement says
against the firmware, with its sentence in the last table; a rig that breaks or a fault that never
struck finds nothing. The same copy without a defect runs first and has to be green (not for T5,
V4R, V5, L1R, L3, L3R and F1P, where it takes too long).

Numbers are those of the row names in the fault list (T cooler and light, V sensor and picture, L
liveness, D storage and supply, F input); F1P and F1B are further parts of F1. F5, privilege, is
`tests/console/test_matrix.py`: every command at every level in every state.

- *lockstep*: the firmware's loops and the board share one simulated clock, so a run is the same
  every time. A loop in a hung bus call sleeps as its thread would.
- *real time*: `edgeleak run` as a process on an emulated board in a process of its own.
- *both*: in lockstep, and its kills in real time.
- *process*: real processes, files and signals.
- *real pty*: a whole instrument in lockstep whose console is on real ptys and sockets.

Where a row does not run on the sensor's own size, speed or noise:

| rows | instead of 640x480 at 11 frames/s |
|---|---|
| V1, el640 of V2 and V3 | 32x24 at 100 frames/s: 25 packets a frame in three transfers |
| V5 | 64x48 |
| T3, V4, V6, V7, L1, L2, D7, F1, F1B | 160x120 at 10 frames/s |
| L3 | 160x120 at 20 frames/s |
| F1P | 640x480 and 160x120 |
| L1R, L3R, V4R, T13's kills, D3 | 320x240 (binned) at 12 frames/s |
| T1, T2, T4 to T12, T15, T16, T13's orders, T14 | no picture: cooler or light alone |

T10 runs with a tenth of the thermistors' noise: what noise does to the output is up to the gains
drawn, not to the change. Its clean twin has all of it. Lepton is 160x120 as it is.

Made by `python tools/faults/run.py --json out/faults.json` and
`python tools/faults/write_table.py out/faults.json`; `make faults` runs all of it,
`make faults-full` the long counts. All of it takes 33 minutes on two cores; `.ci/run` has time for
`make faults-quick` only: D1, D4, F1, F2, F3 and T14 with their defects, D3, F1P and F1B without.

| row | tier | fault and reaction | faults | reacted | clean | false | worst ms | defect |
|---|---|---|---:|---:|---:|---:|---:|---|
"""


OLDER = "\\* from a run of earlier sources; run the row again before relying on it."


OF_NAME = {row.name: row for row in ROWS}


@cache
def stamp_now(name: str, seed: int, is_full: bool, count: int | None, no_defects: bool) -> str:
    """Of a row on the sources as they are; empty when there is no such row any more."""
    if name not in OF_NAME:
        return ""
    return stamp_of(OF_NAME[name], seed, is_full, count, no_defects)


def is_current(row: dict) -> bool:
    """Whether the row ran on the sources as they are, with its own or with a chosen count."""
    no_defects = row["defect"] == "-"
    return any(
        row.get("stamp") == stamp_now(row["row"], row["seed"], is_full, count, no_defects)
        for is_full in (False, True) for count in (None, row["count"])
    )  # fmt: skip


def is_green(row: dict) -> bool:
    """Nothing to complain about, and how its seeded defects were found is written down."""
    return not row["reasons"] and row["defect"] == "red" and bool(row.get("finds"))


def newest(files: list[str]) -> list[dict]:
    """Every row once, from the first file that has it; `is_older` where the sources changed."""
    known: dict[str, dict] = {}
    for name in files:
        for row in json.loads(Path(name).read_text()):
            if row["row"] not in known:
                known[row["row"]] = row | {"is_older": not is_current(row)}
    return sorted(known.values(), key=place)


def headline(results: list[dict], at: str) -> str:
    """Green rows of these sources and of earlier ones, never in one sum."""
    counts = []
    for is_older, where in ((False, f"at this commit ({at})"), (True, "from earlier sources")):
        rows = [row for row in results if row["is_older"] == is_older]
        green = sum(map(is_green, rows))
        counts += [f"{green} green {where}"] if rows or not is_older else []
        counts += [f"{len(rows) - green} red {where}"] if green < len(rows) else []
    return f"{len(results)} rows: {', '.join(counts)}."


def place(row: dict) -> tuple[int, int, str]:
    """Cooler before picture before liveness, storage and files; then by number."""
    name = row["row"]
    return "TVLDF".index(name[0]), int("".join(filter(str.isdigit, name))), name


def cells(row: dict) -> list[str]:
    worst = f"{row['worst_ms']:.0f}" if 0 <= row["worst_ms"] < float("inf") else "-"
    name = row["row"] + (" \\*" if row["is_older"] else "")
    return [
        name, row["tier"], row["what"], f"{row['executed']:,}", f"{row['trips']:,}",
        f"{row['clean']:,} {row['clean_unit']}", str(row["false_trips"]), worst, row["defect"],
    ]  # fmt: skip


FOUND = """
## What found each defect

The first sentence of the row against the firmware with that patch.

| defect | sentence |
|---|---|"""
MOST_CHARACTERS = 200


def found_lines(results: list[dict]) -> list[str]:
    """A line for each patch, fit for a cell."""
    finds = [(name, said) for row in results for name, said in row.get("finds", {}).items()]
    return [f"| {name.removesuffix('.patch')} | {_cell(said)} |" for name, said in finds]


def _cell(said: str) -> str:
    """One line without marks of its own, and without the folders of one machine."""
    text = re.sub(r"/tmp/[\w./-]*/", "", " ".join(said.split()))
    text = text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}..."
    return re.sub(r"([|\\<>*_`\[\]])", r"\\\1", text)


def commit() -> str:
    """Of the sources; with + where they were changed since."""
    words = ["git", "describe", "--always", "--exclude=*", "--dirty=+"]
    done = subprocess.run(words, cwd=PAGE.parent, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", metavar="JSON", help="of `run.py --json`, newest first")
    results = newest(parser.parse_args().files)
    red = [row for row in results if not is_green(row)]
    lines = [f"| {' | '.join(cells(row))} |" for row in results]
    tail = [
        "",
        headline(results, commit()),
        f"Seed {', '.join(sorted({str(row['seed']) for row in results}))}, {platform.machine()}.",
    ]
    if any(row["is_older"] for row in results):
        tail.append(OLDER)
    for row in red:
        tail.append(f"- {row['row']} is red: {(row['reasons'] or ['no defect was found'])[0]}")
    for row in results:
        tail += [f"- {row['row']}: {note}" for note in row.get("notes", ())]
    tail += [FOUND, *found_lines(results)]
    PAGE.write_text(HEAD + "\n".join(lines + tail) + "\n")
    print(f"wrote {PAGE.name}: {len(results)} rows, {len(red)} red")
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main())
