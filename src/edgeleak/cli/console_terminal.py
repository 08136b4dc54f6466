# SPDX-License-Identifier: Apache-2.0
"""A person's end of the console: keys to the instrument, its characters to the screen.

A port that goes away is opened again.  A cable stays when the instrument behind it begins anew,
silent: keys without an echo are followed by Ctrl-B, which opens human mode there, and where it is
open already only rings the bell.
"""

import contextlib
import os
import select
import sys
import termios
import tty
from typing import Any

from edgeleak.clock import NS_PER_S, SystemClock
from edgeleak.errors import BusError, EdgeLeakError

LEAVE, HUMAN, SILENT, BELL = b"\x1d", b"\x02", b"\x01", b"\x07"
RETRY_S = 0.5
"""Between two tries to open a lost port; also the longest wait for an echo."""
LOOK_S = 0.1
"""Between two looks while an echo is waited for."""
OPENING = b"\r\n"
"""How human mode begins when it is opened; no late echo or answer begins so."""


class Terminal:
    """Until Ctrl-] or the end of the keys.

    port, baud : where
    """

    def __init__(self, port: str, baud: int) -> None:
        self._port, self._baud = port, baud
        self._wire: Any = None
        self._keys = sys.stdin.fileno()
        self._is_over = self._has_left = False
        self._clock = SystemClock()
        self._out = bytearray()
        self._asked_ns: int | None = None
        self._probes = 0

    def run(self) -> int:
        """0; raises what `connect` raises when there is no instrument at first."""
        self._connect(must=True)
        print(f"[{self._wire.name}; Ctrl-] leaves]", file=sys.stderr)
        with _raw(self._keys):
            while not self._is_over:
                self._turn()
        self._linger()
        if self._wire is not None:
            self._out[:] = SILENT
            self._flush()
        if self._wire is not None:
            self._wire.close()
        print(file=sys.stderr)
        return 0

    def _connect(self, must: bool = False) -> None:
        from edgeleak.console import client

        try:
            self._wire = client.connect(self._port, self._baud)
        except (EdgeLeakError, ConnectionError):
            if must:
                raise
            return
        self._out[:] = SILENT + HUMAN
        self._asked_ns, self._probes = None, 0

    def _turn(self) -> None:
        is_waiting = self._asked_ns is not None
        ready, _ = self._ready([self._keys], LOOK_S if is_waiting else RETRY_S)
        if self._wire is None:
            self._connect()
        elif self._wire in ready:
            self._show()
        self._probe()
        if self._keys in ready:
            self._type(os.read(self._keys, 1024))

    def _ready(self, also: list[Any], most_s: float) -> tuple[list[Any], list[Any]]:
        """(readable, writable) within the time; what waits to be sent is sent."""
        wires = [] if self._wire is None else [self._wire]
        ready, writable, _ = select.select([*also, *wires], wires if self._out else [], [], most_s)
        if writable:
            self._flush()
        return ready, writable

    def _linger(self) -> None:
        """What is still on its way: until silence when piped keys ended, shortly after Ctrl-]."""
        end_ns = self._clock.monotonic_ns() + round(RETRY_S * NS_PER_S)
        while self._wire is not None:
            ready, writable = self._ready([], RETRY_S)
            if self._wire is not None and self._wire in ready:
                self._show()
            is_late = self._has_left and self._clock.monotonic_ns() > end_ns
            if is_late or not (ready or writable):
                return

    def _show(self) -> None:
        try:
            data = self._wire.read(4096)
            if not data:
                raise ConnectionError("hung up")
        except ConnectionError:
            self._lose()
            return
        is_anew = self._probes and self._asked_ns is not None and data.startswith(OPENING)
        self._asked_ns = None
        silenced = data.replace(BELL, b"", self._probes)  # those only answer Ctrl-B
        self._probes -= len(data) - len(silenced)
        self._print((b"\r\n[reset]" if is_anew else b"") + silenced)

    def _type(self, keys: bytes) -> None:
        before, leave, _ = keys.partition(LEAVE)
        self._has_left = bool(leave)
        self._is_over = self._has_left or not keys
        if before and self._wire is not None:
            self._out += before
            self._asked_ns, self._probes = self._clock.monotonic_ns(), 0

    def _probe(self) -> None:
        """Ctrl-B when nothing came back; again and again while the instrument starts."""
        now_ns = self._clock.monotonic_ns()
        if self._wire is None or self._out or self._asked_ns is None:
            return
        if now_ns - self._asked_ns < RETRY_S * NS_PER_S:
            return
        if self._probes == 1:
            self._print(b"\r\n[no answer; waiting for the instrument, Ctrl-] leaves]\r\n")
        self._out += HUMAN
        self._asked_ns, self._probes = now_ns, self._probes + 1

    def _flush(self) -> None:
        """As much as the port takes now."""
        try:
            taken = self._wire.write(memoryview(bytes(self._out)))
        except (ConnectionError, BusError):
            self._lose()
            return
        del self._out[:taken]

    def _lose(self) -> None:
        """A reset, or a cable pulled: say so and keep trying."""
        if self._wire is not None:
            self._wire.close()
        self._wire = None
        self._out.clear()
        self._asked_ns = None
        self._print(f"\r\n[{self._port} is gone; waiting for it, Ctrl-] leaves]\r\n".encode())

    def _print(self, data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


@contextlib.contextmanager
def _raw(descriptor: int) -> Any:
    """Keys as they come where it is a terminal."""
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
