# SPDX-License-Identifier: Apache-2.0
"""Single PNG, JPEG, TIFF pictures and folders of them, in natural order.

Every picture stands for itself: a damaged one is skipped, counted as a drop
and warned of, and the rest is kept.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgeleak.errors import DataError, UnavailableError
from edgeleak.sources.source import Frame, OpenOptions, Source, check_shape, describe

KINDS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".pgm": "PPM",
}
SAME_SIZE_SHARE = 0.9  # below this the folder is no sequence


class PictureSource(Source):
    """Pictures of one size; colour becomes grey, 16 bits stay 16 bits."""

    def __init__(self, path: Path, options: OpenOptions) -> None:
        super().__init__(path, options)
        self._files = self._without_masks(pictures_in(path)) if path.is_dir() else [path]
        sizes = self._sizes()
        self.shape = self._common_shape(sizes)
        self._skipped = {file for file, shape in sizes.items() if shape != self.shape}
        self._report_skipped(sizes)
        self.n_frames = len(self._files) - len(self._skipped)
        first = next(file for file in self._files if file not in self._skipped)
        with open_picture(first) as picture:
            self.bits = 16 if picture.mode.startswith("I") else 8

    def _without_masks(self, files: list[Path]) -> list[Path]:
        """Hand-drawn masks beside the pictures are no frames."""
        frames = [file for file in files if not file.stem.lower().endswith("_mask")]
        if not frames or len(frames) == len(files):
            return files
        self.warn(f"{len(files) - len(frames)} files called ..._mask were left out")
        return frames

    def _sizes(self) -> dict[Path, tuple[int, int] | None]:
        sizes: dict[Path, tuple[int, int] | None] = {}
        for file in self._files:
            try:
                with open_picture(file) as picture:
                    sizes[file] = check_shape(picture.size[::-1], file.name)
            except UnavailableError:
                raise
            except Exception as error:  # Pillow's plugins raise anything on damage
                sizes[file] = None
                self._first_damage = describe(error)
        return sizes

    def _common_shape(self, sizes: dict[Path, tuple[int, int] | None]) -> tuple[int, int]:
        counted = Counter(shape for shape in sizes.values() if shape is not None)
        if not counted:
            raise DataError(
                f"{self.path}: no picture in it can be read ({self._first_damage});"
                " the file is damaged or not a picture"
            )
        shape, count = counted.most_common(1)[0]
        if count < SAME_SIZE_SHARE * sum(counted.values()):
            found = ", ".join(f"{h}x{w} ({n})" for (h, w), n in counted.most_common(5))
            raise DataError(
                f"{self.path}: the pictures have different sizes: {found};"
                " open one picture, or a folder with one sequence"
            )
        return shape

    def _report_skipped(self, sizes: dict[Path, tuple[int, int] | None]) -> None:
        broken = [file.name for file, shape in sizes.items() if shape is None]
        other = [file.name for file in self._skipped if sizes[file] is not None]
        if broken:
            self._note_damage(f"{len(broken)} pictures cannot be read, first {broken[0]}")
        if other:
            self.warn(f"{len(other)} pictures of another size were skipped, first {other[0]}")

    def _read(self) -> Iterator[Frame]:
        drops = 0
        dtype = np.uint16 if self.bits == 16 else np.uint8
        for index, file in enumerate(self._files):
            try:
                if file in self._skipped:
                    raise DataError("skipped")
                pixels = read_grey(file, self.shape, dtype)
            except Exception as error:  # Pillow's plugins raise anything on damage
                drops += 1
                if file not in self._skipped:
                    self._note_damage(f"{file.name} cannot be decoded ({describe(error)})")
                continue
            yield pixels, self._untimed(index, drops=drops)


def pictures_in(folder: Path) -> list[Path]:
    """Pictures of the one kind that *folder* holds, frame_9 before frame_10."""
    found = [
        p for p in folder.iterdir() if p.suffix.lower() in KINDS and not p.name.startswith(".")
    ]
    kinds = Counter(KINDS[file.suffix.lower()] for file in found)
    if not kinds:
        inside = sorted(p.name for p in folder.iterdir())[:5]
        raise DataError(
            f"{folder}: holds no PNG, TIFF or JPEG pictures;"
            f" it holds {', '.join(inside) or 'nothing'}"
        )
    if len(kinds) > 1:
        mixed = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        raise DataError(f"{folder}: mixed pictures ({mixed}); keep one kind in a folder")
    return sorted(found, key=natural_key)


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Sort key that reads runs of digits as numbers."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part)
        for part in re.split(r"(\d+)", path.name.lower())
        if part
    ]


def open_picture(path: Path) -> Any:
    """PIL image with only its header read."""
    try:
        from PIL import Image
    except ImportError as error:
        raise UnavailableError(
            "pictures need Pillow; install it with `pip install edgeleak[host]`"
        ) from error
    return Image.open(path, formats=["PNG", "JPEG", "TIFF", "PPM"])


def read_grey(path: Path, shape: tuple[int, int], dtype: type) -> np.ndarray:
    """Pixels of one picture as *dtype* (H, W); DataError when it differs."""
    with open_picture(path) as picture:
        if picture.size != shape[::-1]:
            raise DataError(f"{path.name}: size changed to {picture.size[1]}x{picture.size[0]}")
        deep = picture.mode.startswith("I")
        pixels = np.asarray(picture if deep else picture.convert("L"))
    if deep != (dtype is np.uint16):
        raise DataError(f"{path.name}: {'16' if deep else '8'}-bit picture in another sequence")
    if deep:
        pixels = np.clip(pixels, 0, 65535)
    return np.ascontiguousarray(pixels, dtype)
