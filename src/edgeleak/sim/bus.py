# SPDX-License-Identifier: Apache-2.0
"""In-process buses over a plant: the lockstep tier's stand-in for `bus.linux`.

The errors are those the kernel would give, in the same class.  The time that a stuck bus, and
where it is asked for every transfer, takes passes inside the call, by the scheduler that set
`Blocking.wait`; without one it is kept in `Blocking` for whoever made the call.
"""

import errno
import os
from collections.abc import Callable
from typing import TypeVar

from edgeleak.bus.protocols import Buses
from edgeleak.clock import NS_PER_S
from edgeleak.errors import BusError
from edgeleak.sim.faults import Gone, Nack, Stuck
from edgeleak.sim.i2c_node import BITS_PER_BYTE, BITS_PER_MESSAGE
from edgeleak.sim.plant import Plant

Answer = TypeVar("Answer")


class Blocking:
    """Time that calls take.

    counts_transfers : healthy transfers too, at the bus clocks of the board
    wait             : lets that many ns pass within the call; False where it cannot
    rest_until_ns    : a wait for an edge that had not come returned at once; on the board its
                       thread would sleep until then
    """

    def __init__(self, *, counts_transfers: bool = False) -> None:
        self.blocked_ns = self.rest_until_ns = 0
        self.counts_transfers = counts_transfers
        self.wait: Callable[[int], bool] = lambda _: False

    def transferred(self, took_ns: float) -> None:
        """A healthy transfer of this length."""
        if self.counts_transfers:
            self._block(round(took_ns))

    def _block(self, for_ns: int) -> None:
        if for_ns and not self.wait(for_ns):
            self.blocked_ns += for_ns

    def take(self) -> int:
        """Time blocked since the last call that did not pass within its calls."""
        taken, self.blocked_ns = self.blocked_ns, 0
        return taken

    def take_rest(self) -> int:
        """`rest_until_ns` of the turn that is over."""
        taken, self.rest_until_ns = self.rest_until_ns, 0
        return taken

    def call(self, what: str, act: Callable[[], Answer]) -> Answer:
        """Run one bus call; every way it can fail becomes a BusError."""
        try:
            return act()
        except Nack:
            raise _error(errno.EREMOTEIO, what) from None
        except Stuck as stuck:
            self._block(stuck.block_ns)
            raise _error(errno.ETIMEDOUT, what) from None
        except Gone as gone:
            raise _error(gone.number, what) from None


def _error(number: int, what: str) -> BusError:
    return BusError(number, f"{what}: {os.strerror(number)}")


class SimI2c:
    """I2cBus over a plant."""

    def __init__(self, plant: Plant, blocking: Blocking) -> None:
        self._plant, self._blocking = plant, blocking
        self.reopened = 0

    def transfer(self, address: int, data: bytes, read_length: int = 0) -> bytes:
        where = f"{self._plant.board.i2c.device} 0x{address:02x}"
        what = f"{where}: write {len(data)}, read {read_length}"
        bits = (len(data) + read_length) * BITS_PER_BYTE + 2 * BITS_PER_MESSAGE
        self._blocking.transferred(bits * 1e9 / self._plant.board.i2c.hz)
        return self._blocking.call(what, lambda: self._plant.i2c(address, data, read_length))

    def reopen(self) -> None:
        self.reopened += 1

    def close(self) -> None:
        pass


class SimSpi:
    """SpiBus over a plant."""

    def __init__(self, plant: Plant, blocking: Blocking) -> None:
        self._plant, self._blocking = plant, blocking
        self.reopened = 0

    @property
    def max_message_bytes(self) -> int:
        return self._plant.board.spi.bufsiz_bytes

    def read_into(self, buffer: memoryview, message_bytes: int = 0) -> int:
        total, size = 0, message_bytes or len(buffer) or 1
        for at in range(0, len(buffer), size):
            part = buffer[at : at + size]
            try:
                count = self._message(part)
            except BusError:
                if total:
                    break  # as readv: what was read before counts
                raise
            total += count
            if count != len(part):
                break
        return total

    def _message(self, buffer: memoryview) -> int:
        what = f"{self._plant.board.spi.device}: read {len(buffer)}"
        if len(buffer) > self.max_message_bytes:
            raise _error(errno.EMSGSIZE, what)
        self._blocking.transferred(len(buffer) * self._plant.spi_ns_per_byte)
        return self._blocking.call(what, lambda: self._plant.spi_read(buffer))

    def reopen(self) -> None:
        self.reopened += 1

    def close(self) -> None:
        pass


class SimLines:
    """GpioLines over a plant; closing releases the outputs, as the kernel does not."""

    def __init__(self, plant: Plant, blocking: Blocking) -> None:
        self._plant, self._blocking = plant, blocking
        self._seen: dict[str, list[int]] = {}

    def set(self, name: str, is_active: bool) -> None:
        self._blocking.call(f"line {name}", lambda: self._plant.gpio_set(name, is_active))

    def get(self, name: str) -> bool:
        return self._blocking.call(f"line {name}", lambda: self._plant.gpio_get(name))

    def wait_edge(self, name: str, timeout_s: float) -> int | None:
        """Oldest unread rising edge; with a time-out its loop rests, after this turn."""
        seen = self._seen.setdefault(name, [])
        seen += self._blocking.call(f"line {name}", lambda: self._plant.take_edges(name))
        if seen:
            return seen.pop(0)
        if timeout_s > 0:
            until_ns = self._plant.now_ns + round(timeout_s * NS_PER_S)
            self._blocking.rest_until_ns = min(until_ns, self._plant.next_edge_ns(name))
        return None

    def close(self) -> None:
        pass


def open_buses(plant: Plant, *, takes_time: bool = False) -> tuple[Buses, Blocking]:
    """All buses of a plant, and the account of blocked time for the scheduler.

    takes_time : transfers take their bus time; False: only a stuck bus does
    """
    plant.program_begins()
    blocking = Blocking(counts_transfers=takes_time)
    buses = Buses(SimSpi(plant, blocking), SimI2c(plant, blocking), SimLines(plant, blocking))
    return buses, blocking
