# SPDX-License-Identifier: Apache-2.0
"""What a driver may ask of its bus; `bus.linux` and the simulated board both answer it.

A failed transfer raises `BusError` with the device, what was tried and the errno; nothing else.
"""

from typing import NamedTuple, Protocol


class I2cBus(Protocol):
    """One I2C adapter."""

    def transfer(self, address: int, data: bytes, read_length: int = 0) -> bytes:
        """Write `data`, then after a repeated start read `read_length` bytes.

        address     : 7-bit
        data        : written first; empty for a plain read
        read_length : 0 for a plain write

        Either part may be empty, not both.
        """
        ...

    def reopen(self) -> None:
        """Close and open the adapter again; what user space can do about a stuck bus."""
        ...

    def close(self) -> None: ...


class SpiBus(Protocol):
    """One SPI device with its chip select."""

    def read_into(self, buffer: memoryview, message_bytes: int = 0) -> int:
        """One message: chip select falls, `len(buffer)` bytes are read, chip select rises.

        message_bytes : as many messages as this size asks for, one after the other

        Returns the bytes read; fewer than asked is a short read the caller must treat as loss.
        Of several messages only the first raises; a later one that fails ends a short read.
        """
        ...

    @property
    def max_message_bytes(self) -> int:
        """Longest message the kernel takes (spidev.bufsiz)."""
        ...

    def reopen(self) -> None: ...

    def close(self) -> None: ...


class GpioLines(Protocol):
    """Named lines of the board; True is always *active*, whatever the polarity of the wire."""

    def set(self, name: str, is_active: bool) -> None: ...

    def get(self, name: str) -> bool: ...

    def wait_edge(self, name: str, timeout_s: float) -> int | None:
        """Time of the oldest unread rising edge, monotonic ns; None after `timeout_s`.

        0 only looks.  A simulated board in lockstep never waits.
        """
        ...

    def close(self) -> None: ...


class Buses(NamedTuple):
    """Everything a board is reached by; the instrument is built on one of these."""

    spi: SpiBus
    i2c: I2cBus
    lines: GpioLines

    def close(self) -> None:
        """Close all three; the enables run out by themselves."""
        self.lines.close()
        self.spi.close()
        self.i2c.close()
