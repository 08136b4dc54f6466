# SPDX-License-Identifier: Apache-2.0
"""NumPy twin of the lossless frame codec ELC1; layout in docs/formats.md."""

import struct

import numpy as np

BLOCK = 128
BAND_ROWS = 8
RICE = 32
RICE_MAX_K = 14
ESCAPE = 24
HEADER = struct.Struct("<4sHHII")
RICE_BYTES = BLOCK * 41 // 8 + 16


def packed_bound(height: int, width: int) -> int:
    """Bytes that `out` of pack_frame must have."""
    blocks = -(-height * width // BLOCK)
    return HEADER.size + -(-height // BAND_ROWS) + blocks * (1 + 2 * BLOCK) + RICE_BYTES


def predictions(row: np.ndarray, up: np.ndarray, up2: np.ndarray) -> list[np.ndarray]:
    """The four predictions of one row, modulo 2^16."""
    x, u, u2 = (a.astype(np.int64) for a in (row, up, up2))
    left = np.concatenate((u[:1], x[:-1]))
    up_left = np.concatenate((u[:1], u[:-1]))
    up_right = np.concatenate((u[1:], u[-1:]))
    found = [
        np.clip(left + u - up_left, np.minimum(left, u), np.maximum(left, u)),
        (4 * left + up_left + 2 * u + up_right + 4) >> 3,
        (2 * left + 2 * u + up_right - up_left + 2) >> 2,
        (u + u2 + 1) >> 1,
    ]
    return [p & 0xFFFF for p in found]


def zigzag(residual: np.ndarray) -> np.ndarray:
    """Residuals modulo 2^16 to 0, 1, 2, ... for 0, -1, 1, ..."""
    signed = ((residual + 0x8000) & 0xFFFF) - 0x8000
    return ((signed << 1) ^ (signed >> 63)) & 0xFFFF


def row_codes(counts: np.ndarray, y: int) -> list[np.ndarray]:
    """Zigzag residuals of row y for each predictor; the first row knows one."""
    row = counts[y].astype(np.int64)
    if y == 0:
        return [zigzag(np.diff(row, prepend=0))] * 4
    return [zigzag(row - p) for p in predictions(row, counts[y - 1], counts[max(y - 2, 0)])]


def choose(counts: np.ndarray, band: int) -> int:
    """Predictor of a band: the least sum on its middle row."""
    y = min(band * BAND_ROWS + BAND_ROWS // 2, counts.shape[0] - 1)
    return int(np.argmin([z.sum() for z in row_codes(counts, y)]))


def packed_block(z: np.ndarray, bits: int) -> bytes:
    """Eight lanes of sixteen values; each lane is a little-endian bit string."""
    lanes = z.reshape(16, 8).T
    as_bits = (lanes[:, :, None] >> np.arange(bits)) & 1
    words = np.packbits(as_bits.reshape(8, -1).astype(np.uint8), axis=1, bitorder="little")
    return bytes([bits]) + words.reshape(8, -1, 2).transpose(1, 0, 2).tobytes()


def rice_k(total: int) -> tuple[int, int]:
    """(k, estimated bits)."""
    costs = [BLOCK + total]
    for k in range(1, RICE_MAX_K + 1):
        lost = BLOCK // 2 * ((1 << k) - 1)
        costs.append(BLOCK * (k + 1) + (max(total - lost, 0) >> k))
    best = int(np.argmin(costs))
    return best, costs[best]


def rice_block(z: np.ndarray, k: int) -> bytes:
    """q zeros, a one, k low bits, least significant bit first."""
    acc, used = 0, 0
    for value in map(int, z):
        q = value >> k
        if q >= ESCAPE:
            code, length = (1 | value << 1) << ESCAPE, ESCAPE + 17
        else:
            code, length = (1 | (value & ((1 << k) - 1)) << 1) << q, q + 1 + k
        acc |= code << used
        used += length
    return bytes([RICE + k]) + acc.to_bytes(-(-used // 8), "little")


def block_bytes(z: np.ndarray, fast: bool) -> bytes:
    """One block in the shorter of the two forms."""
    bits = int(z.max()).bit_length()
    if not fast and bits > 1:
        k, cost = rice_k(int(z.sum()))
        if cost < bits * BLOCK:
            rice = rice_block(z, k)
            if len(rice) <= 1 + 16 * bits:
                return rice
    return packed_block(z, bits)


def pack_frame(counts: np.ndarray, out: np.ndarray, fast: bool = False) -> int:
    """Compress a frame without loss, return the number of bytes written to *out*."""
    height, width = counts.shape
    if out.size < packed_bound(height, width):
        raise ValueError(f"out has {out.size} bytes, {packed_bound(height, width)} are needed")
    codes = [choose(counts, band) for band in range(-(-height // BAND_ROWS))]
    rows = [row_codes(counts, y)[codes[y // BAND_ROWS]] for y in range(height)]
    z = np.concatenate(rows)
    blocks = np.pad(z, (0, -z.size % BLOCK)).reshape(-1, BLOCK)
    payload = bytes(codes) + b"".join(block_bytes(block, fast) for block in blocks)
    blob = HEADER.pack(b"ELC1", height, width, 0, len(payload)) + payload
    out[: len(blob)] = np.frombuffer(blob, np.uint8)
    return len(blob)


def unpacked_block(data: bytes, bits: int) -> np.ndarray:
    """Inverse of packed_block."""
    words = np.frombuffer(data, np.uint8).reshape(bits, 8, 2).transpose(1, 0, 2).reshape(8, -1)
    as_bits = np.unpackbits(words, axis=1, bitorder="little").reshape(8, 16, bits)
    return (as_bits.astype(np.int64) << np.arange(bits)).sum(axis=2).T.ravel()


def rice_values(data: bytes, k: int) -> tuple[np.ndarray, int]:
    """Inverse of rice_block: (values, bytes used); zeros follow the data."""
    acc = int.from_bytes(data, "little")
    z, bit = np.zeros(BLOCK, np.int64), 0
    for i in range(BLOCK):
        word = acc >> bit & (1 << 48) - 1
        q = ((word | 1 << ESCAPE) & -(word | 1 << ESCAPE)).bit_length() - 1
        if q == ESCAPE:
            z[i], bit = word >> (q + 1) & 0xFFFF, bit + ESCAPE + 17
        else:
            z[i], bit = q << k | (word >> (q + 1) & ((1 << k) - 1)), bit + q + 1 + k
    return z & 0xFFFF, -(-bit // 8)


def read_block(data: bytes) -> tuple[np.ndarray, int]:
    """(residual codes, bytes used) of the block that *data* starts with."""
    if not data:
        raise ValueError("compressed frame: it ends early")
    code = data[0]
    if code <= 16:
        used = 1 + 16 * code
        if len(data) < used:
            raise ValueError("compressed frame: it ends early")
        z = unpacked_block(data[1:used], code) if code else np.zeros(BLOCK, np.int64)
        return z, used
    if not RICE <= code <= RICE + RICE_MAX_K:
        raise ValueError("compressed frame: it holds a code that does not exist")
    z, used = rice_values(data[1 : 1 + RICE_BYTES], code - RICE)
    if used > len(data) - 1:
        raise ValueError("compressed frame: it ends early")
    return z, 1 + used


def restore_row(z: np.ndarray, y: int, counts: np.ndarray, code: int) -> None:
    """Undo the prediction of row y, pixel by pixel: each needs its left neighbour."""
    residual = (z >> 1) ^ -(z & 1)
    if y == 0:
        counts[0] = np.cumsum(residual) & 0xFFFF
        return
    up, up2 = (counts[i].astype(int).tolist() for i in (y - 1, max(y - 2, 0)))
    left = up_left = up[0]
    for x, step in enumerate(residual.tolist()):
        u, up_right = up[x], up[min(x + 1, len(up) - 1)]
        predicted = (
            min(max(left + u - up_left, min(left, u)), max(left, u)),
            (4 * left + up_left + 2 * u + up_right + 4) >> 3,
            (2 * left + 2 * u + up_right - up_left + 2) >> 2,
            (u + up2[x] + 1) >> 1,
        )[code]
        left, up_left = (predicted + step) & 0xFFFF, u
        counts[y, x] = left


def unpack_frame(blob: np.ndarray, counts: np.ndarray) -> None:
    """Decompress *blob* into *counts*; ValueError when it is damaged."""
    height, width = counts.shape
    data = blob.tobytes()
    bands = -(-height // BAND_ROWS)
    if len(data) < HEADER.size or HEADER.unpack(data[:16])[:4] != (b"ELC1", height, width, 0):
        raise ValueError("compressed frame: the header is not that of an ELC1 frame of this size")
    if len(data) - HEADER.size != HEADER.unpack(data[:16])[4] or len(data) < HEADER.size + bands:
        raise ValueError("compressed frame: it ends early, or bytes are left over")
    codes, at, found = data[16 : 16 + bands], HEADER.size + bands, []
    if max(codes) > 3:
        raise ValueError("compressed frame: it holds a code that does not exist")
    for _ in range(-(-height * width // BLOCK)):
        z, used = read_block(data[at:])
        found.append(z)
        at += used
    if at != len(data):
        raise ValueError("compressed frame: bytes are left over")
    z = np.concatenate(found)[: height * width].reshape(height, width)
    for y in range(height):
        restore_row(z[y], y, counts, codes[y // BAND_ROWS])
