# SPDX-License-Identifier: Apache-2.0
"""One scheduler for all loops of the firmware over a plant and a simulated clock.

What runs in threads on the board runs here in the order of due times, so a run is the same
every time and hours pass in seconds.
"""

from collections.abc import Sequence
from typing import Protocol

from edgeleak.sim.bus import Blocking
from edgeleak.sim.plant import Plant
from edgeleak.sim.sim_clock import SimClock


class DueLoop(Protocol):
    """What a `loop.Loop` shows to a scheduler."""

    @property
    def next_due_ns(self) -> int: ...

    def run_due(self) -> None: ...


class Lockstep:
    """Moves plant, clock and loops together.

    plant    : the board
    clock    : the clock the loops were built with
    loops    : earlier ones first when due at the same moment
    blocking : account of `sim.bus.open_buses`; a loop that hit a stuck bus sleeps that long
    """

    def __init__(self, plant: Plant, clock: SimClock, loops: Sequence[DueLoop],
                 blocking: Blocking | None = None) -> None:  # fmt: skip
        self._plant, self._clock, self._loops = plant, clock, list(loops)
        self._blocking = blocking or Blocking()
        self._asleep_until_ns = [0] * len(self._loops)

    def _due_ns(self, index: int) -> int:
        return max(self._loops[index].next_due_ns, self._asleep_until_ns[index])

    def run_until(self, time_ns: int) -> None:
        """Run everything due before `time_ns`, then let the plant reach it."""
        while self._loops:
            index = min(range(len(self._loops)), key=self._due_ns)
            due_ns = self._due_ns(index)
            if due_ns >= time_ns:
                break
            self._move(due_ns)
            self._loops[index].run_due()
            if blocked_ns := self._blocking.take():
                self._asleep_until_ns[index] = self._clock.monotonic_ns() + blocked_ns
        self._move(time_ns)

    def stop(self, index: int) -> None:
        """The thread of this loop hangs for ever."""
        self._asleep_until_ns[index] = 1 << 62

    def _move(self, time_ns: int) -> None:
        time_ns = max(time_ns, self._clock.monotonic_ns())
        self._plant.advance_to(time_ns)
        self._clock.advance_to(time_ns)
