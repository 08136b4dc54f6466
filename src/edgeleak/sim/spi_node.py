# SPDX-License-Identifier: Apache-2.0
"""/dev/spidevB.C as the kernel's spidev and the Pi's controller answer it.

Sources: linux drivers/spi/spidev.c (limits of messages, one message a read, ioctls) and
spi-bcm2835.c (even divider, modes, 8 bits only).
"""

import errno
import struct
from dataclasses import replace

from edgeleak.board import SpiWiring
from edgeleak.sim.plant import Plant
from edgeleak.sim.spi_timing import SpiTiming
from edgeleak.sim.wire import Answer, Op, Request

ALIGN = 128
"""ARCH_DMA_MINALIGN of arm64: what every segment's length is rounded up to in the limit."""
SEGMENT = struct.Struct("=QQIIHBBBBBB")  # struct spi_ioc_transfer
MAGIC = ord("k")
MESSAGE, MODE, LSB_FIRST, BITS, SPEED, MODE32 = range(6)
MODE_PINS = 0x03
MODE_ALLOWED = 0x03 | 0x04 | 0x40  # CPOL, CPHA, CS_HIGH, NO_CS
MODE_DROPPED = 0x0F00 | 0x6000
"""Wider than one wire: spi_setup warns, drops the bits and goes on."""
TX_WIDTHS, RX_WIDTHS = (0x0100, 0x0200, 0x2000), (0x0400, 0x0800, 0x4000)
IOC_WRITE = 1
INT_MAX = 0x7FFFFFFF


class SpiNode:
    """The device's settings, which all its descriptors share, and its transfers."""

    def __init__(self, plant: Plant, timing: SpiTiming) -> None:
        self._plant, self._timing = plant, timing
        self._wiring: SpiWiring = plant.board.spi
        self.bufsiz = self._wiring.bufsiz_bytes
        self.mode, self.lsb_first, self.bits, self.speed_hz = 0, 0, 8, self._wiring.max_hz

    def handle(self, ask: Request) -> Answer:
        """Answer one call; raises Gone."""
        if ask.op == Op.READ:
            return self._clocked(ask.want)
        if ask.op == Op.WRITE:
            answer = self._clocked(len(ask.payload))
            return replace(answer, payload=b"")
        kind, number = ask.code >> 8 & 0xFF, ask.code & 0xFF
        if kind != MAGIC:
            return Answer(-errno.ENOTTY)
        if number == MESSAGE:
            is_write = ask.code >> 30 == IOC_WRITE
            return self._message(ask) if is_write else Answer(-errno.ENOTTY)
        return self._setting(number, bool(ask.code >> 30 & 1), ask)

    def _too_long(self) -> Answer:
        self._plant.counters["spi.too-long"] += 1
        return Answer(-errno.EMSGSIZE)

    def _clocked(self, size: int) -> Answer:
        if size > self.bufsiz:
            return self._too_long()
        data = bytearray(size)
        count = self._read(memoryview(data), self.speed_hz)
        return Answer(count, data[:count], busy_ns=self._busy_ns(size, self.speed_hz),
                      after_ns=self._after_ns())  # fmt: skip

    def _busy_ns(self, size: int, speed_hz: int) -> int:
        return round(size * self._timing.ns_per_byte(speed_hz))

    def _read(self, buffer: memoryview, speed_hz: int) -> int:
        """One CS-low period as this clock and mode see it."""
        self._plant.spi_ns_per_byte = self._timing.ns_per_byte(speed_hz)
        count = self._plant.spi_read(buffer)
        is_fast = self._timing.actual_hz(speed_hz) > self._wiring.max_hz * 1.0001
        if self.mode & MODE_PINS != self._wiring.mode or is_fast:
            self._plant.counters["spi.misclocked"] += 1
            late = int.from_bytes(buffer, "big") >> 1  # sampled on the wrong edge: a bit late
            buffer[:] = late.to_bytes(len(buffer), "big")
        return count

    def _setting(self, number: int, is_write: bool, ask: Request) -> Answer:
        sizes = {MODE: 1, LSB_FIRST: 1, BITS: 1, SPEED: 4, MODE32: 4}
        if number not in sizes or (ask.code >> 16 & 0x3FFF) != sizes[number]:
            return Answer(-errno.ENOTTY)
        if not is_write:
            values = {MODE: self.mode, MODE32: self.mode, LSB_FIRST: self.lsb_first,
                      BITS: self.bits, SPEED: self.speed_hz}  # fmt: skip
            return Answer(0, values[number].to_bytes(sizes[number], "little"))
        value = int.from_bytes(ask.payload, "little")
        return Answer(self._set(number, value))

    def _set(self, number: int, value: int) -> int:
        if number in (MODE, MODE32):
            widths = [sum(bool(value & bit) for bit in side) for side in (TX_WIDTHS, RX_WIDTHS)]
            if value & ~(MODE_ALLOWED | MODE_DROPPED) or max(widths) > 1:
                return -errno.EINVAL
            self.mode = value & MODE_ALLOWED
        elif number == LSB_FIRST:
            return -errno.EINVAL if value else 0
        elif number == BITS:
            if value not in (0, 8):
                return -errno.EINVAL
        elif value == 0:
            return -errno.EINVAL
        else:
            self.speed_hz = value
        return 0

    def _message(self, ask: Request) -> Answer:
        size = ask.code >> 16 & 0x3FFF
        segments = list(SEGMENT.iter_unpack(ask.payload[:size]))
        if (refused := self._refused(segments)) is not None:
            return refused
        received, total, busy_ns = bytearray(), 0, 0
        for group in _chip_selects(segments):
            length = sum(segment[2] for segment in group)
            speed_hz = min(segment[3] or self.speed_hz for segment in group)
            data = bytearray(length)
            self._read(memoryview(data), speed_hz)
            at = 0
            for segment in group:
                if segment[1]:
                    received += data[at : at + segment[2]]
                at += segment[2]
                busy_ns += segment[4] * 1000
            total += length
            busy_ns += self._busy_ns(length, speed_hz)
        return Answer(total, received, busy_ns=busy_ns, after_ns=self._after_ns())

    def _after_ns(self) -> int:
        sensor = self._plant.sensor
        return 0 if sensor is None else sensor.sent_ready_ns

    def _refused(self, segments: list[tuple[int, ...]]) -> Answer | None:
        sent = received = total = 0
        for tx, rx, length, *_ in segments:
            total += length
            rounded = -(-length // ALIGN) * ALIGN
            sent += rounded if tx else 0
            received += rounded if rx else 0
            if sent > self.bufsiz or received > self.bufsiz or total > INT_MAX:
                return self._too_long()
        is_wrong = any(_is_impossible(segment) for segment in segments)
        return Answer(-errno.EINVAL) if is_wrong else None


def _is_impossible(segment: tuple[int, ...]) -> bool:
    """What __spi_validate refuses: words that are no bytes, more than one wire."""
    tx, rx, _length, _speed, _delay, bits, _change, tx_wires, rx_wires, *_ = segment
    return bits not in (0, 8) or bool(tx and tx_wires > 1) or bool(rx and rx_wires > 1)


def _chip_selects(segments: list[tuple[int, ...]]) -> list[list[tuple[int, ...]]]:
    """Segments of one CS-low period each; cs_change raises CS between two of them."""
    groups: list[list[tuple[int, ...]]] = [[]]
    for segment in segments:
        groups[-1].append(segment)
        if segment[6]:
            groups.append([])
    return [group for group in groups if group]
