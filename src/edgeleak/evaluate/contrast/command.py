# SPDX-License-Identifier: Apache-2.0
"""Compare mappings from 14-bit counts to 8-bit levels.

On frame 100 of each recording (a still itself): pictures and histograms, the
contrast over noise of a known plume added before the mapping, pixel pairs
shown in the wrong order, entropy, time.  Without PATH: four built-in pictures.
"""

import argparse
import math
import sys

from edgeleak.evaluate.options import add_common, geometry_of, say
from edgeleak.evaluate.progress import progress_bar

HELP = "linear, log, plateau, equalisation, AHE, CLAHE, bilateral: plume contrast, order, time"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help="recordings, folders, sim:SCENE")
    parser.add_argument("--builtin", action="store_true", help="built-in pictures besides PATH")
    parser.add_argument(
        "--plume-dt-k",
        type=_finite,
        default=0.25,
        metavar="K",
        help="gas minus scene (%(default)s)",
    )
    parser.add_argument(
        "--response", type=_finite, default=57.3, metavar="COUNTS", help="per kelvin (%(default)s)"
    )
    parser.add_argument(
        "--noise", type=_finite, default=3.0, metavar="COUNTS", help="added sigma (%(default)s)"
    )
    add_common(parser, "out/evaluate/contrast")


def _finite(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= 1e4:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of at most 10000")
    return value


def run(args: argparse.Namespace) -> int:
    from edgeleak.evaluate.contrast.claims import judge
    from edgeleak.evaluate.contrast.comparison import Conditions, compare_still
    from edgeleak.evaluate.contrast.report import as_json, text_report, write_report
    from edgeleak.evaluate.extras import load_opencv, load_pyplot
    from edgeleak.evaluate.tables import to_json

    if not args.no_opencv:
        load_opencv()
    if not args.no_figures:
        load_pyplot()
    conditions = Conditions(args.plume_dt_k, args.response, abs(args.noise), args.seed)
    stills, results = _stills(args), []
    with progress_bar() as progress:
        for number, still in enumerate(stills, start=1):
            results.append(compare_still(still, conditions, not args.no_opencv))
            progress("pictures", number, len(stills))
    claims = judge(results)
    paths = write_report(results, claims, args.out, not args.no_figures)
    say(args, text_report(results, claims))
    say(args, "\nwritten: " + ", ".join(map(str, paths)))
    if args.json:
        sys.stdout.write(to_json(as_json(results, claims, paths)))
    return 0


def _stills(args: argparse.Namespace) -> list:
    from edgeleak.evaluate.contrast.stills import built_in_stills, recorded_still
    from edgeleak.evaluate.sequences.scenery import data_folder

    chosen = [recorded_still(path, **geometry_of(args)) for path in args.paths]
    if args.builtin or not args.paths:
        chosen += built_in_stills(data_folder(), args.seed)
    return chosen
