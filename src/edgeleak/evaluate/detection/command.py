# SPDX-License-Identifier: Apache-2.0
"""Compare gas detectors on the same frames: found, missed, false alarms, with intervals.

The firmware's profiles through the real pipeline, textbook detectors, and the network where it is
installed; on real methane, on clips without gas (as they are, and with a plume drawn in), on the
hand-held nozzle clip, on simulated scenes and a hand-held sweep.  Besides: what every rule of the
default profile is worth, and what it costs.

  edgeleak evaluate detection --quick             three minutes
  edgeleak evaluate detection                     half an hour; what is there is kept
  edgeleak evaluate detection --part methane --part clips --json
"""

import argparse
from pathlib import Path

from edgeleak.evaluate.options import say

HELP = "profiles, textbook detectors and network: found, missed, false alarms, with intervals"
WITH_DATA = {"methane", "clips", "nozzle", "stills", "ablation"}
WITH_THRESHOLDS = {"methane", "clips", "grid", "families", "sweep"}
PARTS = ("methane", "clips", "nozzle", "stills", "grid", "families", "ablation", "cost", "sweep")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--part", action="append", choices=PARTS, help="only this; may be repeated")
    parser.add_argument("--method", action="append", metavar="KEY", help="only this; repeatable")
    parser.add_argument("--quick", action="store_true", help="fewer frames and scenes, 3 minutes")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="recordings (EDGELEAK_DATA, ../shared/data)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("out/evaluate/detection"), metavar="DIR",
        help="tables, pictures and what was run already (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--page", type=Path, metavar="FILE", help="the tables as a page of documents, with plots"
    )
    parser.add_argument("--no-figures", action="store_true", help="tables only; no matplotlib")
    parser.add_argument("--fresh", action="store_true", help="run again what is there already")
    parser.add_argument("--json", action="store_true", help="machine output on stdout")


def run(args: argparse.Namespace) -> int:
    from edgeleak.evaluate.detection.report import finish
    from edgeleak.evaluate.detection.session import Session
    from edgeleak.evaluate.progress import live_progress

    with live_progress() as progress:
        session = Session(args, progress)
        chosen = args.part or PARTS
        if WITH_DATA.intersection(chosen):
            session.check_data()
        parts = [session.thresholds] if WITH_THRESHOLDS.intersection(chosen) else []
        parts += [session.part(key) for key in chosen]
    say(args, finish(args, parts, session.store))
    return 0
