# SPDX-License-Identifier: Apache-2.0
"""Who of the firmware's threads goes when.

The threads share single slots, so what one of them decides may depend on how far another one
was.  While a black box records, a thread runs only while it has the turn; it gives the turn up
for as long as it waits: in a call of a bus, in a sleep, in the pipeline's compiled part.  The
order of the turns, with what the clock said in each, is what a recording of the buses lacks to be
run again bit for bit.
"""

import threading
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from edgeleak.blackbox.format import Mark
from edgeleak.bus.protocols import Buses, GpioLines, I2cBus, SpiBus
from edgeleak.clock import Clock

MONOTONIC, UTC = 0, 1


class Turns(Protocol):
    """The turn, recorded or repeated."""

    def begin(self, name: str) -> None:
        """The calling thread takes part from now on, and has the turn."""
        ...

    def end(self) -> None: ...

    def take(self) -> None:
        """Wait for the turn; nothing for a thread that takes no part."""
        ...

    def give(self) -> None: ...

    def clock_ns(self, which: int) -> int:
        """The time, as recorded where a run is repeated."""
        ...

    def wait_until_ns(self, time_ns: int) -> None: ...


@contextmanager
def part_of(turns: Turns, name: str) -> Iterator[None]:
    """The calling thread takes part within the block."""
    turns.begin(name)
    try:
        yield
    finally:
        turns.end()


class RecordedTurns:
    """Turns as they come, written to the black box.

    clock : of the machine
    mark  : appends a record
    """

    def __init__(self, clock: Clock, mark: Callable[[Mark, bytes], None]) -> None:
        self._clock, self._mark = clock, mark
        self._lock = threading.Lock()
        self._members: set[int] = set()
        self._holder = 0
        self._reads_ns = array("q")
        self._aside = threading.local()

    def begin(self, name: str) -> None:
        self._members.add(threading.get_ident())
        self._mark(Mark.BEGIN, name.encode())
        self.take()

    def end(self) -> None:
        self.give()
        self._mark(Mark.DONE, b"")
        self._members.discard(threading.get_ident())

    def take(self) -> None:
        me = threading.get_ident()
        if me in self._members:
            self._lock.acquire()
            self._holder = me

    def give(self) -> None:
        if self._holder != threading.get_ident():
            return
        self._mark(Mark.TENURE, self._reads_ns.tobytes())
        del self._reads_ns[:]
        self._holder = 0
        self._lock.release()

    def clock_ns(self, which: int) -> int:
        now_ns = self._clock.monotonic_ns() if which == MONOTONIC else self._clock.utc_ns()
        if self._holder == threading.get_ident() and not getattr(self._aside, "is_on", False):
            self._reads_ns.append(now_ns)
        return now_ns

    def wait_until_ns(self, time_ns: int) -> None:
        self.give()
        try:
            self._clock.wait_until_ns(time_ns)
        finally:
            self.take()

    def aside(self, run: Callable[[int], None]) -> Callable[[int], None]:
        """`run` with clock reads that are not recorded: what it does is no part of a replay."""

        def unrecorded(due_ns: int) -> None:
            self._aside.is_on = True
            try:
                run(due_ns)
            finally:
                self._aside.is_on = False

        return unrecorded


class TurnClock:
    """The clock that the firmware gets."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def monotonic_ns(self) -> int:
        return self._turns.clock_ns(MONOTONIC)

    def utc_ns(self) -> int:
        return self._turns.clock_ns(UTC)

    def wait_until_ns(self, time_ns: int) -> None:
        self._turns.wait_until_ns(time_ns)


class _Between:
    """Within the block nobody of this thread's code runs: others may."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def __enter__(self) -> None:
        self._turns.give()

    def __exit__(self, *error: object) -> None:
        self._turns.take()


class TurnI2c:
    """An adapter whose calls give up the turn."""

    def __init__(self, bus: I2cBus, turns: Turns) -> None:
        self._bus, self._free = bus, _Between(turns)

    def transfer(self, address: int, data: bytes, read_length: int = 0) -> bytes:
        with self._free:
            return self._bus.transfer(address, data, read_length)

    def reopen(self) -> None:
        with self._free:
            self._bus.reopen()

    def close(self) -> None:
        self._bus.close()


class TurnSpi:
    """A device whose calls give up the turn."""

    def __init__(self, bus: SpiBus, turns: Turns) -> None:
        self._bus, self._free = bus, _Between(turns)

    @property
    def max_message_bytes(self) -> int:
        return self._bus.max_message_bytes

    def read_into(self, buffer: memoryview, message_bytes: int = 0) -> int:
        with self._free:
            return self._bus.read_into(buffer, message_bytes)

    def reopen(self) -> None:
        with self._free:
            self._bus.reopen()

    def close(self) -> None:
        self._bus.close()


class TurnLines:
    """Lines whose calls give up the turn."""

    def __init__(self, lines: GpioLines, turns: Turns) -> None:
        self._lines, self._free = lines, _Between(turns)

    def set(self, name: str, is_active: bool) -> None:
        with self._free:
            self._lines.set(name, is_active)

    def get(self, name: str) -> bool:
        with self._free:
            return self._lines.get(name)

    def wait_edge(self, name: str, timeout_s: float) -> int | None:
        with self._free:
            return self._lines.wait_edge(name, timeout_s)

    def close(self) -> None:
        self._lines.close()


def turned(buses: Buses, turns: Turns) -> Buses:
    """All three."""
    return Buses(TurnSpi(buses.spi, turns), TurnI2c(buses.i2c, turns),
                 TurnLines(buses.lines, turns))  # fmt: skip


def freed(step: Callable[..., object], turns: Turns) -> Callable[..., object]:
    """A long computation on the caller's own data, without the turn."""

    def run(*args: object) -> object:
        turns.give()
        try:
            return step(*args)
        finally:
            turns.take()

    return run
