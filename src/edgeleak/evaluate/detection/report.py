# SPDX-License-Identifier: Apache-2.0
"""The parts as one page, as files, as JSON."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from edgeleak.evaluate.detection.store import Store
from edgeleak.evaluate.detection.table import Part
from edgeleak.evaluate.tables import to_json, write_text

TITLE = "# Detectors compared"


def finish(args: argparse.Namespace, parts: Sequence[Part], store: Store) -> str:
    """Write everything; the text for the terminal."""
    page = page_of(parts, args.quick)
    files = [args.out / "report.md", args.out / "report.json"]
    facts = {"schema": 1, "quick": args.quick, "parts": [part.as_dict() for part in parts]}
    write_text(files[0], page)
    write_text(files[1], to_json(facts))
    if args.json:
        sys.stdout.write(to_json(facts))
    files += [path for part in parts for path in part.figures]
    return f"{page}\nran {store.done} tracks, {store.reused} were there; written: " + ", ".join(
        map(str, files)
    )


def page_of(parts: Sequence[Part], quick: bool) -> str:
    """Markdown of all parts."""
    command = "edgeleak evaluate detection" + (" --quick" if quick else "")
    head = f"Written by `{command}`; no number here is typed by hand."
    return "\n\n".join([TITLE, head, *(part.text() for part in parts)]) + "\n"


def relative(path: Path, base: Path) -> str:
    return str(path.relative_to(base)) if path.is_relative_to(base) else str(path)
