# SPDX-License-Identifier: Apache-2.0
"""The parts as one page, as files, as JSON."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from edgeleak.durable import replace_file
from edgeleak.evaluate.detection.store import Store
from edgeleak.evaluate.detection.table import Part
from edgeleak.evaluate.detection.track import ON_PLUME, RECENT_S
from edgeleak.evaluate.tables import to_json, write_text

TITLE = "# Detectors compared"
PICTURES = "pictures"


def finish(args: argparse.Namespace, parts: Sequence[Part], store: Store) -> str:
    """Write everything; the text for the terminal."""
    files = [args.out / "report.md", args.out / "report.json"]
    facts = {"schema": 1, "quick": args.quick, "parts": [part.as_dict() for part in parts]}
    write_text(files[0], page_of(parts, args, lambda path: path.name))
    write_text(files[1], to_json(facts))
    if args.json:
        sys.stdout.write(to_json(facts))
    if args.page is not None:
        files.append(write_page(args, parts))
    files += [path for part in parts for path in (*part.plots, *part.pictures)]
    counted = f"ran {store.done} tracks, {store.reused} were there"
    return f"{page_of(parts, args)}\n{counted}; written: " + ", ".join(map(str, files))


def write_page(args: argparse.Namespace, parts: Sequence[Part]) -> Path:
    """The page for a folder of documents, its plots beside it.  No frame of a recording goes in."""
    page: Path = args.page
    folder = page.parent / PICTURES

    def shown(path: Path) -> str:
        return f"{PICTURES}/detection-{path.name}"

    write_text(page, page_of(parts, args, shown))
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts:
        for plot in part.plots:
            replace_file(page.parent / shown(plot), plot.read_bytes())
    return page


def page_of(
    parts: Sequence[Part], args: argparse.Namespace, shown: Callable[[Path], str] | None = None
) -> str:
    """Markdown of all parts."""
    chosen = "".join(f" --part {key}" for key in args.part or ())
    command = "edgeleak evaluate detection" + chosen + (" --quick" if args.quick else "")
    head = [
        f"Written by `{command}`; no number is typed by hand. Pictures of what each method marks"
        " are written beside the tables (`--out`), since recordings may not be copied here.",
        f"A mask is on the plume where {100 * ON_PLUME:g} % of it lie on gas of the last"
        f" {RECENT_S:g} s. GAS with such a mask has found a leak; GAS with any other is false."
        " Alarms an hour go by the minutes with an answer.",
        "Methods see the same frames. Intervals are Wilson, 95 %. Where a goal is missed it says"
        " so. Each part ends with what its tables do not show.",
    ]
    missed = [note for part in parts for note in part.notes if note.startswith("**NOT MET**")]
    if missed:
        head.append("Missed goals, all parts:\n\n" + "\n".join(f"- {note}" for note in missed))
    return "\n\n".join([TITLE, *head, *(part.text(shown) for part in parts)]) + "\n"
