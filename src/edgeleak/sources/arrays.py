# SPDX-License-Identifier: Apache-2.0
""".npy and .npz stacks, read frame by frame: memory is one frame, never the stack.

A header is only a claim: shape times item size must equal the bytes that
follow it (for a compressed member: what deflate can expand to) before
anything is allocated.  Pickles are never loaded.
"""

import contextlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from edgeleak.errors import DataError, UsageError
from edgeleak.frame import MAX_COUNTS
from edgeleak.sensor import LEPTON
from edgeleak.sources.cut_zip import open_cut
from edgeleak.sources.source import Frame, OpenOptions, Source, check_shape

DEFLATE_MAX_RATIO = 1032  # the format cannot expand further (zlib manual)
ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
MAX_MEMBERS = 10_000
MAX_HEADER_BYTES = 10_000
MAX_FORTRAN_BYTES = 1 << 28
LEPTON_FPS = 9.0  # the export rate of every Lepton 2/3; these clips hold no times
DIFFERENCE_KEYS = {"first", "lo", "hi"}
NUMERIC_KINDS = "uif"


@dataclass(frozen=True, slots=True)
class Entry:
    """One array of a file: its claim, already compared with the bytes there are."""

    key: str
    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool

    @property
    def is_picture(self) -> bool:
        """Numbers in 2 or 3 dimensions, none of them 0 or 1."""
        return (
            self.dtype.kind in NUMERIC_KINDS
            and len(self.shape) in (2, 3)
            and min(self.shape[-2:]) > 1
        )

    def __str__(self) -> str:
        return f"{self.key} {'x'.join(map(str, self.shape)) or 'scalar'} {self.dtype}"


class ArraySource(Source):
    """A 2-D still, a 3-D stack, or the first/lo/hi difference form of Lepton clips."""

    def __init__(self, path: Path, options: OpenOptions) -> None:
        super().__init__(path, options)
        self._is_zip = zipfile.is_zipfile(path)
        with path.open("rb") as file:
            self._is_cut = not self._is_zip and file.read(2) == b"PK"
        if self._is_cut:
            self._is_zip = True
            self._note_damage("it was cut: the archive's directory is missing")
        entries = self._entries()
        if set(entries) >= DIFFERENCE_KEYS and options.key is None:
            self._start_difference_form(entries)
        elif self._is_cut and {"first", "lo"} <= set(entries):
            raise DataError(f"{path}: it was cut before the part hi of the differences")
        else:
            self._start_stack(choose_entry(entries, options.key, path))

    def _archive(self) -> Any:
        return open_cut(self.path) if self._is_cut else zipfile.ZipFile(self.path)

    def _entries(self) -> dict[str, Entry]:
        if not self._is_zip:
            with self.path.open("rb") as file:
                entry = read_claim(file, self.path.stem, self.path.stat().st_size)
            return {entry.key: entry}
        with self._archive() as archive:
            members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            if len(members) > MAX_MEMBERS:
                raise DataError(f"{self.path}: {len(members)} arrays are more than {MAX_MEMBERS}")
            return {info.filename[:-4]: self._member_claim(archive, info) for info in members}

    def _member_claim(self, archive: Any, info: Any) -> Entry:
        key = info.filename[:-4]
        if info.compress_type not in ZIP_METHODS:
            raise DataError(f"{self.path}: {key}: only stored and deflated arrays are read")
        if info.file_size > info.compress_size * DEFLATE_MAX_RATIO + 64:
            raise DataError(
                f"{self.path}: {key}: claims {info.file_size} bytes in {info.compress_size};"
                " no compressor does that, the file is damaged"
            )
        with archive.open(info) as file:
            return read_claim(file, key, info.file_size)

    def _start_stack(self, entry: Entry) -> None:
        self._entry = entry
        self.shape = check_shape(entry.shape[-2:], f"{self.path}: {entry.key}")
        self.n_frames = entry.shape[0] if len(entry.shape) == 3 else 1
        self.bits = 8 if entry.dtype.itemsize == 1 and entry.dtype.kind == "u" else 16
        self._added_counts = self._counts_to_add()
        self._difference = False

    def _start_difference_form(self, entries: dict[str, Entry]) -> None:
        first, lo, hi = (entries[key] for key in ("first", "lo", "hi"))
        if len(lo.shape) != 3 or lo.shape != hi.shape or lo.shape[1:] != first.shape:
            raise DataError(f"{self.path}: the difference form does not fit: {first}, {lo}, {hi}")
        if (first.dtype, lo.dtype, hi.dtype) != (np.uint16, np.uint8, np.uint8):
            raise DataError(
                f"{self.path}: the difference form has wrong types: {first}, {lo}, {hi}"
            )
        self.shape = check_shape(first.shape, f"{self.path}: first")
        self.n_frames = lo.shape[0] + 1
        self.sensor = self.options.sensor or LEPTON
        self.fps = self.options.fps or LEPTON_FPS
        self.bits = 14
        self._difference = True

    def _read(self) -> Iterator[Frame]:
        frames = self._read_difference() if self._difference else self._read_stack()
        for index, pixels in enumerate(frames):
            yield pixels, self._untimed(index)

    def _read_stack(self) -> Iterator[np.ndarray]:
        for pixels in self._raw_frames(self._entry):
            yield to_counts(pixels, self._added_counts, self.options.shift_bits)

    def _read_difference(self) -> Iterator[np.ndarray]:
        """u = lo | hi << 8 is the zigzag of the step from frame to frame."""
        with self._archive() as archive:
            frame = next(stream_frames(archive.open("first.npy"))).astype(np.int32)
            yield frame.astype(np.uint16)
            pair = (stream_frames(archive.open("lo.npy")), stream_frames(archive.open("hi.npy")))
            for lo, hi in zip(*pair, strict=True):
                code = lo | hi.astype(np.int32) << 8
                frame += (code >> 1) ^ -(code & 1)
                if frame.min() < 0 or frame.max() > MAX_COUNTS:
                    raise DataError(f"a step leaves 0..{MAX_COUNTS}: the differences are damaged")
                yield frame.astype(np.uint16)

    def _raw_frames(self, entry: Entry) -> Iterator[np.ndarray]:
        if self._is_zip:
            with self._archive() as archive:
                yield from stream_frames(archive.open(f"{entry.key}.npy"))
        else:
            with self.path.open("rb") as file:
                yield from stream_frames(file)

    def _counts_to_add(self) -> int:
        """Counts have no sign; shutter-subtracted data gets one constant added."""
        if self._entry.dtype.kind == "u":
            return 0
        smallest = 0.0
        with contextlib.suppress(Exception):  # damage is reported when the frames are read
            for pixels in self._raw_frames(self._entry):
                finite = pixels[np.isfinite(pixels)]
                smallest = min(smallest, float(finite.min())) if finite.size else smallest
        added = int(np.ceil(-max(smallest, -1e9)))
        if added:
            self.warn(
                f"{self.name}: {added} counts were added to every pixel: it has negative ones"
            )
        return added


def choose_entry(entries: dict[str, Entry], key: str | None, path: Path) -> Entry:
    """The array to play: *key*, else the only 3-D one, else the only 2-D one."""
    listing = "; ".join(str(entry) for entry in list(entries.values())[:30]) or "nothing"
    if key is not None:
        if key not in entries:
            raise UsageError(f"{path}: holds no array {key!r}; it holds {listing}")
        if not entries[key].is_picture:
            raise DataError(f"{path}: {entries[key]} is no picture and no stack of pictures")
        return entries[key]
    for dimensions in (3, 2):
        found = [e for e in entries.values() if e.is_picture and len(e.shape) == dimensions]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{path}: several arrays; name one with key= (--key): {listing}")
    raise DataError(f"{path}: holds no 2-D or 3-D array of numbers; it holds {listing}")


def read_claim(file: IO[bytes], key: str, size_bytes: int) -> Entry:
    """Read an .npy header and compare what it claims with *size_bytes* of the file."""
    shape, fortran, dtype = read_npy_header(file)
    if dtype.hasobject:
        raise DataError(f"{key}: holds Python objects; they are never loaded")
    claimed = file.tell() + dtype.itemsize * count_of(shape)
    if claimed != size_bytes and not (claimed > size_bytes and whole_frames(shape, size_bytes)):
        raise DataError(
            f"{key}: the header claims {'x'.join(map(str, shape))} {dtype},"
            f" that is {claimed} bytes, the file has {size_bytes}: damaged"
        )
    return Entry(key, shape, dtype, fortran)


def read_npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, Fortran order and dtype of an .npy stream, limited in length."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        header = np.lib.format.read_array_header_1_0(file, max_header_size=MAX_HEADER_BYTES)
    elif version == (2, 0):
        header = np.lib.format.read_array_header_2_0(file, max_header_size=MAX_HEADER_BYTES)
    else:
        raise DataError(f".npy version {version} is not read; save it again with numpy.save")
    shape, fortran, dtype = header
    if min(shape, default=0) < 0:
        raise DataError("the header claims a negative size")
    return shape, fortran, dtype


def count_of(shape: tuple[int, ...]) -> int:
    """Product as a Python int: it cannot wrap."""
    count = 1
    for size in shape:
        count *= int(size)
    return count


def whole_frames(shape: tuple[int, ...], size_bytes: int) -> bool:
    """A cut stack is still readable when what the header claims is no fantasy.

    At least a tenth of it must be there, which tells a cut copy from a header
    that was made to exhaust memory.
    """
    return len(shape) == 3 and count_of(shape) <= 10 * size_bytes


def stream_frames(file: IO[bytes]) -> Iterator[np.ndarray]:
    """Pictures of one .npy stream, one at a time."""
    with file:
        shape, fortran, dtype = read_npy_header(file)
        frame_shape = check_shape(shape[-2:], "array")
        if fortran and len(shape) == 3:
            yield from fortran_frames(file, shape, dtype)
            return
        frame_bytes = dtype.itemsize * count_of(frame_shape)
        for _ in range(shape[0] if len(shape) == 3 else 1):
            data = file.read(frame_bytes)
            if len(data) < frame_bytes:
                raise DataError("the file ends inside a frame: it was cut")
            pixels = np.frombuffer(data, dtype)
            if fortran:
                yield pixels.reshape(frame_shape[::-1]).T
            else:
                yield pixels.reshape(frame_shape)


def fortran_frames(file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """Frames lie interleaved in Fortran order, so the whole stack has to be held."""
    size = dtype.itemsize * count_of(shape)
    if size > MAX_FORTRAN_BYTES:
        raise DataError("a large stack in Fortran order; save it with numpy.ascontiguousarray")
    data = file.read(size)
    if len(data) < size:
        raise DataError("the file ends early, and in Fortran order that spoils every frame")
    return iter(np.ascontiguousarray(np.frombuffer(data, dtype).reshape(shape, order="F")))


def to_counts(pixels: np.ndarray, added: int, shift_bits: int) -> np.ndarray:
    """uint8 as it is; anything else rounded and saturated to uint16."""
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize <= 2:
        return np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise DataError("a frame holds values that are no numbers")
    top = 65535
    if pixels.dtype.kind == "f":
        return np.clip(np.rint(pixels + added), 0, top).astype(np.uint16)
    if pixels.dtype.kind == "i":
        return np.clip(pixels.astype(np.int64) + added, 0, top).astype(np.uint16)
    return np.minimum(pixels, top).astype(np.uint16)
