# SPDX-License-Identifier: Apache-2.0
"""Control periods that come late: each one switches off, many within a minute are a fault.

A processor that was away for a moment has lost nothing but time: the cooler starts again from
zero by itself.  One that is away again and again cannot hold a temperature, and says so.
"""

from collections import deque

from edgeleak import codes
from edgeleak.clock import NS_PER_S
from edgeleak.control.observation import Trip

LATE_S = 0.15
"""Three control periods: the command of the last one has expired."""
MOST_LATE = 5
WINDOW_NS = 60 * NS_PER_S


class Lateness:
    """Remembers which control periods came late."""

    def __init__(self) -> None:
        self._late_ns: deque[int] = deque(maxlen=MOST_LATE)

    def judge(self, now_ns: int, late: Trip) -> Trip:
        """Why the cooler is off now: `late`, or a fault when that was so too often."""
        self._late_ns.append(now_ns)
        is_full = len(self._late_ns) == MOST_LATE
        if is_full and now_ns - self._late_ns[0] < WINDOW_NS:
            return Trip(codes.TEC_STALE, MOST_LATE, MOST_LATE, True)
        return late

    def clear(self) -> None:
        """Forget what was late; for `clear`."""
        self._late_ns.clear()
