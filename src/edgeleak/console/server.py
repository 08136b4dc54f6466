# SPDX-License-Identifier: Apache-2.0
"""Peers and their bytes: polled from the frames loop, bounded in time and memory.

Nothing here waits.  A poll reads at most `READ_MOST` bytes from each peer, so a flood costs a
fixed share; a peer that does not take its answers is not read any more, and one that let
`OUT_MOST` bytes pile up is cut off, while everybody else goes on.
"""

import contextlib
import os
import socket
import stat
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from edgeleak.clock import NS_PER_S
from edgeleak.console.human import CTRL_A, CTRL_B, HumanMode
from edgeleak.console.session import Session
from edgeleak.console.tree import Level
from edgeleak.errors import StorageError

READ_MOST = 2048
OUT_MOST = 16 << 20
PEERS_MOST = 8
SO_PEERCRED_FORMAT = "3i"


class Link(Protocol):
    """One stream of bytes; both calls return at once."""

    name: str
    is_lasting: bool

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

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._descriptor)


class Peer:
    """A link, its session and what it has not taken yet."""

    def __init__(self, link: Link, session: Session, human: HumanMode, now_ns: int) -> None:
        self.link, self.session, self.human = link, session, human
        self._out = bytearray()
        self.heard_ns = now_ns

    def poll(self, now_ns: int) -> None:
        """Read, answer, write; ConnectionError when the peer is gone or does not listen."""
        self._flush()
        data = self.link.read(READ_MOST) if len(self._out) < READ_MOST else b""
        if data:
            self.heard_ns = now_ns
            self._out += self._answer(data)
        if self.human.is_on:
            self._out += self.human.tick(now_ns)
        if len(self._out) > OUT_MOST:
            raise ConnectionError(f"{len(self._out)} bytes were not taken")
        self._flush()

    def _answer(self, data: bytes) -> bytes:
        """Ctrl-B and Ctrl-A change the mode wherever they stand, except inside a block."""
        out = bytearray()
        while data:
            if self.human.is_on:
                part, found, data = data.partition(CTRL_A)
                out += self.human.feed(part)
                if found:
                    out += self.human.leave()
            elif self.session.is_in_block:
                out += self.session.feed(data)
                data = b""
            else:
                part, found, data = data.partition(CTRL_B)
                out += self.session.feed(part)
                if found and self.session.is_in_block:
                    out += self.session.feed(found)
                elif found:
                    out += self.human.enter()
        return bytes(out)

    def idle(self) -> None:
        """Nobody has spoken for long: back to the start, as for a new peer."""
        self.session.log_out()
        if self.human.is_on:
            self._out += self.human.leave()

    def _flush(self) -> None:
        while self._out:
            taken = self.link.write(memoryview(self._out)[:65536])
            if not taken:
                return
            del self._out[:taken]


class UnixListener:
    """Local clients; root and the instrument's own user may operate, others look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
                path.unlink()
            self._socket.bind(str(path))
        except OSError as error:
            self._socket.close()
            raise StorageError(
                f"console socket {path}: {error.strerror}; set console.socket to a folder"
                " that exists and is writable, or to nothing"
            ) from error
        path.chmod(0o666)  # the level comes from who asks, see accept
        self._socket.listen(PEERS_MOST)

    def accept(self) -> tuple[Link, Level] | None:
        """A new client and its level, or None."""
        try:
            client, _ = self._socket.accept()
        except OSError:
            return None
        size = struct.calcsize(SO_PEERCRED_FORMAT)
        raw = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        pid, uid, _ = struct.unpack(SO_PEERCRED_FORMAT, raw)
        level = Level.OPERATE if uid in (0, os.geteuid()) else Level.LOOK
        link = DescriptorLink(client.detach(), f"socket, process {pid}", is_lasting=False)
        return link, level

    def close(self) -> None:
        self._socket.close()
        self.path.unlink(missing_ok=True)


class Console:
    """All peers of the instrument.

    make_session : (level, name) -> Session of a new peer
    make_human   : Session -> HumanMode
    links        : lasting ones: serial port, pty
    listener     : unix socket, or None
    idle_s       : log out after this much silence
    """

    def __init__(self, make_session: Callable[[Level, str], Session],
                 make_human: Callable[[Session], HumanMode], links: Sequence[Link],
                 listener: UnixListener | None, idle_s: float, now_ns: int) -> None:  # fmt: skip
        self._make_session, self._make_human = make_session, make_human
        self._listener, self._idle_ns = listener, round(idle_s * NS_PER_S)
        self.peers = [self._peer(link, Level.LOOK, now_ns) for link in links]
        self.cut_off = 0

    def _peer(self, link: Link, level: Level, now_ns: int) -> Peer:
        session = self._make_session(level, link.name)
        return Peer(link, session, self._make_human(session), now_ns)

    def poll(self, now_ns: int) -> None:
        """One turn for everybody."""
        if self._listener is not None:
            self._welcome(self._listener, now_ns)
        for peer in tuple(self.peers):
            try:
                peer.poll(now_ns)
            except ConnectionError:
                self._part(peer, now_ns)
                continue
            if now_ns - peer.heard_ns > self._idle_ns:
                peer.heard_ns = now_ns
                peer.idle()

    def _welcome(self, listener: UnixListener, now_ns: int) -> None:
        found = listener.accept()
        if found is None:
            return
        link, level = found
        if len(self.peers) >= PEERS_MOST:
            link.close()
            self.cut_off += 1
            return
        self.peers.append(self._peer(link, level, now_ns))

    def _part(self, peer: Peer, now_ns: int) -> None:
        """A socket is closed; a cable stays, with a fresh session."""
        self.cut_off += 1
        self.peers.remove(peer)
        if peer.link.is_lasting:
            self.peers.append(self._peer(peer.link, Level.LOOK, now_ns))
        else:
            peer.link.close()

    def close(self) -> None:
        for peer in self.peers:
            peer.link.close()
        if self._listener is not None:
            self._listener.close()
