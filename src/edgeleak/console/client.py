# SPDX-License-Identifier: Apache-2.0
"""The other end: ask an instrument over a port or a socket, with a time limit for everything."""

import re
import secrets
import select
import socket
import stat
from pathlib import Path
from typing import Any, Protocol, Self

from edgeleak.bus.serial_port import SerialPort, ports
from edgeleak.clock import NS_PER_S, SystemClock
from edgeleak.console.links import DescriptorLink
from edgeleak.errors import BusError, DataError, MissingInputError, UnavailableError, UsageError

TIMEOUT_S = 5.0
"""Of silence, not of the whole answer: a frame takes a minute at 115200 Bd."""
UDEV_NAME = Path("/dev/edgeleak-console")
CHUNK = 65536
START_TIMEOUTS = 3
"""A port that talks all the time and never answers is given up."""
NO_ERROR = 0
ERROR = re.compile(r'(-?\d+),"((?:[^"]|"")*)"')
REST = re.compile(rb'((?:[^;"\n]|"[^"\n]*"|"(?=[^"\n]*\n))*)([;\n])')
"""Of an answer, up to its end; a doubled quote is two strings side by side, one alone is none."""
Answer = bytes | None


class Wire(Protocol):
    """What a client needs of its port."""

    name: str

    def read(self, most: int) -> bytes: ...

    def write(self, data: memoryview) -> int: ...

    def close(self) -> None: ...

    def fileno(self) -> int: ...


class SocketWire(DescriptorLink):
    """A connected unix socket."""

    def __init__(self, path: Path) -> None:
        made = socket.socket(socket.AF_UNIX)
        try:
            made.connect(str(path))
        except OSError as error:
            made.close()
            raise UnavailableError(
                f"socket {path}: {error.strerror}; is the instrument running?"
            ) from error
        super().__init__(made.detach(), f"socket {path}", is_lasting=False)


def _is_block(part: bytes) -> bool:
    return part[:1] == b"#" and part[1:2].isdigit() and len(part) >= 2 + int(part[1:2])


def connect(port: str, baud: int) -> Wire:
    """A socket, a pty or a serial port, held by nobody else."""
    path = Path(port)
    if not path.exists() and port.startswith("/"):
        raise MissingInputError(f"port {port} is not there; see: edgeleak console --list")
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        return SocketWire(path)
    return SerialPort(port, baud)


def find(known_socket: str) -> str:
    """The port to take where none was named; UsageError lists them when there are several."""
    if known_socket and Path(known_socket).exists():
        return known_socket
    if UDEV_NAME.exists():
        return str(UDEV_NAME)
    found = ports()
    if len(found) == 1:
        return found[0].device
    if not found:
        raise MissingInputError("no instrument runs here and no serial port is there; name one")
    listed = ", ".join(port.device for port in found)
    raise UsageError(f"several ports, name one: {listed}")


class Client:
    """Questions and answers; a context manager.

    wire      : open port
    timeout_s : longest silence within an answer
    """

    def __init__(self, wire: Wire, timeout_s: float = TIMEOUT_S) -> None:
        self._wire, self.timeout_s = wire, timeout_s
        self._clock, self._kept = SystemClock(), bytearray()
        self._end_ns: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the port go."""
        self._wire.close()

    def start(self) -> None:
        """Leave human mode, forget half a line, throw away what is on its way.

        A line of its own is first: what follows a block that was given up is taken for its rest.
        """
        self._end_ns = self._clock.monotonic_ns() + round(
            START_TIMEOUTS * self.timeout_s * NS_PER_S)  # fmt: skip
        self.write("\x01*CLS")
        mark = self._send_marked("*CLS")
        while not self._line().endswith(mark + b'0,"No error"'):
            continue
        self._end_ns = None

    def write(self, line: str | bytes) -> None:
        """A command without an answer."""
        self._send((line.encode() if isinstance(line, str) else line) + b"\n")

    def query(self, line: str) -> str:
        """The answer to one line, as text."""
        self.write(line)
        return self._line().decode("ascii", "replace")

    def block(self, line: str) -> bytes:
        """The contents of the block that answers one line; DataError with the refusal."""
        answer, errors = self.ask(line)
        if answer is None or errors:
            said = "; ".join(f"{number} {text}" for number, text in errors) or "no answer"
            raise DataError(f"{line}: {said}")
        return answer

    def ask(self, line: str) -> tuple[Answer, list[tuple[int, str]]]:
        """(answer or None, errors) of any line at all.

        One block is its contents; several answers are as they came, with `;` between them.
        """
        parts, errors = self.ask_all(line)
        blocks = [part[2 + int(part[1:2]) :] for part in parts if _is_block(part)]
        if len(parts) == 1 and blocks:
            return blocks[0], errors
        return b";".join(parts) if parts else None, errors

    def ask_all(self, line: str) -> tuple[list[bytes], list[tuple[int, str]]]:
        """Each answer of a line, blocks with their heads, and the errors."""
        mark = self._send_marked(line)[:-1]
        answers: list[bytes] = []
        while True:
            parts = self._parts()
            if parts[0] == mark:
                errors = ERROR.findall(b";".join(parts[1:]).decode("ascii", "replace"))
                return answers, [(int(n), text) for n, text in errors if int(n) != NO_ERROR]
            answers = parts

    def _send_marked(self, line: str) -> bytes:
        """A line, and behind it a word of ours that no answer can hold; how its answer begins."""
        word = secrets.token_hex(8)
        self._send(f'{line}\nSYST:ECHO? "{word}";ERR:ALL?\n'.encode())
        return f'"{word}";'.encode()

    def _parts(self) -> list[bytes]:
        """One response: what is between its `;`; a block may hold any byte."""
        parts: list[bytes] = []
        while True:
            part = self._block() if self._peek(1) == b"#" else b""
            rest, end = self._rest()
            parts.append(part + rest)
            if end == b"\n":
                return parts

    def _block(self) -> bytes:
        """Head and contents, or nothing when it is no head."""
        digits = self._peek(2)[1:]
        if not digits.isdigit() or digits == b"0":
            return b""
        head = self._peek(2 + int(digits))
        count = head[2:]
        return self._take(len(head) + int(count)) if count.isdigit() else b""

    def _rest(self) -> tuple[bytes, bytes]:
        """Up to `;` outside a string or to the line's end, and which of them it was."""
        while True:
            found = REST.match(self._kept)
            if found is not None:
                rest, end, count = bytes(found[1]), bytes(found[2]), found.end()
                del self._kept[:count]
                return rest.rstrip(b"\r"), end
            self._more()

    def _peek(self, count: int) -> bytes:
        while len(self._kept) < count:
            self._more()
        return bytes(self._kept[:count])

    def _line(self) -> bytes:
        while (end := self._kept.find(b"\n")) < 0:
            self._more()
        line = bytes(self._kept[:end]).rstrip(b"\r")
        del self._kept[: end + 1]
        return line

    def _take(self, count: int) -> bytes:
        while len(self._kept) < count:
            self._more()
        data = bytes(self._kept[:count])
        del self._kept[:count]
        return data

    def _more(self) -> None:
        if self._end_ns is not None and self._clock.monotonic_ns() > self._end_ns:
            raise BusError(110, f"{self._wire.name}: it talks but does not answer; is it the"
                           " instrument's port and its speed?")  # fmt: skip
        ready, _, _ = select.select([self._wire], [], [], self.timeout_s)
        data = self._read() if ready else b""
        if not data:
            raise BusError(110, f"{self._wire.name}: no answer for {self.timeout_s:g} s; is it the"
                           " instrument's port and its speed?")  # fmt: skip
        self._kept += data

    def _read(self) -> bytes:
        try:
            return self._wire.read(CHUNK)
        except ConnectionError as error:
            raise BusError(104, f"{self._wire.name}: closed by the other side") from error

    def _send(self, data: bytes) -> None:
        view: Any = memoryview(data)
        end_ns = self._clock.monotonic_ns() + round(self.timeout_s * NS_PER_S)
        while view:
            select.select([], [self._wire], [], self.timeout_s)
            try:
                taken = self._wire.write(view)
            except ConnectionError as error:
                raise BusError(104, f"{self._wire.name}: closed by the other side") from error
            if taken:
                end_ns = self._clock.monotonic_ns() + round(self.timeout_s * NS_PER_S)
            elif self._clock.monotonic_ns() > end_ns:
                raise BusError(110, f"{self._wire.name}: takes nothing")
            view = view[taken:]
