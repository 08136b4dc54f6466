# SPDX-License-Identifier: Apache-2.0
"""Bring a new board up in small proofs: power, bus, chips, picture, fan, light, cold.

Each proof moves one thing at most, for seconds, and asks before it does (--yes answers for a test
rig).  The first that fails ends it and says what to look at: mend that and start again, or go on
from there with --only.  The outputs are off at the end, whatever happened.

  edgeleak bringup
  edgeleak bringup --only sensor --out pictures
"""

import argparse
import contextlib
import json
from pathlib import Path
from typing import Any

from edgeleak.clock import SystemClock
from edgeleak.errors import UsageError

HELP = "bring a new board up in small proofs"
NAMES = ("power", "scan", "ids", "sensor", "fan", "led", "tec")


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("--board", help="board by name or board.toml; default from the settings")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings instead of /etc's")
    parser.add_argument("--state", type=Path, metavar="DIR", help="calibration, tuned values")
    parser.add_argument("--only", action="append", metavar="PROOF", choices=NAMES,
                        help=f"just this one, may be repeated: {', '.join(NAMES)}")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR", default=Path(),
                        help="the sensor's picture goes here")  # fmt: skip
    parser.add_argument("--yes", action="store_true", help="do not ask; for test rigs")
    parser.add_argument("--json", action="store_true", help="the result as JSON; needs --yes")


def run(args: argparse.Namespace) -> int:
    """0 when every proof was given or declined, 69 when one failed."""
    from edgeleak.bus.linux import open_buses
    from edgeleak.cli.run import claim_processor, settings_of
    from edgeleak.cli.selftest import Table, leave
    from edgeleak.config import STATE_FOLDER
    from edgeleak.services.checks import FAILED, Bench

    if args.json and not args.yes:
        raise UsageError("--json cannot ask questions; add --yes where nobody can be hurt")
    config, board = settings_of(args)
    table, clock = Table(is_quiet=args.json), SystemClock()
    claim_processor(30)  # a late refresh of an enable would end a proof
    with contextlib.closing(open_buses(board)) as buses:
        bench = Bench(board, config, buses, clock, table.add, args.state or STATE_FOLDER)
        guide = Guide(bench, table, args)
        try:
            outcome = guide.run()
        finally:
            leave(bench, table)
    outcome = FAILED if table.failed else outcome
    if args.json:
        rows = [check._asdict() for check in table.checks]
        print(json.dumps({"board": board.name, "passed": outcome == 0, "proofs": guide.outcomes,
                          "checks": rows}, indent=2))  # fmt: skip
    return outcome


class Guide:
    """Goes through the proofs, asks, and stops where one fails."""

    def __init__(self, bench: Any, table: Any, args: argparse.Namespace) -> None:
        from edgeleak.services import small_proofs

        self._bench, self._table, self._args = bench, table, args
        self._findings = small_proofs.Findings()
        every = small_proofs.proofs(bench)
        self._proofs = [proof for proof in every if not args.only or proof.name in args.only]
        if not self._proofs:
            raise UsageError(f"board {bench.board.name} has no {' and no '.join(args.only)}")
        self.outcomes: dict[str, str] = {}

    def run(self) -> int:
        """The exit code."""
        for number, proof in enumerate(self._proofs, 1):
            self._say(f"\n{number} of {len(self._proofs)}  {proof.name}: {proof.title}")
            self.outcomes[proof.name] = outcome = self._give(proof)
            if outcome == "failed":
                self._say(f"\nSTOPPED at '{proof.name}'.  Look at: {proof.look_at}.\n"
                          f"Then: edgeleak bringup --only {proof.name}")  # fmt: skip
                return 69
        given = sum(outcome == "given" for outcome in self.outcomes.values())
        self._say(f"\n{given} of {len(self._proofs)} proofs given; outputs off.")
        return 0

    def _give(self, proof: Any) -> str:
        from edgeleak.cli.selftest import carry_out

        if proof.moves and not self._may(proof.moves):
            return "declined"
        before = len(self._table.checks)
        carry_out(proof.steps(self._bench, self._findings), self._bench.clock)
        verdicts = [str(check.verdict) for check in self._table.checks[before:]]
        if "FAIL" in verdicts:
            return "failed"
        if proof.name == "sensor" and self._findings.counts is not None:
            for path in save(self._findings.counts, self._args.out):
                self._say(f"picture           {path}")
        return "skipped" if verdicts and set(verdicts) == {"skipped"} else "given"

    def _may(self, moves: str) -> bool:
        if self._args.yes:
            return True
        try:
            answer = input(f"   {moves}.  Go on? [y/N] ")
        except EOFError:
            answer = ""
        if answer.strip().lower() in ("y", "yes"):
            return True
        self._say("   declined; nothing was moved")
        return False

    def _say(self, line: str) -> None:
        if not self._args.json:
            print(line, flush=True)


def save(counts: Any, folder: Path) -> list[Path]:
    """A 16-bit TIFF of the counts and a stretched PNG; a 16-bit PGM where Pillow is not there."""
    import numpy as np

    from edgeleak.durable import replace_file

    folder.mkdir(parents=True, exist_ok=True)
    try:
        from PIL import Image
    except ImportError:
        height, width = counts.shape
        path = folder / "bringup.pgm"
        replace_file(path, b"P5 %d %d 16383\n" % (width, height) + counts.astype(">u2").tobytes())
        return [path]
    low, high = np.percentile(counts, (1, 99))
    grey = np.clip((counts.astype(np.float32) - low) * (255 / max(1.0, high - low)), 0, 255)
    Image.fromarray(grey.astype(np.uint8)).save(folder / "bringup.png")
    Image.fromarray(counts).save(folder / "bringup.tif")
    return [folder / "bringup.png", folder / "bringup.tif"]
