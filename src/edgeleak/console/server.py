# SPDX-License-Identifier: Apache-2.0
"""Peers and their bytes: polled from the frames loop, bounded in time and memory.

Nothing here waits.  A poll reads at most `READ_MOST` bytes from each peer, carries out a few
commands and stops after `BUDGET_NS`, so a flood costs a fixed share of the frames loop; a peer
that does not take its answers is not read any more, and what it has not taken for `STALL_NS` is
thrown away, so that whoever opens the port next does not get it.
"""

import re
from collections.abc import Callable, Sequence

from edgeleak.clock import NS_PER_S
from edgeleak.console.human import CTRL_A, CTRL_B, CTRL_C, HumanMode
from edgeleak.console.links import Link, SocketLink
from edgeleak.console.listener import PEERS_MOST, UnixListener
from edgeleak.console.session import ANSWER_MOST, Session
from edgeleak.console.tree import Level

READ_MOST, BLOCK_READ_MOST = 2048, 65536
UNITS_MOST = 32
"""Commands of one peer in one poll; a program that asks one thing at a time needs one."""
BUDGET_NS = 3_000_000
"""Of a period of 20 ms; the first who was not served begins the next one."""
WELCOME_NS = 1_000_000
"""Of that, for clients who come; those who are served already keep the rest."""
STALL_NS = 10 * NS_PER_S
BLOCK_PAUSE_NS, BLOCK_LEAST = 2 * NS_PER_S, 1024
"""So long a block may stand still, or grow by fewer bytes; a damaged head announces megabytes, and
a client that asks and asks would be taken for them."""
REST_NS = 10 * NS_PER_S
"""Of silence: so late no rest of a block comes any more."""
WRITE_MOST = 1 << 18
INTERRUPTED = -410
MODE_KEYS = re.compile(b"[" + CTRL_A + CTRL_B + bytes((CTRL_C,)) + b"]")


class Turn:
    """What one peer may use of a poll; asked before each command, and the first is always free.

    clock_ns, end_ns : when the time of all peers is over
    """

    def __init__(self, clock_ns: Callable[[], int], end_ns: int) -> None:
        self._clock_ns, self._end_ns = clock_ns, end_ns
        self._used = 0

    def __call__(self) -> bool:
        self._used += 1
        return self._used == 1 or (self._used <= UNITS_MOST and not self.is_over)

    @property
    def is_over(self) -> bool:
        return self._clock_ns() > self._end_ns


class Pace:
    """Of a block that is coming: enough bytes in each `BLOCK_PAUSE_NS`."""

    def __init__(self) -> None:
        self._begin_ns, self._bytes = 0, 0

    def begin(self, now_ns: int) -> None:
        """Count anew."""
        self._begin_ns, self._bytes = now_ns, 0

    def is_lost(self, now_ns: int, count: int) -> bool:
        """After so many bytes more."""
        self._bytes += count
        if now_ns - self._begin_ns <= BLOCK_PAUSE_NS:
            return False
        is_lost = self._bytes < BLOCK_LEAST
        self.begin(now_ns)
        return is_lost


class Peer:
    """A link, its session and what it has not taken yet."""

    def __init__(self, link: Link, session: Session, human: HumanMode, now_ns: int) -> None:
        self.link, self.session, self.human = link, session, human
        self._in, self._out = bytearray(), bytearray()
        self.heard_ns = self._moved_ns = now_ns
        self._pace = Pace()

    def poll(self, now_ns: int, turn: Turn) -> None:
        """Read, answer, write; ConnectionError when the peer is gone or does not listen."""
        self._flush(now_ns)
        if self._out:
            self._drop_stale(now_ns)
            self._pace.begin(now_ns)
            return
        if self.session.is_busy and not self.human.is_busy:
            self._out += self.session.resume(turn)
        data = b"" if self._in else self.link.read(self._read_most())
        if data:
            self._in += data
        self._watch_block(now_ns, len(data))
        self._answer(turn)
        if self.human.is_on or self.human.is_busy:
            self._out += self.human.tick(now_ns)
        self._flush(now_ns)

    def _watch_block(self, now_ns: int, count: int) -> None:
        """Give up a block that does not come, and in time the rest of it too."""
        if not self.session.is_in_block:
            self._pace.begin(now_ns)
        elif self._pace.is_lost(now_ns, count):
            self.session.give_up_block()
        if self.session.is_in_rest and now_ns - self.heard_ns > REST_NS:
            self.session.forget()
        if count:
            self.heard_ns = now_ns

    def _read_most(self) -> int:
        return BLOCK_READ_MOST if self.session.is_in_block else READ_MOST

    @property
    def _is_busy(self) -> bool:
        return self.session.is_busy or self.human.is_busy

    def _answer(self, turn: Turn) -> None:
        """Ctrl-B and Ctrl-A change the mode wherever they stand, except inside a block; they and
        Ctrl-C forget half a line."""
        is_first = True
        while self._may_go_on() and (is_first or not turn.is_over):
            is_first = False
            if self.human.is_on:
                self._to_human()
            elif self.session.is_in_block:
                self._out += self.session.feed(self._take(len(self._in)), turn)
            else:
                self._to_session(turn)

    def _may_go_on(self) -> bool:
        """Something waits, and there are not answers enough for a turn."""
        return bool(self._in) and not self._is_busy and len(self._out) <= ANSWER_MOST

    def _to_human(self) -> None:
        """One key: it costs a look at the whole line, and a long command keeps others waiting."""
        key = self._take(1)
        self._out += self.human.leave() if key == CTRL_A else self.human.feed(key)

    def _to_session(self, turn: Turn) -> None:
        found = MODE_KEYS.search(self._in)
        part = self._take(len(self._in) if found is None else found.start())
        self._out += self.session.feed(part, turn)
        if found is None or self._is_busy:
            return
        key = self._take(1)
        if self.session.is_in_block or self.session.is_in_rest:
            self._out += self.session.feed(key)
            return
        self.session.forget()
        if key == CTRL_B:
            self._out += self.human.enter()

    def _take(self, count: int) -> bytes:
        part = bytes(self._in[:count])
        del self._in[:count]
        return part

    def idle(self) -> None:
        """Nobody has spoken for long: back to the start, as for a new peer."""
        self.session.log_out()
        if self.human.is_on:
            self._out += self.human.leave()

    @property
    def may_part(self) -> bool:
        """A silent socket that may only look: it keeps a place from others."""
        return not self.link.is_lasting and self.session.level == Level.LOOK

    def close(self) -> None:
        """The link is gone, or is spoken to by a new peer."""
        self.session.close()
        if not self.link.is_lasting:
            self.link.close()

    def _flush(self, now_ns: int) -> None:
        """At most one write that takes all it is given, so a fast reader costs no more either."""
        if not self._out:
            self._moved_ns = now_ns
            return
        taken = self.link.write(memoryview(self._out)[:WRITE_MOST])
        if taken:
            self._moved_ns = now_ns
            del self._out[:taken]

    def _drop_stale(self, now_ns: int) -> None:
        if now_ns - self._moved_ns > STALL_NS:
            self._out.clear()
            self.session.status.error(INTERRUPTED, "answers were not taken and are thrown away")


MakeSession = Callable[[Level, Link], Session]


class Console:
    """All peers of the instrument.

    make_session : (level, link) -> Session of a new peer
    make_human   : Session -> HumanMode
    links        : lasting ones: serial port, pty
    listener     : unix socket, or None
    idle_s       : log out after this much silence
    clock_ns     : to end a poll in time; None only counts
    turned_away  : told which client got no place, and why
    """

    def __init__(self, make_session: MakeSession, make_human: Callable[[Session], HumanMode],
                 links: Sequence[Link], listener: UnixListener | None, idle_s: float, now_ns: int,
                 clock_ns: Callable[[], int] | None = None,
                 turned_away: Callable[[SocketLink, str], None] = lambda link, why: None,
                 ) -> None:  # fmt: skip
        self._make_session, self._make_human = make_session, make_human
        self._listener, self._idle_ns = listener, round(idle_s * NS_PER_S)
        self._turned_away = turned_away
        self._clock_ns = clock_ns or (lambda: 0)
        self.peers = [self._peer(link, Level.LOOK, now_ns) for link in links]
        self.cut_off = self.polls = self.cut_short = 0

    def _peer(self, link: Link, level: Level, now_ns: int) -> Peer:
        session = self._make_session(level, link)
        return Peer(link, session, self._make_human(session), now_ns)

    def poll(self, now_ns: int) -> None:
        """One turn for everybody, or for as many as the time is enough for: one at least, and
        the next turn begins with the first who had none."""
        self.polls += 1
        end_ns = self._clock_ns() + BUDGET_NS
        if self._listener is not None:
            self._welcome_all(self._listener, now_ns)
        order = tuple(self.peers)
        first = order[1:]
        for at, peer in enumerate(order, 1):
            turn = Turn(self._clock_ns, end_ns)
            self._serve(peer, now_ns, turn)
            if turn.is_over:
                self.cut_short += 1
                first = order[at:] or first
                break
        self._begin_with(first)

    def _begin_with(self, first: Sequence[Peer]) -> None:
        """These the next time, then the others in their order."""
        there = [peer for peer in first if peer in self.peers]
        self.peers = there + [peer for peer in self.peers if peer not in there]

    def _serve(self, peer: Peer, now_ns: int, turn: Turn) -> None:
        try:
            peer.poll(now_ns, turn)
        except ConnectionError:
            self._part(peer, now_ns)
            return
        if now_ns - peer.heard_ns > self._idle_ns:
            peer.heard_ns = now_ns
            peer.idle()
            if peer.may_part:
                self._part(peer, now_ns)

    def _welcome_all(self, listener: UnixListener, now_ns: int) -> None:
        """Whoever waits, the first in any case; no more than there are places."""
        end_ns = self._clock_ns() + WELCOME_NS
        for _ in range(PEERS_MOST):
            found = listener.accept()
            if found is None:
                return
            self._welcome(listener, *found, now_ns)
            if self._clock_ns() > end_ns:
                return

    def _welcome(self, listener: UnixListener, link: SocketLink, level: Level, now_ns: int) -> None:
        taken = [peer.link.who for peer in self.peers if isinstance(peer.link, SocketLink)]
        why = listener.no_place(link.who, level, taken, len(self.peers) - len(taken))
        if why:
            link.close()
            self.cut_off += 1
            self._turned_away(link, why)
            return
        self.peers.append(self._peer(link, level, now_ns))

    def _part(self, peer: Peer, now_ns: int) -> None:
        """A socket is closed; a cable stays, with a fresh session."""
        self.cut_off += 1
        self.peers.remove(peer)
        peer.close()
        if peer.link.is_lasting:
            self.peers.append(self._peer(peer.link, Level.LOOK, now_ns))

    def close(self) -> None:
        for peer in self.peers:
            peer.link.close()
        if self._listener is not None:
            self._listener.close()
