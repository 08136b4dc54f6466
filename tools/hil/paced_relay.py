# SPDX-License-Identifier: Apache-2.0
"""A cable between two ports that carries bytes no faster than a UART: ten bits a byte.

  paced_relay.py PORT --baud 115200 --link PATH [--make]

PORT is the instrument's console, PATH a pty for the client; with --make PORT is a pty too, made for
an instrument to open as its serial port.  A pty ignores its baud rate; this
puts the time of the bits back, each way by itself, so that rates and time-outs are a cable's.
Runs until SIGTERM or until the instrument is gone, then prints what it carried as JSON.
"""

import argparse
import contextlib
import json
import os
import select
import signal
import sys
import time
from pathlib import Path

from edgeleak.bus.serial_port import SerialPort
from edgeleak.console.pty_link import PtyLink

BITS_A_BYTE = 10
TICK_S = 0.001
"""An FTDI cable's latency timer is 1 to 16 ms; bytes move in portions of such a tick."""
FIFO = 4096
"""Of each way: what waits beyond it stays with its sender, as hardware flow control has it."""


class Way:
    """One direction: bytes read here are due there when their bits are through.

    source, sink : descriptors, non-blocking
    baud         : bits a second
    """

    def __init__(self, source: int, sink: int, baud: int) -> None:
        self._source, self._sink = source, sink
        self._rate = baud / BITS_A_BYTE
        self._kept, self._credit, self._at_s = bytearray(), 0.0, time.monotonic()
        self.carried = 0

    def move(self) -> None:
        """Take what there is room for, give what its time has come for; OSError: an end is gone."""
        now_s = time.monotonic()
        elapsed_s, self._at_s = now_s - self._at_s, now_s
        if len(self._kept) < FIFO:
            with contextlib.suppress(BlockingIOError):
                self._kept += os.read(self._source, FIFO - len(self._kept))
        # An idle line saves nothing up: its bits went by unused.
        self._credit = self._credit + elapsed_s * self._rate if self._kept else 0.0
        count = min(int(self._credit), len(self._kept))
        if count:
            with contextlib.suppress(BlockingIOError):
                given = os.write(self._sink, memoryview(self._kept)[:count])
                del self._kept[:given]
                self._credit -= given
                self.carried += given

    @property
    def is_idle(self) -> bool:
        return not self._kept


def relay(port: str, baud: int, link: Path, is_made: bool = False) -> dict[str, int]:
    """Carry bytes both ways until told to stop; bytes each way."""
    instrument = PtyLink(Path(port)) if is_made else SerialPort(port, baud)
    client = PtyLink(link)
    here, there = instrument.fileno(), client.fileno()
    out, back = Way(here, there, baud), Way(there, here, baud)
    stop: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.append(1))
    print("ready", flush=True)
    with contextlib.suppress(OSError):
        while not stop:
            idle = out.is_idle and back.is_idle
            select.select([here, there] if idle else [], [], [], 0.1 if idle else TICK_S)
            out.move()
            back.move()
    client.close()
    if is_made:
        instrument.close()
    return {"baud": baud, "from_instrument": out.carried, "to_instrument": back.carried}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("port", help="console of the instrument")
    parser.add_argument("--baud", type=int, default=115_200)
    parser.add_argument("--link", type=Path, required=True, metavar="PATH", help="pty for a client")
    parser.add_argument("--make", action="store_true", help="PORT is a pty to be made")
    args = parser.parse_args()
    print(json.dumps(relay(args.port, args.baud, args.link, args.make)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
