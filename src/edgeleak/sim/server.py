# SPDX-License-Identifier: Apache-2.0
"""The plant in a process of its own, in real time, behind the preload library.

    python -m edgeleak.sim.server --board el1-a --scenario leak --socket S --control C

One thread.  Bus time is real: a transfer keeps its bus for as long as its bits need, and the
answer leaves when they are through.  An answer that leaves late delays nobody: whatever its
program asks next counts as asked that much earlier, yet it never begins before the bus is free
nor before the sensor has what it reads.  So a row of transfers takes the time of its bits, neither
more nor less.  A client may die, stop or hang at any moment; the plant's time goes on.
"""

import argparse
import contextlib
import errno
import gc
import heapq
import os
import select
import signal
import socket
import struct
import sys
from collections import deque
from pathlib import Path

from edgeleak import board as boards
from edgeleak.clock import Clock, SystemClock
from edgeleak.errors import EdgeLeakError
from edgeleak.sim import scenario as scenarios
from edgeleak.sim.calls import I2C_LATE_MOST_NS, Bus, Peer
from edgeleak.sim.control_channel import ControlServer
from edgeleak.sim.faults import (
    FOR_EVER_NS,
    BusStuck,
    Gone,
    GpioUnplugged,
    I2cUnplugged,
    Nack,
    SpiUnplugged,
    Stuck,
)
from edgeleak.sim.gpio_node import GpioNode
from edgeleak.sim.i2c_node import I2cNode
from edgeleak.sim.plant import Plant
from edgeleak.sim.render_ahead import RenderedAhead
from edgeleak.sim.spi_node import SpiNode
from edgeleak.sim.spi_timing import SpiTiming
from edgeleak.sim.wire import Answer, Op, Request, identity

TICK_NS = 2_000_000
"""The plant moves at least this often: an edge is told at most this late."""
LOOK_NS = 200_000
"""Whether a picture is drawn."""
READ_BYTES = 1 << 18
MAJORS = {"spi": 153, "i2c": 89, "gpio": 254}
UNPLUGGED = {"spi": SpiUnplugged, "i2c": I2cUnplugged, "gpio": GpioUnplugged}
READY = "ready"
BOARD_PRIORITY, PICTURE_PRIORITY = 40, 5
"""Real-time: the board goes before the firmware, its pictures before other programs only."""
SWITCH_S = 0.0005


class Server:
    """Sockets on one side, a plant on the other.

    plant   : built with start_ns of the same clock
    path    : socket for the preload library
    control : socket for `control_channel`, or None
    """

    def __init__(self, plant: Plant, clock: Clock, path: Path, control: Path | None = None,
                 timing: SpiTiming | None = None) -> None:  # fmt: skip
        self._plant, self._clock, self._path = plant, clock, path
        timing = timing or SpiTiming()
        self._spi = SpiNode(plant, timing)
        self._i2c = I2cNode(plant)
        self._gpio = GpioNode(plant, self._wake)
        board = plant.board
        self._nodes = {board.spi.device: "spi", board.i2c.device: "i2c", board.gpio.chip: "gpio"}
        self._buses = {
            "spi": Bus(self._spi.handle, timing.pause_ns),
            "i2c": Bus(self._i2c.handle, late_most_ns=I2C_LATE_MOST_NS),
        }
        self._kinds: dict[int, str] = {}
        self._peers: dict[int, Peer] = {}
        self._by_who: dict[int, Peer] = {}
        self._due: list[tuple[int, int, Peer, Answer]] = []
        self._sent = 0
        self._listener = listen(path)
        self._control = ControlServer(plant, control) if control is not None else None
        self.is_stopping = False

    # --- loop --------------------------------------------------------------------------------

    def run(self) -> None:
        """Until `is_stopping`."""
        try:
            while not self.is_stopping:
                self.turn()
        finally:
            self.close()

    def turn(self) -> None:
        """One round: answers that are due, whatever comes in, then the plant up to now.

        A call that waits in its socket while this process gets no processor still reaches the
        bus when it was made: the plant never passes a moment before everything sent by then has
        been read.
        """
        now_ns = self._clock.monotonic_ns()
        self._send_due(now_ns)
        self._start_buses(now_ns)
        control = self._hear(max(0, self._wanted_ns(now_ns) - self._clock.monotonic_ns()) / 1e9)
        now_ns = self._clock.monotonic_ns()
        control |= self._hear(0.0)
        self._plant.advance_to(now_ns)
        if self._control is not None and control:
            if self._control.serve(list(control)):
                self.is_stopping = True
            if self._control.take_hang_up():
                for peer in list(self._peers.values()):
                    self._drop(peer)
            self._release_stuck()

    def _wanted_ns(self, now_ns: int) -> int:
        """When something happens by itself: an answer is due, a frame is ready, the tick."""
        times = [now_ns + TICK_NS]
        if self._due:
            times.append(self._due[0][0])
        sensor = self._plant.sensor
        if sensor is not None and sensor.next_ready_ns is not None:
            times.append(sensor.next_ready_ns)
        if self._buses["spi"].waiting and not self._is_drawn:
            times.append(now_ns + LOOK_NS)
        return min(times)

    def _hear(self, timeout_s: float) -> set[int]:
        """Carry out what programs ask; the control descriptors that have something to read."""
        control = self._control.descriptors() if self._control is not None else []
        readers = [self._listener.fileno(), *self._peers, *control]
        writers = [fd for fd, peer in self._peers.items() if peer.out]
        readable, writable, _ = select.select(readers, writers, [], timeout_s)
        for fd in writable:
            self._peers[fd].flush()
        asked: list[tuple[Peer, Request]] = []
        for fd in readable:
            if fd == self._listener.fileno():
                self._accept()
            elif fd in self._peers:
                asked += self._receive(self._peers[fd])
        for peer, ask in sorted(asked, key=lambda one: one[1].sent_ns):
            self._plant.advance_to(min(ask.sent_ns, self._clock.monotonic_ns()))
            self._take(peer, ask)
        return set(readable).intersection(control)

    def close(self) -> None:
        """Drop everybody; their next call says that the device is gone."""
        for peer in list(self._peers.values()):
            peer.link.close()
        self._listener.close()
        self._path.unlink(missing_ok=True)
        if self._control is not None:
            self._control.close()

    # --- peers -------------------------------------------------------------------------------

    def _accept(self) -> None:
        link, name = self._listener.accept()
        link.setblocking(False)
        peer = Peer(link, identity(name))
        self._peers[link.fileno()] = peer
        self._by_who[peer.who] = peer

    def _receive(self, peer: Peer) -> list[tuple[Peer, Request]]:
        """Whole requests of a peer; one that is gone or speaks another language is dropped."""
        try:
            data = peer.link.recv(READ_BYTES)
            found = peer.requests.feed(data)
        except BlockingIOError:
            return []
        except (ConnectionError, ValueError):
            data, found = b"", []
        if not data:
            self._drop(peer)
        return [(peer, ask) for ask in found]

    def _drop(self, peer: Peer) -> None:
        del self._peers[peer.link.fileno()]
        if self._by_who.get(peer.who) is peer:
            del self._by_who[peer.who]
        peer.is_closed = True
        peer.link.close()
        if self._kinds.pop(peer.who, None) is not None:
            self._i2c.forget(peer.who)
            self._gpio.forget(peer.who)
        for bus in self._buses.values():
            bus.waiting = deque(one for one in bus.waiting if one[0] is not peer)
            if bus.stuck is not None and bus.stuck[0] is peer:
                bus.stuck = None

    def _wake(self, who: int) -> None:
        """Token: the line's descriptor becomes readable."""
        peer = self._by_who.get(who)
        if peer is not None:
            peer.out += b"!"
            peer.flush()

    # --- calls -------------------------------------------------------------------------------

    def _take(self, peer: Peer, ask: Request) -> None:
        kind = self._kinds.get(ask.who, "")
        peer.due_ns = peer.due_ns if kind in self._buses else peer.asked_ns(ask)
        if ask.op == Op.OPEN:
            self._answer(peer, Answer(self._open(ask)))
        elif ask.op == Op.STAT:
            self._answer(peer, self._stat(ask))
        elif ask.op == Op.BUFSIZ:
            self._answer(peer, Answer(self._spi.bufsiz))
        elif kind in self._buses:
            self._buses[kind].waiting.append((peer, ask))
            self._start_buses(self._clock.monotonic_ns())
        elif kind == "gpio":
            self._answer(peer, self._lines(ask))
        else:
            self._answer(peer, Answer(-errno.ENODEV))

    def _open(self, ask: Request) -> int:
        kind = self._nodes.get(ask.payload.decode("utf-8", "replace"))
        if kind is None or self._plant.fault(UNPLUGGED[kind]):
            return -errno.ENOENT
        if ask.who not in self._by_who:
            return -errno.ENXIO
        self._kinds[ask.who] = kind
        return 0

    def _stat(self, ask: Request) -> Answer:
        """Major and minor of a path, or the path of a descriptor."""
        if ask.who:
            kind = self._kinds.get(ask.who)
            paths = [path for path, of in self._nodes.items() if of == kind]
            return Answer(0, paths[0].encode()) if paths else Answer(-errno.ENODEV)
        path = ask.payload.decode("utf-8", "replace")
        kind = self._nodes.get(path)
        if kind is None or self._plant.fault(UNPLUGGED[kind]):
            return Answer(-errno.ENOENT)
        minor = int("".join(filter(str.isdigit, path.rpartition("/")[2][-3:])) or 0)
        return Answer(0, MAJORS[kind].to_bytes(4, sys.byteorder) + minor.to_bytes(4, sys.byteorder))

    def _lines(self, ask: Request) -> Answer:
        try:
            answer = self._gpio.handle(ask)
        except struct.error:
            return Answer(-errno.EINVAL)
        except Gone as gone:
            return Answer(-gone.number)
        if answer.result == 0 and self._gpio.is_line(ask.want):
            self._kinds[ask.want] = "gpio"
        return answer

    # --- bus time ----------------------------------------------------------------------------

    def _start_buses(self, now_ns: int) -> None:
        for bus in self._buses.values():
            while bus.waiting and bus.stuck is None and bus.free_ns <= now_ns:
                if bus is self._buses["spi"] and not self._is_drawn:
                    break
                peer, ask = bus.waiting.popleft()
                self._start(bus, peer, ask, now_ns)

    @property
    def _is_drawn(self) -> bool:
        """The real sensor has its picture at once, so calls on other buses need not wait."""
        return self._plant.sensor is None or self._plant.sensor.is_drawn

    def _start(self, bus: Bus, peer: Peer, ask: Request, now_ns: int) -> None:
        asked_ns = peer.asked_ns(ask, bus.late_most_ns)
        if bus is self._buses["spi"]:
            self._plant.spi_begin_ns = max(bus.free_ns, asked_ns)
        try:
            answer = bus.handle(ask)
        except struct.error:  # no call of our library
            answer = Answer(-errno.EINVAL)
        except Nack:
            answer = Answer(-errno.EREMOTEIO, busy_ns=25_000)
        except Gone as gone:
            answer = Answer(-gone.number)
        except Stuck as stuck:
            answer = Answer(-errno.ETIMEDOUT, busy_ns=stuck.block_ns)
            if stuck.block_ns >= FOR_EVER_NS:
                bus.stuck = peer, answer
                return
        could_ns = max(bus.free_ns, answer.after_ns)
        begin_ns = max(could_ns, asked_ns)
        self._account(bus, answer, begin_ns - could_ns)
        bus.free_ns = begin_ns + answer.busy_ns
        peer.due_ns = bus.free_ns + bus.pause_ns
        self._sent += 1
        heapq.heappush(self._due, (bus.free_ns, self._sent, peer, answer))
        self._send_due(self._clock.monotonic_ns())

    def _account(self, bus: Bus, answer: Answer, pause_ns: int) -> None:
        """How long the bus had bits to move, and how long it waited although a frame did."""
        if bus is self._buses["spi"] and answer.after_ns:
            counters = self._plant.counters
            counters["spi.busy-ns"] += answer.busy_ns
            counters["spi.pauses"] += 1
            counters["spi.pause-ns"] += pause_ns

    def _send_due(self, now_ns: int) -> None:
        while self._due and self._due[0][0] <= now_ns:
            _, _, peer, answer = heapq.heappop(self._due)
            self._answer(peer, answer)

    def _release_stuck(self) -> None:
        """A bus that was stuck for ever and is mended: the call times out at last."""
        if self._plant.fault(BusStuck) is not None:
            return
        for bus in self._buses.values():
            if bus.stuck is not None:
                (peer, answer), bus.stuck = bus.stuck, None
                self._answer(peer, answer)

    def _answer(self, peer: Peer, answer: Answer) -> None:
        if not peer.is_closed:
            peer.out += answer.encode()
            peer.flush()


def claim_processor(priority: int) -> None:
    """A board does not wait for other programs; where that is not allowed, it may be late.

    Threads made later begin with the same priority.
    """
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(priority))


def listen(path: Path) -> socket.socket:
    """A listening socket at `path`; one left by a dead server is replaced."""
    with contextlib.suppress(FileNotFoundError):
        if path.is_socket():
            path.unlink()
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    one.bind(str(path))
    one.listen(64)
    one.setblocking(False)
    return one


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="edgeleak.sim.server", description=__doc__)
    parser.add_argument("--board", default="el1-a")
    parser.add_argument("--scenario", help="name or path; nothing happens without it")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--control", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--core-hz", type=float, default=SpiTiming().core_hz)
    parser.add_argument("--gap-clocks", type=int, default=SpiTiming().gap_clocks)
    args = parser.parse_args(arguments)
    clock = SystemClock()
    claim_processor(PICTURE_PRIORITY)
    try:
        course = scenarios.load(args.scenario) if args.scenario else None
        plant = Plant(boards.load(args.board), seed=args.seed, scenario=course,
                      start_ns=clock.monotonic_ns(), is_live=True)  # fmt: skip
        if isinstance(plant.sensor, RenderedAhead):
            plant.sensor.draw_scene()
        timing = SpiTiming(args.core_hz, args.gap_clocks)
        server = Server(plant, clock, args.socket, args.control, timing)
    except EdgeLeakError as error:
        print(f"edgeleak.sim.server: {error}", file=sys.stderr)
        return error.exit_code

    def stop(*_: object) -> None:
        server.is_stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    claim_processor(BOARD_PRIORITY)
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()
    print(READY, flush=True)
    server.run()
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
