# SPDX-License-Identifier: Apache-2.0
"""How far a long evaluation is, on stderr: one bar where somebody watches, else a line a part."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from edgeleak.errors import UnavailableError
from edgeleak.evaluate.options import Progress


@contextmanager
def live_progress(stream: TextIO | None = None) -> Iterator[Progress]:
    """`advance("part: clip", frames done, frames)`, as often as you like."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield _Lines(stream)
        return
    try:
        from rich.console import Console
        from rich.progress import Progress as Bar
    except ImportError as error:
        raise UnavailableError(
            "the progress bar needs rich; run: pip install edgeleak[host], or send stderr to a file"
        ) from error
    with Bar(console=Console(file=stream), transient=True) as bar:
        task: Any = bar.add_task("", total=None)

        def advance(name: str, done: int, total: int) -> None:
            bar.update(task, description=name, completed=done, total=total)

        yield advance


class _Lines:
    """The name of a part when it begins to run something."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._part = stream, ""

    def __call__(self, name: str, done: int, total: int) -> None:
        part = name.partition(":")[0]
        if part != self._part:
            self._part = part
            print(f"edgeleak evaluate detection: {part} ...", file=self._stream, flush=True)
