# SPDX-License-Identifier: Apache-2.0
"""Read MCAP records as a stream that never trusts a length.

The mcap package reads from the index at the end, which a cut file lacks, and
believes lengths; this reader needs neither index nor package.  A record that
cannot be right makes it search for the next frame chunk whose CRC fits.  What
is read and then thrown away counts against a budget of a few times the file,
so that no file takes time or memory out of proportion to its size.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from edgeleak.errors import DataError
from edgeleak.recording.layout import FRAME_MAGIC

MAGIC = b"\x89MCAP0\r\n"
RECORD = struct.Struct("<BQ")
CHUNK_HEAD = struct.Struct("<QQQIIQ")  # with an empty compression string
MESSAGE = struct.Struct("<HIQQ")
FOOTER_BYTES = RECORD.size + 20
MAX_RECORD_BYTES = 1 << 26
MAX_METADATA_BYTES = 1 << 20
MAX_DICT_ENTRIES = 10_000
MAX_CHUNK_MESSAGES = 16  # the writer puts two at most into a chunk
MAX_NOTES = 1000
SEARCH_BYTES = (1 << 12, 1 << 20)  # first and largest piece of a search
VAIN_READS = 2  # bytes read in vain, in sizes of the file
# A frame chunk starts with the frame message: the magic stands this far in.
MAGIC_OFFSET = RECORD.size + CHUNK_HEAD.size + RECORD.size + MESSAGE.size

HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE_OP, CHUNK = 1, 2, 3, 4, 5, 6
STATISTICS, METADATA, DATA_END = 0x0B, 0x0C, 0x0F
LAST_OPCODE = 0x0F


Messages = list[tuple[int, memoryview]]


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the data section, where the next one starts, the messages of a chunk."""

    opcode: int
    body: bytes
    end: int
    messages: Messages = field(default_factory=list)


class RecordStream:
    """Records of a file; `damage` collects what had to be skipped."""

    def __init__(self, file: BinaryIO, size_bytes: int) -> None:
        self._file = file
        self._size = size_bytes
        self._vain_bytes_left = VAIN_READS * size_bytes + MAX_RECORD_BYTES
        self.damage: list[str] = []
        self.is_closed = False

    def check_magic(self, path: Path) -> None:
        """DataError when this is no MCAP file at all."""
        self._file.seek(0)
        head = self._file.read(len(MAGIC))
        if head != MAGIC:
            raise DataError(f"{path}: does not start like an MCAP recording; name another file")

    def __iter__(self) -> Iterator[Record]:
        at = len(MAGIC)
        while at < self._size:
            record = self._record_at(at)
            if record is None:
                found = self._next_chunk(at + 1)
                self._lost(at, found)
                if found is None:
                    return
                record = found
            if record.opcode == DATA_END:
                self.is_closed = self._ends_well()
                return
            yield record
            at = record.end

    def _record_at(self, at: int) -> Record | None:
        """The whole record there; None when there is none, or a chunk that is damaged."""
        self._file.seek(at)
        head = self._file.read(RECORD.size)
        if len(head) < RECORD.size:
            return None
        opcode, length = RECORD.unpack(head)
        end = at + RECORD.size + length
        if not 1 <= opcode <= LAST_OPCODE or length > MAX_RECORD_BYTES or end > self._size:
            return None
        if opcode == CHUNK and not self._is_worth_reading(length):
            return None
        body = self._file.read(length)
        if len(body) != length:
            return None
        messages = chunk_messages(body) if opcode == CHUNK else []
        if messages is None:
            self._vain_bytes_left -= length
            return None
        return Record(opcode, body, end, messages)

    def _is_worth_reading(self, length: int) -> bool:
        return length >= CHUNK_HEAD.size and length <= self._vain_bytes_left

    def _lost(self, at: int, found: Record | None) -> None:
        if len(self.damage) >= MAX_NOTES:
            return
        if found is not None:
            lost = found.end - RECORD.size - len(found.body) - at
            self.damage.append(f"{lost} bytes from byte {at} on are damaged and were skipped")
        elif self._vain_bytes_left < MAX_RECORD_BYTES:
            self.damage.append(f"too much is damaged from byte {at} on; the rest was not read")
        else:
            self.damage.append(f"it ends inside a record at byte {at}")

    def _next_chunk(self, start: int) -> Record | None:
        """The next whole frame chunk at or behind *start*."""
        at, (piece, largest) = start, SEARCH_BYTES
        while at < self._size:
            self._file.seek(at)
            window = self._file.read(piece + MAGIC_OFFSET + len(FRAME_MAGIC))
            place = window.find(FRAME_MAGIC, MAGIC_OFFSET)
            while place >= 0:
                if looks_like_chunk(window, place - MAGIC_OFFSET):
                    record = self._record_at(at + place - MAGIC_OFFSET)
                    if record is not None:
                        return record
                place = window.find(FRAME_MAGIC, place + 1)
            at += piece
            piece = min(4 * piece, largest)
        return None

    def _ends_well(self) -> bool:
        self._file.seek(max(self._size - len(MAGIC), 0))
        return self._file.read() == MAGIC

    def claimed_messages(self, channel_id: int) -> int | None:
        """Message count of the summary, for progress bars; None when there is none."""
        self._file.seek(max(self._size - FOOTER_BYTES - len(MAGIC), 0))
        tail = self._file.read()
        if len(tail) < FOOTER_BYTES or not tail.endswith(MAGIC) or tail[0] != FOOTER:
            return None
        at = struct.unpack_from("<Q", tail, RECORD.size)[0]
        while 0 < at < self._size:
            record = self._record_at(at)
            if record is None:
                return None
            if record.opcode == STATISTICS:
                return read_counts(record.body).get(channel_id)
            at = record.end
        return None


def looks_like_chunk(window: bytes, at: int) -> bool:
    """Do the heads of a chunk and of its first message, before the magic there, fit together?"""
    opcode, length = RECORD.unpack_from(window, at)
    if opcode != CHUNK:
        return False
    _, _, size, _, name_bytes, stored = CHUNK_HEAD.unpack_from(window, at + RECORD.size)
    inner, message = RECORD.unpack_from(window, at + RECORD.size + CHUNK_HEAD.size)
    is_whole = size == stored == length - CHUNK_HEAD.size and not name_bytes
    return is_whole and inner == MESSAGE_OP and MESSAGE.size < message <= size - RECORD.size


def chunk_messages(body: bytes) -> Messages | None:
    """(channel, message data) of an uncompressed chunk; None when it is damaged.

    The data are views of *body*.  More messages than any writer makes count as damage.
    """
    if len(body) < CHUNK_HEAD.size:
        return None
    _, _, size, crc, name_bytes, stored = CHUNK_HEAD.unpack_from(body)
    records = memoryview(body)[CHUNK_HEAD.size :]
    if name_bytes or not size == stored == len(records) or zlib.crc32(records) != crc:
        return None
    messages: Messages = []
    at = 0
    while at < len(records):
        if at + RECORD.size > len(records) or len(messages) > MAX_CHUNK_MESSAGES:
            return None
        opcode, length = RECORD.unpack_from(records, at)
        start, at = at + RECORD.size, at + RECORD.size + length
        if at > len(records):
            return None
        if opcode == MESSAGE_OP and length >= MESSAGE.size:
            channel = MESSAGE.unpack_from(records, start)[0]
            messages.append((channel, records[start + MESSAGE.size : at]))
    return messages


def read_text(data: bytes, at: int) -> tuple[str, int]:
    """(text, offset behind it) of a length-prefixed string; DataError when it does not fit."""
    if at + 4 > len(data):
        raise DataError("a text ends early")
    size = int.from_bytes(data[at : at + 4], "little")
    if at + 4 + size > len(data):
        raise DataError("a text is longer than its record")
    return data[at + 4 : at + 4 + size].decode("utf-8", "replace"), at + 4 + size


def read_metadata(body: bytes) -> tuple[str, dict[str, str]]:
    """(name, entries) of a metadata record; DataError when it is damaged or huge."""
    if len(body) > MAX_METADATA_BYTES:
        raise DataError(f"a description of {len(body)} bytes is larger than any writer makes")
    name, at = read_text(body, 0)
    entries: dict[str, str] = {}
    at += 4
    while at < len(body) and len(entries) < MAX_DICT_ENTRIES:
        key, at = read_text(body, at)
        entries[key], at = read_text(body, at)
    return name, entries


def read_counts(body: bytes) -> dict[int, int]:
    """Messages a channel of a statistics record."""
    pairs = body[struct.calcsize("<QHIIIIQQI") :]
    whole = len(pairs) // 10 * 10
    return dict(struct.iter_unpack("<HQ", pairs[:whole]))
