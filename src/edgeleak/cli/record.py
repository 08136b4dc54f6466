# SPDX-License-Identifier: Apache-2.0
"""Record a source to a lossless MCAP file that survives a power cut.

edgeleak record sim:seed=3 --out leak.mcap --duration 20
edgeleak record clip.cptv --out recordings/      name made of serial, UTC, number
edgeleak record --recover broken.mcap.part --out whole.mcap

Exit code: 0 recorded, 65 the source is damaged (what is good was recorded), 74 storage failed.
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeleak.cli.progress import Progress
from edgeleak.cli.source_options import add_source_options, open_from, say_damage
from edgeleak.errors import DataError, StorageError, UsageError
from edgeleak.frame import FrameInfo

if TYPE_CHECKING:
    from edgeleak.recording import Writer
    from edgeleak.sources import Source

HELP = "record a source to a lossless file that survives a power cut"
NS_PER_S = 1e9


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `edgeleak record`."""
    parser.add_argument("source", nargs="?", help="file, folder, video or sim:...")
    parser.add_argument("--out", required=True, help="file ending in .mcap, or a folder")
    parser.add_argument("--duration", type=float, metavar="S", help="stop after so many seconds")
    parser.add_argument("--frames", type=int, metavar="N", help="stop after so many frames")
    parser.add_argument("--serial", default="0", help="instrument, for the name and the file")
    parser.add_argument("--fast", action="store_true", help="quicker, larger compression")
    parser.add_argument("--recover", metavar="FILE", help="copy what is whole in a damaged file")
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    parser.add_argument("--json", action="store_true", help="summary as JSON on stdout")
    add_source_options(parser)


def run(args: argparse.Namespace) -> int:
    """Record; the exit code.  What was recorded is kept, whatever happens."""
    out = target(args.out, args.serial)
    if (args.recover is None) == (args.source is None):
        raise UsageError("name one SOURCE, or --recover FILE")
    if args.recover:
        return recover_file(args, out)
    with open_from(args, args.source) as source:
        return record(args, source, out)


def target(out: str, serial: str) -> Path:
    """The file to write: as given, or a fresh name in a folder."""
    from edgeleak.recording import recording_path

    path = Path(out)
    if path.is_dir() or out.endswith("/"):
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{path}: cannot be made ({error.strerror})") from error
        return recording_path(path, serial, time.time_ns())
    if path.suffix != ".mcap":
        raise UsageError(f"--out {out}: name a file ending in .mcap, or a folder")
    return path


def record(args: argparse.Namespace, source: "Source", out: Path) -> int:
    from edgeleak.recording import Writer

    limit = frame_limit(args, source)
    writer = Writer(
        out,
        source.shape,
        source.fps,
        source.sensor,
        bits=source.bits,
        serial=args.serial,
        metadata={"source": source.name},
        fast=args.fast,
        overwrite=args.force,
    )
    failure: StorageError | None = None
    try:
        copy_frames(source, writer, args.duration, limit)
    except KeyboardInterrupt:
        print("stopped; the recording is kept", file=sys.stderr)
    except StorageError as error:
        failure = error
    finally:
        if writer.frames_written:
            writer.close()
        else:
            writer.discard()
    if not writer.frames_written:
        raise failure or DataError(f"{source.name}: gave no frame; nothing was recorded")
    report(args, summary(source, writer))
    if failure:
        raise failure
    damage = getattr(source, "damage", None)
    return 0 if damage is None else say_damage("record", args.source, damage)


def frame_limit(args: argparse.Namespace, source: "Source") -> int | None:
    """Frames to take at most; seconds count by the frames' own clock when they have one."""
    for name in ("duration", "frames"):
        value = getattr(args, name)
        if value is not None and not value > 0:
            raise UsageError(f"--{name} must be above 0, got {value}")
    return args.frames


def copy_frames(
    source: "Source", writer: "Writer", duration_s: float | None, limit: int | None
) -> None:
    start_ns: float | None = None
    total = min((n for n in (limit, source.n_frames) if n), default=None)
    with Progress("recording", total) as progress:
        for count, (pixels, info) in enumerate(source, 1):
            now_ns = frame_time_ns(info, count - 1, source.fps, duration_s)
            start_ns = now_ns if start_ns is None else start_ns
            if duration_s is not None and now_ns - start_ns >= duration_s * NS_PER_S:
                break
            writer.write(pixels, info)
            progress.update(count)
            if count == limit:
                break


def frame_time_ns(
    info: FrameInfo, index: int, fps: float | None, duration_s: float | None
) -> float:
    """Time of a frame for --duration; UsageError when nobody knows it."""
    if info.monotonic_ns >= 0 or duration_s is None:
        return info.monotonic_ns
    if fps is None:
        raise UsageError("--duration needs times: the source has none; say --fps or --frames")
    return index * NS_PER_S / fps


def recover_file(args: argparse.Namespace, out: Path) -> int:
    from edgeleak.recording import recover

    frames = recover(args.recover, out, overwrite=args.force)
    report(args, {"file": str(out), "frames": frames, "recovered_from": args.recover})
    return 0


def summary(source: "Source", writer: "Writer") -> dict[str, Any]:
    """What was recorded."""
    pixels = writer.shape[0] * writer.shape[1]
    raw_bytes = writer.frames_written * pixels * (1 if source.bits == 8 else 2)
    size = writer.path.stat().st_size if writer.path.exists() else 0
    return {
        "file": str(writer.path),
        "frames": writer.frames_written,
        "frames_lost": writer.frames_lost,
        "shape": list(writer.shape),
        "fps": source.fps,
        "sensor": source.sensor.name,
        "bytes": size,
        "ratio": round(raw_bytes / size, 3) if size else math.nan,
        "warnings": list(getattr(source, "warnings", [])),
    }


def report(args: argparse.Namespace, facts: dict[str, Any]) -> None:
    """JSON on stdout, or sentences on stderr."""
    if args.json:
        print(json.dumps(facts))
        return
    for warning in facts.get("warnings", []):
        print(f"note: {warning}", file=sys.stderr)
    size = f", {facts['bytes']} bytes, {facts['ratio']}x smaller" if "bytes" in facts else ""
    print(f"{facts['file']}: {facts['frames']} frames{size}")
