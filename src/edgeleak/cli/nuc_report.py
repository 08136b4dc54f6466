# SPDX-License-Identifier: Apache-2.0
"""`edgeleak nuc report`: figures of a calibration, and a page with pictures."""

import argparse
import json
from pathlib import Path

from edgeleak.calibration import container
from edgeleak.cli.nuc_figures import figures, lines
from edgeleak.cli.nuc_input import add_input_options, load


def configure(action: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("calibration", type=Path, help="file made by `edgeleak nuc`")
    parser.add_argument("recordings", type=Path, nargs="*",
                        help="frames of uniform references to measure on")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="write pictures and report.html there")  # fmt: skip
    add_input_options(parser)


def run(args: argparse.Namespace) -> int:
    calibration = container.read(args.calibration)
    said = figures(calibration)
    if args.out:
        from edgeleak.calibration.report import write_report

        stacks = [load(path, args) for path in args.recordings]
        said["report"] = str(write_report(args.out, calibration, stacks))
    if args.json:
        print(json.dumps(said))
        return 0
    print("\n".join(lines(calibration)))
    if args.out:
        print(f"report                {said['report']}")
    return 0
