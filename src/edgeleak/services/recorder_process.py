# SPDX-License-Identifier: Apache-2.0
"""The recorder: a process of its own that turns the ring into MCAP files.

    python -m edgeleak.services.recorder_process MEMORY_FD WAKE_FD SAID_FD

Commands come as JSON lines on stdin; its end means that the camera is gone: what the ring still
holds is written and the file is finished.  Nothing here can cost the camera a frame: storage
that is full, slow, stuck or gone, and a recorder that is stopped or killed, only lose frames of
the file, and the file says how many.

    {"do": "start", "folder": ..., "serial": ..., "utc_ns": ..., "from": 12, ...}
    {"do": "until", "number": 99}      {"do": "event", "facts": {...}}
    {"do": "snapshot", "number": 41, "folder": ..., ...}
"""

import contextlib
import errno
import json
import os
import select
import sys
from pathlib import Path
from typing import Any

import numpy as np

from edgeleak.calibration.container import write as write_calibration
from edgeleak.calibration.model import Calibration, Defect, Kind
from edgeleak.codes import WORDS
from edgeleak.errors import EdgeLeakError, StorageError
from edgeleak.events.journal import Journal
from edgeleak.pipeline.verdict import Limits
from edgeleak.recording import Writer, recording_path
from edgeleak.recording.layout import sensor_from_json
from edgeleak.services.ring import Progress, Ring, Slot

STARTING, IDLE, RECORDING, TROUBLE = 0, 1, 2, 3
LOOK_AT_SPACE_EVERY = 32
JOURNAL_NAME = "events.jsonl"
NICENESS = 5
REFUSALS = (EdgeLeakError, OSError)
"""What a card that was torn out makes of any call, also of those that only look."""


class RecorderProcess:
    """State of the process.

    ring  : the camera's memory
    wake  : event descriptor, readable after each published frame
    said  : event descriptor for the camera: what we say of ourselves has changed
    """

    def __init__(self, ring: Ring, wake: int, said: int) -> None:
        self._ring, self._wake, self._said = ring, wake, said
        self._pixels = np.empty(ring.shape, np.uint16)
        self._writer: Writer | None = None
        self._limits = Limits(0.0, 0.0)
        self._cursor = self._until = 0
        self._keep_free_mib, self._kind = 0, (-1, -1)
        self._buffer, self._lost_leak = b"", False
        self.progress = Progress(IDLE)
        ring.set_progress(self.progress)

    def run(self) -> None:
        """Until stdin ends."""
        os.set_blocking(sys.stdin.fileno(), False)
        while True:
            waiting = [sys.stdin.fileno(), *([self._wake] if self._writer else [])]
            ready, _, _ = select.select(waiting, [], [])
            if self._wake in ready:
                os.eventfd_read(self._wake)
                self._follow()
            if sys.stdin.fileno() in ready and not self._read_commands():
                break
        self._follow()
        self._finish()

    def _read_commands(self) -> bool:
        """Obey what has arrived; False at the end of the pipe."""
        with contextlib.suppress(BlockingIOError):
            data = os.read(sys.stdin.fileno(), 65536)
            if not data:
                return False
            *lines, self._buffer = (self._buffer + data).split(b"\n")
            for line in lines:
                self._obey(json.loads(line))
        return True

    def _obey(self, command: dict[str, Any]) -> None:
        what = command["do"]
        if what == "start":
            # One try was asked for twice while the storage hung in the first.
            if self._writer is None or not command.get("resumes"):
                self._start(command)
        elif what == "until":
            self._until = command["number"]
            self._follow()
        elif what == "snapshot":
            self._snapshot(command)
        elif what == "leak":
            self._guarded_leak(command)
        elif what == "event" and self._writer is not None:
            self._guarded(lambda: self._event(command["facts"]))

    def _guarded_leak(self, command: dict[str, Any]) -> None:
        """Into the journal of all leaks, and into the recording that shows it.

        Storage that refuses one is said like any trouble; frames and later leaks go on.
        """
        record, folder = command["record"], Path(command["folder"])
        try:
            self._make(folder)
            Journal(folder / JOURNAL_NAME, command["serial"]).append(record)
            phase = RECORDING if self._writer is not None else IDLE
            self._say(**({"phase": phase, "error": 0} if self._lost_leak else {}))
            self._lost_leak = False
        except REFUSALS as error:
            self._lost_leak = True
            self._say(phase=TROUBLE, error=_errno(error))
        if self._writer is not None:
            self._guarded(lambda: self._event({**record, "event": "leak", "thumbnails": {}}))

    # --- one recording ---------------------------------------------------------------------------

    def _start(self, command: dict[str, Any]) -> None:
        self._finish()
        evidence, window_s, place = command["limits"]
        self._limits = Limits(evidence, window_s, tuple(place))
        self._keep_free_mib = command["keep_free_mib"]
        self._cursor = max(command["from"], self._ring.oldest())
        self._until = command.get("until", sys.maxsize)
        self._kind = (-1, -1)
        if self._guarded(lambda: self._open(command)):
            self._say(phase=RECORDING, error=0, written=0, lost=0, handled=self._cursor - 1)
            missed = self._cursor - command["from"] if command.get("resumes") else 0
            if missed == 0 or self._guarded(lambda: self._note_lost(missed)):
                self._follow()

    def _open(self, command: dict[str, Any]) -> None:
        folder = Path(command["folder"])
        self._make(folder)
        path = recording_path(folder, command["serial"], command["utc_ns"])
        self._check_space(folder)
        try:
            facts = {"nuc": self._save_correction(path)}
            self._writer = Writer(
                path, self._ring.shape, command["fps"], sensor_from_json(command["sensor"]),
                serial=command["serial"], fast=True, metadata=facts,
            )  # fmt: skip
        except REFUSALS:
            _remove_correction(path)
            raise
        self._event({"event": "start", "why": command["why"]})

    def _make(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(error.errno, f"{folder}: {error.strerror}") from error

    def _save_correction(self, path: Path) -> str:
        """The correction in force beside the recording, for `replay --calibration`."""
        found = self._ring.correction()
        if found is None:
            return ""
        marks = np.full(len(found.bad_pixels), Defect.LISTED, np.uint8)
        target = path.with_suffix(".elcal")
        write_calibration(target, Calibration(
            Kind.ONE_POINT, found.gain_q14, found.offset, found.bad_pixels, marks,
            np.zeros(self._ring.shape, np.uint16), nuc_id=found.nuc_id,
        ))  # fmt: skip
        return target.name

    def _follow(self) -> None:
        """Write every frame that is there; count those that were overtaken."""
        while self._writer is not None and self._cursor < self._ring.published:
            if self._cursor > self._until:
                break
            if not self._guarded(self._next):
                return
        if self._writer is not None and self._cursor > self._until:
            self._finish()

    def _next(self) -> None:
        overtaken = self._ring.oldest() - self._cursor
        slot = None if overtaken > 0 else self._ring.read(
            self._cursor, self._pixels, self._limits)  # fmt: skip
        if slot is None:
            self._lose(max(overtaken, 1))
            return
        assert self._writer is not None
        self._writer.write(self._pixels, slot.info, slot.verdict)
        self._note_answer(slot)
        self._cursor += 1
        self._say(written=self.progress.written + 1, handled=self._cursor - 1)
        if self.progress.written % LOOK_AT_SPACE_EVERY == 0:
            self._check_space(self._writer.path.parent)

    def _lose(self, frames: int) -> None:
        self._cursor += frames
        self._note_lost(frames)

    def _note_lost(self, frames: int) -> None:
        """Frames up to the next one to be read are not in the file."""
        self._say(lost=self.progress.lost + frames, handled=self._cursor - 1)
        self._event({"event": "lost", "frames": frames, "lost": self.progress.lost})

    def _note_answer(self, slot: Slot) -> None:
        """The instrument's own answer where it is another than before."""
        if (slot.kind, slot.code) == self._kind:
            return
        self._kind = (slot.kind, slot.code)
        self._event({"event": "answer", "answer": WORDS[slot.kind], "code": slot.code,
                     "measured": repr(slot.measured), "expected": repr(slot.expected),
                     "sequence": slot.info.sequence})  # fmt: skip

    def _event(self, facts: dict[str, Any]) -> None:
        if self._writer is not None:
            self._writer.event(facts)

    def _finish(self) -> None:
        """Close the file under its own name; what the disk refuses stays a .part."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        with contextlib.suppress(StorageError):
            writer.event({"event": "end", "frames": self.progress.written,
                          "lost": self.progress.lost})  # fmt: skip
        try:
            if writer.frames_written:
                writer.close()
            else:
                _remove_correction(writer.path)
                writer.discard()
        except REFUSALS as error:
            self._say(phase=TROUBLE, error=_errno(error))
            return
        if self.progress.phase == RECORDING:
            self._say(phase=IDLE)

    def _snapshot(self, command: dict[str, Any]) -> None:
        """One frame as a recording of its own, also while another one runs."""
        main, self._writer = self._writer, None
        before, cursor, until = self.progress, self._cursor, self._until
        self._start({**command, "from": command["number"], "until": command["number"]})
        self._finish()
        trouble = self.progress if self.progress.phase == TROUBLE else None
        self._writer, self._cursor, self._until = main, cursor, until
        self.progress = before
        self._say(**({} if trouble is None else {"phase": TROUBLE, "error": trouble.error}))

    # --- trouble ---------------------------------------------------------------------------------

    def _guarded(self, act: Any) -> bool:
        """Do it; False when the storage refused, which ends the recording, not the process."""
        try:
            act()
        except REFUSALS as error:
            self._say(phase=TROUBLE, error=_errno(error))
            self._finish()
            self._say(phase=TROUBLE)
            return False
        return True

    def _check_space(self, folder: Path) -> None:
        try:
            found = os.statvfs(folder)
        except OSError as error:
            raise StorageError(error.errno, f"{folder}: {error.strerror}") from error
        free_mib = found.f_bavail * found.f_frsize >> 20
        self._say(free_mib=free_mib)
        if free_mib < self._keep_free_mib:
            raise StorageError(errno.ENOSPC, f"{folder}: only {free_mib} MiB are free")

    def _say(self, **changes: int) -> None:
        self.progress = self.progress._replace(**changes)
        self._ring.set_progress(self.progress)
        os.eventfd_write(self._said, 1)


def _remove_correction(path: Path) -> None:
    """Of a recording that holds no frame; a card that is gone keeps it."""
    with contextlib.suppress(OSError):
        path.with_suffix(".elcal").unlink(missing_ok=True)


def _errno(error: BaseException | None) -> int:
    """The number behind a StorageError; the writer wraps the kernel's own."""
    while error is not None:
        number = getattr(error, "errno", None)
        if isinstance(number, int) and number:
            return number
        error = error.__cause__
    return errno.EIO


def main(arguments: list[str]) -> int:
    """Entry of the process."""
    memory, wake, said = (int(word) for word in arguments)
    os.nice(NICENESS)
    try:
        RecorderProcess(Ring(memory), wake, said).run()
    except EdgeLeakError as error:
        print(f"<4>recorder: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
