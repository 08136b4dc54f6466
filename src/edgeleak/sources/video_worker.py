# SPDX-License-Identifier: Apache-2.0
"""Decode one video to grey frames on stdout; the process that may die.

Run by path by video.py; imports nothing of the project.  Output: one JSON
line, then per frame `F`, int64 ns (-1 unknown) and the pixels; at the end `E`,
or `X`, int64 length and a sentence.
"""

import json
import os
import resource
import struct
import sys
from typing import Any, BinaryIO

MEMORY_BYTES = 2 << 30
CPU_S = 3600
MAX_PIXELS = 1 << 24


def announced(container: Any, stream: Any, fps: float) -> int:
    """Frames the container speaks of; 0 when it does not."""
    if stream.frames:
        return max(int(stream.frames), 0)
    seconds = (container.duration or 0) / 1e6
    return round(seconds * fps) if 0 < seconds * fps < 1e9 else 0


def header_of(container: Any, stream: Any) -> dict[str, Any]:
    """What the parent must know before the first frame."""
    width, height = stream.codec_context.width, stream.codec_context.height
    if not (0 < width * height <= MAX_PIXELS):
        return {"error": f"frames of {height} x {width} pixels cannot be decoded"}
    name = stream.codec_context.pix_fmt or ""
    deep = name.startswith("gray") and name != "gray" and not name.startswith("gray8")
    fps = float(stream.average_rate or stream.guessed_rate or 0)
    return {
        "width": width,
        "height": height,
        "bytes_per_pixel": 2 if deep else 1,
        "fps": fps if 0 < fps <= 1e5 else None,
        "n_frames": announced(container, stream, fps),
    }


def decode(container: Any, stream: Any, header: dict[str, Any], out: BinaryIO) -> None:
    """All frames of the video stream; a change of size is an error."""
    target = "gray16le" if header["bytes_per_pixel"] == 2 else "gray"
    for frame in container.decode(stream):
        if (frame.width, frame.height) != (header["width"], header["height"]):
            raise ValueError(f"the size changes to {frame.height} x {frame.width}")
        seconds = frame.time
        pts_ns = -1 if seconds is None or not 0 <= seconds < 1e9 else round(seconds * 1e9)
        out.write(struct.pack("<cq", b"F", pts_ns))
        out.write(frame.to_ndarray(format=target).tobytes())


def main(path: str, out: BinaryIO) -> None:
    """Decode *path* to *out*."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        import av
    except ImportError:
        text = "videos need PyAV; install it with `pip install edgeleak[host]`"
        out.write(json.dumps({"unavailable": text}).encode() + b"\n")
        return
    av.logging.set_level(None)
    header: dict[str, Any] | None = None
    try:
        with av.open(path, metadata_errors="ignore") as container:
            if not container.streams.video:
                raise ValueError("holds no video")
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            found = header_of(container, stream)
            if "error" in found:
                raise ValueError(found["error"])
            header = found
            out.write(json.dumps(header).encode() + b"\n")
            decode(container, stream, header, out)
        out.write(struct.pack("<cq", b"E", 0))
    except BrokenPipeError:
        os._exit(0)  # the reader had enough
    except Exception as error:
        text = " ".join((getattr(error, "strerror", None) or str(error)).split())[:300]
        if header is None:
            out.write(json.dumps({"error": f"no video can be read ({text})"}).encode() + b"\n")
        else:
            out.write(struct.pack("<cq", b"X", len(text.encode())) + text.encode())


if __name__ == "__main__":
    with os.fdopen(sys.stdout.fileno(), "wb", closefd=False) as stdout:
        main(sys.argv[1], stdout)
