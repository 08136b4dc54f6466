# SPDX-License-Identifier: Apache-2.0
"""A copy of the firmware with one seeded defect, and a row run against it.

A row that stays green with its defect in place proves nothing, so the table is only good when
every patch still applies and turns its row red.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from row import Row

ROOT = Path(__file__).resolve().parents[2]
DEFECTS = Path(__file__).with_name("defects")
COPIED = ("src", "cext", "board", "firmware", "tools", "setup.py", "pyproject.toml", "README.md",
          "tests/link_rig.py", "tests/instrument_rig.py", "tests/console_bench.py",
          "tests/recorder_bench.py", "tests/torn_card.py", "tests/torn_card.c")  # fmt: skip
RED, GREEN = 3, 0
"""Exit codes of a run in a copy; 1 is an interpreter that gave up, as on an import."""
LIMIT_S = 600


class DefectError(Exception):
    """The patch does not apply, or the copy does not build."""


def make_copy(row: Row, name: str, folder: Path) -> Path:
    """The sources with one of the row's patches applied; compiled kernels come along."""
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
    patch = DEFECTS / name
    done = subprocess.run(["patch", "-p1", "--forward", "--fuzz=0", "-i", str(patch)],
                          cwd=copy, capture_output=True, text=True)  # fmt: skip
    if done.returncode:
        raise DefectError(f"{patch.name} does not apply:\n{done.stdout}{done.stderr}")
    if row.kernels:
        _build(row, copy)
    return copy


def _build(row: Row, copy: Path) -> None:
    settings = os.environ | {"EDGELEAK_ONLY": row.kernels}
    done = subprocess.run([sys.executable, "setup.py", "-q", "build_ext", "--inplace", "--force"],
                          cwd=copy, env=settings, capture_output=True, text=True)  # fmt: skip
    if done.returncode:
        raise DefectError(f"the copy of {row.name} does not build:\n{done.stderr[-800:]}")


def is_red(row: Row, name: str, folder: Path, seed: int) -> tuple[bool, str]:
    """(the row turned red, its first reason) with this patch in place."""
    copy = make_copy(row, name, folder)
    settings = os.environ | {"PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, str(copy / "tools/faults/run.py"), "--row", row.name,
               "--count", str(row.probe), "--seed", str(seed), "--plain"]  # fmt: skip
    done = subprocess.run(command, cwd=copy, env=settings, capture_output=True, text=True,
                          timeout=LIMIT_S)  # fmt: skip
    if done.returncode not in (RED, GREEN):
        raise DefectError(f"{row.name} with {name} ended with {done.returncode}:"
                          f"\n{done.stderr[-800:]}")  # fmt: skip
    shutil.rmtree(copy, ignore_errors=True)
    first = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
    return done.returncode == RED, first
