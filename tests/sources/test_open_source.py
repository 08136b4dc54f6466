# SPDX-License-Identifier: Apache-2.0
"""Every kind of source: healthy files give the right counts, odd ones a clear sentence."""

import io
import struct
import tracemalloc
import zipfile
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from sources.seeded import STACK, read, seed_files

from edgeleak.errors import DataError, MissingInputError, UsageError
from edgeleak.frame import FrameFlag, NucState
from edgeleak.sensor import EL640, LEPTON, UNKNOWN
from edgeleak.sources import open_source
from edgeleak.sources.cptv_file import CptvSource


@pytest.mark.parametrize("kind", ["npy", "npz", "difference.npz", "tif", "plain.tif", "mcap",
                                  "cptv", "mkv"])  # fmt: skip
def test_healthy_16_bit_file_gives_its_counts(tmp_path, kind):
    path = tmp_path / f"clip.{kind}"
    seed_files.KINDS[kind](path)
    source, frames, infos = read(path)
    np.testing.assert_array_equal(frames, STACK)
    assert frames.dtype == np.uint16
    assert source.damage is None
    assert source.warnings == []
    assert [info.sequence for info in infos] == list(range(6))


@pytest.mark.parametrize("kind", ["avi", "mp4"])
def test_lossy_video_comes_as_8_bit_grey(tmp_path, kind):
    path = tmp_path / f"clip.{kind}"
    seed_files.KINDS[kind](path)
    source, frames, infos = read(path)
    assert (source.bits, source.fps, frames.dtype) == (8, 9.0, np.uint8)
    assert np.abs(frames.astype(int) - (STACK >> 5)).mean() < 4
    assert infos[3].monotonic_ns == pytest.approx(3e9 / 9, abs=1e6)
    assert FrameFlag.EIGHT_BIT in infos[0].flags


def test_iterating_twice_gives_the_same_frames(tmp_path):
    for kind in ("npz", "cptv", "avi", "mcap"):
        path = tmp_path / f"clip.{kind}"
        seed_files.KINDS[kind](path)
        with open_source(path) as source:
            first = [pixels.copy() for pixels, _ in source]
            again = [pixels.copy() for pixels, _ in source]
        np.testing.assert_array_equal(first, again)


def test_sensor_decides_what_may_be_said(tmp_path):
    seed_files.npy(tmp_path / "a.npy")
    seed_files.difference(tmp_path / "d.npz")
    seed_files.cptv(tmp_path / "c.cptv")
    assert open_source(tmp_path / "a.npy").sensor is UNKNOWN
    assert open_source(tmp_path / "a.npy", sensor=EL640).sensor is EL640
    assert open_source(tmp_path / "d.npz").sensor is LEPTON
    assert open_source(tmp_path / "c.cptv").sensor is LEPTON


def test_time_comes_from_the_file_or_is_marked_as_assumed(tmp_path):
    seed_files.npy(tmp_path / "a.npy")
    seed_files.cptv(tmp_path / "c.cptv")
    source, _, infos = read(tmp_path / "a.npy")
    assert source.fps is None
    assert infos[2].monotonic_ns == -1
    _, _, infos = read(tmp_path / "a.npy", fps=4.0)
    assert infos[2].monotonic_ns == 500_000_000
    assert FrameFlag.FPS_ASSUMED in infos[2].flags
    source, _, infos = read(tmp_path / "c.cptv")
    assert source.fps == 9.0
    assert infos[2].monotonic_ns == 60_222_000_000
    assert infos[2].ms_since_nuc == 30_222
    assert infos[2].nuc_state is NucState.VALID
    assert infos[0].utc_ns == 1_700_000_000_000_000_000
    assert infos[0].flags == FrameFlag.NONE


# ---- geometry, several arrays, ranges -----------------------------------------


def test_raw_dump_needs_its_geometry(tmp_path):
    path = tmp_path / "dump.raw"
    path.write_bytes(STACK.astype(">u2").tobytes() + b"xyz")
    with pytest.raises(UsageError, match="--shape"):
        open_source(path)
    source, frames, _ = read(path, shape=(24, 32), dtype=">u2")
    np.testing.assert_array_equal(frames, STACK)
    assert "3 bytes are left over" in source.damage
    with pytest.raises(DataError, match="less than one frame"):
        open_source(path, shape=(480, 640))
    with pytest.raises(UsageError, match="dtype"):
        open_source(path, shape=(24, 32), dtype="float64")
    with pytest.raises(UsageError, match="at most"):
        open_source(path, shape=(10**6, 10**6))


def test_npz_of_stills_lists_its_keys_and_opens_by_key(tmp_path):
    path = tmp_path / "stills.npz"
    np.savez(path, a=STACK[0], b=STACK[1][:8], note="text")
    with pytest.raises(UsageError, match=r"a 24x32 uint16; b 8x32 uint16"):
        open_source(path)
    source, frames, _ = read(path, key="b")
    np.testing.assert_array_equal(frames[0], STACK[1][:8])
    assert source.shape == (8, 32)
    with pytest.raises(UsageError, match="holds no array 'c'"):
        open_source(path, key="c")
    with pytest.raises(DataError, match="no picture"):
        open_source(path, key="note")


@pytest.mark.parametrize("dtype", ["u1", ">u2", "<i2", "<u4", "<f4", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_any_number_type_and_order(tmp_path, dtype, order):
    stack = (STACK >> 5 if dtype == "u1" else STACK).astype(dtype)
    np.save(tmp_path / "a.npy", np.asarray(stack, order=order))
    _, frames, _ = read(tmp_path / "a.npy")
    np.testing.assert_array_equal(frames, stack.astype(frames.dtype))


def test_negative_counts_get_one_constant_for_the_whole_file(tmp_path):
    signed = STACK.astype(np.float32) - 3010.5
    np.savez(tmp_path / "a.npz", x=signed)
    source, frames, _ = read(tmp_path / "a.npz")
    added = int(source.warnings[0].split(": ")[1].split()[0])
    np.testing.assert_array_equal(frames, np.rint(signed + added).astype(int))
    assert frames.min() == 0


def test_values_above_14_bits_are_clipped_shifted_or_lowered(tmp_path):
    wide = STACK.copy()
    wide[3, 0, 0] = 40_000
    np.save(tmp_path / "wide.npy", wide)
    source, frames, infos = read(tmp_path / "wide.npy")
    assert frames[3, 0, 0] == 16383
    assert FrameFlag.CLIPPED_TO_14_BIT in infos[3].flags
    assert FrameFlag.CLIPPED_TO_14_BIT not in infos[2].flags
    assert len(source.warnings) == 1
    _, frames, _ = read(tmp_path / "wide.npy", shift_bits=2)
    np.testing.assert_array_equal(frames, wide >> 2)
    np.save(tmp_path / "kelvin.npy", STACK + 26_000)
    source, frames, _ = read(tmp_path / "kelvin.npy")
    np.testing.assert_array_equal(np.diff(frames.astype(int), axis=0),
                                  np.diff(STACK.astype(int), axis=0))  # fmt: skip
    assert "subtracted" in source.warnings[0]


# ---- damage ---------------------------------------------------------------------


def test_what_is_not_there_empty_or_unknown(tmp_path):
    with pytest.raises(MissingInputError, match="no such file"):
        open_source(tmp_path / "none.npz")
    (tmp_path / "empty.npz").touch()
    with pytest.raises(DataError, match="empty"):
        open_source(tmp_path / "empty.npz")
    (tmp_path / "a.xyz").write_bytes(b"hello, world, this is text")
    with pytest.raises(UsageError, match="unknown kind"):
        open_source(tmp_path / "a.xyz")
    (tmp_path / "a.npz").write_bytes(b"hello, world, this is text")
    with pytest.raises(DataError, match=r"does not start like a \.npz"):
        open_source(tmp_path / "a.npz")


def test_content_wins_over_a_wrong_extension(tmp_path):
    seed_files.cptv(tmp_path / "clip.npz")
    source, frames, _ = read(tmp_path / "clip.npz")
    np.testing.assert_array_equal(frames, STACK)
    assert "content wins" in source.warnings[0]


def npy_claiming(shape):
    text = f"{{'descr': '<u2', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text.encode()


@pytest.mark.parametrize("shape", [(17179869184,), (26843, 800, 800), (2, 131072, 131072),
                                   (2**62, 2, 2), (-1, 4, 4)])  # fmt: skip
def test_header_that_asks_for_32_gib_is_refused_without_allocating(tmp_path, shape):
    data = npy_claiming(shape)
    (tmp_path / "huge.npy").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        archive.writestr("frames.npy", data)
    tracemalloc.start()
    for name in ("huge.npy", "huge.npz"):
        with pytest.raises(DataError):
            open_source(tmp_path / name)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


def test_pickles_are_never_loaded(tmp_path):
    np.save(tmp_path / "o.npy", np.array([print, {}], object), allow_pickle=True)
    with pytest.raises(DataError, match="never loaded"):
        open_source(tmp_path / "o.npy")


def test_a_stack_is_streamed_not_loaded(tmp_path):
    np.savez_compressed(tmp_path / "big.npz", frames=np.zeros((400, 240, 320), np.uint16))
    tracemalloc.start()
    count = sum(1 for _ in open_source(tmp_path / "big.npz"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 400
    assert peak < 6 * 240 * 320 * 2  # the stack would be 400 frames


@pytest.mark.parametrize("kind", ["npy", "tif", "plain.tif", "cptv", "avi", "mkv", "mcap"])
def test_a_cut_file_gives_what_is_whole_and_says_so(tmp_path, kind):
    path = tmp_path / f"clip.{kind}"
    seed_files.KINDS[kind](path)
    whole = read(path)[1]
    data = path.read_bytes()
    if kind == "cptv":  # cut what gzip holds: gzip itself finds the end of its stream missing
        data = seed_files.unwrap(kind, data)
    path.write_bytes(seed_files.wrap(kind, data[: int(len(data) * 0.7)]))
    try:
        source, frames, _ = read(path)
    except DataError:
        assert kind in ("tif",)  # its directory stands at the end
        return
    assert 0 < len(frames) < 6
    np.testing.assert_array_equal(frames, whole[: len(frames)])
    assert source.damage
    assert source.warnings


@pytest.mark.parametrize("kind", ["npz", "difference.npz"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_cut_archive_gives_the_frames_before_the_cut(tmp_path, kind, save):
    path = tmp_path / f"a.{kind}"
    seed_files.KINDS[kind](path)
    save(path, **np.load(path))
    data = path.read_bytes()
    kept = []
    for share in (0.2, 0.5, 0.7, 0.8, 0.9, 0.99):
        path.write_bytes(data[: int(len(data) * share)])
        try:
            source, frames, _ = read(path)
        except DataError:
            kept.append(0)
            continue
        np.testing.assert_array_equal(frames, STACK[: len(frames)])
        assert "it was cut" in source.damage
        kept.append(len(frames))
    assert kept == sorted(kept)
    assert kept[-1] >= 3  # of 6; the difference form needs first, lo and part of hi
    path.write_bytes(data[:20])
    with pytest.raises(DataError, match="it was cut"):
        open_source(path)


def test_a_bomb_in_a_small_archive_is_refused(tmp_path):
    """A member that claims more than deflate can expand to."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("frames.npy", npy_claiming((1, 4, 4)) + bytes(32))
    data = bytearray(out.getvalue())
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = (0x7FFFFFFF).to_bytes(4, "little")
    (tmp_path / "bomb.npz").write_bytes(data)
    with pytest.raises(DataError, match="no compressor does that"):
        open_source(tmp_path / "bomb.npz")


@pytest.mark.parametrize(
    ("since_ffc_ms", "state"),
    [(0, NucState.SETTLING), (999, NucState.SETTLING), (1000, NucState.VALID)],
)
def test_cptv_frames_settle_for_a_second_after_a_flat_field(since_ffc_ms, state):
    frame = SimpleNamespace(last_ffc_time=timedelta(seconds=5), temp_c=31.5)
    info = CptvSource._info(frame, 7, 5000 + since_ffc_ms, 10**18)
    assert (info.ms_since_nuc, info.nuc_state, info.nuc_id) == (since_ffc_ms, state, 5000)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_no_permission_is_named_and_not_called_damage(tmp_path, monkeypatch, kind):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.npy").write_bytes(b"x")
    monkeypatch.setattr("os.scandir" if kind == "folder" else "pathlib.Path.open", refuse)
    with pytest.raises(MissingInputError, match="no permission to read"):
        open_source(tmp_path if kind == "folder" else tmp_path / "a.npy")


def test_simulated_sensor_by_name():
    source = open_source("sim:seed=1,shape=48x64,seconds=1,fps=5")
    pixels, info = next(iter(source))
    assert pixels.shape == source.shape == (48, 64)
    assert info.sequence >= 0
