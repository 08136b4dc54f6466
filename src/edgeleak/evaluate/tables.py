# SPDX-License-Identifier: Apache-2.0
"""CSV and JSON files, written whole or not at all, and text tables for the terminal."""

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from edgeleak.durable import replace_text
from edgeleak.errors import StorageError


def write_text(path: Path, text: str) -> None:
    """Make the folder, then the file: whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{path}: not written ({error.strerror}); choose another --out"
        ) from error
    replace_text(path, text)


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(columns)
    out.writerows(rows)
    write_text(path, text.getvalue())


def plain(value: object) -> object:
    """JSON has no NaN and no infinity: both become null."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def to_json(value: object) -> str:
    return json.dumps(plain(value), indent=2) + "\n"


def text_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Markdown table with padded cells: readable in a terminal, pastes into docs."""
    cells = [[str(c) for c in columns]] + [[str(c) for c in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)
