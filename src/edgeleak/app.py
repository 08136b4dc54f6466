# SPDX-License-Identifier: Apache-2.0
"""The `edgeleak` program: one sub-command a file in edgeleak.cli.

A command module has NAME, HELP, configure(parser) and run(args) -> exit code.
It imports heavy packages inside run, so that `edgeleak --help` stays quick on
the board and a missing extra is named only to somebody who needs it.
"""

import argparse
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from edgeleak import __version__
from edgeleak.errors import (
    ConfigError,
    EdgeLeakError,
    StorageError,
    UnavailableError,
    UsageError,
)

COMMANDS: tuple[str, ...] = (
    "run",
    "status",
    "console",
    "selftest",
    "bringup",
    "sim",
    "scene",
    "replay",
    "events",
    "detectability",
    "gate",
    "blackbox",
    "record",
    "export",
    "nuc",
    "evaluate",
    "tune",
    "config",
    "version",
)
INTERRUPTED = 130  # 128 + SIGINT, as shells count it


class Parser(argparse.ArgumentParser):
    """argparse with the sysexits code for wrong usage, and without its silence on a full disk."""

    def _print_message(self, message: str, file: Any = None) -> None:
        if message:
            (file or sys.stderr).write(message)

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(UsageError.exit_code, f"{self.prog}: {message}\n")


def build_parser() -> Parser:
    """The whole command line."""
    parser = Parser(
        prog="edgeleak",
        description="Find invisible methane leaks: simulate, replay, calibrate, record, compare.",
        epilog="Start with `edgeleak sim` (no hardware needed) or `edgeleak replay FILE --show`.",
    )
    parser.add_argument("--version", action="version", version=f"edgeleak {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = importlib.import_module(f"edgeleak.cli.{name}")
        sub = commands.add_parser(
            name,
            help=module.HELP,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.configure(sub)
        sub.set_defaults(run=module.run, parser=sub)
    return parser


def load_kernels() -> None:
    """Import the compiled part once, so that its two ways to fail have one sentence each."""
    try:
        importlib.import_module("edgeleak.kernels")
    except ValueError as error:  # EDGELEAK_ISA names no instruction set of this build
        raise ConfigError(str(error)) from error
    except ImportError as error:
        raise UnavailableError(
            f"the compiled kernels do not load ({error}); build them with: pip install ."
        ) from error


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; every expected failure is one sentence and an exit code."""
    try:
        try:
            return run_command(argv)
        finally:  # --help and --version leave by SystemExit; their text may not fit either
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        drop_stdout()
        return 128 + signal.SIGPIPE
    except OSError as error:
        drop_stdout()
        print(f"edgeleak: the output cannot be written ({said(error)});"
              " free some space or choose another place", file=sys.stderr)  # fmt: skip
        return StorageError.exit_code


def run_command(argv: Sequence[str] | None) -> int:
    """Exit code of one command; BrokenPipeError and OSError are left to main."""
    args, unknown = build_parser().parse_known_args(argv)
    if unknown:  # argparse would show the usage of `edgeleak`, not of the command
        args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        load_kernels()
        return args.run(args)
    except EdgeLeakError as error:
        print(f"edgeleak {args.command}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"edgeleak {args.command}: interrupted", file=sys.stderr)
        return INTERRUPTED


def said(error: OSError) -> str:
    """What the system said, and of which file where it knows."""
    text = error.strerror or str(error)
    return f"{error.filename}: {text}" if error.filename else text


def drop_stdout() -> None:
    """What is still buffered goes nowhere, so that leaving does not fail once more."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
