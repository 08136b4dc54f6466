# SPDX-License-Identifier: Apache-2.0
"""Raw dumps: frames back to back, nothing else; the user gives the geometry."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgeleak.errors import DataError, UsageError
from edgeleak.sources.source import Frame, OpenOptions, Source

TYPES = ("u1", "<u2", ">u2")


class RawSource(Source):
    """Headerless frames of uint8 or uint16, either byte order."""

    def __init__(self, path: Path, options: OpenOptions) -> None:
        super().__init__(path, options)
        assert options.shape is not None
        self.shape = options.shape
        self._dtype = self._checked_dtype(options.dtype or "<u2")
        self.bits = 8 if self._dtype.itemsize == 1 else 16
        self._frame_bytes = self.shape[0] * self.shape[1] * self._dtype.itemsize
        size = os.stat(path).st_size
        self.n_frames, self._left_over = divmod(size, self._frame_bytes)
        if self.n_frames == 0:
            raise DataError(
                f"{path}: {size} bytes are less than one frame of {self.shape[0]}x{self.shape[1]}"
                f" {self._dtype} ({self._frame_bytes} bytes); check --shape and --dtype"
            )

    @staticmethod
    def _checked_dtype(text: str) -> np.dtype:
        try:
            dtype = np.dtype(text)
        except TypeError as error:
            raise UsageError(f"--dtype {text}: unknown; use one of {', '.join(TYPES)}") from error
        if dtype.kind != "u" or dtype.itemsize > 2:
            raise UsageError(f"--dtype {text}: raw dumps are one of {', '.join(TYPES)}")
        return dtype

    def _read(self) -> Iterator[Frame]:
        native = self._dtype.newbyteorder("=")
        with self.path.open("rb") as file:
            for index in range(self.n_frames or 0):
                data = file.read(self._frame_bytes)
                if len(data) < self._frame_bytes:
                    raise DataError("the file became shorter while it was read")
                pixels = np.frombuffer(data, self._dtype).reshape(self.shape)
                yield pixels.astype(native), self._untimed(index)
        if self._left_over:
            self._note_damage(
                f"{self._left_over} bytes are left over after {self.n_frames} frames:"
                " cut, or the geometry is wrong"
            )
