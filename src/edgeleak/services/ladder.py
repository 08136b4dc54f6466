# SPDX-License-Identifier: Apache-2.0
"""What is tried next when frames stay away, rung by rung, each tried a bounded number of times."""

from enum import IntEnum

RESYNCS, POWER_CYCLES = 3, 2


class Rung(IntEnum):
    """What is tried next."""

    NONE = 0
    RESYNC = 1
    POWER_CYCLE = 2
    GIVE_UP = 3


class Ladder:
    """Which rung follows when frames stay away; pure.

    patience_ns : without a frame this long the next rung is tried
    """

    RUNGS = (Rung.RESYNC,) * RESYNCS + (Rung.POWER_CYCLE,) * POWER_CYCLES + (Rung.GIVE_UP,)

    def __init__(self, patience_ns: int) -> None:
        self._patience_ns = patience_ns
        self._since_ns: int | None = None
        self.step = 0

    def good(self, now_ns: int) -> None:
        """A frame came."""
        self._since_ns, self.step = now_ns, 0

    def failed(self) -> None:
        """Bring-up or resync failed: there is nothing to wait for."""
        self._since_ns = None

    def next(self, now_ns: int, is_busy: bool, is_failed: bool) -> Rung:
        """The rung to take now; the time in which the driver is busy does not count."""
        if is_busy or (self._since_ns is None and not is_failed):
            self._since_ns = now_ns
            return Rung.NONE
        since_ns = now_ns if self._since_ns is None else self._since_ns
        if not is_failed and now_ns - since_ns <= self._patience_ns:
            return Rung.NONE
        rung = self.RUNGS[min(self.step, len(self.RUNGS) - 1)]
        self.step += 1
        self._since_ns = now_ns
        return rung

    @property
    def is_dead(self) -> bool:
        """Resyncs were in vain."""
        return self.step > RESYNCS
