# SPDX-License-Identifier: Apache-2.0
"""Buses that are not there: the instrument stays up over them, in a fault and with a console.

Every transfer fails with what was wrong at opening.  A line that nobody requested is held by its
pull resistor, so it reads inactive, and setting it changes nothing; what another program holds may
have any level.
"""

import errno

from edgeleak.errors import BusError


class AbsentI2c:
    """In place of an adapter.

    error : of its opening
    """

    def __init__(self, error: BusError) -> None:
        self._error = error

    def transfer(self, address: int, data: bytes, read_length: int = 0) -> bytes:
        """Raises BusError."""
        raise BusError(self._error.errno, f"0x{address:02x}: {self._error.strerror}")

    def reopen(self) -> None:
        """Raises BusError."""
        raise self._error

    def close(self) -> None:
        """Nothing is open."""


class AbsentSpi:
    """In place of an SPI device.

    error             : of its opening
    max_message_bytes : of the board file
    """

    def __init__(self, error: BusError, max_message_bytes: int) -> None:
        self._error, self.max_message_bytes = error, max_message_bytes

    def read_into(self, buffer: memoryview, message_bytes: int = 0) -> int:
        """Raises BusError."""
        raise BusError(self._error.errno, f"read {len(buffer)}: {self._error.strerror}")

    def reopen(self) -> None:
        """Raises BusError."""
        raise self._error

    def close(self) -> None:
        """Nothing is open."""


class AbsentLines:
    """In place of a GPIO chip.

    error : of its opening
    """

    def __init__(self, error: BusError) -> None:
        self._error = error

    def set(self, name: str, is_active: bool) -> None:
        """Nothing to set."""

    def get(self, name: str) -> bool:
        """Inactive.  Raises BusError where another program holds the lines."""
        if self._error.errno == errno.EBUSY:
            raise BusError(errno.EBUSY, f"{name}: {self._error.strerror}")
        return False

    def wait_edge(self, name: str, timeout_s: float) -> int | None:
        """None, at once."""
        return None

    def close(self) -> None:
        """Nothing is open."""
