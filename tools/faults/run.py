# SPDX-License-Identifier: Apache-2.0
"""Fault campaigns: break everything on purpose, with the plant as the judge.

    run.py                    every row at its count for CI, then every seeded defect
    run.py --full             the long counts
    run.py --row T4 --row V2  only these
    run.py --no-defects       rows only
    run.py --json F --resume  without the rows that F has of the same sources and options

Green: the faults were really executed, each got its reaction in time, no limit was broken, the
clean twin did not trip, and the row found each seeded defect by its own judgement, but nothing in
a copy without one.  Exit code 1 otherwise.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))  # the tests' rigs
sys.path.insert(0, str(Path(__file__).parent))

from defect import DefectError, broke, check_control, found_by, run_plain
from row import Outcome, Row, verdict
from rows import ROWS
from stamp import stamp_of

LONG = ("L1R", "T13", "L3R", "V7", "T16", "T8", "V1", "V4", "D3", "L3", "T1", "F1P", "F1B")
"""These take longest, so they begin first."""
TOOLS = ("patch", "strace")
HEAD = (
    f"{'row':<5}{'tier':<11}{'faults':>8}{'reacted':>9}{'clean':>14}{'false':>7}"
    f"{'worst ms':>10}{'defect':>8}{'s':>6}  what"
)


def line(row: Row, outcome: Outcome, defect: str, seconds: float) -> str:
    worst = f"{outcome.worst_ms:.0f}" if outcome.worst_ms >= 0 else "-"
    clean = f"{outcome.clean} {outcome.clean_unit}"
    return (
        f"{row.name:<5}{row.tier:<11}{outcome.executed:>8}{outcome.trips:>9}{clean:>14}"
        f"{outcome.false_trips:>7}{worst:>10}{defect:>8}{seconds:>6.0f}  {row.what}"
    )


def seeded(row: Row, folder: Path, seed: int) -> tuple[dict[str, str], list[str]]:
    """({patch: what the row said of it}, a sentence for all that went otherwise)."""
    finds: dict[str, str] = {}
    try:
        check_control(row, folder, seed)
    except DefectError as error:
        return finds, [str(error)]
    missed = []
    for name in row.patches:
        try:
            finds[name] = found_by(row, name, folder, seed)
        except DefectError as error:
            missed.append(str(error))
    return finds, missed


def run_row(row: Row, args: argparse.Namespace, folder: Path) -> dict:
    """Row, then its defects; prints the line and every reason to be red."""
    count = args.count or (row.full if args.full else row.count)
    start, outcome, defect = time.monotonic(), Outcome(), "-"
    finds: dict[str, str] = {}
    try:
        outcome = row.run(count, args.seed)
        reasons = verdict(outcome, count)
    except Exception as error:  # a row that breaks is red; the others go on
        reasons = [broke(error)]
    if not args.no_defects:
        finds, missed = seeded(row, folder, args.seed)
        defect = "GREEN" if missed else "red"
        reasons += missed
    seconds = time.monotonic() - start
    print(line(row, outcome, defect, seconds), flush=True)
    if outcome.again:
        outcome.notes.append(f"{outcome.again} cases ran again: the machine stood still")
    for note in outcome.notes:
        print(f"      {row.name}: {note}", flush=True)
    for name, found in finds.items():
        print(f"      {row.name}: {name}: {found}", flush=True)
    for reason in reasons:
        print(f"      {row.name} RED: {reason}", flush=True)
    return {
        "row": row.name, "what": row.what, "tier": row.tier, "count": count, "seed": args.seed,
        "executed": outcome.executed, "trips": outcome.trips, "clean": outcome.clean,
        "clean_unit": outcome.clean_unit, "false_trips": outcome.false_trips,
        "worst_ms": outcome.worst_ms, "defect": defect, "finds": finds,
        "reasons": reasons, "notes": outcome.notes, "seconds": round(seconds, 1),
    }  # fmt: skip


def run_all(chosen: list[Row], args: argparse.Namespace, folder: Path) -> list[dict]:
    """Each row in a process of its own, `--jobs` at a time, the long ones first."""
    options = args.seed, args.full, args.count, args.no_defects
    stamps = {row.name: stamp_of(row, *options) for row in ROWS}
    results = kept(args, stamps)
    order = sorted(chosen, key=lambda row: LONG.index(row.name) if row.name in LONG else len(LONG))
    todo = [row.name for row in order if row.name not in results]
    if len(todo) < len(order):
        print(f"resumed: {len(order) - len(todo)} rows of the same sources", flush=True)
    begin_s = time.monotonic()
    with ProcessPoolExecutor(args.jobs, max_tasks_per_child=1,
                             mp_context=get_context("spawn")) as pool:  # fmt: skip
        futures = {pool.submit(run_named, name, args, folder): name for name in todo}
        for done, future in enumerate(as_completed(futures), 1):
            results[futures[future]] = future.result() | {"stamp": stamps[futures[future]]}
            save(args, [results[row.name] for row in ROWS if row.name in results])
            progress(done, len(todo), time.monotonic() - begin_s)
    return [results[row.name] for row in sorted(chosen, key=lambda row: row.tier)]


def kept(args: argparse.Namespace, stamps: dict[str, str]) -> dict[str, dict]:
    """Finished rows of an earlier run that still hold."""
    if not (args.resume and args.json and args.json.is_file()):
        return {}
    rows = json.loads(args.json.read_text())
    return {row["row"]: row for row in rows if row.get("stamp") == stamps.get(row["row"])}


def save(args: argparse.Namespace, results: list[dict]) -> None:
    """After every row, so that an interrupted run loses one."""
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        part = args.json.with_suffix(".part")
        part.write_text(json.dumps(results, indent=1) + "\n")
        part.replace(args.json)


def progress(done: int, count: int, seconds: float) -> None:
    """A bar with the time that is left, on a terminal only."""
    if sys.stderr.isatty():
        width, left_s = 30, seconds / done * (count - done)
        bar = ("#" * (width * done // count)).ljust(width, ".")
        end = "\n" if done == count else ""
        print(f"\r[{bar}] {done}/{count} rows, {left_s:.0f} s left \x1b[K", end=end,
              file=sys.stderr, flush=True)  # fmt: skip


def run_named(name: str, args: argparse.Namespace, folder: Path) -> dict:
    """`run_row` in a process of its own."""
    return run_row(next(row for row in ROWS if row.name == name), args, folder)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--row", action="append", choices=[row.name for row in ROWS])
    parser.add_argument("--full", action="store_true", help="long counts")
    parser.add_argument("--count", type=int, help="instead of the row's own")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-defects", action="store_true", help="leave out the seeded defects")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="rows at the same time")
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the table there")
    parser.add_argument("--resume", action="store_true", help="with --json: go on after a stop")
    args = parser.parse_args()
    chosen = [row for row in ROWS if not args.row or row.name in args.row]
    if args.plain:
        return run_plain(chosen[0], args.count, args.seed)
    if missing := [name for name in TOOLS if shutil.which(name) is None]:
        print(f"the fault rows need {' and '.join(missing)}: on Debian, apt-get install"
              f" {' '.join(missing)}", file=sys.stderr)  # fmt: skip
        return os.EX_UNAVAILABLE
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory(prefix="edgeleak-faults-") as folder:
        results = run_all(chosen, args, Path(folder))
    for tier, group in groupby(results, key=lambda result: result["tier"]):
        rows = list(group)
        green = sum(not result["reasons"] for result in rows)
        print(f"{tier}: {green} of {len(rows)} rows green")
    red = [result["row"] for result in results if result["reasons"]]
    print(f"{len(results) - len(red)} of {len(results)} rows green" +
          (f"; red: {', '.join(red)}" if red else ""))  # fmt: skip
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main())
