# SPDX-License-Identifier: Apache-2.0
"""Replay files: damaged ones of every kind, opened as `edgeleak replay` opens them."""

import os
import sys
from pathlib import Path

from row import Outcome, Row

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fuzz"))

import mutate_sources

FULL = 5_000_000
LONG = 100_000
"""From so many files on every processor is taken."""


def damaged_files(count: int, seed: int) -> Outcome:
    """F3: frames, or one sentence; never another exception, a stall, or a false frame."""
    outcome = Outcome(clean_unit="files")
    workers = (os.cpu_count() or 1) if count >= LONG else 1
    tally = mutate_sources.run(count, seed, workers, None)
    outcome.executed = sum(tally.counts.values())
    outcome.trips = outcome.executed - len(tally.defects)
    outcome.clean, outcome.false_trips = tally.clean, len(tally.spoiled)
    outcome.worst_ms = 1000 * tally.worst_s
    for kind, why in tally.spoiled:
        outcome.expect(False, f"undamaged {kind}: {why}")
    for defect in tally.defects:
        outcome.expect(False, "{kind} {number}, {mutation}: {detail}".format(**defect))
    return outcome


ROWS = (
    Row("F3", "damaged replay files of 12 kinds: frames or a sentence, 100 ms", "process",
        2_500, FULL, damaged_files, "F3.patch", 600),
)  # fmt: skip
