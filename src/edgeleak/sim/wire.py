# SPDX-License-Identifier: Apache-2.0
"""What preload library and server say to each other; layouts as in `native/wire.h`.

A request is its head and `size` bytes, a reply likewise; all in the machine's byte order.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

REQUEST = struct.Struct("=IIQIIQQ")
REPLY = struct.Struct("=iIII")
FLAG_DRAIN = 1
"""The client takes one byte, the token, from the line's own socket."""
READ_FOLLOWS = 1
"""Same call as the read before: in a kernel no program ran in between."""
MOST_PAYLOAD = 8 << 20


class Op(IntEnum):
    """What is asked."""

    OPEN = 1
    IOCTL = 2
    READ = 3
    WRITE = 4
    STAT = 5
    BUFSIZ = 6


@dataclass(frozen=True, slots=True)
class Request:
    """One call of the program.

    who     : identity of the descriptor it was made on
    code    : ioctl number or open flags; READ_FOLLOWS
    want    : bytes to read
    sent_ns : monotonic time of the call
    after_ns : since the calling thread had its last answer
    """

    op: int
    who: int
    code: int
    want: int
    payload: bytes
    sent_ns: int = 0
    after_ns: int = 1 << 63


@dataclass(frozen=True, slots=True)
class Answer:
    """What the call returns.

    result  : return value, or -errno
    payload : bytes for the caller's buffers
    busy_ns : how long the bus is taken; the answer leaves when it is free again
    after_ns : what it carries was not there before this time
    """

    result: int
    payload: bytes | bytearray = b""
    flags: int = 0
    busy_ns: int = 0
    after_ns: int = 0

    def encode(self) -> bytes:
        """As sent."""
        return REPLY.pack(self.result, self.flags, len(self.payload), 0) + self.payload


class Requests:
    """Requests out of a stream of bytes, whole ones only."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[Request]:
        """Everything complete so far; ValueError when the peer is not our library."""
        self._bytes += data
        found = []
        while len(self._bytes) >= REQUEST.size:
            op, who, code, size, want, sent_ns, after_ns = REQUEST.unpack_from(self._bytes)
            if op not in Op.__members__.values() or size > MOST_PAYLOAD:
                raise ValueError(f"no request: op {op}, size {size}")
            end = REQUEST.size + size
            if len(self._bytes) < end:
                break
            payload = bytes(self._bytes[REQUEST.size : end])
            found.append(Request(op, who, code, want, payload, sent_ns, after_ns))
            del self._bytes[:end]
        return found


def identity(peer_name: bytes | str) -> int:
    """Number of a socket from its autobound name, 0 when it has none."""
    name = peer_name if isinstance(peer_name, bytes) else peer_name.encode("latin-1")
    if not name.startswith(b"\0"):
        return 0
    return int(name[1:], 16) + 1
