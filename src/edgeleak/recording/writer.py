# SPDX-License-Identifier: Apache-2.0
"""Write recordings that survive a cut at any byte.

One chunk a frame, each handed to the kernel by one write() with its own CRC,
so a reader of the stream gets every frame that was written whole.  The file is
called .part until it is closed: fsync, rename, fsync of the folder.  When the
storage is full the file is cut back to its last whole frame, StorageError is
raised once, and later frames are only counted: measuring goes on.
"""

import contextlib
import json
import os
import struct
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from edgeleak import __version__
from edgeleak.durable import sync_folder, unsettled
from edgeleak.errors import StorageError, UnavailableError, UsageError
from edgeleak.frame import FrameInfo
from edgeleak.kernels import packed_bound
from edgeleak.recording import layout
from edgeleak.recording.log_time import LogTime
from edgeleak.sensor import UNKNOWN, SensorInfo

SYNC_BYTES = 4 << 20  # a power cut loses at most this much (2..3 s at 640x480)
MAX_U64 = (1 << 64) - 1


class Writer:
    """One recording.

    path   : ends in .mcap; `path`.part until close()
    shape  : (H, W) of all frames
    fps    : nominal rate, None unknown
    sensor : decides at replay whether NO GAS may be said
    bits   : 8, 14 or 16
    serial, config, metadata : instrument, its settings, anything else worth keeping
    fast   : quicker, larger compression (bit packing only)
    overwrite : replace a finished recording of that name

    frames_written and frames_lost count; `failure` is the sentence of the
    StorageError, None while all is well.
    """

    def __init__(
        self,
        path: str | Path,
        shape: tuple[int, int],
        fps: float | None = None,
        sensor: SensorInfo = UNKNOWN,
        *,
        bits: int = 14,
        serial: str = "",
        config: dict[str, Any] | None = None,
        metadata: dict[str, str] | None = None,
        fast: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.path = Path(path)
        self.part = self.path.with_name(self.path.name + ".part")
        self.shape = shape
        self.frames_written = 0
        self.frames_lost = 0
        self.failure: str | None = None
        self._fast = fast
        self._scratch = np.empty(packed_bound(*shape), np.uint8)
        self._log_time = LogTime()
        self._early: list[bytes] = []
        self._size = self._synced = 0
        self._index = bytearray()
        self._counts = dict.fromkeys(layout.CHANNEL_IDS.values(), 0)
        self._times = [MAX_U64, 0]
        self._chunks = 0
        facts = self._facts(fps, sensor, bits, serial, config, metadata)
        self._records = import_records()
        self._fd: int | None = self._create(overwrite)
        try:
            self._append(self._head(facts))
        except StorageError:
            with contextlib.suppress(OSError):  # nothing is in it
                self.discard()
            raise

    def _facts(
        self,
        fps: float | None,
        sensor: SensorInfo,
        bits: int,
        serial: str,
        config: dict[str, Any] | None,
        metadata: dict[str, str] | None,
    ) -> dict[str, str]:
        facts = {
            **(metadata or {}),
            "format": "1",
            "edgeleak_version": __version__,
            "height": str(self.shape[0]),
            "width": str(self.shape[1]),
            "bits": str(bits),
            "fps": "" if fps is None else repr(float(fps)),
            "serial": serial,
            "sensor": layout.sensor_to_json(sensor),
            "config": json.dumps(config or {}, sort_keys=True),
            "codec": "ELC1",
        }
        return facts | {layout.CHECK_SUM: layout.description_sum(facts)}

    def _create(self, overwrite: bool) -> int:
        if self.path.exists() and not overwrite:
            raise UsageError(f"{self.path}: exists already; choose another name or say --force")
        if self.part.exists() and not overwrite:
            raise UsageError(
                f"{self.part}: an interrupted recording is there; it can be replayed as it is."
                " Choose another name, or say --force to replace it"
            )
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            return os.open(self.part, flags, 0o644)
        except OSError as error:
            raise StorageError(f"{self.part}: cannot be created ({error.strerror})") from error

    def write(self, pixels: np.ndarray, info: FrameInfo, verdict: Any = None) -> bool:
        """Append one frame and its verdict; False when it was lost.

        pixels : (H, W) uint8 or uint16
        Raises StorageError at the first failure only, UsageError on a wrong shape.
        """
        if pixels.shape != self.shape or pixels.dtype not in (np.uint8, np.uint16):
            raise UsageError(
                f"{self.path.name}: a frame is {self.shape} uint8 or uint16,"
                f" got {pixels.shape} {pixels.dtype}"
            )
        if self._fd is None or self.failure:
            self.frames_lost += 1
            return False
        frame = layout.frame_message(pixels, info, self._scratch, self._fast)
        messages = [(layout.TOPIC_FRAMES, frame)]
        if verdict is not None:
            facts = layout.verdict_facts(verdict, info.sequence)
            messages.append((layout.TOPIC_VERDICTS, json.dumps(facts).encode()))
        try:
            time_ns = self._log_time.of(info)
            self._write_early()
            self._append_chunk(messages, time_ns, info.sequence)
        except StorageError:
            self.frames_lost += 1
            raise
        self.frames_written += 1
        return True

    def event(self, facts: dict[str, Any]) -> bool:
        """Append one event (JSON) with the time of the last frame; False when lost.

        One before the first frame is written with it, since only a frame says what time it is.
        Raises UsageError for one of more than 64 KiB, which no reader would take.
        """
        data = json.dumps(facts, sort_keys=True, default=str).encode()
        if len(data) > layout.MAX_JSON_BYTES:
            raise UsageError(
                f"{self.path.name}: an event of {len(data)} bytes is too long;"
                f" {layout.MAX_JSON_BYTES} are allowed"
            )
        if self._fd is None or self.failure:
            return False
        self._early.append(data)
        if self.frames_written:
            self._write_early()
        return True

    def _write_early(self) -> None:
        """Events that wait, each as a chunk of its own."""
        while self._early:
            event = (layout.TOPIC_EVENTS, self._early.pop(0))
            self._append_chunk([event], self._log_time.now_ns, self._chunks)

    def _append_chunk(self, messages: list[tuple[str, bytes]], time_ns: int, number: int) -> None:
        r = self._records
        inner = r.RecordBuilder()
        indexes = []
        for topic, data in messages:
            channel = layout.CHANNEL_IDS[topic]
            indexes.append(r.MessageIndex(channel, [(time_ns, inner.count)]))
            r.Message(channel, time_ns, data, time_ns, number & 0xFFFFFFFF).write(inner)
        body = inner.end()
        out = r.RecordBuilder()
        r.Chunk("", body, time_ns, time_ns, zlib.crc32(body), len(body)).write(out)
        chunk_bytes, offsets = out.count, {}
        for index in indexes:
            offsets[index.channel_id] = self._size + out.count
            index.write(out)
        data, start = out.end(), self._size
        self._append(data)
        index_bytes = len(data) - chunk_bytes
        entry = r.RecordBuilder()
        r.ChunkIndex(
            chunk_bytes, start, "", len(body), time_ns, index_bytes, offsets, time_ns, len(body)
        ).write(entry)
        self._index += entry.end()
        self._chunks += 1
        self._times = [min(self._times[0], time_ns), max(self._times[1], time_ns)]
        for channel in offsets:
            self._counts[channel] += 1

    def _append(self, data: bytes) -> None:
        """Write all of *data*, or cut back to where it began and raise StorageError."""
        assert self._fd is not None
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
            if self._size + len(data) - self._synced >= SYNC_BYTES:
                os.fdatasync(self._fd)
                self._synced = self._size + len(data)
        except OSError as error:
            self._cut_back()
            self.failure = (
                f"{self.path.name}: recording stopped after {self.frames_written} frames:"
                f" {error.strerror}; what was recorded is kept, free some space"
            )
            raise StorageError(self.failure) from error
        self._size += len(data)

    def _cut_back(self) -> None:
        """Leave only whole chunks; a reader would cope without."""
        assert self._fd is not None
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, self._size)
            os.lseek(self._fd, self._size, os.SEEK_SET)

    def _head(self, facts: dict[str, str]) -> bytes:
        r = self._records
        out = r.RecordBuilder()
        out.write(r.MCAP0_MAGIC)
        r.Header(layout.PROFILE, f"edgeleak {__version__}").write(out)
        self._metadata_at = out.count
        r.Metadata(layout.PROFILE, facts).write(out)
        self._metadata_bytes = out.count - self._metadata_at
        self._describe(out)
        return out.end()

    def _describe(self, out: Any) -> tuple[int, int]:
        """Schemas and channels; returns where each group ends."""
        r = self._records
        schemas = (
            ("edgeleak.Frame", "text", layout.FRAME_SCHEMA),
            ("edgeleak.Verdict", "jsonschema", layout.VERDICT_SCHEMA),
            ("edgeleak.Event", "jsonschema", layout.EVENT_SCHEMA),
        )
        for number, (name, encoding, data) in enumerate(schemas, 1):
            r.Schema(data=data, encoding=encoding, id=number, name=name).write(out)
        middle = out.count
        for topic, number in layout.CHANNEL_IDS.items():
            encoding = "edgeleak.Frame" if topic == layout.TOPIC_FRAMES else "json"
            r.Channel(number, topic, encoding, {}, number).write(out)
        return middle, out.count

    def _tail(self, with_index: bool) -> bytes:
        """Data end, summary and footer."""
        r = self._records
        out = r.RecordBuilder()
        r.DataEnd(0).write(out)
        start = self._size + out.count
        summary = r.RecordBuilder()
        groups = self._summary(summary, start) if with_index else []
        offsets_at = start + summary.count if groups else 0
        for opcode, at, size in groups:
            r.SummaryOffset(opcode, at, size).write(summary)
        body = summary.end()
        begin = start if body else 0
        crc = zlib.crc32(struct.pack("<BQQQ", 2, 20, begin, offsets_at), zlib.crc32(body))
        out.write(body)
        r.Footer(begin, offsets_at, crc).write(out)
        out.write(r.MCAP0_MAGIC)
        return out.end()

    def _summary(self, out: Any, start: int) -> list[tuple[int, int, int]]:
        """Write the summary's groups; returns (opcode, offset, bytes) of each."""
        r = self._records
        schemas_end, channels_end = self._describe(out)
        messages = sum(self._counts.values())
        times = self._times if messages else [0, 0]
        r.Statistics(
            0, len(self._counts), self._counts, self._chunks, messages, times[1], times[0], 1, 3
        ).write(out)
        statistics_end = out.count
        out.write(self._index)
        index_end = out.count
        r.MetadataIndex(self._metadata_at, self._metadata_bytes, layout.PROFILE).write(out)
        ends = (schemas_end, channels_end, statistics_end, index_end, out.count)
        opcodes = (r.Opcode.SCHEMA, r.Opcode.CHANNEL, r.Opcode.STATISTICS, r.Opcode.CHUNK_INDEX)
        groups, begin = [], 0
        for opcode, end in zip((*opcodes, r.Opcode.METADATA_INDEX), ends, strict=True):
            if end > begin:
                groups.append((int(opcode), start + begin, end - begin))
            begin = end
        return groups

    def close(self) -> Path:
        """Finish the file under its own name and return that; harmless when repeated.

        Raises StorageError when the disk refuses: the frames stay in the .part file, or in
        the file itself where only its end did not fit and no earlier failure said so.
        UnsettledError: the file has its own name, and a power cut may take that back.
        """
        if self._fd is None:
            return self.path
        earlier = self.failure
        refused = self._end(with_index=True) and self._end(with_index=False)
        self.failure = earlier
        try:
            os.fsync(self._fd)
            os.close(self._fd)
            self._fd = None
            os.replace(self.part, self.path)
        except OSError as error:
            self._abandon()
            self.failure = (
                f"{self.part}: cannot be finished ({error.strerror}); its frames are kept"
            )
            raise StorageError(self.failure) from error
        self._settle()
        if refused and earlier is None:
            self.failure = (
                f"{self.path}: there was no room for its end; all {self.frames_written} frames are"
                " kept, but it reads as never closed; free some space and copy it with --recover"
            )
            raise StorageError(self.failure) from refused
        return self.path

    def _settle(self) -> None:
        """Make the rename last, or say that it may not."""
        try:
            sync_folder(self.path.parent)
        except OSError as error:
            refusal = unsettled(self.path, error, "copy the recording")
            self.failure = str(refusal)
            raise refusal from error

    def _end(self, *, with_index: bool) -> StorageError | None:
        """Append the tail, or return why not; frames are whole without an index, too."""
        try:
            self._write_early()
            self._append(self._tail(with_index))
        except StorageError as error:
            return error
        return None

    def discard(self) -> None:
        """Give up: the .part goes, a finished file of that name stays."""
        if self._fd is not None:
            self._abandon()
            self.part.unlink(missing_ok=True)

    def _abandon(self) -> None:
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def import_records() -> Any:
    """The mcap package's record classes in one name space."""
    try:
        from mcap import data_stream, opcode, records, writer
    except ImportError as error:
        raise UnavailableError(
            "recording needs the package mcap; install it with `pip install edgeleak[host]`"
        ) from error

    class Records:
        RecordBuilder = data_stream.RecordBuilder
        Opcode = opcode.Opcode
        MCAP0_MAGIC = writer.MCAP0_MAGIC

        def __getattr__(self, name: str) -> Any:
            return getattr(records, name)

    return Records()
