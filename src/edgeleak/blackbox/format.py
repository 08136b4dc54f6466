# SPDX-License-Identifier: Apache-2.0
"""The file of `sim/native/blackbox.h`, read.

A damaged or cut file gives every whole record: behind damage the reader goes on at the next
record whose check sum is right.  Files packed with gzip or xz are read as they are.
"""

import gzip
import lzma
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from edgeleak.errors import DataError, MissingInputError, StorageError

MAGIC = b"ELBLKBX1"
HEAD = struct.Struct("=4sIHHIQQIiIIII")
RECORD_MAGIC = b"ELBK"
CHECKED_FROM = 8
MOST_BYTES = 64 << 20
GZIP, XZ = b"\x1f\x8b", b"\xfd7zXZ\x00"


class Kind(IntEnum):
    """What a record is."""

    BUS = 1
    MARK = 2
    LOST = 3
    END = 4


class Mark(IntEnum):
    """What the program itself wrote between its transactions."""

    META = 1
    BEGIN = 2
    TENURE = 3
    DONE = 4
    LINE = 5
    PAINT = 6
    CASE = 7
    OVER = 8


@dataclass(frozen=True, slots=True)
class Record:
    """One record; `asked` and `answered` are views of the file.

    begin_ns : CLOCK_MONOTONIC of the call
    code     : ioctl request, open flags; of LOST the number of records
    result   : as the kernel returns it, -errno below 0
    who      : descriptor's identity
    """

    kind: int
    op: int
    thread: int
    begin_ns: int
    code: int
    took_ns: int
    result: int
    who: int
    want: int
    asked: bytes | memoryview
    answered: bytes | memoryview

    def encode(self) -> bytes:
        """As in the file."""
        body = HEAD.pack(RECORD_MAGIC, 0, self.kind, self.op, self.thread, self.begin_ns,
                         self.code, self.took_ns, self.result, self.who, self.want,
                         len(self.asked), len(self.answered))[CHECKED_FROM:]  # fmt: skip
        body += bytes(self.asked) + bytes(self.answered)
        made = RECORD_MAGIC + zlib.crc32(body).to_bytes(4, "little") + body
        return made + bytes(-len(made) % 8)


@dataclass(slots=True)
class Recording:
    """All whole records of a file, or of the files of a ring.

    lost      : records that the program could not store, by its own count
    damaged   : bytes that belong to no whole record
    is_closed : the program ended it; otherwise it was cut
    """

    records: list[Record] = field(default_factory=list)
    lost: int = 0
    damaged: int = 0
    is_closed: bool = False
    bytes: int = 0

    def marks(self, number: Mark) -> list[Record]:
        """Records of the program itself."""
        return [one for one in self.records if one.kind == Kind.MARK and one.op == number]


def files(path: Path) -> list[Path]:
    """The file, or the parts of a ring; MissingInputError when there is none."""
    if path.is_file():
        return [path]
    parts = sorted(path.parent.glob(path.name + ".[0-9]*"))
    if not parts:
        raise MissingInputError(f"{path}: no such recording; make one with edgeleak blackbox"
                                " record")  # fmt: skip
    return parts


def read(path: Path) -> Recording:
    """Every whole record; DataError when the file is none of ours."""
    found = Recording()
    for part in files(path):
        data = _unpacked(part)
        if data[: len(MAGIC)] != MAGIC:
            raise DataError(f"{part}: no black box recording (it begins with"
                            f" {bytes(data[:8])!r})")  # fmt: skip
        found.bytes += len(data)
        found.is_closed = False
        for record in _records(memoryview(data), found):
            if record.kind == Kind.LOST:
                found.lost += record.code
            found.is_closed = record.kind == Kind.END
            found.records.append(record)
    return found


def write(path: Path, records: list[Record]) -> int:
    """A packed file of these records; its size in bytes."""
    data = MAGIC + b"".join(one.encode() for one in records)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}; choose another place") from error
    return path.stat().st_size


def _unpacked(path: Path) -> bytes:
    """The plain bytes; of a packed file that is cut, those that can be had."""
    data = path.read_bytes()
    if data.startswith(GZIP):
        return _as_far(zlib.decompressobj(31), data)
    if data.startswith(XZ):
        return _as_far(lzma.LZMADecompressor(), data)
    return data


def _as_far(unpacker: "zlib._Decompress | lzma.LZMADecompressor", data: bytes) -> bytes:
    out = bytearray()
    for at in range(0, len(data), 1 << 16):
        try:
            out += unpacker.decompress(data[at : at + (1 << 16)])
        except (EOFError, lzma.LZMAError, zlib.error):
            break
    return bytes(out)


def _records(data: memoryview, found: Recording) -> Iterator[Record]:
    at = len(MAGIC)
    whole = data.obj
    while at < len(data):
        record, size = _record(data, at)
        if record is not None:
            yield record
            at += size
            continue
        following = whole.find(RECORD_MAGIC, at + 1)  # type: ignore[attr-defined]
        found.damaged += (following if following >= 0 else len(data)) - at
        if following < 0:
            return
        at = following


def _record(data: memoryview, at: int) -> tuple[Record | None, int]:
    """The record at a place and its size with padding; None when it is not whole."""
    if at + HEAD.size > len(data):
        return None, 0
    magic, crc, kind, op, thread, begin_ns, code, took_ns, result, who, want, asked, answered = (
        HEAD.unpack_from(data, at)
    )
    body = at + HEAD.size
    end = body + asked + answered
    if magic != RECORD_MAGIC or end > len(data) or end - at > MOST_BYTES:
        return None, 0
    if zlib.crc32(data[at + CHECKED_FROM : end]) != crc:
        return None, 0
    made = Record(kind, op, thread, begin_ns, code, took_ns, result, who, want,
                  data[body : body + asked], data[body + asked : end])  # fmt: skip
    return made, (end - at + 7) & ~7


def pack(path: Path) -> Path:
    """The recording as PATH.gz beside it; the plain file stays."""
    target = path.with_name(path.name + ".gz")
    with path.open("rb") as plain, gzip.open(target, "wb", compresslevel=6) as packed:
        while data := plain.read(1 << 20):
            packed.write(data)
    return target
