# SPDX-License-Identifier: Apache-2.0
"""Frames of a case without their megabytes: a coarse picture, noise of the same size, and every
line that was not whole as it was.

A painted frame keeps number, flags and telemetry; lines that were damaged, missing or out of
order keep their bytes.  Its pixels are means of 8x8 pixels of one frame of its kind plus noise
that is computed from frame number and place.  Whether a failure needs more than that is tried,
not assumed (`shrink`).
"""

import struct
from collections.abc import Callable

import numpy as np

from edgeleak.blackbox.calls import Call
from edgeleak.blackbox.format import Kind, Mark, Record
from edgeleak.drivers import el640_link
from edgeleak.kernels import pack_el640, unpack_el640

BLOCK = 8
TEMPLATE = struct.Struct("<IHHf")
FRAME = struct.Struct("<IIHH")
PATCH = struct.Struct("<H")
PAINTED = 0x7061
"""`code` of a read whose bytes are painted."""
TELEMETRY_LINE = 0x7FFE


class Painter:
    """Templates of a case, and calls with pictures from them."""

    def __init__(self) -> None:
        self._templates: dict[int, tuple[np.ndarray, float]] = {}

    def add(self, record: Record) -> None:
        """A template, from its record."""
        number, height, width, sigma = TEMPLATE.unpack_from(record.asked)
        coarse = np.frombuffer(record.asked, "<u2", offset=TEMPLATE.size)
        coarse = coarse.reshape(-(-height // BLOCK), -(-width // BLOCK))
        whole = coarse.repeat(BLOCK, 0).repeat(BLOCK, 1)[:height, :width]
        self._templates[number] = whole.astype(np.int32), sigma

    def call(self, record: Record) -> Call | None:
        """The read whose bytes are painted when they are wanted; None for any other record."""
        if record.kind != Kind.BUS or record.code != PAINTED:
            return None
        asked = bytes(record.asked)
        made = Call("spi", (record.want,), b"", max(0, -record.result), record.begin_ns,
                    record.took_ns, record.thread)  # fmt: skip
        made.picture = self._picture(asked)
        return made

    def _picture(self, asked: bytes) -> Callable[[], bytes]:
        def draw() -> bytes:
            template, frame, flags, patches = FRAME.unpack_from(asked)
            level, sigma = self._templates[template]
            return draw_frame(level, sigma, frame, flags, patches, asked[FRAME.size :])

        return draw


def draw_frame(level: np.ndarray, sigma: float, frame: int, flags: int, patches: int,
               rest: bytes) -> bytes:  # fmt: skip
    """Bus bytes of a frame; `rest` holds the patched lines."""
    height, width = level.shape
    counts = np.clip(level + noise(level.shape, frame, sigma), 0, 16383).astype(np.uint16)
    size = el640_link.packet_bytes(width)
    packets = np.zeros((height + 1, size), np.uint8)
    pack_el640(counts, packets, frame & 0xFFFF, flags)
    at = 0
    for _ in range(patches):
        (line,) = PATCH.unpack_from(rest, at)
        packets[line] = np.frombuffer(rest, np.uint8, size, at + PATCH.size)
        at += PATCH.size + size
    return packets.tobytes()


def noise(shape: tuple[int, int], frame: int, sigma: float) -> np.ndarray:
    """(H, W) int32 of about this standard deviation; the same everywhere for the same frame."""
    with np.errstate(over="ignore"):
        seed = np.arange(shape[0] * shape[1], dtype=np.uint32)
        seed = (seed + np.uint32(frame * 0x9E3779B1 & 0xFFFFFFFF)) * np.uint32(0x85EBCA6B)
        seed ^= seed >> np.uint32(13)
        seed *= np.uint32(0xC2B2AE35)
        seed ^= seed >> np.uint32(16)
    total = sum((seed >> np.uint32(8 * part) & np.uint32(0xFF)).astype(np.int32)
                for part in range(4)) - 510  # fmt: skip
    spread = 2 * 73.9  # of four uniform bytes
    return np.rint(total * (sigma / spread)).astype(np.int32).reshape(shape)


class Sketcher:
    """Makes painted records of the reads of whole frames.

    shape : rows, columns of the sensor
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._size = el640_link.packet_bytes(shape[1])
        self._numbers: dict[tuple[int, int], int] = {}
        self.templates: list[Record] = []

    def of(self, call: Call) -> Record | None:
        """None for a read that is no frame, or has too little of one left."""
        height, _width = self._shape
        if call.errno or len(call.data) != (height + 1) * self._size:
            return None
        packets = np.frombuffer(call.data, np.uint8).reshape(height + 1, self._size)
        heads = packets[:, 2:8].astype(np.uint16)
        lines, numbers, flags = (heads[:, at] << 8 | heads[:, at + 1] for at in (0, 2, 4))
        frame, flag = (int(np.bincount(values).argmax()) for values in (numbers, flags))
        counts = np.zeros(self._shape, np.uint16)
        unpack_el640(np.ascontiguousarray(packets), counts)
        again = np.zeros_like(packets)
        pack_el640(counts, again, frame, flag)
        different = np.flatnonzero((packets != again).any(1))
        if len(different) > height // 2 or int(lines[height]) != TELEMETRY_LINE:
            return None
        patches = b"".join(PATCH.pack(line) + packets[line].tobytes() for line in different)
        good = np.setdiff1d(np.arange(height), different)
        template = self._template(counts, good, flag, frame)
        return _record(call, FRAME.pack(template, frame, flag, len(different)) + patches)

    def _template(self, counts: np.ndarray, good: np.ndarray, flags: int, frame: int) -> int:
        """Number of the picture of frames of this kind, within a range of frame numbers."""
        level = int(np.median(counts[good])) // 64
        kind = flags, level
        if kind not in self._numbers:
            number = self._numbers[kind] = len(self._numbers)
            height, width = self._shape
            rows, columns = -(-height // BLOCK) * BLOCK, -(-width // BLOCK) * BLOCK
            padded = np.pad(counts, ((0, rows - height), (0, columns - width)), "edge")
            blocks = padded.reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK)
            means = np.rint(blocks.mean((1, 3))).astype("<u2")
            sigma = float(np.median(blocks.std((1, 3))))
            head = TEMPLATE.pack(number, height, width, sigma)
            self.templates.append(Record(Kind.MARK, Mark.PAINT, 0, 0, 0, 0, 0, 0, 0,
                                         head + means.tobytes(), b""))  # fmt: skip
        return self._numbers[kind]


def _record(call: Call, asked: bytes) -> Record:
    size = call.key[0]
    assert isinstance(size, int)
    return Record(Kind.BUS, 3, call.thread, call.begin_ns, PAINTED, call.took_ns, size, 0, size,
                  asked, b"")  # fmt: skip
