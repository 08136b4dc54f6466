# SPDX-License-Identifier: Apache-2.0
"""What every chip model has in common: an address, transfers, time and power."""

from collections.abc import Callable
from typing import Protocol

NowNs = Callable[[], int]
BUS_IDLE = 0xFF
"""What a master reads when nobody drives the data line."""


class Nack(Exception):
    """The chip did not acknowledge its address or a byte."""


class Chip(Protocol):
    """One chip on the plant's I2C bus."""

    address: int

    def transfer(self, data: bytes, read_length: int) -> bytes:
        """Bytes written after the address, then bytes read; either may be none.  Nack if not."""
        ...

    def tick(self) -> None:
        """Finish what is due now; the plant calls it with every step of its physics.

        A result is then what was true when the conversion ended, not when it was fetched.
        """
        ...

    def power_cycle(self) -> None:
        """Everything to its power-on default."""
        ...


class WordRegisters:
    """Pointer byte and 16-bit big-endian registers, the way of TI's sensors.

    A write of one byte moves the pointer, of three also sets the register; a read starts at
    the pointer, which stays.  Bytes after the register read as `BUS_IDLE`.
    """

    pointer_mask = 0xFF

    def __init__(self, address: int, now_ns: NowNs) -> None:
        self.address = address
        self._now_ns = now_ns
        self._pointer = 0

    def transfer(self, data: bytes, read_length: int) -> bytes:
        self.tick()
        if data:
            self._pointer = data[0] & self.pointer_mask
        if len(data) >= 3:
            value = int.from_bytes(data[1:3], "big")
            self._set(self._pointer, value)
        if not read_length:
            return b""
        word = self._get(self._pointer).to_bytes(2, "big")
        return (word + bytes((BUS_IDLE,)) * read_length)[:read_length]

    def tick(self) -> None:
        raise NotImplementedError

    def _get(self, register: int) -> int:
        raise NotImplementedError

    def _set(self, register: int, value: int) -> None:
        raise NotImplementedError
