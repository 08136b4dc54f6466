# SPDX-License-Identifier: Apache-2.0
"""`log_time` of a recording's messages: what other programs sort and cut by."""

from edgeleak.frame import FrameInfo


class LogTime:
    """Begins with the first frame's UTC, or with its monotonic time where nobody set the clock.

    From there it runs as the monotonic clock does and never goes back: a wall clock that is set
    or jumps neither turns frames round nor puts a day between two of them.  What the clock said
    of a frame stands in that frame's header.  Frames without a monotonic time have their UTC.

    `now_ns` is that of the last frame.
    """

    def __init__(self) -> None:
        self.now_ns = 0
        self._offset_ns: int | None = None

    def of(self, info: FrameInfo) -> int:
        """Time of this frame, ns."""
        found_ns = info.utc_ns
        if info.monotonic_ns >= 0:
            if self._offset_ns is None:
                self._offset_ns = info.utc_ns - info.monotonic_ns if info.utc_ns >= 0 else 0
            found_ns = info.monotonic_ns + self._offset_ns
        self.now_ns = max(self.now_ns, found_ns)
        return self.now_ns
