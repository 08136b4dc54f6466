# SPDX-License-Identifier: Apache-2.0
"""Recordings: same bytes and facts as live, whole after a cut at any byte."""

import dataclasses
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from edgeleak.errors import DataError, StorageError, UsageError
from edgeleak.frame import FrameFlag, FrameInfo, NucState, UtcQuality
from edgeleak.recording import Writer, recording_path, recover
from edgeleak.recording.layout import FRAME_HEADER
from edgeleak.sensor import EL640, UNKNOWN
from edgeleak.sources import open_source

SHAPE = (9, 21)


def make_info(i):
    return FrameInfo(
        sequence=2**40 + i,
        monotonic_ns=10**18 + i,
        utc_ns=1_790_000_000_000_000_000 + i * 111,
        utc_quality=UtcQuality.GPS,
        fpa_temp_degc=-19.9 + i / 7,
        led_on=bool(i % 2),
        led_channel=3,
        nuc_id=12345678901 + i,
        ms_since_nuc=777 + i,
        nuc_state=NucState.SETTLING,
        drops=5 + i,
        flags=FrameFlag.SATURATED | FrameFlag.SHUTTER,
    )


def make_frames(rng, count=4, dtype=np.uint16, top=16384):
    return [(rng.integers(0, top, SHAPE).astype(dtype), make_info(i)) for i in range(count)]


def record(path, frames, **more):
    with Writer(path, SHAPE, 9.5, EL640, serial="0042", config={"eps": 1}, **more) as writer:
        for pixels, info in frames:
            writer.write(pixels, info, {"verdict": "GAS", "evidence": 1.5})
        writer.event({"kind": "note", "text": "done"})
    return path


def replay(path):
    source = open_source(path)
    return source, [(pixels.copy(), info) for pixels, info in source]


def same(a, b):
    """Frames equal in every pixel and every fact (NaN equals NaN)."""
    return len(a) == len(b) and all(
        np.array_equal(p, q) and p.dtype == q.dtype and repr(i) == repr(j)
        for (p, i), (q, j) in zip(a, b, strict=True)
    )


@pytest.mark.parametrize(("dtype", "top", "bits"), [(np.uint16, 16384, 14), (np.uint8, 256, 8)])
@pytest.mark.parametrize("fast", [False, True])
def test_replay_gives_what_was_written(tmp_path, rng, dtype, top, bits, fast):
    frames = make_frames(rng, dtype=dtype, top=top)
    source, got = replay(record(tmp_path / "a.mcap", frames, bits=bits, fast=fast))
    assert same(got, frames)
    assert (source.shape, source.fps, source.sensor) == (SHAPE, 9.5, EL640)
    assert (source.bits, source.n_frames, source.damage) == (bits, 4, None)
    assert source.events == [{"kind": "note", "text": "done"}]
    assert source.verdict is None or source.verdict["verdict"] == "GAS"
    assert source.metadata["serial"] == "0042"
    assert source.metadata["config"] == '{"eps": 1}'
    assert not list(tmp_path.glob("*.part"))


def test_every_fact_of_a_frame_is_kept(tmp_path):
    """Fails when FrameInfo gets a field that the layout does not know."""
    defaults, changed = FrameInfo(), make_info(1)
    for field in dataclasses.fields(FrameInfo):
        assert getattr(changed, field.name) != getattr(defaults, field.name), field.name
    for info in (defaults, changed):
        _, got = replay(record(tmp_path / f"{info.sequence}.mcap", [(np.zeros(SHAPE, "u2"), info)]))
        assert repr(got[0][1]) == repr(info)
    assert FRAME_HEADER.size == 72


def test_verdict_of_each_frame_is_at_hand_while_reading(tmp_path, rng):
    frames = make_frames(rng, 3)
    with Writer(tmp_path / "v.mcap", SHAPE) as writer:
        for number, (pixels, info) in enumerate(frames):
            writer.write(pixels, info, {"verdict": "GAS"} if number == 1 else None)
    source = open_source(tmp_path / "v.mcap")
    seen = [source.verdict and source.verdict["verdict"] for _ in source]
    assert seen == [None, "GAS", None]
    assert source.sensor.name == UNKNOWN.name


def test_the_mcap_package_reads_it_by_index_and_as_a_stream(tmp_path, rng):
    from mcap.reader import make_reader
    from mcap.stream_reader import StreamReader

    path = record(tmp_path / "a.mcap", make_frames(rng))
    with path.open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        topics = [channel.topic for _, channel, _ in reader.iter_messages()]
        summary = reader.get_summary()
    assert sorted(topics) == ["/events"] + ["/frames"] * 4 + ["/verdicts"] * 4
    assert summary.statistics.message_count == 9
    assert len(summary.chunk_indexes) == 5
    with path.open("rb") as file:
        kinds = {type(r).__name__ for r in StreamReader(file, validate_crcs=True).records}
    assert {"Header", "Metadata", "Message", "Footer", "ChunkIndex"} <= kinds


def frame_ends(data):
    """Offsets right behind each frame chunk, found by walking whole records."""
    ends, at = [], 8
    while data[at] != 0x0F:
        size = 9 + int.from_bytes(data[at + 1 : at + 9], "little")
        if data[at] == 0x06 and data[at + 80 : at + 84] == b"ELF1":
            ends.append(at + size)
        at += size
    return ends


def test_a_cut_at_every_byte_keeps_every_whole_frame(tmp_path):
    frames = make_frames(np.random.default_rng(3))
    data = record(tmp_path / "a.mcap", frames).read_bytes()
    ends = frame_ends(data)
    assert len(ends) == 4
    cut_path = tmp_path / "cut.mcap"
    for size in range(8, len(data)):
        cut_path.write_bytes(data[:size])
        whole = sum(end <= size for end in ends)
        if whole == 0:
            with pytest.raises(DataError, match=r"no whole frame|not an EdgeLeak"):
                open_source(cut_path)
            continue
        source, got = replay(cut_path)
        assert same(got, frames[:whole]), size
        assert source.damage is not None, size


def test_damage_at_every_byte_loses_at_most_the_frame_it_is_in(tmp_path):
    frames = make_frames(np.random.default_rng(4))
    data = record(tmp_path / "a.mcap", frames).read_bytes()
    ends = frame_ends(data)
    bad_path = tmp_path / "bad.mcap"
    for at in range(8, ends[-1], 3):
        bad = bytearray(data)
        bad[at] ^= 0xFF
        bad_path.write_bytes(bad)
        _, got = replay(bad_path)
        hit = sum(end <= at for end in ends)
        rest = frames[:hit] + frames[hit + 1 :]
        assert same(got, frames) or same(got, rest), at


def test_a_length_that_asks_for_everything_costs_nothing(tmp_path, rng):
    frames = make_frames(rng)
    data = bytearray(record(tmp_path / "a.mcap", frames).read_bytes())
    second = frame_ends(bytes(data))[0]
    while data[second] != 0x06:
        second += 9 + int.from_bytes(data[second + 1 : second + 9], "little")
    data[second + 1 : second + 9] = (2**63).to_bytes(8, "little")
    (tmp_path / "huge.mcap").write_bytes(data)
    source, got = replay(tmp_path / "huge.mcap")
    assert same(got, [frames[0], *frames[2:]])
    assert "skipped" in source.damage


def test_killed_writer_leaves_a_part_file_that_replays_and_recovers(tmp_path):
    script = textwrap.dedent("""
        import sys, numpy as np
        from edgeleak.frame import FrameInfo
        from edgeleak.recording import Writer
        writer = Writer(sys.argv[1], (9, 21), 9.0)
        for i in range(10**9):
            writer.write(np.full((9, 21), i, np.uint16), FrameInfo(sequence=i))
            if i == 50:
                writer.event({"kind": "note"})
                print("go", flush=True)
    """)
    path = tmp_path / "k.mcap"
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"go\n"
        process.send_signal(signal.SIGKILL)
    part = tmp_path / "k.mcap.part"
    assert part.exists()
    assert not path.exists()
    source, got = replay(part)
    assert len(got) >= 51
    assert [info.sequence for _, info in got] == list(range(len(got)))
    assert source.damage
    assert recover(part, tmp_path / "fixed.mcap") == len(got)
    fixed, again = replay(tmp_path / "fixed.mcap")
    assert same(again, got)
    assert fixed.damage is None
    assert fixed.events == [{"kind": "note"}]


def full_disk_script(path, limit_bytes):
    return textwrap.dedent(f"""
        import resource, numpy as np
        from edgeleak.errors import StorageError
        from edgeleak.frame import FrameInfo
        from edgeleak.recording import Writer
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit_bytes}, {limit_bytes}))
        rng = np.random.default_rng(0)
        writer, raised, measured = Writer({str(path)!r}, (32, 32)), 0, 0
        for i in range(60):
            try:
                writer.write(rng.integers(0, 16384, (32, 32)).astype(np.uint16), FrameInfo(i))
            except StorageError as error:
                raised += 1
                assert "kept" in str(error), error
            measured += 1
        writer.close()
        print(raised, measured, writer.frames_written, writer.frames_lost)
    """)


@pytest.mark.parametrize("limit_bytes", [12_000, 20_000, 33_333])
def test_full_disk_is_said_once_and_measuring_goes_on(tmp_path, limit_bytes):
    path = tmp_path / "full.mcap"
    script = full_disk_script(path, limit_bytes)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    raised, measured, written, lost = map(int, done.stdout.split())
    assert (raised, measured) == (1, 60)
    assert written + lost == 60
    assert written >= 3
    _, got = replay(path)
    assert len(got) == written
    assert path.stat().st_size <= limit_bytes


def test_full_disk_at_the_start_and_failing_sync(tmp_path, monkeypatch):
    with pytest.raises(StorageError, match="cannot be created"):
        Writer(tmp_path / "none" / "a.mcap", SHAPE)
    writer = Writer(tmp_path / "a.mcap", SHAPE)
    writer.write(np.zeros(SHAPE, np.uint16), FrameInfo())

    def failing(_fd):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(StorageError, match="cannot be finished"):
        writer.close()
    monkeypatch.undo()
    assert not (tmp_path / "a.mcap").exists()  # a failed fsync proves nothing: no final name
    assert len(replay(tmp_path / "a.mcap.part")[1]) == 1
    assert writer.close() == tmp_path / "a.mcap"  # harmless when repeated


def test_refuses_to_overwrite_and_wrong_frames(tmp_path, rng):
    path = record(tmp_path / "a.mcap", make_frames(rng))
    with pytest.raises(UsageError, match="exists already"):
        Writer(path, SHAPE)
    (tmp_path / "b.mcap.part").write_bytes(b"x")
    with pytest.raises(UsageError, match="interrupted"):
        Writer(tmp_path / "b.mcap", SHAPE)
    with Writer(path, SHAPE, overwrite=True) as writer:
        with pytest.raises(UsageError, match="a frame is"):
            writer.write(np.zeros((2, 2), np.uint16), FrameInfo())
        with pytest.raises(UsageError, match="out of range"):
            writer.write(np.zeros(SHAPE, np.uint16), FrameInfo(led_channel=256))
        writer.write(np.zeros(SHAPE, np.uint16), FrameInfo())


def test_writer_memory_stays_small(tmp_path, rng):
    """The index at the end costs about a hundred bytes a frame, nothing else grows."""
    pixels = rng.integers(0, 16384, SHAPE).astype(np.uint16)
    with Writer(tmp_path / "long.mcap", SHAPE) as writer:
        for i in range(2000):
            writer.write(pixels, FrameInfo(i))
        assert len(writer._index) < 2000 * 120


def test_foreign_mcap_is_named(tmp_path):
    from mcap.writer import Writer as ForeignWriter

    with (tmp_path / "f.mcap").open("wb") as file:
        foreign = ForeignWriter(file)
        foreign.start()
        channel = foreign.register_channel("/x", "json", 0)
        foreign.add_message(channel, 0, b"{}", 0)
        foreign.finish()
    with pytest.raises(DataError, match="not an EdgeLeak recording"):
        open_source(tmp_path / "f.mcap")


def test_names_are_unique_whatever_the_clock_says(tmp_path):
    first = recording_path(tmp_path, "00/42", 1_790_000_000_000_000_000)
    assert first.name == "EL0042_20260921T141320Z_0001.mcap"
    first.with_name(first.name + ".part").touch()
    second = recording_path(tmp_path, "0042", 0)
    assert second.name == "EL0042_19700101T000000Z_0002.mcap"
