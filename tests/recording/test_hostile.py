# SPDX-License-Identifier: Apache-2.0
"""Recordings made to harm: time and memory stay in proportion to the file."""

import struct
import time
import tracemalloc
import zlib

import numpy as np
import pytest

from edgeleak.errors import DataError, UsageError
from edgeleak.frame import FrameInfo
from edgeleak.kernels import packed_bound
from edgeleak.recording import Writer, layout, records
from edgeleak.sources import open_source

SHAPE = (8, 8)


def frame_message():
    scratch = np.empty(packed_bound(*SHAPE), np.uint8)
    return layout.frame_message(np.zeros(SHAPE, np.uint16), FrameInfo(), scratch, False)


def message(channel, data):
    return records.RECORD.pack(5, len(data) + 22) + struct.pack("<HIQQ", channel, 0, 0, 0) + data


def chunk(body, crc=None):
    crc = zlib.crc32(body) if crc is None else crc
    head = records.CHUNK_HEAD.pack(0, 0, len(body), crc, 0, len(body))
    return records.RECORD.pack(6, len(head) + len(body)) + head + body


def write(path, *parts):
    path.write_bytes(b"".join((records.MAGIC, *parts)))
    return path


def fake_heads(size, step):
    """Heads of chunks that all end with the file and whose check sums fail."""
    data = bytearray(size)
    for at in range(8, size - 200, step):
        inner = size - at - 49
        head = records.RECORD.pack(6, inner + 40)
        head += records.CHUNK_HEAD.pack(0, 0, inner, 1, 0, inner)
        head += records.RECORD.pack(5, 30) + struct.pack("<HIQQ", 1, 0, 0, 0) + b"ELF1"
        data[at : at + len(head)] = head
    data[:8] = records.MAGIC
    return bytes(data)


class CountingFile:
    """How much of a file is read."""

    def __init__(self, file):
        self._file, self.bytes_read = file, 0

    def seek(self, at):
        return self._file.seek(at)

    def read(self, size=-1):
        data = self._file.read(size)
        self.bytes_read += len(data)
        return data


def bytes_read(path):
    with path.open("rb") as file:
        counting = CountingFile(file)
        for _ in records.RecordStream(counting, path.stat().st_size):
            pass
    return counting.bytes_read


@pytest.mark.parametrize("step", [90, 1000])
def test_overlapping_fake_chunks_cost_no_more_than_a_few_files(tmp_path, step, monkeypatch):
    monkeypatch.setattr(records, "MAX_RECORD_BYTES", 1 << 20)
    path = tmp_path / "fake.mcap"
    path.write_bytes(fake_heads(900_000, step))
    assert bytes_read(path) < 6 * 900_000 + 2 * records.MAX_RECORD_BYTES
    began = time.perf_counter()
    with pytest.raises(DataError):
        open_source(path)
    assert time.perf_counter() - began < 5


def test_garbage_behind_every_chunk_costs_a_small_search_each(tmp_path):
    one = chunk(message(1, frame_message())) + b"\xff"
    path = write(tmp_path / "gaps.mcap", *[one] * 500)
    assert bytes_read(path) < 40 * path.stat().st_size
    assert sum(1 for _ in open_source(path)) == 500


def test_a_small_chunk_before_every_huge_fake_one_is_not_read_each_time(tmp_path):
    size, good, parts = 2_000_000, chunk(message(1, frame_message())), []
    at = 8
    while at < size // 2:
        at += len(good)
        length = size - at - 9
        fake = records.RECORD.pack(6, length) + records.CHUNK_HEAD.pack(
            0, 0, length - 40, 1, 0, length - 40
        )
        parts += [good, fake]
        at += len(fake)
    path = write(tmp_path / "pairs.mcap", *parts, bytes(size - at))
    assert bytes_read(path) < 100 * size  # 900 of these pairs once read 1.8 GB
    assert next(iter(open_source(path)))[0].shape == SHAPE


def test_a_huge_event_is_left_out(tmp_path):
    event = b'{"a":[' + b"{}," * 300_000 + b"{}]}"
    path = write(tmp_path / "event.mcap", chunk(message(1, frame_message()) + message(3, event)))
    tracemalloc.start()
    source = open_source(path)
    assert sum(1 for _ in source) == 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert source.events == []
    assert peak < 5 * len(event)


def test_many_events_are_bounded_together(tmp_path, monkeypatch):
    from edgeleak.recording import reader

    monkeypatch.setattr(reader, "MAX_EVENTS_BYTES", 100)
    with Writer(tmp_path / "many.mcap", SHAPE) as writer:
        writer.write(np.zeros(SHAPE, np.uint16), FrameInfo())
        for _ in range(10):
            writer.event({"text": "twenty characters"})
    source = open_source(tmp_path / "many.mcap")
    for _ in range(2):  # counted anew each time
        assert sum(1 for _ in source) == 1
        assert len(source.events) == 3
    assert "more events" in source.warnings[0]


def test_a_chunk_of_countless_messages_is_damage(tmp_path):
    body = message(1, frame_message()) + message(9, b"") * 200_000
    path = write(tmp_path / "tiny.mcap", chunk(message(1, frame_message())), chunk(body))
    tracemalloc.start()
    source = open_source(path)
    assert sum(1 for _ in source) == 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert source.damage is not None
    assert peak < 3 * len(body)


def test_writer_refuses_an_event_that_no_reader_takes(tmp_path):
    with Writer(tmp_path / "a.mcap", SHAPE) as writer:
        writer.write(np.zeros(SHAPE, np.uint16), FrameInfo())
        with pytest.raises(UsageError, match="too long"):
            writer.event({"text": "x" * (1 << 16)})
        assert writer.event({"text": "x" * 60_000})
    source = open_source(tmp_path / "a.mcap")
    assert sum(1 for _ in source) == 1
    assert len(source.events) == 1
