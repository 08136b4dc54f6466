# SPDX-License-Identifier: Apache-2.0
"""One scheduler for all loops of the firmware over a plant and a simulated clock.

What runs in threads on the board runs here in the order of due times, so a run is the same
every time and hours pass in seconds.  A call that blocks takes its time inside the call: the
loop waits there, the others go on, and what it measures afterwards is what its thread would.
For that a loop that may block runs on a stack of its own; still only one moves at a time.
Who waits for an edge needs none: its turn is over and the next one comes when the edge may, so
the record of its task counts the rest as lateness.
"""

import threading
from collections.abc import Sequence
from typing import Protocol

from edgeleak.sim.bus import Blocking
from edgeleak.sim.faults import FOR_EVER_NS, BusStuck
from edgeleak.sim.plant import Plant
from edgeleak.sim.sim_clock import SimClock

NEVER_NS = FOR_EVER_NS


class DueLoop(Protocol):
    """What a `loop.Loop` shows to a scheduler."""

    @property
    def next_due_ns(self) -> int: ...

    def run_due(self) -> None: ...


class Stack:
    """One `run_due` on a thread that moves only while the scheduler waits for it."""

    def __init__(self, loop: DueLoop) -> None:
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._failure: BaseException | None = None
        self.is_over = False
        self.wake_ns = self.rest_until_ns = 0
        self._thread = threading.Thread(target=self._run, args=(loop,), daemon=True)
        self._thread.start()

    def _run(self, loop: DueLoop) -> None:
        self._go.acquire()
        try:
            loop.run_due()
        except BaseException as error:  # it belongs to whoever runs the scheduler
            self._failure = error
        self.is_over = True
        self._back.release()

    def resume(self) -> None:
        """Let it move until it waits or is over; raises what it raised."""
        self._go.release()
        self._back.acquire()
        if self.is_over:
            self._thread.join()
        if self._failure is not None:
            raise self._failure

    def wait(self, wake_ns: int) -> None:
        """Called on it: the others go on until then."""
        self.wake_ns = wake_ns
        self._back.release()
        self._go.acquire()


class Lockstep:
    """Moves plant, clock and loops together.

    plant    : the board
    clock    : the clock the loops were built with
    loops    : earlier ones first when due at the same moment
    blocking : account of `sim.bus.open_buses`; its calls wait here
    """

    def __init__(self, plant: Plant, clock: SimClock, loops: Sequence[DueLoop],
                 blocking: Blocking | None = None) -> None:  # fmt: skip
        self._plant, self._clock, self._loops = plant, clock, list(loops)
        self._blocking = blocking or Blocking()
        self._blocking.wait = self._wait
        clock.on_wait = plant.advance_to
        self._waiting: dict[int, Stack] = {}
        self._moving: Stack | None = None
        self._stopped: set[int] = set()
        self._rest_until_ns = [0] * len(self._loops)

    def _due_ns(self, index: int) -> int:
        if index in self._stopped:
            return NEVER_NS
        stack = self._waiting.get(index)
        if stack is None:
            return max(self._loops[index].next_due_ns, self._rest_until_ns[index])
        return stack.wake_ns

    def run_until(self, time_ns: int) -> None:
        """Run everything due before `time_ns`, then let the plant reach it."""
        while self._loops:
            self._release()
            index = min(range(len(self._loops)), key=self._due_ns)
            due_ns = self._due_ns(index)
            if due_ns >= time_ns:
                break
            self._move(due_ns)
            self._run(index)
        self._move(time_ns)

    def stop(self, index: int) -> None:
        """The thread of this loop hangs until it may `go_on`."""
        self._stopped.add(index)

    def go_on(self, index: int) -> None:
        """A thread that was stopped gets its processor back; what it missed is due now."""
        self._stopped.discard(index)

    def _run(self, index: int) -> None:
        stack = self._waiting.pop(index, None)
        if stack is None:
            if not self._may_block:
                self._loops[index].run_due()
                self._rest_until_ns[index] = self._blocking.take_rest()
                return
            stack = Stack(self._loops[index])
        self._moving = stack
        try:
            stack.resume()
        finally:
            self._moving = None
        stack.rest_until_ns = max(stack.rest_until_ns, self._blocking.take_rest())
        if stack.is_over:
            self._rest_until_ns[index] = stack.rest_until_ns
        else:
            self._waiting[index] = stack

    @property
    def _may_block(self) -> bool:
        return self._blocking.counts_transfers or self._plant.fault(BusStuck) is not None

    def _wait(self, for_ns: int) -> bool:
        """The call that is running takes so long; False where nobody else could move."""
        if self._moving is None:
            return False
        stack = self._moving
        stack.wait(min(NEVER_NS, self._clock.monotonic_ns() + for_ns))
        return True

    def _release(self) -> None:
        """A bus that was stuck for ever and is mended: its calls time out at last."""
        if self._waiting and self._plant.fault(BusStuck) is None:
            for stack in self._waiting.values():
                if stack.wake_ns >= NEVER_NS:
                    stack.wake_ns = self._clock.monotonic_ns()

    def _move(self, time_ns: int) -> None:
        time_ns = max(time_ns, self._clock.monotonic_ns())
        self._plant.advance_to(time_ns)
        self._clock.advance_to(time_ns)
