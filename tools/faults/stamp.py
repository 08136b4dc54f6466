# SPDX-License-Identifier: Apache-2.0
"""What a row's result depends on: sources and options, as one word."""

import hashlib

from defect import COPIED, ROOT

PARTS = ("src", "cext", "board", "firmware", "tools/faults",
         *(part for part in COPIED if part.startswith("tests/")))  # fmt: skip
NOT_RUN = ROOT / "src/edgeleak/evaluate"
"""Tables of detectors, for a host: no row calls it."""
SUFFIXES = (".py", ".pyx", ".h", ".toml", ".patch", ".c", ".service")


def stamp_of(seed: int, is_full: bool, count: int | None, no_defects: bool) -> str:
    """Of the sources as they are now, with these options of `run.py`."""
    digest = hashlib.sha256(repr((seed, is_full, count, no_defects)).encode())
    for part in PARTS:
        for path in sorted((ROOT / part).rglob("*")) or [ROOT / part]:
            if path.suffix in SUFFIXES and NOT_RUN not in path.parents:
                digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]
