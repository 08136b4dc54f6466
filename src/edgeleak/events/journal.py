# SPDX-License-Identifier: Apache-2.0
"""Events as JSON lines that outlive a power cut.

Each record is one line, complete in itself, handed to the kernel by one write and synced before
`append` returns.  A cut in the middle leaves a last line that does not parse; the next run closes
it with a line end and goes on behind it, so nothing that was reported as written is lost.  A leak
has a line when it is confirmed, more while it lasts and one when it ends; the newest line of an id
is the leak.  One whose newest line is not `ended` was still there when the power went.
"""

import contextlib
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from edgeleak.durable import sync_folder
from edgeleak.errors import DataError, MissingInputError, StorageError
from edgeleak.events.event import SCHEMA

ROTATE_BYTES = 16 << 20
"""Some thousand leaks with pictures; the file before is kept as NAME.1."""
MAX_LINE_BYTES = 1 << 18


class Journal:
    """Appends records to one file.

    path : made when missing, its folder must exist
    run  : what these records belong to (start of the program, recording); ids count within it
    """

    def __init__(self, path: Path, run: str) -> None:
        self.path, self.run = path, run
        self.written = 0

    def append(self, record: dict[str, Any]) -> None:
        """Write one record and wait until it is on the disk; StorageError leaves the file whole."""
        line = json.dumps({"run": self.run, **record}, allow_nan=False).encode() + b"\n"
        try:
            self._rotate(len(line))
            self._write(line)
        except OSError as error:
            raise StorageError(
                f"{self.path}: an event was not written ({error.strerror}); free some space"
            ) from error
        self.written += 1

    def _write(self, line: bytes) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            if not size:
                sync_folder(self.path.parent)  # first: until the name lasts, nothing is in it
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line  # what a power cut left
            if os.write(descriptor, line) != len(line):
                with contextlib.suppress(OSError):
                    os.ftruncate(descriptor, size)
                raise OSError(28, os.strerror(28))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _rotate(self, more: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            if self.path.stat().st_size + more > ROTATE_BYTES:
                self.path.replace(self.path.with_name(f"{self.path.name}.1"))
                sync_folder(self.path.parent)


class Read(NamedTuple):
    """What a journal holds.

    events  : newest record of each leak, in order of their first line
    records : lines that were whole
    damaged : lines that were not
    """

    events: list[dict[str, Any]]
    records: int
    damaged: int


def read(path: Path) -> Read:
    """Every leak of a journal; MissingInputError, DataError when nothing of it is a record."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MissingInputError(
            f"{path}: no events there ({error.strerror}); give a recording or a .jsonl file"
        ) from error
    found: dict[tuple[str, str], dict[str, Any]] = {}
    records = damaged = 0
    for line in data.split(b"\n"):
        if not line.strip():
            continue
        record = _parsed(line)
        if record is None:
            damaged += 1
            continue
        records += 1
        key = (str(record.get("run", "")), record["id"])
        found[key] = {**record, "thumbnails": _pictures(found.get(key), record)}
    if damaged and not records:
        raise DataError(f"{path}: holds no event of schema {SCHEMA}; name another file")
    return Read(list(found.values()), records, damaged)


def _pictures(before: dict[str, Any] | None, record: dict[str, Any]) -> dict[str, str]:
    """A line carries only the pictures that are new."""
    return {**(before or {}).get("thumbnails", {}), **record.get("thumbnails", {})}


def _parsed(line: bytes) -> dict[str, Any] | None:
    if len(line) > MAX_LINE_BYTES:
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    is_ours = isinstance(record, dict) and str(record.get("schema", "")).startswith(
        "edgeleak.event/"
    )
    return record if is_ours and isinstance(record.get("id"), str) else None
