# SPDX-License-Identifier: Apache-2.0
"""GPIO lines by the kernel's own v2 interface; no library between.

Layouts and numbers: linux include/uapi/linux/gpio.h, Linux 5.10 and later.
"""

import fcntl
import os
import struct

CONSUMER = b"edgeleak"
GET_LINE = 0xC250B407
GET_VALUES = 0xC010B40E
SET_VALUES = 0xC010B40F
ACTIVE_LOW, INPUT, OUTPUT, EDGE_RISING, EDGE_FALLING = (1 << bit for bit in range(1, 6))
BIAS_PULL_UP, BIAS_PULL_DOWN = 1 << 8, 1 << 9
MOST_LINES, MOST_ATTRIBUTES = 64, 10
ATTRIBUTE_FLAGS = 1
REQUEST = struct.Struct("=64I32sQI20s240sII20si")
ATTRIBUTE = struct.Struct("=IIQQ")  # id, padding, value, mask of lines
VALUES = struct.Struct("=QQ")  # bits, mask
EVENT = struct.Struct("=QIIII24s")  # timestamp_ns, id, offset, seqno, line_seqno, padding
EVENT_BUFFER = 16


def pack_request(offsets: list[int], flags: list[int]) -> bytearray:
    """struct gpio_v2_line_request; outputs begin inactive.

    flags : of each line; different ones beyond the first become attributes, at most ten
    """
    attributes = b""
    different = [one for one in dict.fromkeys(flags) if one != flags[0]]
    if len(offsets) > MOST_LINES or len(different) > MOST_ATTRIBUTES:
        raise ValueError(f"{len(offsets)} lines of {len(different) + 1} kinds are too many")
    for one in different:
        mask = sum(1 << i for i, own in enumerate(flags) if own == one)
        attributes += ATTRIBUTE.pack(ATTRIBUTE_FLAGS, 0, one, mask)
    padded = offsets + [0] * (MOST_LINES - len(offsets))
    return bytearray(REQUEST.pack(*padded, CONSUMER, flags[0], len(different), b"", attributes,
                                  len(offsets), EVENT_BUFFER, b"", 0))  # fmt: skip


def request_lines(chip_fd: int, offsets: list[int], flags: list[int]) -> int:
    """Descriptor of requested lines; OSError EBUSY when somebody else holds one."""
    request = pack_request(offsets, flags)
    fcntl.ioctl(chip_fd, GET_LINE, request)
    return int(REQUEST.unpack(request)[-1])


def set_values(lines_fd: int, bits: int, mask: int) -> None:
    """Drive the outputs of `mask`, by their place in the request; 1 is active."""
    fcntl.ioctl(lines_fd, SET_VALUES, VALUES.pack(bits, mask))


def get_values(lines_fd: int, mask: int) -> int:
    """Levels of the lines of `mask`; 1 is active."""
    answer = fcntl.ioctl(lines_fd, GET_VALUES, VALUES.pack(0, mask))
    return int(VALUES.unpack(answer)[0])


def read_events(lines_fd: int) -> list[int]:
    """Times of the queued edges, monotonic ns; waits for one where none is queued."""
    data = os.read(lines_fd, EVENT.size * EVENT_BUFFER)
    return [event[0] for event in EVENT.iter_unpack(data)]
