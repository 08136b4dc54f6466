# SPDX-License-Identifier: Apache-2.0
"""Compare methods on recordings: the paper's comparisons, by command.

background: average, median, mixtures of Gaussians, sigma-delta, +/-epsilon
contrast:   linear, log, plateau, equalisation, AHE, CLAHE, bilateral
detection:  the profiles, textbook detectors and the network on gas and on what is none
"""

import argparse
import importlib

HELP = "compare background, contrast or detection methods on recordings (tables, CSV, figures)"

COMPARISONS = {
    "background": "edgeleak.evaluate.background.command",
    "contrast": "edgeleak.evaluate.contrast.command",
    "detection": "edgeleak.evaluate.detection.command",
}
"""Comparison -> module with HELP, configure(parser) and run(args); a new one is one line."""


def configure(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="comparison", metavar="COMPARISON", required=True)
    for name, where in COMPARISONS.items():
        module = importlib.import_module(where)
        sub = kinds.add_parser(
            name,
            help=module.HELP,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.configure(sub)


def run(args: argparse.Namespace) -> int:
    return importlib.import_module(COMPARISONS[args.comparison]).run(args)
