# SPDX-License-Identifier: Apache-2.0
"""MJPEG AVI and any other video FFmpeg reads, as 8- or 16-bit grey.

FFmpeg is native code that parses hostile data, so it runs in a process of its
own (video_worker.py) with a memory limit; when that dies or hangs, the frames
before are kept and this program goes on.
"""

import json
import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from edgeleak.errors import DataError, UnavailableError
from edgeleak.frame import FrameFlag, FrameInfo
from edgeleak.sources.source import NS_PER_S, Frame, OpenOptions, Source, check_shape

WORKER = Path(__file__).with_name("video_worker.py")
STALL_S = 20.0  # a decoder silent for this long hangs
FRAME = struct.Struct("<cq")
MAX_HEADER_BYTES = 4096
CLAIM_SLACK = 0.02


class VideoSource(Source):
    """Grey frames with the container's own time stamps."""

    def __init__(self, path: Path, options: OpenOptions) -> None:
        super().__init__(path, options)
        self._decoder: Decoder | None = Decoder(path)
        header = self._decoder.header
        self.shape = check_shape((header["height"], header["width"]), f"{path}: header")
        self.bits = 16 if header["bytes_per_pixel"] == 2 else 8
        self.n_frames = header["n_frames"] or None
        if options.fps is None and header["fps"]:
            self.fps = float(header["fps"])

    def close(self) -> None:
        """End the decoding process."""
        if self._decoder is not None:
            self._decoder.close()
            self._decoder = None

    def _read(self) -> Iterator[Frame]:
        decoder = self._decoder or Decoder(self.path)
        self._decoder = None  # the next iteration starts at the first frame again
        dtype = np.dtype("<u2" if self.bits == 16 else "u1")
        count = 0
        self._last: tuple[int, int] | None = None
        self._is_disordered = False
        try:
            for index, (pts_ns, data) in enumerate(decoder.frames()):
                pixels = np.frombuffer(data, dtype).reshape(self.shape)
                yield pixels, self._timed(index, pts_ns)
                count = index + 1
            self._compare_with_claim(count)
        finally:
            decoder.close()

    def _compare_with_claim(self, count: int) -> None:
        """FFmpeg ends a cut file without a word; containers are off by a frame or two."""
        claimed = self.n_frames or 0
        if 0 < count < claimed - max(1, CLAIM_SLACK * claimed):
            self._note_damage(f"the container announces {claimed} frames, {count} came")
        elif 0 < count < claimed:
            self.warn(f"{self.name}: the container announces {claimed} frames, {count} came")

    def _timed(self, index: int, pts_ns: int) -> FrameInfo:
        if pts_ns < 0 or self.options.fps is not None:
            return self._untimed(index)
        if self._last is not None and pts_ns <= self._last[1] and not self._is_disordered:
            self._is_disordered = True
            said = (
                "the rate is unknown" if self.fps is None else f"{self.fps:g} frames/s are assumed"
            )
            self.warn(
                f"{self.name}: its time stamps go back at frame {index}; from there on {said}"
            )
        if not self._is_disordered:
            self._last = index, pts_ns
            return FrameInfo(sequence=index, monotonic_ns=pts_ns, flags=FrameFlag.NONE)
        return self._counted_on(index)

    def _counted_on(self, index: int) -> FrameInfo:
        """Frames after the last good time stamp, at the nominal rate."""
        if self.fps is None or self._last is None:
            return self._untimed(index)
        then, time_ns = self._last
        time_ns += round((index - then) * NS_PER_S / self.fps)
        return FrameInfo(sequence=index, monotonic_ns=time_ns, flags=FrameFlag.FPS_ASSUMED)


class Decoder:
    """The decoding process: one JSON header line, then frames, then an end mark."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(WORKER), str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            self.header = self._read_header()
        except BaseException:
            self.close()
            raise

    @property
    def _pipe(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def _read_header(self) -> dict[str, Any]:
        line = bytearray()
        while not line.endswith(b"\n"):
            line += self._exactly(1)
            if len(line) > MAX_HEADER_BYTES:
                raise DataError("the decoder answered nonsense")
        header = json.loads(line)
        if "unavailable" in header:
            raise UnavailableError(header["unavailable"])
        if "error" in header:
            raise DataError(f"{self._path}: {header['error']}; it is damaged or something else")
        return header

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """(time stamp in ns or -1, pixels) until the end; DataError on damage."""
        header = self.header
        size = header["height"] * header["width"] * header["bytes_per_pixel"]
        while True:
            kind, value = FRAME.unpack(self._exactly(FRAME.size))
            if kind == b"E":
                return
            if kind == b"X":
                raise DataError(self._exactly(min(value, MAX_HEADER_BYTES)).decode())
            yield value, self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        """Read *size* bytes; DataError when the decoder dies or stalls."""
        data = bytearray(size)
        view = memoryview(data)
        deadline = time.monotonic() + STALL_S
        while view:
            ready, _, _ = select.select([self._pipe], [], [], max(deadline - time.monotonic(), 0))
            if not ready:
                raise DataError(f"the video decoder gave nothing for {STALL_S:.0f} s and was ended")
            count = os.readv(self._pipe.fileno(), [view])
            if count == 0:
                code = self._process.wait()
                raise DataError(f"the video decoder died on this file (status {code})")
            view = view[count:]
        return bytes(data)

    def close(self) -> None:
        """End the process; nothing it holds is worth waiting for."""
        self._process.kill()
        self._process.wait()
        self._pipe.close()
