# SPDX-License-Identifier: Apache-2.0
"""Nothing that was written is lost, wherever the power is cut."""

import errno
import json
import os

import pytest

from edgeleak.errors import DataError, MissingInputError, StorageError
from edgeleak.events import journal as journals
from edgeleak.events.event import SCHEMA
from edgeleak.events.journal import Journal, read


def record(key, state, **more):
    return {"schema": SCHEMA, "id": key, "state": state, "thumbnails": {}, **more}


def test_the_newest_line_of_an_id_is_the_leak(tmp_path):
    journal = Journal(tmp_path / "events.jsonl", "run-a")
    journal.append(record("1", "confirmed", thumbnails={"confirmed": "AAAA"}))
    journal.append(record("2", "confirmed"))
    journal.append(record("1", "ended"))
    Journal(tmp_path / "events.jsonl", "run-b").append(record("1", "confirmed"))
    found = read(tmp_path / "events.jsonl")
    assert [(e["run"], e["id"], e["state"]) for e in found.events] == [
        ("run-a", "1", "ended"), ("run-a", "2", "confirmed"), ("run-b", "1", "confirmed"),
    ]  # fmt: skip
    assert found.events[0]["thumbnails"] == {"confirmed": "AAAA"}
    assert (found.records, found.damaged) == (4, 0)


def test_a_cut_at_any_byte_keeps_every_whole_line_and_the_next_run_goes_on(tmp_path):
    whole = tmp_path / "whole.jsonl"
    journal = Journal(whole, "a")
    for number in range(3):
        journal.append(record(str(number), "confirmed"))
    data = whole.read_bytes()
    ends = [at + 1 for at, byte in enumerate(data) if byte == 10]
    for cut in range(len(data) + 1):
        path = tmp_path / "cut.jsonl"
        path.write_bytes(data[:cut])
        Journal(path, "b").append(record("x", "confirmed"))
        found = read(path)
        lines = sum(end <= cut for end in ends)
        is_line_without_end = cut + 1 in ends  # only the line end was cut: the record is whole
        assert found.records == lines + is_line_without_end + 1
        assert found.events[-1]["id"] == "x"


def test_a_record_is_synced_before_it_is_reported_and_so_is_a_new_file(tmp_path, monkeypatch):
    calls = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append(os.readlink(f"/proc/self/fd/{fd}")),
                                                 real(fd))[1])  # fmt: skip
    journal = Journal(tmp_path / "events.jsonl", "a")
    journal.append(record("1", "confirmed"))
    assert calls == [str(tmp_path), str(tmp_path / "events.jsonl")]
    journal.append(record("1", "ended"))
    assert calls[2:] == [str(tmp_path / "events.jsonl")]


def test_nothing_is_reported_as_written_until_the_name_of_the_file_lasts(tmp_path, loose_folders):
    path = tmp_path / "events.jsonl"
    for _ in range(2):  # the second one finds the file
        with pytest.raises(StorageError, match="not written"):
            Journal(path, "a").append(record("1", "confirmed"))
    assert path.read_bytes() == b""


def test_a_full_disk_leaves_the_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "events.jsonl"
    journal = Journal(path, "a")
    journal.append(record("1", "confirmed"))
    before, real = path.read_bytes(), os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[: len(data) // 2]))
    with pytest.raises(StorageError, match="free some space") as caught:
        journal.append(record("2", "confirmed"))
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert path.read_bytes() == before


def test_an_old_journal_makes_room(tmp_path, monkeypatch):
    monkeypatch.setattr(journals, "ROTATE_BYTES", 300)
    journal = Journal(tmp_path / "events.jsonl", "a")
    for number in range(6):
        journal.append(record(str(number), "ended"))
    assert (tmp_path / "events.jsonl").stat().st_size <= 300
    assert read(tmp_path / "events.jsonl").events[-1]["id"] == "5"
    assert read(tmp_path / "events.jsonl.1").events


def test_other_files_are_refused(tmp_path):
    with pytest.raises(MissingInputError):
        read(tmp_path / "none.jsonl")
    (tmp_path / "other.jsonl").write_text(json.dumps({"id": "1"}) + "\n[[[\n")
    with pytest.raises(DataError, match="holds no event"):
        read(tmp_path / "other.jsonl")
