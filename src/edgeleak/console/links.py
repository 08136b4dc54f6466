# SPDX-License-Identifier: Apache-2.0
"""Streams of bytes to and from the peers of the console; no call waits."""

import contextlib
import os
from typing import Protocol


class Link(Protocol):
    """One stream of bytes; both calls return at once."""

    name: str
    is_lasting: bool
    """A cable: it stays when its peer goes, and who speaks has the instrument in hand."""

    def read(self, most: int) -> bytes:
        """What is there, perhaps nothing; ConnectionError when the peer is gone."""
        ...

    def write(self, data: memoryview) -> int:
        """Bytes taken, perhaps 0; ConnectionError when the peer is gone."""
        ...

    def close(self) -> None: ...


class DescriptorLink:
    """A file descriptor: pty, tty or socket.  Takes it over and makes it non-blocking."""

    def __init__(self, descriptor: int, name: str, *, is_lasting: bool = True) -> None:
        self._descriptor, self.name, self.is_lasting = descriptor, name, is_lasting
        os.set_blocking(descriptor, False)

    def read(self, most: int) -> bytes:
        try:
            data = os.read(self._descriptor, most)
        except BlockingIOError:
            return b""
        except OSError as error:  # EIO: nobody has the other end of a pty open
            if self.is_lasting:
                return b""
            raise ConnectionError(str(error)) from error
        if not data and not self.is_lasting:
            raise ConnectionError("closed by the peer")
        return data

    def write(self, data: memoryview) -> int:
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise ConnectionError(str(error)) from error

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._descriptor)


class SocketLink(DescriptorLink):
    """One connection of a local user.

    who : the user, the same however often it connects
    """

    def __init__(self, descriptor: int, name: str, who: str) -> None:
        super().__init__(descriptor, name, is_lasting=False)
        self.who = who
