# SPDX-License-Identifier: Apache-2.0
"""A serial port for the console, and which ports there are; the only importer of pyserial.

pyserial sets the port up; bytes go by the descriptor itself, because its write spins while the
kernel's buffer is full.
"""

import contextlib
import errno
import os
import select
from typing import NamedTuple

from edgeleak.errors import BusError

RETRY_EVERY = 50
"""Reads between two tries to open a port that went away: a second at the console's rate."""


class PortInfo(NamedTuple):
    """A port of this machine: its device, what it calls itself, its serial number."""

    device: str
    description: str
    serial_number: str


class SerialPort:
    """One port, held exclusively; no call waits.

    device : node, or anything that pyserial opens
    baud   : 8 bits, no parity, one stop bit
    """

    is_lasting = True

    def __init__(self, device: str, baud: int) -> None:
        self.device, self._baud = device, baud
        self.name = f"serial port {device}"
        self._descriptor, self._tries = -1, 0
        self._port = None
        self.open()

    def open(self) -> None:
        """Raises BusError: not there, not allowed, or held by another program."""
        import serial  # the board may have no console at all

        try:
            port = serial.Serial(self.device, self._baud, timeout=0, exclusive=True)
        except (serial.SerialException, OSError, ValueError) as error:
            number = getattr(error, "errno", None) or errno.EBUSY
            raise BusError(
                number, f"serial port {self.device}: {error}; check the name, the group dialout"
                " and whether another program holds it"
            ) from error  # fmt: skip
        self._port, self._descriptor = port, port.fileno()

    def read(self, most: int) -> bytes:
        """What is there; ConnectionError once when the port went away, nothing while it is."""
        if self._descriptor < 0:
            self._try_again()
            return b""
        try:
            data = os.read(self._descriptor, most)
        except BlockingIOError:
            data = b""
        except OSError as error:
            self.close()
            raise ConnectionError(f"{self.name}: {error.strerror}") from error
        if not data and self._is_hung_up():
            self.close()
            raise ConnectionError(f"{self.name}: hung up")
        return data

    def _is_hung_up(self) -> bool:
        """A terminal that hung up reads as an empty one for ever; only poll tells them apart."""
        asked = select.poll()
        asked.register(self._descriptor, 0)
        return any(event & select.POLLHUP for _, event in asked.poll(0))

    def write(self, data: memoryview) -> int:
        """Bytes that the kernel took."""
        if self._descriptor < 0:
            return len(data)  # nobody is there
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self.close()
            raise ConnectionError(f"{self.name}: {error.strerror}") from error

    def fileno(self) -> int:
        return self._descriptor

    def _try_again(self) -> None:
        self._tries += 1
        if self._tries % RETRY_EVERY == 0 and os.path.exists(self.device):
            with contextlib.suppress(BusError):
                self.open()

    def close(self) -> None:
        if self._port is not None:
            with contextlib.suppress(OSError):
                self._port.close()
        self._port, self._descriptor = None, -1


def ports() -> list[PortInfo]:
    """Ports of this machine that have a device behind them, by name."""
    from serial.tools import list_ports

    found = [PortInfo(p.device, p.description or "", p.serial_number or "")
             for p in list_ports.comports()]  # fmt: skip
    return sorted(port for port in found if port.description != "n/a" or port.serial_number)
