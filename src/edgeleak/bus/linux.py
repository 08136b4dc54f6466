# SPDX-License-Identifier: Apache-2.0
"""The buses of a Linux board: spidev, smbus2 and the kernel's GPIO lines.

Every failure is a BusError with device, what was tried and errno; one at opening also says what
to do.  Frames are read straight into the caller's buffer, one message a call: no list of ints.
"""

import errno
import os
import re
import select
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgeleak.board import Board, GpioWiring, Line
from edgeleak.bus import gpio_v2
from edgeleak.bus.absent import AbsentI2c, AbsentLines, AbsentSpi
from edgeleak.bus.protocols import Buses, GpioLines, I2cBus, SpiBus
from edgeleak.errors import BusError

BUFSIZ = Path("/sys/module/spidev/parameters/bufsiz")
CLOSE_WAIT_S = 0.2
"""A transfer that hangs longer keeps its descriptor: the program's end closes it."""
NEXT_STEPS = {
    errno.ENOENT: (69, "enable the board's overlay in /boot/firmware/config.txt and reboot"),
    errno.EACCES: (77, "add the user to the groups spi, i2c and gpio"),
    errno.EPERM: (77, "add the user to the groups spi, i2c and gpio"),
    errno.EBUSY: (75, "another program holds it; stop that one"),
    errno.ENOTTY: (78, "the board file names a device of another kind"),
}


def failed(where: str, error: OSError) -> BusError:
    """The BusError of a failed call."""
    return BusError(error.errno, f"{where}: {error.strerror or error}")


def kernel_bufsiz() -> int | None:
    """Longest SPI message the kernel takes now; None where it does not say."""
    try:
        return int(BUFSIZ.read_text())
    except (OSError, ValueError):
        return None


def not_opened(device: str, error: OSError) -> BusError:
    """The BusError of a node that does not open: exit code and next step by its errno."""
    code, step = NEXT_STEPS.get(error.errno or 0, (69, "look at dmesg"))
    made = BusError(error.errno, f"{device}: {error.strerror or error}; {step}")
    made.exit_code = code
    return made


class LinuxI2c:
    """An I2C adapter by smbus2's combined transfers, for any number of threads.

    device : /dev/i2c-N

    One lock holds transfers and reopening apart: a descriptor closed under a transfer may
    already be another file's.  The kernel runs one transfer at a time anyway.
    """

    def __init__(self, device: str) -> None:
        import smbus2

        self._smbus2, self._device = smbus2, device
        self._bus: Any = None
        self._lock = threading.Lock()
        self.reopen()

    def transfer(self, address: int, data: bytes, read_length: int = 0) -> bytes:
        """See `protocols.I2cBus.transfer`."""
        message = self._smbus2.i2c_msg
        parts = [message.write(address, data)] if data or not read_length else []
        if read_length:
            parts.append(message.read(address, read_length))
        where = f"{self._device} 0x{address:02x}: write {len(data)}, read {read_length}"
        with self._lock:
            if self._bus is None:
                raise BusError(errno.ENODEV, f"{where}: the adapter is not open")
            try:
                self._bus.i2c_rdwr(*parts)
            except OSError as error:
                raise failed(where, error) from None
        return bytes(parts[-1]) if read_length else b""

    def reopen(self) -> None:
        """Close and open; what user space can do about a stuck bus."""
        with self._lock:
            self._drop()
            try:
                self._bus = self._smbus2.SMBus(self._device)
            except OSError as error:
                raise not_opened(self._device, error) from None

    def close(self) -> None:
        """Any number of times; a transfer that hangs is not waited for."""
        if self._lock.acquire(timeout=CLOSE_WAIT_S):
            try:
                self._drop()
            finally:
                self._lock.release()

    def _drop(self) -> None:
        if self._bus is not None:
            self._bus.close()
            self._bus = None


class LinuxSpi:
    """The sensor's SPI device, read with readv on spidev's descriptor.

    device       : /dev/spidevB.C
    mode, max_hz : set at every opening
    bufsiz_bytes : what the board file expects of the kernel's spidev.bufsiz
    """

    def __init__(self, device: str, mode: int, max_hz: int, bufsiz_bytes: int) -> None:
        import spidev

        numbers = re.fullmatch(r"/dev/spidev(\d+)\.(\d+)", device)
        if numbers is None:
            raise BusError(errno.EINVAL, f"{device}: an SPI device is /dev/spidevBUS.CS")
        self._spi, self._device = spidev.SpiDev(), device
        self._numbers = int(numbers[1]), int(numbers[2])
        self._mode, self._max_hz, self._bufsiz = mode, max_hz, bufsiz_bytes
        self._fd = -1
        self.reopen()

    @property
    def max_message_bytes(self) -> int:
        """Longest message."""
        return self._bufsiz

    def read_into(self, buffer: memoryview, message_bytes: int = 0) -> int:
        """See `protocols.SpiBus.read_into`.

        spidev has no read_iter, so the kernel makes every part of a readv a message of its own
        (fs/read_write.c, do_loop_readv_writev); between two of them no interpreter runs.
        """
        size = message_bytes or len(buffer) or 1
        parts = [buffer[at : at + size] for at in range(0, len(buffer), size)]
        try:
            return os.readv(self._fd, parts)
        except OSError as error:
            raise failed(f"{self._device}: read {len(buffer)}", error) from None

    def reopen(self) -> None:
        """Close, open, set mode and clock, compare the kernel's limit."""
        self.close()
        try:
            self._spi.open(*self._numbers)
            self._spi.mode = self._mode
            self._spi.bits_per_word = 8
            self._spi.max_speed_hz = self._max_hz
            self._fd = self._spi.fileno()
        except OSError as error:
            self.close()
            raise not_opened(self._device, error) from None
        self._check_bufsiz()

    def _check_bufsiz(self) -> None:
        """A smaller limit than the board file's would make every read fail."""
        kernel_bytes = kernel_bufsiz()
        if kernel_bytes is None or kernel_bytes >= self._bufsiz:
            return  # spidev without the parameter: the first read tells
        self.close()
        problem = BusError(
            errno.EMSGSIZE,
            f"{self._device}: the kernel takes {kernel_bytes} bytes a message, not the board"
            f" file's {self._bufsiz}; put 'options spidev bufsiz={self._bufsiz}' into"
            " /etc/modprobe.d and reboot, or, where spidev is built into the kernel, add"
            f" spidev.bufsiz={self._bufsiz} to its command line",
        )
        problem.exit_code = 78
        raise problem

    def close(self) -> None:
        """Any number of times."""
        self._fd = -1
        self._spi.close()


class LinuxGpio:
    """The board's lines; outputs share one descriptor, every input has its own.

    wiring : chip and lines; outputs begin inactive, inputs report their rising edges
    """

    def __init__(self, wiring: GpioWiring) -> None:
        self._chip = wiring.chip
        self._places: dict[str, int] = {}
        self._outputs_fd = -1
        self._inputs: dict[str, int] = {}
        self._edges: dict[str, list[int]] = {}
        try:
            self._open(wiring)
        except OSError as error:
            self.close()
            raise not_opened(self._chip, error) from None

    def _open(self, wiring: GpioWiring) -> None:
        chip_fd = os.open(self._chip, os.O_RDWR | os.O_CLOEXEC)
        try:
            outputs = {n: line for n, line in wiring.lines.items() if line.direction == "out"}
            self._places = {name: place for place, name in enumerate(outputs)}
            if outputs:
                offsets, flags = [ln.line for ln in outputs.values()], map(_flags, outputs.values())
                self._outputs_fd = gpio_v2.request_lines(chip_fd, offsets, list(flags))
            for name, line in wiring.lines.items():
                if line.direction == "in":
                    fd = gpio_v2.request_lines(chip_fd, [line.line], [_flags(line)])
                    self._inputs[name], self._edges[name] = fd, []
        finally:
            os.close(chip_fd)

    def set(self, name: str, is_active: bool) -> None:
        """Drive an output."""
        place = self._places.get(name)
        if place is None:
            raise BusError(errno.EINVAL, f"{self._chip}: '{name}' is no output of this board")
        try:
            gpio_v2.set_values(self._outputs_fd, int(is_active) << place, 1 << place)
        except OSError as error:
            raise failed(f"{self._chip}: set {name}", error) from None

    def get(self, name: str) -> bool:
        """Level of an input, or of an output as driven."""
        fd, place = self._inputs.get(name), self._places.get(name, 0)
        if fd is None and name not in self._places:
            raise BusError(errno.EINVAL, f"{self._chip}: '{name}' is no line of this board")
        try:
            return bool(gpio_v2.get_values(self._outputs_fd if fd is None else fd, 1 << place))
        except OSError as error:
            raise failed(f"{self._chip}: get {name}", error) from None

    def wait_edge(self, name: str, timeout_s: float) -> int | None:
        """See `protocols.GpioLines.wait_edge`."""
        fd = self._inputs.get(name)
        if fd is None:
            raise BusError(errno.EINVAL, f"{self._chip}: '{name}' is no input of this board")
        edges = self._edges[name]
        try:
            if not edges and select.select([fd], [], [], max(0.0, timeout_s))[0]:
                edges += gpio_v2.read_events(fd)
        except OSError as error:
            raise failed(f"{self._chip}: edge of {name}", error) from None
        return edges.pop(0) if edges else None

    def close(self) -> None:
        """Any number of times; the levels stay, so enables run out by themselves."""
        for fd in (self._outputs_fd, *self._inputs.values()):
            if fd >= 0:
                os.close(fd)
        self._outputs_fd = -1
        self._inputs = dict.fromkeys(self._inputs, -1)


def _flags(line: Line) -> int:
    flags = gpio_v2.ACTIVE_LOW if line.active_low else 0
    if line.direction == "out":
        return flags | gpio_v2.OUTPUT
    pulls = {"up": gpio_v2.BIAS_PULL_UP, "down": gpio_v2.BIAS_PULL_DOWN}
    return flags | gpio_v2.INPUT | gpio_v2.EDGE_RISING | pulls.get(line.pull, 0)


def open_buses(board: Board) -> Buses:
    """Everything of a board; what was opened is closed again when a part fails."""
    wiring = board.spi
    lines = LinuxGpio(board.gpio)
    try:
        i2c = LinuxI2c(board.i2c.device)
        try:
            spi = LinuxSpi(wiring.device, wiring.mode, wiring.max_hz, wiring.bufsiz_bytes)
        except BusError:
            i2c.close()
            raise
    except BusError:
        lines.close()
        raise
    return Buses(spi, i2c, lines)


def open_present(board: Board, say: Callable[[str], None]) -> Buses:
    """What there is of a board, so that an instrument can stay up and say what is missing.

    say : gets a sentence for each part that does not open
    """
    wiring = board.spi
    lines: GpioLines
    i2c: I2cBus
    spi: SpiBus
    try:
        lines = LinuxGpio(board.gpio)
    except BusError as error:
        say(f"FAILED {error}")
        lines = AbsentLines(error)
    try:
        i2c = LinuxI2c(board.i2c.device)
    except BusError as error:
        say(f"FAILED {error}")
        i2c = AbsentI2c(error)
    try:
        spi = LinuxSpi(wiring.device, wiring.mode, wiring.max_hz, wiring.bufsiz_bytes)
    except BusError as error:
        say(f"FAILED {error}")
        spi = AbsentSpi(error, wiring.bufsiz_bytes)
    return Buses(spi, i2c, lines)
