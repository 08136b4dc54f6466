# SPDX-License-Identifier: Apache-2.0
"""What a row's result depends on: sources and options, as one word."""

import hashlib

from defect import ROOT

FOLDERS = ("src", "cext", "board", "tools/faults", "tests")
SUFFIXES = (".py", ".pyx", ".h", ".toml", ".patch", ".c")


def stamp_of(seed: int, is_full: bool, count: int | None, no_defects: bool) -> str:
    """Of the sources as they are now, with these options of `run.py`."""
    digest = hashlib.sha256(repr((seed, is_full, count, no_defects)).encode())
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in SUFFIXES:
                digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]
