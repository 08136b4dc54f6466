# SPDX-License-Identifier: Apache-2.0
"""What one call costs: processor time, and how far the memory of this process rose."""

import contextlib
import ctypes
import time
from collections.abc import Iterator
from pathlib import Path

MOST_S = 0.1
MOST_BYTES = 8 << 20
STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"


class Meter:
    """Counts from now on; whoever calls has made what it keeps for itself before.

    worst_s   : longest call, s of processor time, which another process does not lengthen
    worst_bytes : highest resident memory of any moment since, above that of now
    """

    def __init__(self) -> None:
        ctypes.CDLL(None).malloc_trim(0)  # what lies free already would hide what is taken
        CLEAR_REFS.write_text(RESET_PEAK)
        self._base_bytes = _status_bytes("VmRSS")
        self.worst_s, self.worst_bytes = 0.0, 0

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        begin_s = time.process_time()
        try:
            yield
        finally:
            self.worst_s = max(self.worst_s, time.process_time() - begin_s)
            self.worst_bytes = _status_bytes("VmHWM") - self._base_bytes

    def said(self) -> str:
        """The worst so far, for a note."""
        return (f"at most {1000 * self.worst_s:.0f} ms of processor time and"
                f" {self.worst_bytes / 2**20:.1f} MiB of memory")  # fmt: skip

    def excess(self) -> str:
        """What was too much so far; empty when nothing was."""
        if self.worst_s > MOST_S:
            return f"{1000 * self.worst_s:.0f} ms of processor time, at most {1000 * MOST_S:.0f}"
        if self.worst_bytes > MOST_BYTES:
            return f"memory rose by {self.worst_bytes:,} bytes, at most {MOST_BYTES:,}"
        return ""


def _status_bytes(name: str) -> int:
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) << 10
    raise LookupError(f"{STATUS}: no {name}")
