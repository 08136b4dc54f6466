# SPDX-License-Identifier: Apache-2.0
"""Members of a ZIP archive that lost its directory, which stands at the end.

Every member starts with a header of its own, so what lies before the cut can
still be read.  Offers the part of zipfile.ZipFile that arrays.py uses.
"""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from edgeleak.errors import DataError

LOCAL_HEADER = struct.Struct("<4sHHHHHIIIHH")
SIGNATURE = b"PK\x03\x04"
HAS_DESCRIPTOR = 8  # flag bit: sizes follow the data, so the next member cannot be found
IN_EXTRA = 0xFFFFFFFF
ZIP64 = 1
STORED, DEFLATED = 0, 8
PIECE_BYTES = 1 << 16
MAX_MEMBERS = 10_000


@dataclass(frozen=True, slots=True)
class Member:
    """What a local header says; sizes are claims."""

    filename: str
    compress_type: int
    compress_size: int
    file_size: int
    offset: int


class CutZip:
    """Members found by walking local headers from the start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._members: dict[str, Member] = {}
        with path.open("rb") as file:
            at = 0
            while len(self._members) < MAX_MEMBERS:
                member = read_member(file, at)
                if member is None:
                    return
                self._members.setdefault(member.filename, member)
                at = member.offset + member.compress_size

    def infolist(self) -> list[Member]:
        """All members whose header is whole."""
        return list(self._members.values())

    def open(self, which: Member | str) -> "MemberStream":
        """Bytes of one member; reading ends where the file does."""
        member = self._members[which if isinstance(which, str) else which.filename]
        file = self._path.open("rb")
        file.seek(member.offset)
        return MemberStream(file, member)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass


class MemberStream:
    """read(), tell() and close() of one member, a piece at a time."""

    def __init__(self, file: IO[bytes], member: Member) -> None:
        self._file = file
        self._left = member.compress_size
        self._inflate = zlib.decompressobj(-15) if member.compress_type == DEFLATED else None
        self._ready = b""
        self._told = 0

    def read(self, size: int) -> bytes:
        """Up to *size* bytes; fewer only at the end."""
        out = bytearray()
        while len(out) < size:
            piece = self._next(size - len(out))
            if not piece:
                break
            out += piece
        self._told += len(out)
        return bytes(out)

    def _next(self, size: int) -> bytes:
        if self._inflate is None:
            return self._raw(size)
        if self._inflate.eof:
            return b""
        while True:
            raw = self._inflate.unconsumed_tail or self._raw(PIECE_BYTES)
            found = self._inflate.decompress(raw, size)
            if found or not raw:
                return found

    def _raw(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left, PIECE_BYTES))
        self._left -= len(data)
        return data

    def tell(self) -> int:
        """Bytes given so far."""
        return self._told

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_member(file: IO[bytes], at: int) -> Member | None:
    """The member whose header stands at *at*, None when there is none."""
    file.seek(at)
    head = file.read(LOCAL_HEADER.size)
    if len(head) < LOCAL_HEADER.size or not head.startswith(SIGNATURE):
        return None
    _, _, flags, method, _, _, _, packed, size, name_bytes, extra_bytes = LOCAL_HEADER.unpack(head)
    name, extra = file.read(name_bytes), file.read(extra_bytes)
    if len(name) < name_bytes or len(extra) < extra_bytes or flags & HAS_DESCRIPTOR:
        return None
    if IN_EXTRA in (packed, size):
        sizes = zip64_sizes(extra)
        if sizes is None:
            return None
        size, packed = sizes
    offset = at + LOCAL_HEADER.size + name_bytes + extra_bytes
    return Member(name.decode("utf-8", "replace"), method, packed, size, offset)


def zip64_sizes(extra: bytes) -> tuple[int, int] | None:
    """(size, packed size) of the 64-bit extra field."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == ZIP64 and length >= 16 and at + 20 <= len(extra):
            return struct.unpack_from("<QQ", extra, at + 4)
        at += 4 + length
    return None


def open_cut(path: Path) -> CutZip:
    """CutZip, or DataError when not one member can be found."""
    archive = CutZip(path)
    if not archive.infolist():
        raise DataError(f"{path}: the archive has no directory: it was cut; copy it again")
    return archive
