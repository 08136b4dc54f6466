# SPDX-License-Identifier: Apache-2.0
"""What the sensor drivers have in common: progress, losses, counters and steps that never block.

A driver's `capture(packets)` does at most one SPI message.  Bring-up, resync and power cycle
are generators that yield how long to wait; `capture` resumes them when the time has come, so
the same code runs in a thread and in a simulated clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

import numpy as np

from edgeleak.clock import Clock
from edgeleak.frame import FrameInfo

JUMP_FRAMES = 100_000
"""A frame number that moves further is not a gap but another count."""


class Progress(IntEnum):
    """What one call of `capture` came to."""

    NOTHING = 0  # no frame is ready, or the sensor is being started
    MORE = 1  # part of a frame is there
    COMPLETE = 2  # the buffer holds a whole, checked frame
    LOST = 3  # a frame was given up; the reason is `driver.loss`


class Loss(StrEnum):
    """Why a frame was given up."""

    NONE = "none"
    CRC = "crc"
    SYNC = "sync"
    ORDER = "order"
    FLAGS = "flags"
    SHORT = "short read"
    BUS = "bus"
    TELEMETRY = "telemetry"


@dataclass(slots=True)
class LinkCounters:
    """Everything that happened on the link since the process began.

    frames       : whole frames captured
    lost         : frames begun and given up
    crc, sync    : damaged packets; packets without a sync word
    order        : whole packets out of place
    idle         : idle or discard packets
    repeats      : frames or segments the sensor sent again by design
    short, bus   : short reads; transfers that failed
    resyncs, power_cycles, starts : what was done about it
    blind        : reads without a data-ready edge
    """

    frames: int = 0
    lost: int = 0
    crc: int = 0
    sync: int = 0
    order: int = 0
    idle: int = 0
    repeats: int = 0
    short: int = 0
    bus: int = 0
    resyncs: int = 0
    power_cycles: int = 0
    starts: int = 0
    blind: int = 0


@dataclass(frozen=True, slots=True)
class Unpacked:
    """One frame out of its packets.

    info   : facts of the frame; `drops` is for the caller to fill in
    moved  : how far the frame number moved; 0 it stands still
    digest : equal for equal pixels
    """

    info: FrameInfo
    moved: int
    digest: int


@dataclass(slots=True)
class Steps:
    """One sequence of actions with waits between, run by whoever calls `advance`."""

    clock: Clock
    _running: Iterator[int] | None = field(default=None)
    _due_ns: int = 0

    @property
    def is_busy(self) -> bool:
        return self._running is not None

    def begin(self, steps: Iterator[int]) -> None:
        """Replace whatever ran; `steps` yields ns to wait."""
        self._running, self._due_ns = steps, 0

    def stop(self) -> None:
        self._running = None

    def advance(self) -> bool:
        """Run what is due; True when nothing is left.  An error ends the sequence."""
        while self._running is not None and self.clock.monotonic_ns() >= self._due_ns:
            running = self._running
            try:
                wait_ns = next(running)
            except StopIteration:
                self._running = None
            except BaseException:
                self._running = None
                raise
            else:
                self._due_ns = self.clock.monotonic_ns() + wait_ns
        return self._running is None


class FrameNumbers:
    """A sensor's wrapping frame number as a number that only grows.

    bits : width of the number on the wire
    """

    def __init__(self, bits: int = 32) -> None:
        self._mask = (1 << bits) - 1
        self._last: int | None = None
        self.sequence = -1
        self.restarts = 0

    def restart(self) -> None:
        """The sensor's count begins anew; ours goes on."""
        self._last = None

    def note(self, number: int) -> int:
        """How far the number moved: 1 is the next frame, 0 it stands still."""
        moved = 1 if self._last is None else (number - self._last) & self._mask
        if moved > JUMP_FRAMES:
            self.restarts += 1
            moved = 1
        self._last = number
        self.sequence += moved
        return moved


def part_of(packets: np.ndarray, begin: int, end: int) -> memoryview:
    """Rows [begin, end) as bytes to read into."""
    nbytes = packets.shape[1]
    return packets.reshape(-1)[begin * nbytes : end * nbytes].data
