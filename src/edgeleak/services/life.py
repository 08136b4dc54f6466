# SPDX-License-Identifier: Apache-2.0
"""Counters of a lifetime (hours, cycles, pulses) that survive power cuts with few writes.

Whoever counts calls `add` from any thread; a task of the storage loop calls `save_if_due`.  A
power cut loses at most what was counted since the last save: five minutes of running.  A file
that cannot be read is set aside and counting begins at zero: no counter keeps a camera from work.
"""

import errno
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from edgeleak import codes
from edgeleak.durable import replace_text
from edgeleak.errors import DataError, MissingInputError, StorageError
from edgeleak.loop import Task
from edgeleak.services.health import FINE, Trouble

SAVE_EVERY_S = 300.0
"""12 small writes an hour wear no card, and five minutes of a life of years are nothing."""
LOOK_MS = 5000
FORMAT = 1


class LifeCounters:
    """Named sums.

    path : JSON file; None keeps them in memory only
    log  : gets a line when the file that was there is damaged; `report` tells it, too

    `write` replaces the file and may wait for the storage.
    """

    def __init__(self, path: Path | None = None, log: Callable[[str], None] | None = None) -> None:
        self._path = path
        self._lock, self._saving = threading.Lock(), threading.Lock()
        self._values: dict[str, float] = {}
        self._is_urgent = self._is_changed = False
        self._saved_ns: int | None = None
        self.trouble: StorageError | MissingInputError | OSError | None = None
        self.write: Callable[[Path, str], object] = replace_text
        self._is_anew = False
        if path is not None and path.exists():
            self._begin(path, log)

    def _begin(self, path: Path, log: Callable[[str], None] | None) -> None:
        try:
            self._values = read(path)
        except DataError as error:
            self._is_anew = True
            if log is not None:
                log(f"NOTE {error}")
            with suppress(OSError):  # a state folder that cannot be written says so at each save
                path.replace(path.with_name(f"{path.name}.damaged"))

    def add(self, name: str, amount: float, *, is_urgent: bool = False) -> None:
        """Count; is_urgent: at the next chance it is saved (the end of a run, a cycle)."""
        with self._lock:
            self._values[name] = self._values.get(name, 0.0) + amount
            self._is_changed = True
            self._is_urgent = self._is_urgent or is_urgent

    def values(self) -> dict[str, float]:
        """A copy of all counters."""
        with self._lock:
            return dict(self._values)

    def task(self) -> Task:
        """For a loop that may wait: a save ends when the storage has it."""
        return Task("life", self.save_if_due, LOOK_MS, 2000, "life counters: what is urgent soon,"
                    " the rest every 5 min; it waits for the card", after_end=True)  # fmt: skip

    def report(self) -> Trouble:
        """A note for health; the answer never depends on storage."""
        if (trouble := self.trouble) is not None:
            return Trouble(codes.LIFE_UNSAVED, _errno_of(trouble))
        return Trouble(codes.LIFE_BEGUN_ANEW) if self._is_anew else FINE

    def save_if_due(self, now_ns: int) -> bool:
        """Save when it is time or somebody asked for it; True when it was saved.

        A refused write is kept in `trouble` and tried again after SAVE_EVERY_S.
        """
        with self._lock:
            if self._saved_ns is None:
                self._saved_ns = now_ns
            is_due = self._is_changed and (now_ns - self._saved_ns) >= SAVE_EVERY_S * 1e9
            if not is_due and not self._is_urgent:
                return False
            self._is_urgent, self._saved_ns = False, now_ns
        return self.save()

    def save(self) -> bool:
        """Save now; False when there is no file, the storage refused or another save hangs."""
        if self._path is None or not self._saving.acquire(blocking=False):
            return False
        try:
            return self._save(self._path)
        finally:
            self._saving.release()

    def _save(self, path: Path) -> bool:
        with self._lock:
            self._is_changed = False
            values = dict(self._values)
        text = json.dumps({"format": FORMAT, "counters": values}, indent=1)
        try:
            self.write(path, text + "\n")
        except (StorageError, MissingInputError, OSError) as error:  # also a card torn out
            self.trouble, self._is_changed = error, True
            return False
        self.trouble = None
        return True


def line_of(values: dict[str, float]) -> str:
    """What wears out, for people."""
    at = values.get
    return (f"cooler {at('tec_hours', 0):.1f} h, {at('thermal_cycles', 0):.0f} thermal cycles;"
            f" LED {at('led_hours', 0):.2f} h lit, {at('led_pulses', 0):.0f} pulses")  # fmt: skip


def _errno_of(error: Exception) -> int:
    """What the system said; a folder that is gone has no errno of its own."""
    number = getattr(error.__cause__ or error, "errno", None)
    return number or (errno.ENOENT if isinstance(error, MissingInputError) else errno.EIO)


def read(path: Path) -> dict[str, float]:
    """Counters of a saved file.  Raises DataError when it is damaged."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        values = {str(k): float(v) for k, v in table["counters"].items()}
        is_known = table["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} holds no life counters ({error}); counting begins at zero"
        ) from error
    if not is_known or not all(0 <= value < 1e15 for value in values.values()):
        raise DataError(f"{path}: unknown format or impossible numbers; counting begins at zero")
    return values
