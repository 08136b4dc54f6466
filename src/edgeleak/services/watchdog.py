# SPDX-License-Identifier: Apache-2.0
"""Talk to the service manager: ready, alive, more time; and remember how often we started.

The watchdog is fed by the frames loop itself, never by a thread of its own, and only after a
good frame, a control step and a console poll have all happened since the last feed: a hang of
any of them ends in a restart.  In fault and safe state there may be no frames; there the
enables, read back off, take their place.
"""

import contextlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

from edgeleak.clock import NS_PER_S
from edgeleak.durable import replace_text
from edgeleak.errors import EdgeLeakError

STORM_STARTS = 5
STORM_S = 60.0
EXTENSION_S = 20.0
LEAST_PROGRESS_K = 0.5
"""Cooling that comes this much nearer earns another extension of the start-up time."""


class Notifier:
    """The protocol of sd_notify(3): one datagram a message.

    address      : path, "@name" for the abstract name space, empty for nobody
    watchdog_us  : time after which the manager restarts us; 0 when it does not
    """

    def __init__(self, address: str = "", watchdog_us: int = 0) -> None:
        self.watchdog_us = watchdog_us
        self.sent = self.lost = 0
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket: socket.socket | None = None
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)

    @classmethod
    def from_environment(cls) -> "Notifier":
        """As systemd asks for it."""
        period = os.environ.get("WATCHDOG_USEC", "")
        mine = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        return cls(
            os.environ.get("NOTIFY_SOCKET", ""),
            int(period) if period.isdigit() and mine else 0,
        )

    @property
    def has_manager(self) -> bool:
        """Somebody listens, and restarts what is not ready in time."""
        return self._socket is not None

    def send(self, *lines: str) -> bool:
        """Never waits and never raises; False, and counted, when the message was lost."""
        if self._socket is None:
            return True
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            self.lost += 1
            return False
        self.sent += 1
        return True

    def close(self) -> None:
        """Tell the manager nothing more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Watchdog:
    """Feeds the manager's watchdog from evidence.

    notifier    : who is told
    outputs_off : reads both enables back; True when both are off
    """

    def __init__(self, notifier: Notifier, outputs_off: Callable[[], bool]) -> None:
        self._notifier, self._outputs_off = notifier, outputs_off
        self._had_frame = self._had_control = self._had_console = False
        self.is_ready = False
        self.feeds = self.refusals = self.extensions = 0
        self._nearest_k = float("inf")
        self._steps_seen = 0

    def note_frame(self) -> None:
        """A good frame went through the pipeline, or the sensor's recovery took a bounded step."""
        self._had_frame = True

    def note_control(self) -> None:
        """A control step ended."""
        self._had_control = True

    def note_console(self) -> None:
        """The console was polled."""
        self._had_console = True

    def feed(self, is_at_rest: bool) -> bool:
        """Feed when everything happened since the last feed; True when it did.

        is_at_rest : fault or safe state, where outputs read back off stand for the frame
        """
        frame = self._outputs_off() if is_at_rest else self._had_frame
        if not (frame and self._had_control and self._had_console):
            self.refusals += 1
            return False
        self._had_frame = self._had_control = self._had_console = False
        self._notifier.send("WATCHDOG=1")
        self.feeds += 1
        return True

    def ready(self, status: str) -> None:
        """Start-up is over; `readiness` knows when.

        Call it until `is_ready`: a manager whose queue was full has not heard it.
        """
        if not self.is_ready:
            self.is_ready = self._notifier.send("READY=1", f"STATUS={status}")

    def tell(self, status: str) -> None:
        """One line that the manager shows."""
        self._notifier.send(f"STATUS={status}")

    @property
    def has_manager(self) -> bool:
        """Somebody waits for READY."""
        return self._notifier.has_manager

    def outputs_are_off(self) -> bool:
        """Both enables read back low."""
        return self._outputs_off()

    def progress(self, steps: int, distance_k: float) -> bool:
        """More start-up time, but only for progress that was measured; True when there was some.

        steps      : how far the start has come; more than ever before is progress
        distance_k : detector temperature to set-point, K; nearer than ever before is progress
        """
        if self.is_ready:
            return False
        nearer = distance_k <= self._nearest_k - LEAST_PROGRESS_K
        if steps <= self._steps_seen and not nearer:
            return False
        if nearer:
            self._nearest_k = distance_k
        self._steps_seen = max(steps, self._steps_seen)
        self.extensions += 1
        self._notifier.send(f"EXTEND_TIMEOUT_USEC={round(EXTENSION_S * 1e6)}")
        return True

    def stopping(self) -> None:
        self._notifier.send("STOPPING=1")


class Starts:
    """Start times in a file that survives the process but not the boot (tmpfs).

    path : of the file; what cannot be read counts as no starts

    A start that became ready counts for a minute.  One that never did counts until another one
    does: systemd ends a slow start only after the minute, and each costs a thermal cycle.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, now_ns: int) -> int:
        """Note this start; how many count, this one included."""
        kept = self._kept(now_ns)
        self._write([*kept, (now_ns, False)])
        return len(kept) + 1

    def count(self, now_ns: int) -> int:
        """How many count, without a new one."""
        return len(self._kept(now_ns))

    def ready(self) -> None:
        """This start became ready: it and those before count for their minute only."""
        self._write([(ns, True) for ns, _ in self._read()])

    def end_well(self) -> None:
        """A stop that was asked for: the next start follows no crash."""
        self._write([])

    def _kept(self, now_ns: int) -> list[tuple[int, bool]]:
        """Those of the last minute, and those that never became ready."""
        oldest_ns = now_ns - STORM_S * NS_PER_S
        return [(ns, is_ready) for ns, is_ready in self._read()
                if ns <= now_ns and (ns >= oldest_ns or not is_ready)]  # fmt: skip

    def _read(self) -> list[tuple[int, bool]]:
        """(time, became ready) of each."""
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return []
        return [(row[0], row[1]) for row in found if _is_start(row)] if type(found) is list else []

    def _write(self, starts: list[tuple[int, bool]]) -> None:
        with contextlib.suppress(EdgeLeakError, OSError):  # a full tmpfs must not stop a start
            replace_text(self._path, json.dumps(starts) + "\n")


def _is_start(row: object) -> bool:
    return isinstance(row, list) and [type(value) for value in row] == [int, bool]
