# SPDX-License-Identifier: Apache-2.0
"""The unix socket: who connects, what it may, and whether there is a place for it.

Places are few, because each costs the frames loop a share of its turn.  So that no user's clients
keep out the others, each user has `USER_MOST` of them at most; and whoever comes, one stays free
for root and one for the instrument's own user (display, uplink), as long as these have none yet.
"""

import errno
import os
import socket
import stat
import struct
from collections.abc import Sequence
from pathlib import Path

from edgeleak.console.links import SocketLink
from edgeleak.console.tree import Level
from edgeleak.errors import StorageError

PEERS_MOST = 8
"""Cables and sockets; the last place is for those who may operate."""
USER_MOST = 4
"""Display, uplink, a person and a program; half of all."""
SEND_BUFFER = 1 << 20
"""A whole frame goes out in a few polls."""
SO_PEERCRED_FORMAT = "3i"


class UnixListener:
    """Local clients; root and the instrument's own user may operate, others look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.operators = {user(0), user(os.geteuid())}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            _make_room(path)
            self._appear()
        except OSError as error:
            self._socket.close()
            raise StorageError(
                f"console socket {path}: {error.strerror}; set console.socket to a folder"
                " that exists and is writable, or to nothing"
            ) from error

    def _appear(self) -> None:
        """Under its name only once it answers: who sees it may connect."""
        part = self.path.with_name(f".{self.path.name}")
        part.unlink(missing_ok=True)
        self._socket.bind(str(part))
        part.chmod(0o666)  # the level comes from who asks, see accept
        self._socket.listen(PEERS_MOST)
        part.rename(self.path)

    def accept(self) -> tuple[SocketLink, Level] | None:
        """A new client and its level, or None."""
        try:
            client, _ = self._socket.accept()
        except OSError:
            return None
        size = struct.calcsize(SO_PEERCRED_FORMAT)
        raw = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        pid, uid, _ = struct.unpack(SO_PEERCRED_FORMAT, raw)
        who = user(uid)
        level = Level.OPERATE if who in self.operators else Level.LOOK
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        return SocketLink(client.detach(), f"socket, {who}, process {pid}", who), level

    def no_place(self, who: str, level: Level, taken: Sequence[str], cables: int) -> str:
        """Why a client gets no place, or "" when it has one.

        who, level : the client
        taken      : users of the sockets that are open, once for each
        cables     : places that are not theirs
        """
        mine = taken.count(who)
        if mine >= USER_MOST:
            return f"{mine} connections of this user are open, {USER_MOST} is the most"
        absent = len({one for one in self.operators if one != who} - set(taken))
        kept = max(absent, int(level < Level.OPERATE))
        if cables + len(taken) + kept < PEERS_MOST:
            return ""
        return f"{PEERS_MOST} places, {kept} of the free ones kept for those who may operate"

    def close(self) -> None:
        self._socket.close()
        self.path.unlink(missing_ok=True)


def user(uid: int) -> str:
    """A local user as lines of the log have it."""
    return f"user {uid}"


def _make_room(path: Path) -> None:
    """Remove the socket of a process that is gone; OSError for what else is there."""
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise OSError(errno.EEXIST, "this is no socket")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.setblocking(False)
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:
            pass
    raise OSError(errno.EADDRINUSE, "another instrument listens there")
