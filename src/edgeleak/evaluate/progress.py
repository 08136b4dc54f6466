# SPDX-License-Identifier: Apache-2.0
"""How far a long evaluation is, on stderr: a bar where somebody watches."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from edgeleak.errors import UnavailableError

Progress = Callable[[str, int, int], None]
"""`advance("what", done, total)`, as often as you like."""


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar for each name; silence where nobody watches."""
    if not sys.stderr.isatty():
        yield lambda name, done, total: None
        return
    with _rich_bar(sys.stderr) as bar:
        tasks: dict[str, Any] = {}

        def advance(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=total)
            bar.update(tasks[name], completed=done)

        yield advance


@contextmanager
def live_progress(stream: TextIO | None = None) -> Iterator[Progress]:
    """One bar for all of "part: clip"; a line a part where nobody watches."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield _Lines(stream)
        return
    with _rich_bar(stream) as bar:
        task = bar.add_task("", total=None)

        def advance(name: str, done: int, total: int) -> None:
            bar.update(task, description=name, completed=done, total=total)

        yield advance


def _rich_bar(stream: TextIO) -> Any:
    try:
        from rich.console import Console
        from rich.progress import Progress as Bar
    except ImportError as error:
        raise UnavailableError(
            "the progress bar needs rich; run: pip install edgeleak[host], or send stderr to a file"
        ) from error
    return Bar(console=Console(file=stream), transient=True)


class _Lines:
    """The name of a part when it begins to run something."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._part = stream, ""

    def __call__(self, name: str, done: int, total: int) -> None:
        part = name.partition(":")[0]
        if part != self._part:
            self._part = part
            print(f"edgeleak evaluate detection: {part} ...", file=self._stream, flush=True)
