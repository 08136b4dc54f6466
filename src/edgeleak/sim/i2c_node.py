# SPDX-License-Identifier: Apache-2.0
"""/dev/i2c-N as the kernel's i2c-dev answers it, SMBus calls emulated over plain transfers.

Sources: linux drivers/i2c/i2c-dev.c, i2c-core-smbus.c (emulation), i2c-bcm2835.c (functions).
"""

import errno
import struct
from typing import NamedTuple

from edgeleak.sim.plant import Plant
from edgeleak.sim.wire import Answer, Op, Request

RETRIES, TIMEOUT, SLAVE, TENBIT, FUNCS, SLAVE_FORCE, RDWR, PEC = range(0x0701, 0x0709)
SMBUS = 0x0720
FUNCTIONS = 0x0001 | 0x0EFF0000
"""I2C and emulated SMBus without PEC."""
READ_FLAG = 0x0001
HEAD = struct.Struct("=HHH")
SMBUS_CALL = struct.Struct("=BB2xI34s")
QUICK, BYTE, BYTE_DATA, WORD_DATA, PROC_CALL, BLOCK, BLOCK_BROKEN, _, BLOCK_DATA = range(9)
MOST_BYTES = 8192
BITS_PER_BYTE = 9  # with the acknowledge
BITS_PER_MESSAGE = 11  # start, address with its acknowledge, and a share of the stop


class Message(NamedTuple):
    """One part of a transaction; `data` is written, or `length` bytes are read."""

    address: int
    length: int
    data: bytes | None


class I2cNode:
    """Transfers on one adapter; the slave address belongs to the descriptor."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._hz = plant.board.i2c.hz
        self._slaves: dict[int, int] = {}

    def forget(self, who: int) -> None:
        """The descriptor was closed."""
        self._slaves.pop(who, None)

    def handle(self, ask: Request) -> Answer:
        """Answer one call; raises Nack, Stuck, Gone."""
        slave = self._slaves.get(ask.who, 0)
        if ask.op == Op.READ:
            return self._run([Message(slave, min(ask.want, MOST_BYTES), None)], by_bytes=True)
        if ask.op == Op.WRITE:
            data = ask.payload[:MOST_BYTES]
            return self._run([Message(slave, len(data), data)], by_bytes=True)
        if ask.code == RDWR:
            return self._messages(ask)
        if ask.code == SMBUS:
            return self._smbus(slave, ask.payload)
        if ask.code == FUNCS:
            return Answer(0, FUNCTIONS.to_bytes(8, "little"))
        return Answer(self._setting(ask))

    def _setting(self, ask: Request) -> int:
        value = int.from_bytes(ask.payload, "little")
        if ask.code in (SLAVE, SLAVE_FORCE):
            if value > 0x7F:
                return -errno.EINVAL
            self._slaves[ask.who] = value
            return 0
        if ask.code in (TENBIT, PEC):
            return -errno.EINVAL if value else 0
        return 0 if ask.code in (RETRIES, TIMEOUT) else -errno.ENOTTY

    def _messages(self, ask: Request) -> Answer:
        count = ask.want
        at = count * HEAD.size
        parts = []
        for address, flags, length in HEAD.iter_unpack(ask.payload[:at]):
            if flags & ~READ_FLAG or address > 0x7F:
                return Answer(-errno.EOPNOTSUPP)
            is_read = bool(flags & READ_FLAG)
            parts.append(
                Message(address, length, None if is_read else ask.payload[at : at + length])
            )
            at += 0 if is_read else length
        return self._run(parts)

    def _run(self, parts: list[Message], *, by_bytes: bool = False) -> Answer:
        """Result is the number of messages, or of bytes for plain read and write."""
        received = bytearray()
        bits = 0
        index = 0
        while index < len(parts):
            one = parts[index]
            data, wanted = one.data or b"", one.length if one.data is None else 0
            following = parts[index + 1] if index + 1 < len(parts) else None
            if one.data is not None and following is not None and following.data is None \
                    and following.address == one.address:  # fmt: skip
                wanted = following.length
                index += 1
                bits += BITS_PER_MESSAGE
            index += 1
            bits += BITS_PER_MESSAGE + BITS_PER_BYTE * (len(data) + wanted)
            received += self._plant.i2c(one.address, data, wanted)
        result = parts[0].length if by_bytes else len(parts)
        return Answer(result, received, busy_ns=round(bits * 1e9 / self._hz))

    def _smbus(self, slave: int, payload: bytes) -> Answer:
        is_read, command, size, data = SMBUS_CALL.unpack(payload)
        parts = _smbus_messages(slave, bool(is_read), command, size, data)
        if parts is None:
            return Answer(-errno.EOPNOTSUPP)
        answer = self._run(parts)
        union = bytearray(data)
        got = bytes(answer.payload)
        if size in (BLOCK_DATA, BLOCK_BROKEN) and is_read:
            union[1 : 1 + len(got)] = got
        elif got:
            union[: len(got)] = got
        return Answer(0, union, busy_ns=answer.busy_ns)


def _smbus_messages(slave: int, is_read: bool, command: int, size: int,
                    data: bytes) -> list[Message] | None:  # fmt: skip
    """The transfers that stand for an SMBus call; None for one that this adapter cannot do."""
    start = bytes((command,))
    if size == QUICK:
        return [Message(slave, 0, None if is_read else b"")]
    if size == BYTE:
        return [Message(slave, 1, None) if is_read else Message(slave, 1, start)]
    if size in (BYTE_DATA, WORD_DATA):
        length = size - BYTE
        written = start if is_read else start + data[:length]
        reads = [Message(slave, length, None)] if is_read else []
        return [Message(slave, len(written), written), *reads]
    if size == PROC_CALL:
        return [Message(slave, 3, start + data[:2]), Message(slave, 2, None)]
    if size in (BLOCK, BLOCK_DATA, BLOCK_BROKEN) and not is_read:
        body = data[0 if size == BLOCK else 1 : 1 + min(32, data[0])]
        return [Message(slave, 1 + len(body), start + body)]
    if size in (BLOCK_DATA, BLOCK_BROKEN):
        return [Message(slave, 1, start), Message(slave, min(32, data[0]), None)]
    return None
