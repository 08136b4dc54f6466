# SPDX-License-Identifier: Apache-2.0
"""Copies of the firmware, with one seeded defect or none, and a row run against them.

A row that stays green with its defect in place proves nothing, and neither does one that cannot
run any more: only what the row's own judgement says against the firmware counts as a find.  The
same row in a copy without a defect is the control, and has to be green.
"""

import json
import os
import shutil
import subprocess
import sys
import traceback
from pathlib import Path

from row import Row, findings, gaps

ROOT = Path(__file__).resolve().parents[2]
DEFECTS = Path(__file__).with_name("defects")
COPIED = ("src", "cext", "board", "firmware", "tools", "setup.py", "pyproject.toml", "README.md",
          "tests/link_rig.py", "tests/instrument_rig.py", "tests/console_bench.py",
          "tests/recorder_bench.py", "tests/torn_card.py", "tests/torn_card.c")  # fmt: skip
RED, BROKEN, GREEN = 3, 4, 0
"""Exit codes of a run in a copy; 1 is an interpreter that gave up, as on an import."""
LIMIT_S = 600


class DefectError(Exception):
    """The patch does not apply, the copy does not build, or its row did not find the defect."""


def make_copy(row: Row, name: str | None, folder: Path) -> Path:
    """The sources with one of the row's patches applied, or none; compiled kernels come along."""
    copy = folder / row.name
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for part in COPIED:
        source = ROOT / part
        if source.is_dir():
            skip = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, copy / part, ignore=skip, symlinks=True)
        elif source.exists():
            (copy / part).parent.mkdir(exist_ok=True)
            shutil.copy2(source, copy / part)
    if name is not None:
        _apply(DEFECTS / name, copy)
    if row.kernels:
        _build(row, copy)
    return copy


def _apply(patch: Path, copy: Path) -> None:
    done = subprocess.run(["patch", "-p1", "--forward", "--fuzz=0", "-i", str(patch)],
                          cwd=copy, capture_output=True, text=True)  # fmt: skip
    if done.returncode:
        raise DefectError(f"{patch.name} does not apply:\n{done.stdout}{done.stderr}")


def _build(row: Row, copy: Path) -> None:
    settings = os.environ | {"EDGELEAK_ONLY": row.kernels}
    done = subprocess.run([sys.executable, "setup.py", "-q", "build_ext", "--inplace", "--force"],
                          cwd=copy, env=settings, capture_output=True, text=True)  # fmt: skip
    if done.returncode:
        raise DefectError(f"the copy of {row.name} does not build:\n{done.stderr[-800:]}")


def found_by(row: Row, name: str, folder: Path, seed: int) -> str:
    """The row's first sentence against the firmware with this patch; DefectError without one."""
    found, broken = _in_copy(row, name, row.probe, folder, seed)
    if not found:
        because = f": {broken[0]}" if broken else ""
        raise DefectError(f"the seeded defect {name} did not turn the row red{because}")
    return found[0]


def check_control(row: Row, folder: Path, seed: int) -> None:
    """The same copy without a defect is green, or what turns the others red is not the defect."""
    count = row.probe if row.control is None else row.control
    found, broken = _in_copy(row, None, count, folder, seed) if count else ([], [])
    if found or broken:
        raise DefectError(f"the copy without a defect is red too: {(found + broken)[0]}")


def _in_copy(row: Row, name: str | None, count: int, folder: Path,
             seed: int) -> tuple[list[str], list[str]]:  # fmt: skip
    """(what the row found, why it could not judge)."""
    copy, what = make_copy(row, name, folder), name or "no defect"
    settings = os.environ | {"PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, str(copy / "tools/faults/run.py"), "--row", row.name,
               "--count", str(count), "--seed", str(seed), "--plain"]  # fmt: skip
    try:
        done = subprocess.run(command, cwd=copy, env=settings, capture_output=True, text=True,
                              timeout=LIMIT_S)  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise DefectError(f"{row.name} with {what}: no result in {LIMIT_S} s") from error
    if done.returncode not in (RED, BROKEN, GREEN):
        raise DefectError(f"{row.name} with {what} ended with {done.returncode}:"
                          f"\n{done.stderr[-800:]}")  # fmt: skip
    shutil.rmtree(copy, ignore_errors=True)
    said = json.loads(done.stdout.splitlines()[-1])
    return said["found"], said["broken"]


def broke(error: Exception) -> str:
    """What kept a row from its end, and where."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"the row itself broke: {error!r}, {Path(last.filename).name} line {last.lineno}"


def run_plain(row: Row, count: int, seed: int) -> int:
    """One row without its defects: what runs in a copy.

    An exception that leaves the row is never a find: a defect may break the rig or be broken
    itself.  Where a crash of the firmware is what the row looks for, the row catches it.
    """
    found: list[str] = []
    try:
        outcome = row.run(count, seed)
    except Exception as error:
        broken = [broke(error)]
    else:
        found, broken = findings(outcome), gaps(outcome, count)
    print(json.dumps({"found": found, "broken": broken}))
    return RED if found else BROKEN if broken else GREEN
