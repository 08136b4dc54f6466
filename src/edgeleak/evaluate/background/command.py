# SPDX-License-Identifier: Apache-2.0
"""Compare background methods on whole sequences.

Each method estimates the background after each of the first 400 frames; PSNR
in dB against (a) the mean of the first 500 frames, the paper's reference, and
(b) what no method saw: the exact truth, or the mean of frames 501-1000.
Without PATH: four built-in 14-bit sequences and the methane recording.
"""

import argparse
import sys
from pathlib import Path

from edgeleak.errors import UsageError
from edgeleak.evaluate.options import add_common, count_of, geometry_of, say, shape_of
from edgeleak.evaluate.progress import progress_bar

HELP = "average, median, mixtures of Gaussians, sigma-delta, +/-epsilon: PSNR, memory, time"
METHANE = "methane-1fps-320x240"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help="recordings, folders, sim:SCENE")
    parser.add_argument("--builtin", action="store_true", help="built-in sequences besides PATH")
    parser.add_argument(
        "--frames", type=count_of(2), default=400, metavar="N", help="scored frames (%(default)s)"
    )
    parser.add_argument(
        "--size", type=shape_of, default=(240, 320), metavar="HxW", help="of built-in (240x320)"
    )
    add_common(parser, "out/evaluate/background")


def run(args: argparse.Namespace) -> int:
    from edgeleak.evaluate.background.claims import judge
    from edgeleak.evaluate.background.comparison import compare_sequence
    from edgeleak.evaluate.background.report import as_json, text_report, write_report
    from edgeleak.evaluate.extras import load_opencv, load_pyplot
    from edgeleak.evaluate.tables import to_json

    if not args.no_opencv:
        load_opencv()
    if not args.no_figures:
        load_pyplot()
    results = []
    with progress_bar() as progress:
        for sequence in _sequences(args):
            results += compare_sequence(sequence, args.frames, not args.no_opencv, progress)
    claims = judge(results)
    paths = write_report(results, claims, args.out, not args.no_figures)
    say(args, text_report(results, claims))
    say(args, "\nwritten: " + ", ".join(map(str, paths)))
    if args.json:
        sys.stdout.write(to_json(as_json(results, claims, paths)))
    return 0


def _sequences(args: argparse.Namespace) -> list:
    from edgeleak.evaluate.sequences.built_in import BUILT_IN_FRAMES, built_in_sequences
    from edgeleak.evaluate.sequences.recorded import recorded_sequence
    from edgeleak.evaluate.sequences.scenery import data_folder

    chosen = [recorded_sequence(path, **geometry_of(args)) for path in args.paths]
    if args.paths and not args.builtin:
        return chosen
    if args.frames > BUILT_IN_FRAMES * 2 // 5:
        raise UsageError(f"--frames {args.frames}: built-in sequences have frames for 400 at most")
    folder = data_folder()
    chosen += built_in_sequences(args.size, folder, args.seed)
    methane = None if folder is None else folder / METHANE
    if methane is None or not methane.is_dir():
        say(args, "methane recording not found (set EDGELEAK_DATA); built-in sequences only")
    elif not any(Path(path).name == METHANE for path in args.paths):
        chosen.append(recorded_sequence(methane))
    return chosen
