# SPDX-License-Identifier: Apache-2.0
"""Single- and multi-page TIFF, 8 or 16 bits, one page a frame.

tifffile reads them; it believes the header, so sizes are compared with the
file before a page is decoded.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgeleak.errors import DataError, UnavailableError
from edgeleak.sources.arrays import to_counts
from edgeleak.sources.source import Frame, OpenOptions, Source, check_shape

MAX_EXPANSION = 2000  # deflate and LZW cannot expand further


class TiffSource(Source):
    """Pages of one size; an ImageJ stack (one page, many frames) as well."""

    def __init__(self, path: Path, options: OpenOptions) -> None:
        super().__init__(path, options)
        with self._open() as tiff:
            page = tiff.pages[0]
            self.shape = self._checked(page)
            self.n_frames = len(tiff.pages)
            self.bits = 8 if page.dtype == np.uint8 else 16
            self._stack = self._imagej_stack(tiff)
        if self._stack:
            self.n_frames = self._stack[1]

    def _open(self) -> Any:
        try:
            import tifffile
        except ImportError as error:
            raise UnavailableError(
                "TIFF files need tifffile; install it with `pip install edgeleak[host]`"
            ) from error
        # It reports damage both by log and by exception; the exception is enough.
        logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)
        return tifffile.TiffFile(self.path)

    def _checked(self, page: Any) -> tuple[int, int]:
        shape = check_shape((page.imagelength, page.imagewidth), f"{self.path}: page")
        if page.dtype is None or page.dtype.kind not in "ui" or page.dtype.itemsize > 2:
            raise DataError(f"{self.path}: pages of {page.dtype}; 8- and 16-bit counts are read")
        if page.samplesperpixel != 1:
            raise DataError(f"{self.path}: {page.samplesperpixel} colours; save it as grey")
        claimed = shape[0] * shape[1] * page.dtype.itemsize
        size = self.path.stat().st_size
        if claimed > size * (1 if page.compression == 1 else MAX_EXPANSION):
            raise DataError(
                f"{self.path}: a page claims {claimed} bytes, the file has {size}: damaged"
            )
        return shape

    def _imagej_stack(self, tiff: Any) -> tuple[int, int] | None:
        """(offset, frames) when one page is followed by bare frames."""
        if len(tiff.pages) != 1 or not tiff.is_imagej:
            return None
        count = int((tiff.imagej_metadata or {}).get("images", 1))
        page = tiff.pages[0]
        return (page.dataoffsets[0], count) if count > 1 and page.compression == 1 else None

    def _read(self) -> Iterator[Frame]:
        with self._open() as tiff:
            frames = self._bare_frames(tiff) if self._stack else self._pages(tiff)
            for index, pixels in enumerate(frames):
                yield to_counts(pixels, 0, 0), self._untimed(index)

    def _pages(self, tiff: Any) -> Iterator[np.ndarray]:
        for page in tiff.pages:
            page = getattr(page, "aspage", lambda page=page: page)()
            if self._checked(page) != self.shape:
                raise DataError(f"a page has another size: {page.shape}")
            pixels = page.asarray()
            if pixels.shape != self.shape:
                raise DataError(f"a page decodes to {pixels.shape}")
            yield pixels

    def _bare_frames(self, tiff: Any) -> Iterator[np.ndarray]:
        assert self._stack is not None
        dtype = tiff.pages[0].dtype.newbyteorder(tiff.byteorder)
        frame_bytes = self.shape[0] * self.shape[1] * dtype.itemsize
        with self.path.open("rb") as file:
            file.seek(self._stack[0])
            for _ in range(self._stack[1]):
                data = file.read(frame_bytes)
                if len(data) < frame_bytes:
                    raise DataError("the file ends inside a frame: it was cut")
                yield np.frombuffer(data, dtype).reshape(self.shape)
