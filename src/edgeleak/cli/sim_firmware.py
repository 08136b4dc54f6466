# SPDX-License-Identifier: Apache-2.0
"""The firmware that `edgeleak sim` starts."""

import argparse
import sys
from pathlib import Path


def firmware_command(args: argparse.Namespace, seconds: float, settings: Path, out: Path,
                     scratch: Path) -> list[str]:  # fmt: skip
    """`edgeleak run` as a person would start it."""
    return [sys.executable, "-m", "edgeleak", "run", "--board", args.board,
            "--seconds", str(seconds), "--json", "--out", str(out),
            "--state", str(scratch / "state"), "--run", str(scratch / "run"),
            "--config", str(settings),
            *(() if args.pty is None else ("--pty", str(args.pty)))]  # fmt: skip
