# SPDX-License-Identifier: Apache-2.0
"""A clock that moves only when it is told to."""

from collections.abc import Callable

from edgeleak.errors import UsageError


class SimClock:
    """Clock of the lockstep tier.

    start_ns : first monotonic time
    utc_ns   : wall clock at that moment; `jump_utc` moves it as a wrong RTC or NTP would

    `on_wait` gets the end of each wait: the world goes on meanwhile.
    """

    def __init__(self, start_ns: int = 0, utc_ns: int = 1_767_225_600_000_000_000) -> None:
        self._now_ns = start_ns
        self._utc_offset_ns = utc_ns - start_ns
        self.on_wait: Callable[[int], object] = lambda _: None

    def monotonic_ns(self) -> int:
        return self._now_ns

    def utc_ns(self) -> int:
        return self._now_ns + self._utc_offset_ns

    def wait_until_ns(self, time_ns: int) -> None:
        """Time passes at once: in lockstep no other task runs while one waits."""
        self._now_ns = max(self._now_ns, time_ns)
        self.on_wait(self._now_ns)

    def advance_to(self, time_ns: int) -> None:
        """Move to `time_ns`; raises UsageError for a time that is past."""
        if time_ns < self._now_ns:
            raise UsageError(f"clock at {self._now_ns} ns told to go back to {time_ns} ns")
        self._now_ns = time_ns

    def jump_utc(self, by_ns: int) -> None:
        """Set the wall clock forward or back; monotonic time does not notice."""
        self._utc_offset_ns += by_ns
