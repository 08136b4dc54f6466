# SPDX-License-Identifier: Apache-2.0
"""The file: whole records of whatever is left of it."""

import gzip
import random

import pytest

from edgeleak.blackbox import format as box
from edgeleak.blackbox.format import HEAD, MAGIC, Kind, Mark, Record
from edgeleak.errors import DataError, MissingInputError


def some(count=20):
    return [Record(Kind.BUS, 2, 7, 1000 * i, 0x0707, 5, -i % 3, 9, 1, bytes(range(i)), b"x" * i)
            for i in range(count)]  # fmt: skip


def plain(records):
    return MAGIC + b"".join(one.encode() for one in records)


def same(found, records):
    return [one.encode() for one in found] == [one.encode() for one in records]


def test_records_come_back(tmp_path):
    path = tmp_path / "a.elbb"
    path.write_bytes(plain(some()))
    found = box.read(path)
    assert same(found.records, some())
    assert (found.lost, found.damaged, found.is_closed) == (0, 0, False)


@pytest.mark.parametrize("how", ["xz", "gz"])
def test_packed_files_are_the_same(tmp_path, how):
    path = tmp_path / "a.elbb"
    path.write_bytes(plain(some()))
    if how == "xz":
        box.write(path, some())
    else:
        path = box.pack(path)
    assert same(box.read(path).records, some())


def test_a_cut_at_any_byte_keeps_every_whole_record(tmp_path):
    whole, path = plain(some(6)), tmp_path / "a.elbb"
    ends = [len(plain(some(n))) for n in range(7)]
    for at in range(len(MAGIC), len(whole)):
        path.write_bytes(whole[:at])
        found = box.read(path)
        expected = sum(end <= at + 7 for end in ends[1:])  # padding is no part of a record
        assert abs(len(found.records) - expected) <= 1
        assert len(found.records) >= sum(end <= at for end in ends[1:])
        assert same(found.records, some(6)[: len(found.records)])


def test_a_cut_packed_file_gives_its_beginning(tmp_path):
    path = tmp_path / "a.elbb"
    data = gzip.compress(plain([*some(), *some()]) + random.Random(1).randbytes(200_000))
    path.write_bytes(data[: len(data) // 2])
    assert same(box.read(path).records[:40], [*some(), *some()])


def test_one_damaged_byte_costs_one_record(tmp_path):
    path = tmp_path / "a.elbb"
    records = some()
    for at in range(len(MAGIC), len(plain(records)), 37):
        data = bytearray(plain(records))
        data[at] ^= 0x41
        path.write_bytes(data)
        found = box.read(path)
        assert len(found.records) >= len(records) - 1
        assert (found.damaged > 0) == (len(found.records) < len(records))


def test_what_was_lost_is_counted_and_the_end_is_known(tmp_path):
    path = tmp_path / "a.elbb"
    lost = Record(Kind.LOST, 0, 0, 5, 17, 0, -28, 0, 0, b"", b"")
    end = Record(Kind.END, 0, 0, 9, 0, 0, 0, 0, 0, b"", b"")
    path.write_bytes(plain([*some(3), lost, *some(2), end]))
    found = box.read(path)
    assert (found.lost, found.is_closed) == (17, True)


def test_parts_of_a_ring_are_one_recording(tmp_path):
    for number, records in ((0, some(3)), (4, some(5)), (5, some(2))):
        (tmp_path / f"a.elbb.{number:05d}").write_bytes(plain(records))
    assert same(box.read(tmp_path / "a.elbb").records, [*some(3), *some(5), *some(2)])


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "a.elbb"
    with pytest.raises(MissingInputError, match="no such recording"):
        box.read(path)
    path.write_bytes(b"MCAP" * 10)
    with pytest.raises(DataError, match="no black box recording"):
        box.read(path)


def test_hostile_sizes_allocate_nothing(tmp_path):
    path = tmp_path / "a.elbb"
    head = HEAD.pack(b"ELBK", 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0xFFFFFFFF, 0xFFFFFFFF)
    path.write_bytes(MAGIC + head + plain(some(2))[len(MAGIC) :])
    assert same(box.read(path).records, some(2))


def test_marks_by_number():
    meta = Record(Kind.MARK, Mark.META, 1, 1, 0, 0, 0, 0, 0, b"m", b"")
    assert box.Recording([*some(2), meta]).marks(Mark.META) == [meta]
