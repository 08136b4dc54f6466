# SPDX-License-Identifier: Apache-2.0
"""Run a recording through the same code that runs on the board.

  edgeleak replay clip.mcap --show
  edgeleak replay folder-of-jpeg --fps 1 --sensor methane --out result
  edgeleak replay stack.npy --fps 9 --json

Accepted: EdgeLeak .mcap, .npz and .npy stacks, 16-bit TIFF, folders of PNG, TIFF or
JPEG, .cptv, MJPEG .avi and other video, raw dumps with --shape, and sim:SCENE.
Exit code: 0 processed, 65 damaged (what was good is processed and kept), 66 not there.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from edgeleak.cli.drawing import Painter
from edgeleak.cli.events import line_of
from edgeleak.cli.gallery import Gallery
from edgeleak.cli.progress import Progress
from edgeleak.cli.results import Results, live_text
from edgeleak.cli.show import Pace, Screen, open_screen
from edgeleak.cli.source_options import (
    add_profile_options,
    add_source_options,
    frames_of,
    open_from,
    profile_from,
    say_damage,
)
from edgeleak.cli.video import playback_fps
from edgeleak.cli.watching import Watch
from edgeleak.errors import StorageError, UsageError
from edgeleak.picture import PALETTES

HELP = "process a recording; overlay pictures, video and events table"
INTERRUPTED = 130


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("path", metavar="PATH", help="recording, folder, video, or sim:seed=1,...")
    parser.add_argument("--frames", type=frames_of, default=(0, None), metavar="A:B",
                        help="only frames A up to, not including, B")  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="save pictures, video, leaks and tables"
    )
    parser.add_argument("--show", action="store_true", help="live picture: window, else terminal")
    parser.add_argument("--speed", type=float, default=1.0, help="with --show: times real time")
    parser.add_argument(
        "--palette", choices=PALETTES, default="grey", help="colours of the scene (grey)"
    )
    parser.add_argument("--pictures", type=int, default=24, metavar="N",
                        help="event pictures at most (24)")  # fmt: skip
    parser.add_argument("--no-video", action="store_true", help="with --out: no overlay.mp4")
    parser.add_argument("--trace", action="store_true",
                        help="facts and rules in words at each change of the answer")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--json-frames", action="store_true", help="one JSON line a frame")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    add_source_options(parser)
    add_profile_options(parser)


def run(args: argparse.Namespace) -> int:
    """Replay; returns the exit code."""
    from edgeleak.pipeline import Pipeline

    profile = profile_from(args)
    with open_from(args, args.path) as source:
        pipeline = Pipeline(source.shape, profile, fps=source.fps, calibration=args.calibration,
                            sensor=source.sensor)  # fmt: skip
        painter = Painter(source.name, args.palette)
        screen = open_screen(f"EdgeLeak: {source.name}") if args.show else None
        results = Results(source, painter, _gallery(args, painter, source.fps))
        watch = Watch(source, pipeline, source.fps, *args.frames)
        interrupted = _watch_all(args, watch, results, screen)
        if not watch.step_ms and not interrupted:
            raise UsageError(_nothing_left(args.frames, source.n_frames))
        summary = results.summary(watch, profile, calibration=_name(args.calibration),
                                  interrupted=interrupted)  # fmt: skip
        files = results.finish(summary, f"{source.name}, profile {profile.name}")
    _report(args, results, summary, files)
    return _exit_code(results, interrupted)


def _gallery(args: argparse.Namespace, painter: Painter, fps: float | None) -> Gallery | None:
    if args.out is None:
        return None
    video_fps = None if args.no_video else playback_fps(fps)
    return Gallery(args.out, painter, most=args.pictures, video_fps=video_fps)


def _watch_all(args: argparse.Namespace, watch: Watch, results: Results,
               screen: Screen | None) -> bool:  # fmt: skip
    """Process every frame; True when the user stopped it."""
    pace = Pace(args.speed)
    quiet, last = args.quiet or screen is not None, None
    try:
        with Progress("replay", _total(results.source, args.frames), quiet=quiet) as progress:
            for seen, info in watch:
                results.take(watch.pipeline, seen, info)
                progress.update(seen.index + 1, live_text(seen))
                if args.json_frames:
                    rules = watch.pipeline.verdict.as_dict() if args.trace else {}
                    print(json.dumps(seen.as_dict() | rules))
                elif args.trace and (seen.word, seen.code) != last:
                    print(
                        f"{seen.time_s:.2f} s, frame {seen.index}\n{watch.pipeline.verdict.trace}"
                    )
                last = seen.word, seen.code
                if screen is not None:
                    pace.wait_for(seen.time_s)
                    if not screen.show(results.painter.draw(watch.pipeline, seen, info).rgb):
                        return True
    except KeyboardInterrupt:
        return True
    finally:
        if screen is not None:
            screen.close()
    return False


def _total(source: Any, span: tuple[int, int | None]) -> int | None:
    known = source.n_frames
    last = span[1] if known is None else min(known, span[1] or known)
    return None if last is None else max(0, last - span[0])


def _nothing_left(span: tuple[int, int | None], total: int | None) -> str:
    last = "" if span[1] is None else span[1]
    known = "ends before that" if total is None else f"has only {total} frames, 0:{total}"
    return f"--frames {span[0]}:{last} leaves none: the recording {known}; choose another range"


def _name(calibration: Path | None) -> str | None:
    return None if calibration is None else calibration.name


def _report(args: argparse.Namespace, results: Results, summary: dict, files: list[Path]) -> None:
    if args.json:
        print(json.dumps(summary, indent=2))
    for sentence in results.source.warnings:
        print(f"note: {sentence}", file=sys.stderr)
    if results.gallery is not None:
        for sentence in results.gallery.notes:
            print(f"note: {sentence}", file=sys.stderr)
    human = sys.stderr if args.json or args.json_frames else sys.stdout
    speed = summary["speed"]
    print(f"{summary['verdict']}: {summary['sentence']}", file=human)
    for leak in summary["events"]:
        print(line_of(leak), file=human)
    print(
        f"{speed['frames']} frames, {speed['step_ms_median']:.2f} ms a frame"
        f" (95 %: {speed['step_ms_p95']:.2f}), profile {profile_said(summary['profile'])}",
        file=human,
    )
    if files:
        print(f"look at {files[0]}", file=human)


def profile_said(name: str) -> str:
    """The name of a profile; a star means that some of its settings were changed."""
    return f"{name} (*: changed by --set or --threshold)" if name.endswith("*") else name


def _exit_code(results: Results, interrupted: bool) -> int:
    gallery, damage = results.gallery, getattr(results.source, "damage", None)
    if gallery is not None and gallery.trouble is not None:
        print(f"edgeleak replay: {gallery.trouble}; earlier pictures are kept", file=sys.stderr)
        return StorageError.exit_code
    if damage:
        return say_damage("replay", results.source.path, damage)
    return INTERRUPTED if interrupted else 0
