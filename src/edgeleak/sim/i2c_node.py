# SPDX-License-Identifier: Apache-2.0
"""/dev/i2c-N as the kernel's i2c-dev answers it, SMBus calls emulated over plain transfers.

Sources: linux drivers/i2c/i2c-dev.c, i2c-core-smbus.c (emulation), i2c-bcm2835.c (functions).
tests/sim/uapi.py has every refusal with its line.  Stricter than a kernel: what the Pi's
controller does not offer in I2C_FUNCS (ten-bit addresses, mangling, reads of a length that the
chip names) is EOPNOTSUPP, where its driver would send something else without a word.
"""

import errno
import struct
from typing import NamedTuple

from edgeleak.sim.faults import AddressBound
from edgeleak.sim.plant import Plant
from edgeleak.sim.wire import Answer, Op, Request

RETRIES, TIMEOUT, SLAVE, TENBIT, FUNCS, SLAVE_FORCE, RDWR, PEC = range(0x0701, 0x0709)
SMBUS = 0x0720
FUNCTIONS = 0x0001 | 0x0EFF0008
"""I2C and emulated SMBus: I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL."""
READ_FLAG = 0x0001
HEAD = struct.Struct("=HHH")
SMBUS_CALL = struct.Struct("=BB2xI34s")
QUICK, BYTE, BYTE_DATA, WORD_DATA, PROC_CALL, BLOCK, BLOCK_BROKEN, BLOCK_CALL, BLOCK_DATA = range(9)
MOST_BLOCK = 32
INT_MAX = 0x7FFFFFFF
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
        self._ten_bit: set[int] = set()
        self._with_pec: set[int] = set()

    def forget(self, who: int) -> None:
        """The descriptor was closed."""
        self._slaves.pop(who, None)
        self._ten_bit.discard(who)
        self._with_pec.discard(who)

    def handle(self, ask: Request) -> Answer:
        """Answer one call; raises Nack, Stuck, Gone."""
        slave = self._slaves.get(ask.who, 0)
        if ask.who in self._ten_bit and (ask.op != Op.IOCTL or ask.code == SMBUS):
            return Answer(-errno.EOPNOTSUPP)
        if ask.op == Op.READ:
            return self._run([Message(slave, min(ask.want, MOST_BYTES), None)], by_bytes=True)
        if ask.op == Op.WRITE:
            data = ask.payload[:MOST_BYTES]
            return self._run([Message(slave, len(data), data)], by_bytes=True)
        if ask.code == RDWR:
            return self._messages(ask)
        if ask.code == SMBUS:
            return self._smbus(slave, ask.payload, has_pec=ask.who in self._with_pec)
        if ask.code == FUNCS:
            return Answer(0, FUNCTIONS.to_bytes(8, "little"))
        return Answer(self._setting(ask))

    def _setting(self, ask: Request) -> int:
        value = int.from_bytes(ask.payload, "little")
        if ask.code in (SLAVE, SLAVE_FORCE):
            return self._take_slave(ask, value)
        if ask.code in (TENBIT, PEC):
            chosen = self._ten_bit if ask.code == TENBIT else self._with_pec
            (chosen.add if value else chosen.discard)(ask.who)
            return 0
        if ask.code in (RETRIES, TIMEOUT):
            return -errno.EINVAL if value > INT_MAX else 0
        return -errno.ENOTTY

    def _take_slave(self, ask: Request, address: int) -> int:
        if address > (0x3FF if ask.who in self._ten_bit else 0x7F):
            return -errno.EINVAL
        bound = self._plant.fault(AddressBound)
        if ask.code == SLAVE and bound is not None and bound.address == address:
            return -errno.EBUSY
        self._slaves[ask.who] = address
        return 0

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

    def _smbus(self, slave: int, payload: bytes, *, has_pec: bool) -> Answer:
        is_read, command, size, data = SMBUS_CALL.unpack(payload)
        if (refused := _smbus_refused(is_read, size, data)) is not None:
            return Answer(refused)
        parts = _smbus_messages(slave, bool(is_read), command, size, data)
        if parts is None:
            return Answer(-errno.EOPNOTSUPP)
        has_pec = has_pec and size not in (QUICK, BLOCK_DATA, BLOCK_BROKEN)
        if has_pec:
            _ask_pec(parts)
        answer = self._run(parts)
        union = bytearray(data)
        got = bytes(answer.payload)
        if has_pec and parts[-1].data is None:
            got, check = got[:-1], got[-1]
            if check != _pec(parts, got):
                return Answer(-errno.EBADMSG, busy_ns=answer.busy_ns)
        if size in (BLOCK_DATA, BLOCK_BROKEN) and is_read:
            union[1 : 1 + len(got)] = got
        elif got:
            union[: len(got)] = got
        return Answer(0, union, busy_ns=answer.busy_ns)


def _smbus_refused(read_write: int, size: int, data: bytes) -> int | None:
    """What i2c-dev and the emulation refuse before a bit moves."""
    if size > BLOCK_DATA or read_write > 1:
        return -errno.EINVAL
    counts = size in (BLOCK, BLOCK_CALL, BLOCK_DATA) and not (size == BLOCK and read_write)
    return -errno.EINVAL if counts and data[0] > MOST_BLOCK else None


def _ask_pec(parts: list[Message]) -> None:
    """The last message carries the packet error code: one byte more to write or to read."""
    last = parts[-1]
    if last.data is None:
        parts[-1] = last._replace(length=last.length + 1)
    else:
        data = last.data + bytes((_pec(parts, b""),))
        parts[-1] = Message(last.address, len(data), data)


def _pec(parts: list[Message], received: bytes) -> int:
    """CRC-8 (polynomial 7) of the addresses and bytes of a transaction, as SMBus has it."""
    crc = 0
    for part in parts:
        is_read = part.data is None
        body = received if part.data is None else part.data
        for byte in bytes((part.address << 1 | is_read,)) + body:
            crc ^= byte
            for _ in range(8):
                crc = crc << 1 ^ (0x107 if crc & 0x80 else 0)
    return crc


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
