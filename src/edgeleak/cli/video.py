# SPDX-License-Identifier: Apache-2.0
"""H.264 in MP4 by PyAV, one picture at a time."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from edgeleak.errors import StorageError, UnavailableError

SLOWEST_FPS = 5.0
FAST_FORWARD_FPS = 10.0


def playback_fps(fps: float | None) -> float:
    """Frames a second of the video: as recorded, but never slower than one can watch."""
    return fps if fps and fps >= SLOWEST_FPS else FAST_FORWARD_FPS


class VideoWriter:
    """Open on the first picture; all pictures must have its size."""

    def __init__(self, path: Path, fps: float) -> None:
        try:
            import av
        except ImportError as error:
            raise UnavailableError("video needs PyAV: pip install 'edgeleak[host]'") from error
        self._av = av
        self.path, self.frames = path, 0
        self._fps = Fraction(fps).limit_denominator(1000)
        self._container: Any = None
        self._stream: Any = None

    def write(self, rgb: np.ndarray) -> None:
        """Append one (H, W, 3) uint8 picture."""
        even = np.pad(rgb, ((0, rgb.shape[0] % 2), (0, rgb.shape[1] % 2), (0, 0)), mode="edge")
        try:
            if self._container is None:
                self._open(even.shape[1], even.shape[0])
            frame = self._av.VideoFrame.from_ndarray(even, format="rgb24")
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except (OSError, self._av.FFmpegError) as error:
            raise StorageError(f"{self.path}: the video could not be written ({error})") from error
        self.frames += 1

    def _open(self, width: int, height: int) -> None:
        self._container = self._av.open(str(self.path), "w", options={"movflags": "faststart"})
        codec = "libx264" if "libx264" in self._av.codecs_available else "mpeg4"
        self._stream = self._container.add_stream(codec, rate=self._fps)
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = "yuv420p"
        self._stream.thread_count = 1  # the pipeline needs the other core
        if codec == "libx264":
            self._stream.options = {"preset": "veryfast", "crf": "23"}

    def close(self) -> None:
        if self._container is None:
            return
        try:
            for packet in self._stream.encode():
                self._container.mux(packet)
            self._container.close()
        except (OSError, self._av.FFmpegError) as error:
            raise StorageError(f"{self.path}: the video could not be finished ({error})") from error
        self._container = None
