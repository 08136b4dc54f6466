# SPDX-License-Identifier: Apache-2.0
"""A small picture of an event as PNG text, made without any picture library.

256 colours: 128 greys, and the same 128 in red for what may be gas.
"""

import base64
import struct
import zlib

import numpy as np

MOST_PX = 96
MARGIN = 0.5
"""Of the box's longer side, on each side: what stands around a leak tells where it is."""
GREYS = np.arange(0, 256, 2, dtype=np.uint8)
PALETTE = np.concatenate(
    [
        np.stack([GREYS, GREYS, GREYS], 1),
        np.stack([GREYS // 2 + 128, GREYS // 2, GREYS // 2], 1),
    ]
)
CHUNK = struct.Struct(">I4s")


def thumbnail(grey: np.ndarray, mask: np.ndarray, box: tuple[int, int, int, int]) -> str:
    """The box and what is around it, base64 of a PNG of at most 96 pixels a side.

    grey : (H, W) uint8 picture
    mask : (H, W) uint8, 0 or 255, shown in red
    box  : x, y, w, h
    """
    part = around(grey.shape, box)
    step = max(1, -(-max(part[0].stop - part[0].start, part[1].stop - part[1].start) // MOST_PX))
    small, red = grey[part][::step, ::step], mask[part][::step, ::step]
    return base64.b64encode(png((small >> 1) | (red & 128))).decode()


def around(shape: tuple[int, ...], box: tuple[int, int, int, int]) -> tuple[slice, slice]:
    """The box with its margin, inside the picture."""
    x, y, w, h = box
    margin = round(MARGIN * max(w, h, 16))
    rows = slice(max(0, y - margin), min(shape[0], y + h + margin))
    return rows, slice(max(0, x - margin), min(shape[1], x + w + margin))


def png(indices: np.ndarray) -> bytes:
    """An (H, W) uint8 picture of `PALETTE` as a PNG file."""
    height, width = indices.shape
    rows = np.zeros((height, width + 1), np.uint8)  # each row begins with filter 0
    rows[:, 1:] = indices
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", head), (b"PLTE", PALETTE.tobytes()),
             (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in parts)


def _chunk(name: bytes, body: bytes) -> bytes:
    check = zlib.crc32(name + body)
    return CHUNK.pack(len(body), name) + body + struct.pack(">I", check)
