# SPDX-License-Identifier: Apache-2.0
"""Counters of a lifetime (hours, cycles, pulses) that survive power cuts with few writes.

Whoever counts calls `add` from any thread; one slow task calls `save_if_due`.  A power cut
loses at most what was counted since the last save: an hour of running.
"""

import json
import threading
from pathlib import Path

from edgeleak.durable import replace_text
from edgeleak.errors import DataError, MissingInputError, StorageError

SAVE_EVERY_S = 3600.0
FORMAT = 1


class LifeCounters:
    """Named sums.

    path : JSON file; None keeps them in memory only
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._values: dict[str, float] = {}
        self._is_urgent = self._is_changed = False
        self._saved_ns: int | None = None
        self.trouble: StorageError | MissingInputError | None = None
        if path is not None and path.exists():
            self._values = _read(path)

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

    def save_if_due(self, now_ns: int) -> bool:
        """Save when an hour has passed or somebody asked for it; True when it was saved.

        A refused write is kept in `trouble` and tried again an hour later.
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
        """Save now; False when there is no file or the storage refused."""
        if self._path is None:
            return False
        with self._lock:
            self._is_changed = False
            text = json.dumps({"format": FORMAT, "counters": self._values}, indent=1)
        try:
            replace_text(self._path, text + "\n")
        except (StorageError, MissingInputError) as error:
            self.trouble, self._is_changed = error, True
            return False
        self.trouble = None
        return True


def _read(path: Path) -> dict[str, float]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        values = {str(k): float(v) for k, v in table["counters"].items()}
        is_known = table["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} holds no counters ({error}); move it away, counting starts at zero"
        ) from error
    if not is_known or not all(0 <= value < 1e15 for value in values.values()):
        raise DataError(f"{path}: unknown format or impossible numbers; move it away")
    return values
