# SPDX-License-Identifier: Apache-2.0
"""Hours and pulses of the LED's life, from what its driver is commanded.

The sensor gates each exposure, so a commanded light is one pulse a frame, or every second one.
"""

from edgeleak.clock import NS_PER_MS
from edgeleak.drivers.led import ALTERNATE, OFF, Drive
from edgeleak.services.life import LifeCounters

MS_PER_H, NS_PER_US = 3_600_000, 1000


class LitTime:
    """Adds to `led_pulses` and `led_hours`; used by the control thread only.

    life       : lifetime counters
    refresh_ms : a step that comes later found the light dropped: no longer is counted
    """

    def __init__(self, life: LifeCounters, refresh_ms: float) -> None:
        self._life, self._longest_ns = life, round(refresh_ms * NS_PER_MS)
        self._last_ns: int | None = None
        self._part = 0.0

    def note(self, now_ns: int, drive: Drive, period_us: float) -> None:
        """`drive` is what was commanded since the last call, at this frame period."""
        last_ns, self._last_ns = self._last_ns, now_ns
        if last_ns is None or drive.mode == OFF:
            return
        every_ns = period_us * NS_PER_US * (2 if drive.mode == ALTERNATE else 1)
        self._part += min(now_ns - last_ns, self._longest_ns) / every_ns
        pulses = int(self._part)
        if pulses:
            self._part -= pulses
            self._life.add("led_pulses", pulses)
            self._life.add("led_hours", pulses * drive.pulse_ms / MS_PER_H)
