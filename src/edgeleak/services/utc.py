# SPDX-License-Identifier: Apache-2.0
"""Times of day for frames, with how far they can be trusted; intervals never use them.

The wall clock is read once a second as an offset to the monotonic clock, so that labels of one
stretch are exactly as far apart as the frames are, whatever NTP or a dead battery does to it.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from math import nan

from edgeleak import codes
from edgeleak.clock import NS_PER_S, Clock
from edgeleak.frame import UtcQuality
from edgeleak.services.health import FINE, Trouble

FLOOR_YEAR = 2025
"""This software is no older, so an earlier clock was never set (an RTC at 1970, say)."""
FLOOR_NS = int(datetime(FLOOR_YEAR, 1, 1, tzinfo=UTC).timestamp()) * NS_PER_S
JUMP_S = 1.0
"""NTP slews by 0.5 ms a second; a second at once is a step."""
SHOWN_S = 60.0
SYNCHRONIZED = "/run/systemd/timesync/synchronized"


class Utc:
    """Labels monotonic times.

    clock   : both clocks
    is_synchronized : whether a network set the wall clock in this session
    on_jump : called with the jump in s
    """

    def __init__(self, clock: Clock, on_jump: Callable[[float], None],
                 is_synchronized: Callable[[], bool] | None = None) -> None:  # fmt: skip
        self._clock, self._on_jump = clock, on_jump
        self._is_synchronized = is_synchronized or (lambda: os.path.exists(SYNCHRONIZED))
        self._offset_ns = clock.utc_ns() - clock.monotonic_ns()
        self._jumped_ns: int | None = None
        self.jumps, self.jump_s = 0, nan
        self.quality = UtcQuality.UNKNOWN
        self._judge(clock.monotonic_ns())

    def step(self, now_ns: int) -> None:
        """Once a second: follow slow drift, report steps."""
        offset_ns = self._clock.utc_ns() - self._clock.monotonic_ns()
        moved_s = (offset_ns - self._offset_ns) / NS_PER_S
        self._offset_ns = offset_ns
        if abs(moved_s) > JUMP_S:
            self.jumps += 1
            self.jump_s, self._jumped_ns = moved_s, now_ns
            self._on_jump(moved_s)
        self._judge(now_ns)

    def label_ns(self, monotonic_ns: int) -> int:
        """UTC of a monotonic time, ns since 1970; -1 where nobody set the clock."""
        if self.quality == UtcQuality.UNKNOWN or monotonic_ns < 0:
            return -1
        return monotonic_ns + self._offset_ns

    def report(self) -> Trouble:
        """A note for health: an unset clock, or a recent step."""
        if self.quality == UtcQuality.UNKNOWN:
            return Trouble(codes.CLOCK_UNSET, self._year(), FLOOR_YEAR)
        if self._jumped_ns is not None:
            if self._clock.monotonic_ns() - self._jumped_ns < SHOWN_S * NS_PER_S:
                return Trouble(codes.CLOCK_JUMPED, self.jump_s, JUMP_S)
            self._jumped_ns = None
        return FINE

    def _judge(self, now_ns: int) -> None:
        if now_ns + self._offset_ns < FLOOR_NS:
            self.quality = UtcQuality.UNKNOWN
        elif self._is_synchronized():
            self.quality = UtcQuality.NETWORK
        else:
            self.quality = UtcQuality.FREE_RUNNING

    def _year(self) -> float:
        seconds = (self._clock.monotonic_ns() + self._offset_ns) / NS_PER_S
        return 1970 + seconds / (365.2425 * 86_400)
