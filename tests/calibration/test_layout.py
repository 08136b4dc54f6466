# SPDX-License-Identifier: Apache-2.0
"""Calibration files: the same back, or a clear refusal; nothing in between."""

import os
import tracemalloc

import numpy as np
import pytest

from edgeleak.calibration import layout
from edgeleak.calibration.container import Calibration, read, write
from edgeleak.errors import DataError, MissingInputError


def same(a: Calibration, b: Calibration) -> bool:
    return all(
        np.array_equal(x, y, equal_nan=np.asarray(x).dtype.kind == "f")
        for x, y in zip(vars(a).values(), vars(b).values(), strict=True)
    )


@pytest.mark.parametrize("shape", [(1, 9), (3, 5), (6, 7), (61, 83)])
@pytest.mark.parametrize("planes", [0, 1, 5])
def test_round_trip(tmp_path, make_calibration, shape, planes):
    calibration = make_calibration(shape=shape, planes=planes)
    write(tmp_path / "a.cal", calibration)
    back = read(tmp_path / "a.cal")
    assert same(calibration, back)
    assert all(a.flags.aligned for a in vars(back).values() if isinstance(a, np.ndarray))


def test_bytes_are_little_endian_and_stable(calibration):
    data = layout.encode(calibration)
    assert data[:12] == b"\x89ELCAL\r\n" + bytes([1, 0, layout.HEADER.size, 0])
    at = layout.HEADER.size
    assert np.array_equal(np.frombuffer(data, "<i2", 42, at).reshape(6, 7), calibration.gain_q14)
    assert layout.encode(layout.decode(data, "x")) == data


def test_every_truncation_is_refused(tmp_path, calibration):
    data = layout.encode(calibration)
    path = tmp_path / "cut.cal"
    for size in range(len(data)):
        path.write_bytes(data[:size])
        with pytest.raises(DataError, match=r"cut\.cal"):
            read(path)
        with pytest.raises(DataError):
            layout.decode(data[:size], "x") if size >= 4 else read(path)


def test_every_single_bit_flip_is_refused(calibration):
    data = bytearray(layout.encode(calibration))
    for byte in range(len(data)):
        for bit in range(8):
            data[byte] ^= 1 << bit
            with pytest.raises(DataError):
                layout.decode(bytes(data), "x")
            data[byte] ^= 1 << bit
    assert same(layout.decode(bytes(data), "x"), calibration)


def test_thousands_of_random_damages_are_refused(calibration, rng):
    good = layout.encode(calibration)
    for _ in range(4000):
        data = bytearray(good)
        for _ in range(rng.integers(1, 5)):
            at = rng.integers(len(data))
            data[at] = rng.integers(256)
        cut = rng.integers(len(data)) if rng.random() < 0.2 else len(data)
        data = bytes(data[:cut]) + bytes(rng.integers(0, 9) if rng.random() < 0.2 else 0)
        if data != good:
            with pytest.raises(DataError):
                layout.decode(data, "x") if len(data) > 4 else layout._checked_header(data, 0, "x")


def resealed(data: bytearray) -> bytes:
    """The same bytes with a check sum that fits: what a hostile writer would make."""
    body = bytes(data[: -layout.CRC.size])
    return body + layout.CRC.pack(layout.zlib.crc32(body))


def test_hostile_contents_with_a_fitting_check_sum(calibration, rng):
    good = layout.encode(calibration)
    accepted = 0
    for _ in range(3000):
        data = bytearray(good)
        data[rng.integers(len(data))] = rng.integers(256)
        try:
            accepted += isinstance(layout.decode(resealed(data), "x"), Calibration)
        except DataError:
            continue
    assert accepted > 1000  # plain values may change; what could crash a kernel may not


@pytest.mark.parametrize(
    ("field", "value"), [(3, 0xFFFFFFFF), (5, 4096), (5, 0xFFFFFFFF), (7, 2**31), (8, 65)]
)
def test_huge_header_takes_no_memory(tmp_path, calibration, field, value):
    data = bytearray(layout.encode(calibration))
    values = list(layout.HEADER.unpack_from(data))
    values[field] = value
    layout.HEADER.pack_into(data, 0, *values)
    path = tmp_path / "huge.cal"
    path.write_bytes(resealed(data))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"huge\.cal"):
        read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000


def test_large_sparse_file_is_refused_before_it_is_read(tmp_path, calibration):
    path = tmp_path / "sparse.cal"
    path.write_bytes(layout.encode(calibration))
    os.truncate(path, 1 << 33)
    tracemalloc.start()
    with pytest.raises(DataError, match="needs"):
        read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000


@pytest.mark.parametrize("contents", [b"", b"\x93NUMPY", b"\x89PNG\r\n\x1a\n" * 40, bytes(5000)])
def test_other_files_are_named_as_such(tmp_path, contents):
    path = tmp_path / "other.cal"
    path.write_bytes(contents)
    with pytest.raises(DataError, match="no EdgeLeak calibration"):
        read(path)


def test_later_format_says_update(tmp_path, calibration):
    data = bytearray(layout.encode(calibration))
    data[8] = 2
    path = tmp_path / "later.cal"
    path.write_bytes(resealed(data))
    with pytest.raises(DataError, match="update EdgeLeak"):
        read(path)


def test_missing_folder_and_pipe_are_refused_without_waiting(tmp_path):
    with pytest.raises(MissingInputError, match="two-point"):
        read(tmp_path / "none.cal")
    with pytest.raises(DataError):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe.cal")
    with pytest.raises(DataError, match="regular"):
        read(tmp_path / "pipe.cal")


def test_long_sensor_name_is_refused(make_calibration):
    with pytest.raises(DataError, match="sensor name"):
        layout.encode(make_calibration(sensor="ü" * 17))
