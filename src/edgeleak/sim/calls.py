# SPDX-License-Identifier: Apache-2.0
"""Who asks the plant's server for what, and when a board's program would have asked."""

import contextlib
import socket
from collections import deque
from collections.abc import Callable

from edgeleak.sim.wire import READ_FOLLOWS, Answer, Request, Requests

LATE_MOST_NS, I2C_LATE_MOST_NS = 100_000_000, 300_000
"""More than this is not made up for; a loop of short calls would run ahead of itself."""
AT_ONCE_NS = 3_000_000
"""A program that asks later than this after an answer has waited for something else."""


class Peer:
    """One connection of a program: the identity of a descriptor, or a thread's channel.

    due_ns : when its last answer would have been there on a board
    """

    def __init__(self, link: socket.socket, who: int) -> None:
        self.link, self.who = link, who
        self.requests = Requests()
        self.out = bytearray()
        self.is_closed = False
        self.due_ns = 0

    def asked_ns(self, ask: Request, most_ns: int = LATE_MOST_NS) -> int:
        """When the program would have asked on a board: as long after its last answer as here.

        How late that answer was here, by sockets and by other programs, is not its doing.
        """
        if ask.after_ns >= AT_ONCE_NS or not self.due_ns:
            return ask.sent_ns
        asked_ns = self.due_ns + (0 if ask.code == READ_FOLLOWS else ask.after_ns)
        return max(asked_ns, ask.sent_ns - most_ns)

    def flush(self) -> None:
        """Send what the socket takes; a peer that went away is noticed by its reader."""
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            while self.out:
                del self.out[: self.link.send(self.out)]


class Bus:
    """Calls to one bus, one at a time.

    free_ns      : end of the bits of the last call
    pause_ns     : what the kernel needs after it
    late_most_ns : see `Peer.asked_ns`
    """

    def __init__(self, handle: Callable[[Request], Answer], pause_ns: int = 0,
                 late_most_ns: int = LATE_MOST_NS) -> None:  # fmt: skip
        self.handle, self.pause_ns, self.late_most_ns = handle, pause_ns, late_most_ns
        self.waiting: deque[tuple[Peer, Request]] = deque()
        self.free_ns = 0
        self.stuck: tuple[Peer, Answer] | None = None
