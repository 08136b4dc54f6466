# SPDX-License-Identifier: Apache-2.0
"""Our own recordings as a Source: the same bytes and facts as live.

Also reads .part files and files cut at any byte; needs no package.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgeleak.errors import DataError
from edgeleak.frame import FrameInfo
from edgeleak.recording import layout, records
from edgeleak.recording.records import Messages, RecordStream
from edgeleak.sensor import UNKNOWN
from edgeleak.sources.source import Frame, OpenOptions, Source, check_shape

FRAMES = layout.CHANNEL_IDS[layout.TOPIC_FRAMES]
VERDICTS = layout.CHANNEL_IDS[layout.TOPIC_VERDICTS]
EVENTS = layout.CHANNEL_IDS[layout.TOPIC_EVENTS]
MAX_EVENTS = 100_000
MAX_EVENTS_BYTES = 1 << 23


class RecordingSource(Source):
    """Frames of a recording.

    metadata : what the writer noted (serial, config, versions), all text
    verdict  : verdict recorded with the current frame as a dict, or None
    events   : events met so far, dicts
    """

    def __init__(self, path: Path, options: OpenOptions) -> None:
        super().__init__(path, options)
        self.metadata: dict[str, str] = {}
        self.verdict: dict[str, Any] | None = None
        self.events: list[dict[str, Any]] = []
        self._events_bytes = 0
        with path.open("rb") as file:
            stream = RecordStream(file, os.fstat(file.fileno()).st_size)
            stream.check_magic(path)
            self.shape = self._read_head(stream)
            self.n_frames = stream.claimed_messages(FRAMES)
        self._apply_metadata()

    def _read_head(self, stream: RecordStream) -> tuple[int, int]:
        """Metadata up to the first frame; that frame says the shape."""
        is_ours = False
        for record in stream:
            if record.opcode == records.HEADER:
                with contextlib.suppress(DataError):
                    is_ours = records.read_text(record.body, 0)[0] == layout.PROFILE
            elif record.opcode == records.METADATA:
                with contextlib.suppress(DataError):
                    name, entries = records.read_metadata(record.body)
                    self.metadata = entries if name == layout.PROFILE else self.metadata
            elif record.opcode == records.CHUNK:
                for channel, data in record.messages:
                    if channel == FRAMES and data[:4] == layout.FRAME_MAGIC:
                        return check_shape(layout.blob_shape(data), f"{self.path}: first frame")
        if not is_ours and not self.metadata:
            raise DataError(
                f"{self.path}: an MCAP file, but not an EdgeLeak recording: no frames on /frames"
            )
        raise DataError(f"{self.path}: the recording holds no whole frame")

    def _apply_metadata(self) -> None:
        facts = self.metadata
        if not facts or not layout.is_whole_description(facts):
            self._note_damage(
                "the description is damaged; sensor and rate are unknown, say --sensor and --fps"
            )
            facts = self.metadata = {}
        with contextlib.suppress(ValueError):
            fps = float(facts.get("fps", ""))
            if self.options.fps is None and 0 < fps <= 1e5:
                self.fps = fps
        if self.options.sensor is None:
            self.sensor = layout.sensor_from_json(facts["sensor"]) if "sensor" in facts else UNKNOWN
        self.bits = {"8": 8, "14": 14}.get(facts.get("bits", ""), 16)

    def _read(self) -> Iterator[Frame]:
        self.events, self._events_bytes = [], 0
        with self.path.open("rb") as file:
            stream = RecordStream(file, os.fstat(file.fileno()).st_size)
            counts = np.empty(self.shape, np.uint16)
            for record in stream:
                if record.opcode == records.CHUNK:
                    yield from self._frames_of(record.messages, counts)
                self._note_skipped(stream)
            self._note_skipped(stream)
            if not stream.is_closed and not stream.damage:
                self._note_damage("it was never closed (power cut, or it is still being written)")

    def _note_skipped(self, stream: RecordStream) -> None:
        if stream.damage:
            self._note_damage("; ".join(stream.damage[:3]))

    def _frames_of(self, messages: Messages, counts: np.ndarray) -> Iterator[Frame]:
        frame: memoryview | None = None
        self.verdict = None
        for channel, data in messages:
            if channel == FRAMES:
                frame = data
            elif channel == VERDICTS:
                self.verdict = read_json(data)
            elif channel == EVENTS:
                self._take_event(data)
        if frame is None:
            return
        try:
            decoded = layout.read_frame(frame, counts)
        except DataError as error:
            self._note_damage(f"a frame was skipped: {error}")
            return
        yield decoded

    def _take_event(self, data: memoryview) -> None:
        """Keep an event; memory is bounded however many there are."""
        facts = read_json(data)
        self._events_bytes += len(data)
        if len(self.events) >= MAX_EVENTS or self._events_bytes > MAX_EVENTS_BYTES:
            self.warn(f"{self.name}: more events than are kept; the later ones were left out")
        elif facts is not None:
            self.events.append(facts)

    def _in_range(self, pixels: np.ndarray, info: FrameInfo) -> Frame:
        """Exactly what was recorded."""
        return pixels, info


def read_json(data: layout.Buffer) -> dict[str, Any] | None:
    """A JSON object of at most MAX_JSON_BYTES, None for anything else."""
    if len(data) > layout.MAX_JSON_BYTES:
        return None
    try:
        facts = json.loads(bytes(data))
    except (ValueError, RecursionError):
        return None
    return facts if isinstance(facts, dict) else None
