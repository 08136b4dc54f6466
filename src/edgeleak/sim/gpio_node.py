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
(USED, ACTIVE_LOW, INPUT, OUTPUT, RISING, FALLING, OPEN_DRAIN, OPEN_SOURCE, PULL_UP, PULL_DOWN,
 NO_BIAS, REALTIME, HARDWARE_CLOCK) = (1 << bit for bit in range(13))  # fmt: skip
KNOWN_FLAGS = (1 << 13) - 1 - USED
MOST_ATTRIBUTES = 10
CONFIG_LAYOUT = struct.Struct("=QI20s240s")
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
            return Answer(-errno.EINVAL)
        number = ask.code & 0xFF
        if held is not None:
            return self._line_call(held, number, ask.payload)
        if number == CHIP_INFO:
            return Answer(0, CHIP_INFO_LAYOUT.pack(b"gpiochip0", b"pinctrl-bcm2835", LINES))
        if number == LINE_INFO:
            _, _, offset, _, _, _, padding = LINE_INFO_LAYOUT.unpack(ask.payload)
            return Answer(-errno.EINVAL) if any(padding) else self._line_info(offset)
        if number == GET_LINE:
            return Answer(self._request(ask.want, ask.payload))
        return Answer(-errno.EINVAL)

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
        consumer, (count, size, padding) = fields[64], fields[69:72]
        if not 1 <= count <= MOST_REQUESTED or any(padding):
            return -errno.EINVAL
        flags, attribute_count, padding, attributes = fields[65:69]
        refused = _refused(flags, attribute_count, padding, attributes, count)
        if refused is not None:
            return refused
        offsets = list(fields[:count])
        if any(offset >= LINES for offset in offsets):
            return -errno.EINVAL
        if any(offset in self._owner for offset in offsets) or len(set(offsets)) != count:
            return -errno.EBUSY
        all_flags, outputs = _configured(flags, attributes, attribute_count, count)
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
        every = (1 << len(held.offsets)) - 1
        if number == GET_VALUES:
            mask = VALUES.unpack(payload)[1]
            if not mask & every:
                return Answer(-errno.EINVAL)
            return Answer(0, VALUES.pack(self._values(held) & mask, mask))
        if number == SET_VALUES:
            bits, mask = VALUES.unpack(payload)
            if not mask & every:
                return Answer(-errno.EINVAL)
            if any(mask >> i & 1 and not flags & OUTPUT for i, flags in enumerate(held.flags)):
                return Answer(-errno.EPERM)
            self._drive(held, bits, mask)
            return Answer(0, payload)
        if number == SET_CONFIG:
            return Answer(self._configure(held, payload), payload)
        return Answer(-errno.EINVAL)

    def _configure(self, held: Requested, payload: bytes) -> int:
        flags, count, padding, attributes = CONFIG_LAYOUT.unpack(payload)
        lines = len(held.offsets)
        if (refused := _refused(flags, count, padding, attributes, lines)) is not None:
            return refused
        held.flags, outputs = _configured(flags, attributes, count, lines)
        self._drive(held, outputs, (1 << lines) - 1)
        return 0

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
    """(flags of each line, output bits): of the first attribute that names the line."""
    each, outputs, known = [flags] * lines, 0, 0
    for kind, _, value, mask in reversed(list(ATTRIBUTE.iter_unpack(attributes))[:count]):
        if kind == ATTRIBUTE_FLAGS:
            each = [value if mask >> i & 1 else own for i, own in enumerate(each)]
        elif kind == ATTRIBUTE_OUTPUTS:
            outputs, known = outputs & ~mask | value & mask, known | mask
    return each, outputs & known


def _refused(flags: int, count: int, padding: bytes, attributes: bytes, lines: int) -> int | None:
    """gpio_v2_line_config_validate: the errno of a configuration that cannot be."""
    if count > MOST_ATTRIBUTES or any(padding):
        return -errno.EINVAL
    each, _ = _configured(flags, attributes, count, lines)
    debounced = 0
    for kind, _, _, mask in list(ATTRIBUTE.iter_unpack(attributes))[:count]:
        debounced |= mask if kind == ATTRIBUTE_DEBOUNCE else 0
    for i, own in enumerate(each):
        if own & ~KNOWN_FLAGS:
            return -errno.EINVAL
        if own & HARDWARE_CLOCK:
            return -errno.EOPNOTSUPP
        if _contradicts(own) or (debounced >> i & 1 and not own & INPUT):
            return -errno.EINVAL
    return None


def _contradicts(flags: int) -> bool:
    """Edges want an input, drive an output, bias a direction; one drive and one bias at most."""
    drive, bias = flags & (OPEN_DRAIN | OPEN_SOURCE), flags & (PULL_UP | PULL_DOWN | NO_BIAS)
    return bool(
        (flags & INPUT and flags & OUTPUT)
        or (flags & (RISING | FALLING) and not flags & INPUT)
        or (drive and not flags & OUTPUT)
        or drive.bit_count() > 1
        or (bias and not flags & (INPUT | OUTPUT))
        or bias.bit_count() > 1
    )
