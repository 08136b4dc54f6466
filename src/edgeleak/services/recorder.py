# SPDX-License-Identifier: Apache-2.0
"""The camera's half of recording: fill the ring, start and watch the recorder process.

Every call here belongs to the frames thread and costs a copy of one frame at most.  Commands go
down a pipe that never blocks; what the recorder says of itself is read from shared memory.
"""

import contextlib
import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from edgeleak import codes
from edgeleak.clock import NS_PER_S
from edgeleak.config import RecorderConfig
from edgeleak.frame import FrameInfo
from edgeleak.pipeline.verdict import Limits
from edgeleak.recording.layout import sensor_to_json
from edgeleak.sensor import SensorInfo
from edgeleak.services import ring
from edgeleak.services.health import FINE, Answer, Trouble
from edgeleak.services.ring import Progress

RECORDING, TROUBLE = 2, 3
MOST_DEATHS = 5
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CLOSING_S = 3.0
TRY_AGAIN_S = 5
"""A card may be put back, room may be made."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What a recording says of its frames.

    limits : what verdicts were compared with
    """

    shape: tuple[int, int]
    fps: float
    sensor: SensorInfo
    serial: str
    limits: Limits


@dataclass(slots=True)
class Wish:
    """What is being recorded, to start again when the process dies or the storage comes back.

    first    : number of its first frame
    until_ns : monotonic end, None open
    """

    why: str
    first: int
    until_ns: int | None = None


class Recorder:
    """Ring, process and commands.

    stream  : of this instrument
    config  : section [recorder]
    utc_ns  : label of a monotonic time, for file names
    command : arguments before the three descriptors; empty keeps only the ring (lockstep)

    `said` is a descriptor that becomes readable when the process said something of itself.
    """

    COMMAND = (sys.executable, "-m", "edgeleak.services.recorder_process")

    def __init__(self, stream: Stream, config: RecorderConfig, utc_ns: Callable[[int], int],
                 command: tuple[str, ...] = COMMAND) -> None:  # fmt: skip
        self._stream, self._config, self._utc_ns = stream, config, utc_ns
        slots = ceil(config.ring_s * stream.fps) + ring.MARGIN_SLOTS + 1
        self.ring = ring.make(stream.shape, slots)
        self.ring.set_progress(Progress())
        self._wake, self.said = (os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(2))
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._deaths, self._retry_ns = 0, 0
        self._refused_ns: int | None = None
        self._wish: Wish | None = None
        self._now_ns = 0
        self.commands_lost, self._backlog = 0, b""
        self.spawn()

    # --- every frame -----------------------------------------------------------------------------

    def begin(self, raw: np.ndarray) -> None:
        """The raw counts, before they are corrected in place."""
        self.ring.begin(raw)

    def publish(self, info: FrameInfo, answer: Answer) -> None:
        """The facts of that frame; wakes the recorder."""
        if answer.verdict is None:
            return
        trouble = answer.trouble
        self.ring.publish(info, answer.verdict, answer.kind, trouble.code, trouble.measured,
                          trouble.expected)  # fmt: skip
        self._now_ns = info.monotonic_ns
        try:
            os.eventfd_write(self._wake, 1)
        except BlockingIOError:
            self.commands_lost += 1  # 2^64 frames without a reader
        until_ns = None if self._wish is None else self._wish.until_ns
        if until_ns is not None and info.monotonic_ns >= until_ns:
            self.stop()

    # --- commands --------------------------------------------------------------------------------

    @property
    def is_recording(self) -> bool:
        return self._wish is not None

    def start(self, why: str, for_s: float | None = None) -> None:
        """Record from the pre-roll on; when it records already, only its end moves."""
        until_ns = None if for_s is None else self._now_ns + round(for_s * NS_PER_S)
        if self._wish is not None:
            if self._wish.until_ns is not None:
                self._wish.until_ns = until_ns
            return
        back = round(self._config.preroll_s * self._stream.fps)
        self._wish = Wish(why, max(0, self.ring.published - back), until_ns)
        self._refused_ns = None
        self._send(self._start_command("start", why) | {"from": self._wish.first})

    def stop(self) -> None:
        """End with the newest frame."""
        if self._wish is not None:
            self._wish = None
            self._send({"do": "until", "number": self.ring.published - 1})

    def toggle(self) -> None:
        """Button: start or stop."""
        self.stop() if self.is_recording else self.start("button")

    def snapshot(self) -> None:
        """The newest frame as a file of its own."""
        if self.ring.published:
            number = self.ring.published - 1
            self._send(self._start_command("snapshot", "snapshot") | {"number": number})

    def note_gas(self) -> None:
        """Every alarm is recorded, with what came before and after it."""
        if self._config.on_alarm:
            self.start("alarm", self._config.postroll_s)

    def event(self, facts: dict[str, Any]) -> None:
        """One line into the recording under way."""
        if self._wish is not None:
            self._send({"do": "event", "facts": facts})

    def leak(self, record: dict[str, Any]) -> bool:
        """One record for the journal of events beside the recordings; False: not now."""
        run = {"do": "leak", "folder": self._config.folder, "serial": self._stream.serial}
        return self._send({**run, "record": record})

    def _start_command(self, what: str, why: str) -> dict[str, Any]:
        stream, limits = self._stream, self._stream.limits
        return {
            "do": what, "why": why, "folder": self._config.folder, "serial": stream.serial,
            "utc_ns": self._utc_ns(self._now_ns), "fps": stream.fps,
            "sensor": sensor_to_json(stream.sensor), "keep_free_mib": self._config.keep_free_mib,
            "limits": [limits.evidence, limits.window_s, list(limits.place)],
        }  # fmt: skip

    def _send(self, command: dict[str, Any]) -> bool:
        """Never waits: a recorder that reads no commands loses them, and that is counted.

        What a pipe takes a part of is finished by the next call, before anything else.
        """
        process = self._process
        if process is None or process.stdin is None:
            return False
        data = json.dumps(command).encode() + b"\n"
        try:
            if self._backlog:
                self._backlog = self._backlog[os.write(process.stdin.fileno(), self._backlog) :]
            if self._backlog:
                raise BlockingIOError
            self._backlog = data[os.write(process.stdin.fileno(), data) :]
        except OSError:
            self.commands_lost += 1
            return False
        return True

    # --- the process -----------------------------------------------------------------------------

    def spawn(self) -> None:
        """Start the process; it needs no answer, commands wait in the pipe.

        One that cannot be started counts as one that died.
        """
        if not self._command:
            return
        descriptors = (self.ring.descriptor, self._wake, self.said)
        before = self.ring.progress()
        self.ring.set_progress(Progress())
        try:
            self._process = subprocess.Popen(
                [*self._command, *map(str, descriptors)], stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL, pass_fds=descriptors, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            print(f"<4>recorder: {error}", file=sys.stderr)
            self.ring.set_progress(before)
            self._deaths += 1
            return
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)

    def supervise(self, now_ns: int) -> None:
        """Once a second: a process that ended is started again, a few times, ever later; storage
        that refused is tried again, for as long as somebody wants the recording."""
        if self._process is not None and self._process.poll() is not None:
            self._bury()
            self._wait(now_ns)
        may_try = self._command and self._deaths <= MOST_DEATHS
        if self._process is None and may_try and now_ns >= self._retry_ns:
            self._respawn(now_ns)
        self._try_again(now_ns)

    def _respawn(self, now_ns: int) -> None:
        handled = self.ring.progress().handled
        self.spawn()
        if self._process is None:
            self._wait(now_ns)
        else:
            self._resume(handled, "the recorder ended")

    def _wait(self, now_ns: int) -> None:
        """After every death twice as long."""
        self._retry_ns = now_ns + (NS_PER_S << min(self._deaths, 6)) // 2

    def _try_again(self, now_ns: int) -> None:
        found = self.ring.progress()
        if self._wish is None or found.phase != TROUBLE:
            self._refused_ns = None
        elif self._refused_ns is None:
            self._refused_ns = now_ns
        elif now_ns - self._refused_ns >= TRY_AGAIN_S * NS_PER_S:
            self._refused_ns = now_ns
            self._resume(found.handled, "the storage refused")

    def _bury(self) -> None:
        assert self._process is not None
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process, self._backlog = None, b""
        self._deaths += 1

    def _resume(self, handled: int, what: str) -> None:
        """Go on with a new file from the frame after the last one that was written."""
        if self._wish is not None:
            command = self._start_command("start", f"{self._wish.why}, {what}")
            first = max(handled + 1, self._wish.first)
            self._send(command | {"from": first, "resumes": True})

    def report(self) -> Trouble:
        """A note for health; the answer never depends on storage."""
        if self._deaths and (self._process is None or self._deaths > MOST_DEATHS):
            return Trouble(codes.RECORDER_GONE, self._deaths, MOST_DEATHS)
        found = self.ring.progress()
        if found.phase == TROUBLE and found.error in FULL:
            return Trouble(codes.STORAGE_FULL, found.free_mib, self._config.keep_free_mib)
        if found.phase == TROUBLE:
            return Trouble(codes.STORAGE_FAILED, found.error)
        lost = found.lost + self._overtaken(found)
        if found.phase == RECORDING and lost:
            return Trouble(codes.STORAGE_SLOW, lost, lost + found.written)
        return FINE

    def _overtaken(self, found: Progress) -> int:
        """Frames that a recorder which hangs in its storage has lost and cannot count yet."""
        return 0 if self._wish is None else max(0, self.ring.oldest() - found.handled - 1)

    def close(self) -> Progress:
        """Let the process finish its file for a few seconds, then leave it to itself."""
        process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()
            # Where storage hangs the file stays a .part that can be replayed.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(CLOSING_S)
        self._process = None
        last = self.ring.progress()
        self.ring.close()
        os.close(self._wake)
        os.close(self.said)
        os.close(self.ring.descriptor)
        return last
