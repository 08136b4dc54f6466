# SPDX-License-Identifier: Apache-2.0
"""/dev/gpiochipN as the kernel's v2 line interface answers it.

Source: linux include/uapi/linux/gpio.h, drivers/gpio/gpiolib-cdev.c.  A requested line belongs
to one descriptor until that is closed; its level stays afterwards, as on the Pi.  Edges queue in
the server; one byte in the line's socket, the token, makes poll see them.
"""

import errno
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from edgeleak.board import Line
from edgeleak.errors import UsageError
from edgeleak.sim.plant import Plant
from edgeleak.sim.wire import FLAG_DRAIN, Answer, Op, Request

LINES = 54
"""Of the Pi's pin controller."""
CHIP_INFO, LINE_INFO, GET_LINE = 0x01, 0x05, 0x07
SET_CONFIG, GET_VALUES, SET_VALUES = 0x0D, 0x0E, 0x0F
MAGIC = 0xB4
USED, ACTIVE_LOW, INPUT, OUTPUT, RISING, FALLING = (1 << bit for bit in range(6))
KNOWN_FLAGS = (1 << 13) - 1
MOST_REQUESTED = 64
CHIP_INFO_LAYOUT = struct.Struct("=32s32sI")
LINE_INFO_LAYOUT = struct.Struct("=32s32sIIQ160s16s")
REQUEST_LAYOUT = struct.Struct("=64I32sQI20s240sII20si")
ATTRIBUTE = struct.Struct("=IIQQ")  # id, padding, value, mask
VALUES = struct.Struct("=QQ")
EVENT = struct.Struct("=QIIII24s")
ATTRIBUTE_FLAGS, ATTRIBUTE_OUTPUTS, ATTRIBUTE_DEBOUNCE = 1, 2, 3
RISING_EVENT, FALLING_EVENT = 1, 2
EVENTS_PER_LINE = 16


@dataclass(slots=True)
class Requested:
    """Lines that one descriptor holds.

    offsets, flags : in the order of the request
    events         : edges nobody read yet; beyond its length the oldest goes
    has_token      : one byte is in the line's socket
    """

    offsets: list[int]
    flags: list[int]
    consumer: str
    events: deque[bytes]
    has_token: bool = False
    sequence: int = 0
    line_sequence: dict[int, int] = field(default_factory=dict)


class GpioNode:
    """Chip and line descriptors.

    wake : called with an identity whose socket shall get its token
    """

    def __init__(self, plant: Plant, wake: Callable[[int], None]) -> None:
        self._plant, self._wake = plant, wake
        self._by_offset = {line.line: name for name, line in plant.board.gpio.lines.items()}
        self._held: dict[int, Requested] = {}
        self._owner: dict[int, int] = {}
        enable = plant.board.gpio.lines.get("tec_enable")
        self._enable = -1 if enable is None else enable.line
        plant.lines.on_edge = self._edge

    def is_line(self, who: int) -> bool:
        """Whether a descriptor holds lines."""
        return who in self._held

    def forget(self, who: int) -> None:
        """The descriptor was closed: its lines are free, their levels stay."""
        held = self._held.pop(who, None)
        if held is not None and self._enable in held.offsets:
            self._plant.spoken.ended()
        for offset in held.offsets if held is not None else ():
            del self._owner[offset]

    def handle(self, ask: Request) -> Answer:
        """Answer one call; raises Gone."""
        self._plant.check_gpio()
        held = self._held.get(ask.who)
        if ask.op == Op.READ:
            return self._read(held, ask.want) if held is not None else Answer(-errno.EINVAL)
        if ask.op != Op.IOCTL or ask.code >> 8 & 0xFF != MAGIC:
            return Answer(-errno.EINVAL if ask.op == Op.WRITE else -errno.ENOTTY)
        number = ask.code & 0xFF
        if held is not None:
            return self._line_call(held, number, ask.payload)
        if number == CHIP_INFO:
            return Answer(0, CHIP_INFO_LAYOUT.pack(b"gpiochip0", b"pinctrl-bcm2835", LINES))
        if number == LINE_INFO:
            return self._line_info(LINE_INFO_LAYOUT.unpack(ask.payload)[2])
        if number == GET_LINE:
            return Answer(self._request(ask.want, ask.payload))
        return Answer(-errno.ENOTTY)

    # --- the chip ----------------------------------------------------------------------------

    def _line_info(self, offset: int) -> Answer:
        if offset >= LINES:
            return Answer(-errno.EINVAL)
        line = self._board_line(offset)
        flags, consumer = INPUT if line is None or line.direction == "in" else OUTPUT, ""
        if (who := self._owner.get(offset)) is not None:
            held = self._held[who]
            flags, consumer = held.flags[held.offsets.index(offset)] | USED, held.consumer
        name = f"GPIO{offset}".encode()
        return Answer(0, LINE_INFO_LAYOUT.pack(name, consumer.encode(), offset, 0, flags, b"", b""))

    def _request(self, who: int, payload: bytes) -> int:
        fields = REQUEST_LAYOUT.unpack(payload)
        consumer, flags, attribute_count, attributes = (
            fields[64],
            fields[65],
            fields[66],
            fields[68],
        )
        count, size = fields[69], fields[70]
        offsets = list(fields[:count])
        if not 1 <= count <= MOST_REQUESTED or len(set(offsets)) != count or max(offsets) >= LINES:
            return -errno.EINVAL
        if any(offset in self._owner for offset in offsets):
            return -errno.EBUSY
        all_flags, outputs = _configured(flags, attributes, attribute_count, count)
        if any(_is_refused(one) for one in all_flags):
            return -errno.EINVAL
        most = size or EVENTS_PER_LINE * count
        held = Requested(offsets, all_flags, consumer.rstrip(b"\0").decode("latin-1"),
                         deque(maxlen=min(most, EVENTS_PER_LINE * MOST_REQUESTED)))  # fmt: skip
        if self._enable in offsets:
            self._plant.program_begins()
        self._held[who] = held
        self._owner |= dict.fromkeys(offsets, who)
        self._drive(held, outputs, (1 << count) - 1)
        return 0

    # --- requested lines ---------------------------------------------------------------------

    def _line_call(self, held: Requested, number: int, payload: bytes) -> Answer:
        if number == GET_VALUES:
            mask = VALUES.unpack(payload)[1]
            if not mask or mask >> len(held.offsets):
                return Answer(-errno.EINVAL)
            return Answer(0, VALUES.pack(self._values(held) & mask, mask))
        if number == SET_VALUES:
            bits, mask = VALUES.unpack(payload)
            if not mask or mask >> len(held.offsets):
                return Answer(-errno.EINVAL)
            if any(mask >> i & 1 and not flags & OUTPUT for i, flags in enumerate(held.flags)):
                return Answer(-errno.EPERM)
            self._drive(held, bits, mask)
            return Answer(0, payload)
        if number == SET_CONFIG:
            flags, count = struct.unpack_from("=QI", payload)
            held.flags, outputs = _configured(flags, payload[32:], count, len(held.offsets))
            self._drive(held, outputs, (1 << len(held.offsets)) - 1)
            return Answer(0, payload)
        return Answer(-errno.ENOTTY)

    def _board_line(self, offset: int) -> Line | None:
        name = self._by_offset.get(offset)
        return None if name is None else self._plant.board.gpio.lines[name]

    def _inverts(self, offset: int, flags: int) -> bool:
        """Whether the program's 1 is the board's inactive: they disagree about the polarity."""
        line = self._board_line(offset)
        return line is not None and line.active_low != bool(flags & ACTIVE_LOW)

    def _values(self, held: Requested) -> int:
        bits = 0
        for i, (offset, flags) in enumerate(zip(held.offsets, held.flags, strict=True)):
            name = self._by_offset.get(offset)
            level = name is not None and self._plant.gpio_get(name)
            bits |= (level != self._inverts(offset, flags)) << i
        return bits

    def _drive(self, held: Requested, bits: int, mask: int) -> None:
        for i, (offset, flags) in enumerate(zip(held.offsets, held.flags, strict=True)):
            name = self._by_offset.get(offset)
            if not (mask >> i & 1 and flags & OUTPUT) or name is None:
                continue
            try:
                self._plant.gpio_set(name, bool(bits >> i & 1) != self._inverts(offset, flags))
            except UsageError:  # two outputs on one wire
                self._plant.counters["gpio.conflicts"] += 1

    def _edge(self, name: str, time_ns: int, is_rising: bool) -> None:
        """An edge of the board becomes an event where a program asked for it."""
        offset = self._plant.board.gpio.lines[name].line
        who = self._owner.get(offset)
        if who is None:
            return
        held = self._held[who]
        flags = held.flags[held.offsets.index(offset)]
        rises = is_rising != self._inverts(offset, flags)
        if not flags & (RISING if rises else FALLING):
            return
        held.sequence += 1
        number = held.line_sequence[offset] = held.line_sequence.get(offset, 0) + 1
        kind = RISING_EVENT if rises else FALLING_EVENT
        held.events.append(EVENT.pack(time_ns, kind, offset, held.sequence, number, b""))
        if not held.has_token:
            held.has_token = True
            self._wake(who)

    def _read(self, held: Requested, want: int) -> Answer:
        if want < EVENT.size:
            return Answer(-errno.EINVAL)
        if not held.events:
            return Answer(-errno.EAGAIN)
        count = min(len(held.events), want // EVENT.size)
        data = b"".join(held.events.popleft() for _ in range(count))
        if held.events:
            return Answer(len(data), data)
        held.has_token = False
        return Answer(len(data), data, FLAG_DRAIN)


def _configured(flags: int, attributes: bytes, count: int, lines: int) -> tuple[list[int], int]:
    """(flags of each line, output bits): the defaults, then the attributes that name the line."""
    each, outputs = [flags] * lines, 0
    for kind, _, value, mask in list(ATTRIBUTE.iter_unpack(attributes[:240]))[:count]:
        if kind == ATTRIBUTE_FLAGS:
            each = [value if mask >> i & 1 else own for i, own in enumerate(each)]
        elif kind == ATTRIBUTE_OUTPUTS:
            outputs |= value & mask
    return each, outputs


def _is_refused(flags: int) -> bool:
    has_edges, has_both = flags & (RISING | FALLING), flags & INPUT and flags & OUTPUT
    return bool(flags & ~KNOWN_FLAGS or has_both or (has_edges and not flags & INPUT))
