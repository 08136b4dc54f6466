# SPDX-License-Identifier: Apache-2.0
"""What a part of the evaluation found: tables, sentences, pictures; for people and machines."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edgeleak.evaluate.tables import text_table


@dataclass
class Table:
    """A table as printed, with the numbers behind it.

    title   : says what one cell is
    columns : heads
    rows    : printed cells
    values  : the same as plain values for JSON
    """

    title: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    values: list[dict[str, object]] = field(default_factory=list)

    def add(self, cells: list[object], **values: object) -> None:
        self.rows.append([str(cell).replace("|", "\\|") for cell in cells])
        self.values.append(values)

    def text(self) -> str:
        return f"{self.title}\n\n{text_table(self.columns, self.rows)}"


@dataclass
class Part:
    """One lettered part of the evaluation.

    key, title : "methane", "Real methane, ..."
    about      : how it was made, before the tables
    tables     : in order
    notes      : what was judged and what stands out, bad first
    blind      : what the tables do not show
    plots      : curves, drawn from numbers alone; they go into documents
    pictures   : frames of recordings or scenes, to look at
    """

    key: str
    title: str
    about: str = ""
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    blind: list[str] = field(default_factory=list)
    plots: list[Path] = field(default_factory=list)
    pictures: list[Path] = field(default_factory=list)

    def text(self, shown: Callable[[Path], str] | None = None) -> str:
        """Markdown; readable in a terminal.

        shown : where a plot lies, as seen from the page; None leaves plots out
        """
        blocks = [f"## {self.title}", self.about, *(table.text() for table in self.tables)]
        if self.notes:
            blocks.append("\n".join(f"- {note}" for note in self.notes))
        if self.blind:
            blocks.append("Not shown here:\n\n" + "\n".join(f"- {line}" for line in self.blind))
        if shown is not None:
            blocks += [f"![{path.stem}]({shown(path)})" for path in self.plots]
        return "\n\n".join(block for block in blocks if block)

    def as_dict(self) -> dict[str, object]:
        return {
            "part": self.key,
            "title": self.title,
            "tables": [{"title": t.title, "rows": t.values} for t in self.tables],
            "notes": self.notes,
            "not_shown": self.blind,
            "plots": [str(path) for path in self.plots],
            "pictures": [str(path) for path in self.pictures],
        }


def judged(what: str, is_met: bool, seen: str) -> str:
    """A goal with its answer, for the notes."""
    return f"**{'met' if is_met else 'NOT MET'}**: {what}; {seen}"
