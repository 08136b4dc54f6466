# SPDX-License-Identifier: Apache-2.0
"""Turn a recording into files that other programs read.

edgeleak export clip.mcap --tiff16 --csv --out exported/
edgeleak export clip.mcap --dataset --out training/    frame, background, foreground, mask

Exit code: 0 written, 65 the source is damaged (what is good was written), 66 not there.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeleak.cli import export_sinks as sinks
from edgeleak.cli.export_dataset import Dataset
from edgeleak.cli.progress import Progress
from edgeleak.cli.source_options import add_source_options, open_from, say_damage
from edgeleak.errors import StorageError, UsageError

if TYPE_CHECKING:
    from edgeleak.sources import Source

HELP = "write TIFF, PNG, MP4, NPZ, CSV or a training set from a recording"
FORMS: dict[str, tuple[type[sinks.Sink], str]] = {
    "tiff16": (sinks.Tiff16, "one 16-bit TIFF of all frames"),
    "png": (sinks.PngFolder, "a folder of PNG pictures, 16 bits for counts"),
    "mp4": (sinks.Mp4, "a grey video to look at"),
    "npz": (sinks.Npz, "NumPy arrays: frames and their facts"),
    "csv": (sinks.Csv, "a table of every frame's facts"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `edgeleak export`."""
    parser.add_argument("source", help="recording, folder, video or sim:...")
    parser.add_argument("--out", required=True, type=Path, help="folder for the results")
    for name, (_, text) in FORMS.items():
        parser.add_argument(f"--{name}", action="store_true", help=text)
    parser.add_argument(
        "--dataset", action="store_true", help="training set: frame, background, foreground, mask"
    )
    parser.add_argument("--profile", default="sensitive", help="pipeline profile for --dataset")
    parser.add_argument("--calibration", help="calibration container for --dataset")
    parser.add_argument("--frames", type=int, metavar="N", help="stop after so many frames")
    parser.add_argument("--force", action="store_true", help="replace existing results")
    parser.add_argument("--json", action="store_true", help="summary as JSON on stdout")
    add_source_options(parser)


def run(args: argparse.Namespace) -> int:
    """Write every chosen form in one pass; all of them or none."""
    if args.frames is not None and args.frames < 1:
        raise UsageError(f"--frames must be at least 1, got {args.frames}")
    with open_from(args, args.source) as source:
        chosen = choose(args, source)
        try:
            args.out.mkdir(parents=True, exist_ok=True)
            files, count = export(source, chosen, args.frames)
        except OSError as error:
            if isinstance(error, (StorageError, UsageError)):
                raise
            raise StorageError(
                f"{args.out}: {error.strerror or error}; nothing was left"
            ) from error
        facts = {
            "files": [str(file) for file in files],
            "frames": count,
            "damage": getattr(source, "damage", None),
            "warnings": list(getattr(source, "warnings", [])),
        }
    report(args, facts)
    damage = getattr(source, "damage", None)
    return 0 if damage is None else say_damage("export", args.source, damage)


def choose(args: argparse.Namespace, source: "Source") -> list[sinks.Sink]:
    """The sinks asked for, after the check that nothing is overwritten."""
    stem = Path(source.name).stem or "export"
    found: list[sinks.Sink] = [
        form(args.out, stem, source) for name, (form, _) in FORMS.items() if getattr(args, name)
    ]
    if args.dataset:
        found.append(
            Dataset(args.out, stem, source, profile=args.profile, calibration=args.calibration)
        )
    if not found:
        forms = ", ".join(f"--{name}" for name in (*FORMS, "dataset"))
        raise UsageError(f"say what to write: one or more of {forms}")
    for sink in found:
        sink.check(args.force)
    return found


def export(source: "Source", chosen: list[sinks.Sink], limit: int | None) -> tuple[list[Path], int]:
    """Feed every frame to every sink; on any failure no sink leaves anything."""
    started: list[sinks.Sink] = []
    count = 0
    total = min((n for n in (limit, source.n_frames) if n), default=None)
    try:
        for sink in chosen:
            started.append(sink)
            sink.start()
        with Progress("exporting", total) as progress:
            for index, (pixels, info) in enumerate(source):
                for sink in chosen:
                    sink.write(index, pixels, info)
                count = index + 1
                progress.update(count)
                if count == limit:
                    break
        return [sink.finish() for sink in chosen], count
    except BaseException:
        for sink in started:
            sink.abort()
        raise


def report(args: argparse.Namespace, facts: dict[str, Any]) -> None:
    """JSON on stdout, or sentences."""
    if args.json:
        print(json.dumps(facts))
        return
    for warning in facts["warnings"]:
        print(f"note: {warning}", file=sys.stderr)
    for file in facts["files"]:
        print(f"{file}: {facts['frames']} frames")
