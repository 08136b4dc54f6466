# SPDX-License-Identifier: Apache-2.0
"""The firmware that `edgeleak sim` starts."""

import argparse
import sys
from pathlib import Path

SHIFT_S = 8 * 3600.0
"""Whoever works at the port ends the run with Ctrl-C, long after the scenario's own end."""


def seconds_of(args: argparse.Namespace, course_s: float) -> float:
    """How long it runs: as asked, else with a port until somebody ends it, else the scenario's."""
    return args.seconds or (course_s if args.pty is None else SHIFT_S)


def firmware_command(args: argparse.Namespace, seconds: float, settings: Path, out: Path,
                     scratch: Path) -> list[str]:  # fmt: skip
    """`edgeleak run` as a person would start it."""
    return [sys.executable, "-m", "edgeleak", "run", "--board", args.board,
            "--seconds", str(seconds), "--json", "--out", str(out),
            "--state", str(scratch / "state"), "--run", str(scratch / "run"),
            "--config", str(settings),
            *(() if args.pty is None else ("--pty", str(args.pty)))]  # fmt: skip
