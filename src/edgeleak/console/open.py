# SPDX-License-Identifier: Apache-2.0
"""Put the console of an instrument together: ports, sessions, registers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edgeleak.bus.serial_port import SerialPort
from edgeleak.config import ConsoleConfig
from edgeleak.console import commands, shortcuts
from edgeleak.console.desk import Desk
from edgeleak.console.links import Link, SocketLink
from edgeleak.console.listener import UnixListener, user
from edgeleak.console.pins import CABLE
from edgeleak.console.pty_link import PtyLink
from edgeleak.console.room import Room
from edgeleak.console.scpi import BLOCK_MOST
from edgeleak.console.server import Console
from edgeleak.console.session import Session
from edgeleak.console.trail import Trail
from edgeleak.console.tree import Level
from edgeleak.errors import BusError, StorageError


class InstrumentConsole:
    """The console on an instrument; `poll` is its place in the frames loop.

    instrument : made, not running
    links      : cables and ptys
    listener   : of the unix socket, or None
    lines, log : of the whole program
    """

    def __init__(self, instrument: Any, links: Sequence[Link], listener: UnixListener | None,
                 lines: Callable[[], list[str]], log: Callable[[str], None]) -> None:  # fmt: skip
        self.desk = Desk(instrument, lines, log)
        self._tree, self._clock_ns = commands.tree(instrument.board), instrument.clock.monotonic_ns
        self._trail, self._room = Trail(log, self._clock_ns), Room(BLOCK_MOST)
        self._is_on = False
        config: ConsoleConfig = instrument.config.console
        self.server = Console(self._session, self._human, links, listener, config.idle_logout_s,
                              self._clock_ns(), self._clock_ns, self._turned_away)  # fmt: skip
        self._is_on = True

    def poll(self, _due_ns: int) -> None:
        """Statistics, registers, then everybody's turn."""
        now_ns, desk = self._clock_ns(), self.desk
        desk.poll(now_ns)
        self._trail.poll()
        operation, questionable = desk.operation(), desk.questionable()
        for peer in self.server.peers:
            status = peer.session.status
            status.operation.update(operation)
            status.questionable.update(questionable)
        self.server.poll(now_ns)

    def _session(self, level: Level, link: Link) -> Session:
        """Those from the start see all events since; a later one begins with what is so now."""
        name, trail = link.name, self._trail
        who = link.who if isinstance(link, SocketLink) else name
        session = Session(self._tree, self.desk, level, lambda line: trail.order(name, line),
                          refused=lambda line, kind: trail.refusal(name, who, line, kind),
                          is_owner=link.is_lasting or who == user(0), room=self._room,
                          client=CABLE if link.is_lasting else who)  # fmt: skip
        if self._is_on:
            status = session.status
            status.esr = 0
            status.operation.condition = self.desk.operation()
            status.questionable.condition = self.desk.questionable()
        return session

    def _turned_away(self, link: SocketLink, why: str) -> None:
        self._trail.refusal(link.name, link.who, f"no place: {why}", "connections")

    def _human(self, session: Session) -> Any:
        return shortcuts.make_human(self.desk, session)

    def close(self) -> None:
        self.server.close()


def open_links(config: ConsoleConfig, pty: Path | None,
               log: Callable[[str], None]) -> tuple[list[Link], UnixListener | None]:  # fmt: skip
    """Ports of the settings; one that cannot be had is said and left out, a camera needs none."""
    links: list[Link] = [] if pty is None else [PtyLink(pty)]
    if config.serial_device:
        try:
            links.append(SerialPort(config.serial_device, config.baud))
        except BusError as error:
            log(f"NOTE no console at {config.serial_device}: {error.strerror or error}")
    listener = None
    if config.socket:
        try:
            listener = UnixListener(Path(config.socket))
        except StorageError as error:
            log(f"NOTE {error}")
    return links, listener
