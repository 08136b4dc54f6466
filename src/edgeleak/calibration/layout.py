# SPDX-License-Identifier: Apache-2.0
"""Bytes of a calibration file: fixed geometry, every size checked before use.

Layout (little endian) is documented in docs/calibration-format.md.  The size
of the file follows from five numbers of the header; it must be the size the
file has, before a single array is allocated.  CRC-32 covers every byte, so
one damaged byte anywhere is found with certainty.
"""

import math
import os
import stat
import struct
import zlib
from pathlib import Path

import numpy as np

from edgeleak.calibration.model import MAX_PLANES, Calibration, Kind, check_shape
from edgeleak.errors import DataError, EdgeLeakError, MissingInputError

MAGIC = b"\x89ELCAL\r\n"  # as PNG: a transfer in text mode breaks it visibly
VERSION = 1
FLOATS = (
    "cold_degc",
    "hot_degc",
    "cold_counts",
    "hot_counts",
    "response_counts_per_k",
    "response_error",
    "reference_error_k",
    "noise_counts",
    "drift_counts",
    "before_counts",
    "residual_counts",
    "fpa_temp_degc",
    "bandwidth_k",
)
HEADER = struct.Struct(f"<8sHHIQIIII qqI 32s {len(FLOATS)}d".replace(" ", ""))
CRC = struct.Struct("<I")
SENSOR_BYTES = 32


def encode(calibration: Calibration) -> bytes:
    """The whole file."""
    name = calibration.sensor.encode()
    if len(name) > SENSOR_BYTES or b"\0" in name:
        raise DataError(f"sensor name {calibration.sensor!r} is longer than {SENSOR_BYTES} bytes")
    height, width = calibration.shape
    counts = (height, width, len(calibration.bad_pixels), len(calibration.plane_temp_degc))
    header = HEADER.pack(
        MAGIC,
        VERSION,
        HEADER.size,
        calibration.kind,
        _file_bytes(*counts),
        *counts,
        calibration.nuc_id,
        calibration.created_utc_ns,
        calibration.frames_used,
        name,
        *(getattr(calibration, key) for key in FLOATS),
    )
    arrays = [
        np.ascontiguousarray(getattr(calibration, key), dtype).tobytes()
        for key, dtype, _ in _sections(*counts)
    ]
    body = b"".join([header, *arrays])
    return body + CRC.pack(zlib.crc32(body))


def decode(data: bytes | bytearray, where: str) -> Calibration:
    """Calibration from a whole file; DataError names *where* and what is wrong."""
    header = _checked_header(data[: HEADER.size], len(data), where)
    (found,) = CRC.unpack_from(data, len(data) - CRC.size)
    if zlib.crc32(memoryview(data)[: -CRC.size]) != found:
        raise _damaged(where, "its check sum does not match")
    kind, counts, (nuc_id, created, frames, name), floats = header
    fields: dict = dict(zip(FLOATS, floats, strict=True))
    at = HEADER.size
    for key, dtype, shape in _sections(*counts):
        array = np.frombuffer(data, dtype, math.prod(shape), at)
        at += array.nbytes
        # a copy: aligned for the kernels wherever the section starts
        array = array.astype(array.dtype.newbyteorder("=")).reshape(shape)
        array.flags.writeable = False
        fields[key] = array
    try:
        return Calibration(
            kind=Kind(kind),
            nuc_id=nuc_id,
            created_utc_ns=created,
            frames_used=frames,
            sensor=name.rstrip(b"\0").decode(),
            **fields,
        )
    except (EdgeLeakError, ValueError) as error:
        raise _damaged(where, str(error)) from error


def read_file(path: Path) -> Calibration:
    """Read and check one file; at most its header is read before its size is known to fit."""
    try:
        # O_NONBLOCK: a pipe of this name must be refused, not waited for
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingInputError(
            f"calibration {path} does not exist; make one with `edgeleak nuc two-point`"
        ) from error
    except OSError as error:
        raise DataError(f"calibration {path} cannot be opened: {error.strerror}") from error
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise DataError(f"calibration {path} is no regular file; name the file itself")
        data = _read_all(descriptor, facts.st_size, str(path))
    finally:
        os.close(descriptor)
    return decode(data, str(path))


def _read_all(descriptor: int, file_bytes: int, where: str) -> bytearray:
    """The file once in memory: with eight planes one of 640x480 has 6.8 MB."""
    try:
        head = os.read(descriptor, HEADER.size)
        _checked_header(head, file_bytes, where)
        data, at = bytearray(file_bytes), len(head)
        data[:at] = head
        while at < file_bytes:
            taken = os.readv(descriptor, [memoryview(data)[at:]])
            if not taken:
                raise _damaged(where, "it became shorter while it was read")
            at += taken
    except OSError as error:
        raise DataError(f"calibration {where} cannot be read: {error.strerror}") from error
    return data


def _checked_header(head: bytes | bytearray, file_bytes: int, where: str) -> tuple:
    """(kind, section counts, other integers, floats), all sizes consistent."""
    if not head.startswith(MAGIC):
        raise DataError(f"{where} is no EdgeLeak calibration (wrong first bytes); check the name")
    if len(head) < HEADER.size:
        raise _damaged(where, f"it ends after {file_bytes} bytes, inside its header")
    _, version, header_bytes, kind, stated, *rest = HEADER.unpack(head)
    if version != VERSION:
        raise DataError(
            f"calibration {where} has format {version}, this program reads {VERSION};"
            " update EdgeLeak or make the calibration again"
        )
    counts, facts, floats = rest[:4], rest[4:8], rest[8:]
    try:
        check_shape((counts[0], counts[1]))
    except DataError as error:
        raise _damaged(where, str(error)) from error
    if counts[2] > counts[0] * counts[1] or counts[3] > MAX_PLANES:
        raise _damaged(where, f"{counts[2]} bad pixels or {counts[3]} planes are impossible")
    expected = _file_bytes(*counts)
    if header_bytes != HEADER.size or stated != expected or file_bytes != expected:
        raise _damaged(
            where, f"its geometry needs {expected} bytes, it states {stated} and has {file_bytes}"
        )
    return kind, counts, facts, floats


def _sections(height: int, width: int, bad: int, planes: int) -> tuple:
    return (
        ("gain_q14", "<i2", (height, width)),
        ("offset", "<i2", (height, width)),
        ("noise_q8", "<u2", (height, width)),
        ("bad_pixels", "<i4", (bad, 5)),
        ("defects", "u1", (bad,)),
        ("plane_temp_degc", "<f8", (planes,)),
        ("offset_planes_q2", "<i2", (planes, height, width)),
    )


def _file_bytes(height: int, width: int, bad: int, planes: int) -> int:
    pixels = height * width
    return HEADER.size + 6 * pixels + 21 * bad + planes * (8 + 2 * pixels) + CRC.size


def _damaged(where: str, what: str) -> DataError:
    return DataError(
        f"calibration {where} is damaged: {what};"
        " restore a copy or make it again with `edgeleak nuc`"
    )
