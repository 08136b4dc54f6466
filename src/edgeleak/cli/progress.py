# SPDX-License-Identifier: Apache-2.0
"""Progress on stderr: a bar where it can be drawn, else one plain line a second."""

import sys
import time
from types import TracebackType
from typing import Self, TextIO

PLAIN_PERIOD_S = 1.0


class Progress:
    """Context manager; `update(done, text)` as often as you like.

    label : what is being done
    total : number of steps, None when unknown
    quiet : show nothing
    """

    def __init__(self, label: str, total: int | None, *, quiet: bool = False,
                 stream: TextIO | None = None) -> None:  # fmt: skip
        self._label, self._total = label, total
        self._stream = stream or sys.stderr
        self._bar = None if quiet else _rich_bar(self._stream)
        self._plain = not quiet and self._bar is None
        self._task = None
        self._last_s = time.monotonic()
        self._done, self._text = 0, ""
        self._shown = -1

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task(self._label, total=self._total, said="")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        if self._bar is not None:
            self._bar.stop()
        elif self._plain and self._done != self._shown:
            self._print()

    def update(self, done: int, text: str = "") -> None:
        """Say that `done` steps are finished; `text` follows the bar."""
        self._done, self._text = done, text
        if self._bar is not None:
            self._bar.update(self._task, completed=done, said=text)
        elif self._plain and time.monotonic() - self._last_s >= PLAIN_PERIOD_S:
            self._print()

    def _print(self) -> None:
        self._last_s, self._shown = time.monotonic(), self._done
        of_total = f"/{self._total}" if self._total is not None else ""
        print(f"{self._label} {self._done}{of_total}  {self._text}".rstrip(), file=self._stream)


def _rich_bar(stream: TextIO):
    if not stream.isatty():
        return None
    try:
        from rich import progress
        from rich.console import Console
    except ImportError:
        return None
    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.fields[said]}"),
        console=Console(file=stream),
    )
