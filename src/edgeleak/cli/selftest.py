# SPDX-License-Identifier: Apache-2.0
"""Go through the board in small proofs: nodes, chips, temperatures, whole frames.

Nothing is driven: both enables stay low from the first step to the last.  The first thing that
is not as the board file says ends it with one sentence and an exit code: 69 not there or wrong,
77 no permission, 78 a contradiction in the files.

  edgeleak selftest
  edgeleak selftest --board board/el1-a/board.toml --json
"""

import argparse
import json
from pathlib import Path

from edgeleak.clock import SystemClock
from edgeleak.errors import EdgeLeakError

HELP = "prove the board step by step, driving nothing"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("--board", help="board by name or board.toml; default from the settings")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings instead of /etc's")
    parser.add_argument("--state", type=Path, metavar="DIR", help="calibration, tuned values")
    parser.add_argument("--json", action="store_true", help="the proofs as JSON on stdout")


def run(args: argparse.Namespace) -> int:
    """0 when everything was shown; otherwise the exit code of what was not."""
    from edgeleak.bus.linux import open_buses
    from edgeleak.cli.run import settings_of
    from edgeleak.drivers.link import Steps
    from edgeleak.services import bringup, selftest
    from edgeleak.services.bringup import Proof

    config, board = settings_of(args)
    proofs: list[Proof] = []

    def note(proof: Proof) -> None:
        proofs.append(proof)
        if not args.json:
            print(f"ok    {proof.what:<16} {proof.found}", flush=True)

    note(Proof("board file", f"{board.name}: {board.summary}"))
    clock, failure = SystemClock(), ""
    buses = open_buses(board)
    note(Proof("nodes", f"{board.spi.device}, {board.i2c.device}, {board.gpio.chip}"))
    steps = Steps(clock)
    steps.begin(selftest.steps(board, config, buses, clock, note))
    try:
        while not steps.advance():
            clock.wait_until_ns(clock.monotonic_ns() + selftest.POLL_NS)
    except EdgeLeakError as error:
        failure = str(error)
        raise
    finally:
        bringup.outputs_off(board, buses)
        buses.close()
        if args.json:
            facts = [{"what": proof.what, "found": proof.found} for proof in proofs]
            print(
                json.dumps({"passed": not failure, "failure": failure, "proofs": facts}, indent=2)
            )
    return 0
