# SPDX-License-Identifier: Apache-2.0
"""What a row's result depends on: sources, its own judges and patches, options, as one word."""

import ast
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from defect import COPIED, DEFECTS, ROOT
from row import Row

FAULTS = Path(__file__).parent
PARTS = ("src", "cext", "board", "firmware", "tools/faults",
         *(part for part in COPIED if part.startswith("tests/")))  # fmt: skip
NOT_RUN = ROOT / "src/edgeleak/evaluate"
"""Tables of detectors, for a host: no row calls it."""
NO_JUDGES = ("rows.py", "stamp.py", "write_table.py")
SUFFIXES = (".py", ".pyx", ".h", ".toml", ".patch", ".c", ".service")


def stamp_of(row: Row, seed: int, is_full: bool, count: int | None, no_defects: bool) -> str:
    """Of the sources as they are now, with these options of `run.py`."""
    digest = hashlib.sha256(repr((seed, is_full, count, no_defects)).encode())
    for path in sources(row):
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def sources(row: Row) -> Iterator[Path]:
    """Files that can change the result of a row, in a fixed order."""
    judges = judges_of(_home(row))
    for part in PARTS:
        for path in sorted((ROOT / part).rglob("*")) or [ROOT / part]:
            if path.suffix in SUFFIXES and NOT_RUN not in path.parents:
                if path.parent == DEFECTS and path.name not in row.patches:
                    continue
                if path.parent == FAULTS and not _can_judge(path, judges):
                    continue
                yield path


def _home(row: Row) -> Path:
    """The module of rows that defines it."""
    for path in sorted(FAULTS.glob("rows_*.py")):
        if row in getattr(sys.modules.get(path.stem), "ROWS", ()):
            return path
    raise LookupError(f"no loaded module of rows defines {row.name}")


def _can_judge(path: Path, judges: set[Path]) -> bool:
    is_other_row = path.name.startswith("rows_") and path not in judges
    return not is_other_row and path.name not in NO_JUDGES


def judges_of(module: Path) -> set[Path]:
    """A module of rows and the ones it imports, directly or not."""
    found, todo = set[Path](), [module]
    while todo:
        path = todo.pop()
        if path not in found and path.is_file():
            found.add(path)
            todo += [FAULTS / f"{name}.py" for name in _imports(path) if name.startswith("rows_")]
    return found


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (part.name for part in node.names)
