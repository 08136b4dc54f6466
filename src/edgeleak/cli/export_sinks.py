# SPDX-License-Identifier: Apache-2.0
"""What `edgeleak export` writes; one class a form.

A sink writes to NAME.part and takes its own name in finish(); abort() leaves
nothing behind.  Frames go through one at a time.
"""

import contextlib
import csv
import os
import shutil
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from edgeleak.errors import StorageError, UnavailableError, UsageError
from edgeleak.frame import FrameInfo

if TYPE_CHECKING:
    from edgeleak.sources import Source

FACTS = ("sequence", "monotonic_ns", "utc_ns", "fpa_temp_degc", "nuc_id", "ms_since_nuc", "flags")
NPY_HEADER_BYTES = 128
WINDOW_PERCENT = (0.5, 99.5)
WINDOW_DAMPING = 0.1


class Sink:
    """Base: the target, its .part, and the checks."""

    suffix = ""

    def __init__(self, out: Path, stem: str, source: "Source") -> None:
        self.target = out / f"{stem}{self.suffix}"
        self.part = out / f"{stem}{self.suffix}.part"
        self.source = source

    def check(self, force: bool) -> None:
        """UsageError when the target exists and may not be replaced."""
        if self.target.exists() and not force:
            raise UsageError(f"{self.target}: exists already; say --force to replace it")

    def start(self) -> None:
        """Create the .part."""

    def write(self, index: int, pixels: np.ndarray, info: FrameInfo) -> None:
        """Take one frame."""
        raise NotImplementedError

    def close(self) -> None:
        """Flush and close the .part."""

    def finish(self) -> Path:
        """Close and give the .part its own name."""
        self.close()
        if self.target.is_dir():
            shutil.rmtree(self.target)
        os.replace(self.part, self.target)
        return self.target

    def abort(self) -> None:
        """Remove what was begun."""
        with contextlib.suppress(Exception):
            self.close()
        if self.part.is_dir():
            shutil.rmtree(self.part, ignore_errors=True)
        else:
            self.part.unlink(missing_ok=True)


class Tiff16(Sink):
    """One multi-page 16-bit TIFF of counts."""

    suffix = ".tif"

    def start(self) -> None:
        try:
            import tifffile
        except ImportError as error:
            raise UnavailableError("TIFF needs tifffile: pip install edgeleak[host]") from error
        self._writer = tifffile.TiffWriter(self.part, bigtiff=True)

    def write(self, index: int, pixels: np.ndarray, info: FrameInfo) -> None:
        self._writer.write(pixels.astype(np.uint16), contiguous=True, photometric="minisblack")

    def close(self) -> None:
        self._writer.close()


class PngFolder(Sink):
    """Numbered PNG pictures, 16 bits for counts and 8 for 8-bit video."""

    suffix = "_png"

    def start(self) -> None:
        make_folder(self.part)

    def write(self, index: int, pixels: np.ndarray, info: FrameInfo) -> None:
        save_png(self.part / f"frame_{index:06d}.png", pixels)


class Mp4(Sink):
    """Grey video for people: counts are stretched by a slow window, stated once."""

    suffix = ".mp4"

    def start(self) -> None:
        from edgeleak.cli.video import VideoWriter, playback_fps

        # FFmpeg takes the container from the name, so the .part stands before it.
        self.part = self.target.with_name(f"{self.target.stem}.part.mp4")
        self._video = VideoWriter(self.part, playback_fps(self.source.fps))
        self._window: tuple[float, float] | None = None

    def write(self, index: int, pixels: np.ndarray, info: FrameInfo) -> None:
        grey = pixels if pixels.dtype == np.uint8 else self._stretch(pixels)
        self._video.write(np.repeat(grey[:, :, None], 3, axis=2))

    def _stretch(self, pixels: np.ndarray) -> np.ndarray:
        low, high = np.percentile(pixels[::4, ::4], WINDOW_PERCENT)
        if self._window is not None:
            low = self._window[0] + WINDOW_DAMPING * (low - self._window[0])
            high = self._window[1] + WINDOW_DAMPING * (high - self._window[1])
        self._window = (low, high)
        scaled = (pixels - low) * (255 / max(high - low, 1))
        return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)

    def close(self) -> None:
        self._video.close()


class Npz(Sink):
    """frames (N, H, W) and the facts of each frame, for NumPy and MATLAB."""

    suffix = ".npz"

    def __init__(self, out: Path, stem: str, source: "Source") -> None:
        super().__init__(out, stem, source)
        self._stack = out / f"{stem}.frames.part"

    def start(self) -> None:
        self._file: IO[bytes] = self._stack.open("wb")
        self._file.write(b"\0" * NPY_HEADER_BYTES)
        self._dtype: np.dtype | None = None
        self._facts: dict[str, list[Any]] = {name: [] for name in FACTS}

    def write(self, index: int, pixels: np.ndarray, info: FrameInfo) -> None:
        self._dtype = self._dtype or pixels.dtype
        self._file.write(np.ascontiguousarray(pixels, self._dtype).tobytes())
        for name, values in self._facts.items():
            values.append(getattr(info, name))

    def close(self) -> None:
        if self._file.closed:
            return
        count = len(self._facts["sequence"])
        self._file.seek(0)
        self._file.write(npy_header((count, *self.source.shape), self._dtype or np.dtype("u2")))
        self._file.close()
        if count:
            self._zip()
        self._stack.unlink()

    def abort(self) -> None:
        super().abort()
        self._stack.unlink(missing_ok=True)

    def _zip(self) -> None:
        with zipfile.ZipFile(self.part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.write(self._stack, "frames.npy")
            for name, values in self._facts.items():
                dtype = np.float64 if name == "fpa_temp_degc" else np.int64
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, np.array(values, dtype))


class Csv(Sink):
    """One row a frame: its facts and mean, smallest and largest counts."""

    suffix = ".csv"

    def start(self) -> None:
        self._file = self.part.open("w", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file)
        self._rows.writerow(
            ["frame", *asdict(FrameInfo()), "mean_counts", "min_counts", "max_counts"]
        )

    def write(self, index: int, pixels: np.ndarray, info: FrameInfo) -> None:
        facts = [int(v) if isinstance(v, int) else v for v in asdict(info).values()]
        levels = [f"{pixels.mean():.3f}", int(pixels.min()), int(pixels.max())]
        self._rows.writerow([index, *facts, *levels])

    def close(self) -> None:
        self._file.close()


def npy_header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """An .npy header of exactly NPY_HEADER_BYTES, so it can be filled in at the end."""
    text = f"{{'descr': '{dtype.str}', 'fortran_order': False, 'shape': {shape}, }}"
    room = NPY_HEADER_BYTES - 10
    return b"\x93NUMPY\x01\0" + room.to_bytes(2, "little") + text.ljust(room - 1).encode() + b"\n"


def make_folder(part: Path) -> None:
    """A fresh folder for a sink of many files."""
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
    except OSError as error:
        raise StorageError(f"{part}: cannot be made ({error.strerror})") from error


def save_png(path: Path, pixels: np.ndarray) -> None:
    """8- or 16-bit grey PNG."""
    try:
        from PIL import Image
    except ImportError as error:
        raise UnavailableError("PNG needs Pillow: pip install edgeleak[host]") from error
    Image.fromarray(np.ascontiguousarray(pixels)).save(path, format="PNG", compress_level=1)
