# SPDX-License-Identifier: Apache-2.0
"""Time: the one place that reads it, so that a simulated clock can stand in for all of it."""

import time
from typing import Protocol

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


class Clock(Protocol):
    """What the loops and services know of time; all in ns."""

    def monotonic_ns(self) -> int:
        """Never jumps, never goes back; every interval is measured with it."""
        ...

    def utc_ns(self) -> int:
        """Wall clock since 1970; may be wrong and may jump, so it only labels things."""
        ...

    def wait_until_ns(self, time_ns: int) -> None:
        """Return when `monotonic_ns() >= time_ns`."""
        ...


class SystemClock:
    """The clock of the machine."""

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def utc_ns(self) -> int:
        return time.time_ns()

    def wait_until_ns(self, time_ns: int) -> None:
        left_ns = time_ns - time.monotonic_ns()
        if left_ns > 0:
            time.sleep(left_ns / NS_PER_S)
