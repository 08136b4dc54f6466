# SPDX-License-Identifier: Apache-2.0
"""Non-uniformity correction: measure a sensor, save its calibration, report on it.

  edgeleak nuc two-point cold.npz hot.npz --cold-degc 20 --hot-degc 30 --out el1.cal
  edgeleak nuc one-point shutter.npz --base el1.cal --out today.cal
  edgeleak nuc by-temperature flats.npz --out el1.cal
  edgeleak nuc report el1.cal hot.npz --out report

Every command prints residuals in counts and, where the response is known, mK.
"""

import argparse
import importlib

HELP = "calibrate a sensor: gain, offset, bad pixels; report with pictures"

ACTIONS = {
    "two-point": ("edgeleak.cli.nuc_make", "gain and offset from two uniform references"),
    "one-point": ("edgeleak.cli.nuc_make", "offset from one uniform reference, e.g. a shutter"),
    "by-temperature": ("edgeleak.cli.nuc_make", "offset over the detector temperature"),
    "scene": ("edgeleak.cli.nuc_make", "offset from a moving scene, no reference"),
    "bad-pixels": ("edgeleak.cli.nuc_make", "only the table of bad pixels"),
    "report": ("edgeleak.cli.nuc_report", "pictures and figures of a calibration"),
    "evaluate": ("edgeleak.cli.nuc_evaluate", "residuals on held-out frames of the recordings"),
}
"""Action -> module with configure(action, parser) and run(args), and its help."""


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, (where, says) in ACTIONS.items():
        sub = actions.add_parser(name, help=says, description=says)
        sub.add_argument("--json", action="store_true", help="figures as JSON on stdout")
        importlib.import_module(where).configure(name, sub)


def run(args: argparse.Namespace) -> int:
    return importlib.import_module(ACTIONS[args.action][0]).run(args)
