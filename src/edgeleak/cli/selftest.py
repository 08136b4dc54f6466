# SPDX-License-Identifier: Apache-2.0
"""Check the whole board: chips, temperatures, supply, fan, frames, storage, clock, kernels.

Nothing is driven but the fan: both enables stay low from the first step to the last.  Every check
is a row with what was measured, what is allowed and a verdict.  Exit code 0 when no row fails
(notes do not), 69 when one does; 75 another program holds the board, 77 no permission, 78 the
files contradict themselves.

  edgeleak selftest
  edgeleak selftest --board board/el1-a/board.toml --json
  edgeleak selftest --boot     as the service unit runs it before each start, see boot_test.py
"""

import argparse
import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

from edgeleak.clock import NS_PER_MS, SystemClock
from edgeleak.errors import BusError, EdgeLeakError

HELP = "check the whole board, driving nothing but the fan"
POLL_NS = NS_PER_MS


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("--board", help="board by name or board.toml; default from the settings")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings instead of /etc's")
    parser.add_argument("--state", type=Path, metavar="DIR", help="calibration, tuned values")
    parser.add_argument("--json", action="store_true", help="the checks as JSON on stdout")
    parser.add_argument("--boot", action="store_true",
                        help="keep the result; nothing when not due")  # fmt: skip
    parser.add_argument("--run", type=Path, metavar="DIR", dest="run_folder",
                        help="where --boot keeps them; lost at a reboot")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """0 when every check passed; otherwise the exit code of what did not."""
    return at_boot(args) if args.boot else examine(args)[0]


def at_boot(args: argparse.Namespace) -> int:
    """The same where it is due, and kept; 0 where it is not."""
    from edgeleak.services.boot_test import BootTest
    from edgeleak.services.setup import RUN_FOLDER

    boot, clock = BootTest(args.run_folder or RUN_FOLDER), SystemClock()
    if reason := boot.reason_to_skip(clock.monotonic_ns()):
        print(f"no self-test: {reason}")
        return 0
    try:
        code, document = examine(args)
    except EdgeLeakError as error:
        boot.note({"passed": False, "error": str(error)}, clock.monotonic_ns())
        raise
    boot.note(document, clock.monotonic_ns())
    return code


def examine(args: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """(exit code, everything for machines) of one self-test, which is printed."""
    from edgeleak.cli.run import settings_of

    config, board = settings_of(args)
    table = Table(is_quiet=args.json)
    table.begin(board)
    clock = SystemClock()
    start_ns = clock.monotonic_ns()
    code = checked(args.state, config, board, clock, table)
    seconds = (clock.monotonic_ns() - start_ns) / 1e9
    document = table.document(board.name, code, seconds)
    if args.json:
        print(json.dumps(document, indent=2))
    else:
        print(journalled(table.summary(seconds)))
    return code, document


def journalled(line: str) -> str:
    """With its priority, where the journal reads it."""
    from edgeleak.cli.run import priority_of

    return f"<{priority_of(line)}>{line}" if "JOURNAL_STREAM" in os.environ else line


def checked(state: Path | None, config: Any, board: Any, clock: SystemClock, table: "Table") -> int:
    """Open the board and run every check; the exit code."""
    from edgeleak.bus.linux import kernel_bufsiz, open_buses
    from edgeleak.config import STATE_FOLDER
    from edgeleak.services import checks, selftest

    nodes = "SPI, I2C, GPIO"
    try:
        buses = open_buses(board)
    except BusError as error:
        table.add(checks.broken("nodes", error, nodes))
        return int(error.exit_code)
    try:
        table.add(checks.Check("nodes", "open", nodes))
        if (taken := kernel_bufsiz()) is not None:  # opening refuses less than the board file's
            table.add(checks.Check("SPI message", f"at most {taken} bytes",
                                   f"at least {board.spi.bufsiz_bytes} bytes"))  # fmt: skip
        bench = checks.Bench(board, config, buses, clock, table.add, state or STATE_FOLDER)
        try:
            carry_out(selftest.steps(bench), clock)
        finally:
            leave(bench, table)
    finally:
        buses.close()
    return checks.FAILED if table.failed else 0


def leave(bench: Any, table: "Table") -> None:
    """Everything off; an output that does not obey is a row like the others."""
    from edgeleak.services import checks, selftest

    try:
        selftest.rest(bench)
    except EdgeLeakError as error:
        table.add(checks.broken("outputs at rest", error, "off, read back"))


def carry_out(sequence: Generator[int, None, None], clock: SystemClock) -> None:
    """Run a sequence of waits to its end; whatever ends it, its own clean-up is done by then."""
    from edgeleak.drivers.link import Steps

    steps = Steps(clock)
    steps.begin(sequence)
    try:
        while not steps.advance():
            clock.wait_until_ns(clock.monotonic_ns() + POLL_NS)
    finally:
        sequence.close()


class Table:
    """Collects the checks; prints each as it comes, unless `is_quiet`."""

    WIDTHS = (16, 38, 28)

    def __init__(self, is_quiet: bool = False) -> None:
        self._is_quiet = is_quiet
        self.checks: list[Any] = []

    @property
    def failed(self) -> list[Any]:
        """Checks that failed."""
        return [check for check in self.checks if check.verdict == "FAIL"]

    def begin(self, board: Any) -> None:
        """Title and heads of the columns."""
        self._say(f"{board.name}: {board.summary}")
        self._say(self._row("check", "measured", "allowed", "verdict"))

    def add(self, check: Any) -> None:
        """One more row."""
        self.checks.append(check)
        self._say(self._row(check.what, check.value, check.limit, check.verdict))
        if check.next_step:
            self._say(f"  -> {check.next_step}")

    def summary(self, seconds: float) -> str:
        """The last line."""
        counts = {word: sum(check.verdict == word for check in self.checks)
                  for word in ("note", "skipped")}  # fmt: skip
        also = "".join(f", {count} {word}" for word, count in counts.items() if count)
        also += f", {seconds:.1f} s"
        if not self.failed:
            return f"PASSED: {len(self.checks)} checks{also}"
        names = ", ".join(check.what for check in self.failed)
        return f"FAILED: {len(self.failed)} of {len(self.checks)} checks ({names}){also}"

    def document(self, board: str, code: int, seconds: float) -> dict[str, Any]:
        """Everything for machines."""
        from edgeleak.cli.version import facts

        return {
            "passed": code == 0,
            "exit_code": code,
            "board": board,
            "version": facts(),
            "seconds": round(seconds, 3),
            "checks": [check._asdict() for check in self.checks],
        }

    def _row(self, *cells: str) -> str:
        padded = [f"{cell:<{width}}" for cell, width in zip(cells, self.WIDTHS, strict=False)]
        return "  ".join([*padded, cells[-1]])

    def _say(self, line: str) -> None:
        if not self._is_quiet:
            print(line, flush=True)
