# SPDX-License-Identifier: Apache-2.0
"""What a Writer asks of the disk, in which order, and what a refusal leaves."""

import errno
import os

import numpy as np
import pytest

from edgeleak.errors import StorageError, UnsettledError
from edgeleak.frame import FrameInfo
from edgeleak.recording import Writer, recover, writer
from edgeleak.sources import open_source

SHAPE = (32, 32)


class Disk:
    """Notes the calls; `limit` says how many bytes one chunk may have before the disk is full."""

    def __init__(self, monkeypatch):
        self.calls, self.loose_bytes, self.most_loose = [], 0, 0
        self.limit(None)
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)
        for name in ("fsync", "fdatasync", "replace"):
            monkeypatch.setattr(os, name, self._noting(name, getattr(os, name)))

    def limit(self, room):
        self.room = self.given = room

    def write(self, fd, data):
        if self.room is not None:
            data = data[: self.room]
            if not data:
                self.room = self.given  # the writer cuts back what it wrote
                raise OSError(errno.ENOSPC, "No space left on device")
            self.room -= len(data)
        done = self._write(fd, data)
        self.calls.append("write")
        self.loose_bytes += done
        self.most_loose = max(self.most_loose, self.loose_bytes)
        return done

    def _noting(self, name, call):
        def noted(*given):
            result = call(*given)
            is_folder = name == "fsync" and os.path.isdir(f"/proc/self/fd/{given[0]}")
            self.calls.append("fsync folder" if is_folder else name)
            if name != "replace":
                self.loose_bytes = 0
            return result

        return noted


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch)


def noise(number):
    return np.random.default_rng(number).integers(0, 16384, SHAPE).astype(np.uint16)


def test_close_syncs_the_file_renames_and_syncs_the_folder(tmp_path, disk):
    with Writer(tmp_path / "a.mcap", SHAPE) as made:
        made.write(noise(0), FrameInfo())
    last_write = len(disk.calls) - disk.calls[::-1].index("write")
    assert disk.calls[last_write:] == ["fsync", "replace", "fsync folder"]


def test_a_power_cut_loses_no_more_than_stated(tmp_path, disk, monkeypatch):
    monkeypatch.setattr(writer, "SYNC_BYTES", 20_000)
    with Writer(tmp_path / "a.mcap", SHAPE) as made:
        for i in range(60):
            made.write(noise(i), FrameInfo(i))
    assert disk.calls.count("fdatasync") >= 3
    assert disk.most_loose < 20_000 + 4_000  # a chunk more


def test_a_chunk_written_in_part_is_cut_off_again(tmp_path, disk):
    made = Writer(tmp_path / "a.mcap", SHAPE)
    made.write(noise(0), FrameInfo(0))
    whole = made.part.stat().st_size
    disk.limit(700)
    with pytest.raises(StorageError, match="kept"):
        made.write(noise(1), FrameInfo(1))
    assert made.part.stat().st_size == whole
    disk.limit(None)
    made.close()
    source = open_source(tmp_path / "a.mcap")
    assert sum(1 for _ in source) == 1
    assert source.damage is None


def test_a_folder_that_refuses_its_sync_leaves_a_finished_file_and_says_so(tmp_path, loose_folders):
    made = Writer(tmp_path / "a.mcap", SHAPE)
    made.write(noise(0), FrameInfo(0))
    with pytest.raises(UnsettledError, match=r"a\.mcap: the new.*in place.*copy the") as caught:
        made.close()
    assert made.failure == str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mcap"]
    assert open_source(tmp_path / "a.mcap").damage is None
    assert made.close() == tmp_path / "a.mcap"


@pytest.mark.parametrize("room", [0, 30])
def test_no_room_for_the_end_is_said(tmp_path, disk, room):
    made = Writer(tmp_path / "a.mcap", SHAPE)
    made.write(noise(0), FrameInfo(0))
    disk.limit(room)
    with pytest.raises(StorageError, match=r"no room for its end.*1 frames are kept.*--recover"):
        made.close()
    assert made.failure
    assert made.close() == tmp_path / "a.mcap"
    disk.limit(None)
    assert recover(tmp_path / "a.mcap", tmp_path / "b.mcap") == 1
    assert open_source(tmp_path / "b.mcap").damage is None


def test_room_for_the_end_without_index_is_enough(tmp_path, disk):
    made = Writer(tmp_path / "a.mcap", SHAPE)
    made.write(noise(0), FrameInfo(0))
    disk.limit(60)  # index: hundreds of bytes; end, footer and magic: 50
    made.close()
    source = open_source(tmp_path / "a.mcap")
    assert sum(1 for _ in source) == 1
    assert source.damage is None
