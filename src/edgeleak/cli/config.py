# SPDX-License-Identifier: Apache-2.0
"""Check, show or write the settings of the instrument.

edgeleak config check               read files and board, and refuse what `edgeleak run` would
edgeleak config show --origin       each value, and the file that set it
edgeleak config default > my.toml   all settings as a commented file
"""

import argparse
import json
import sys
from pathlib import Path

from edgeleak import board as boards
from edgeleak import config
from edgeleak.errors import MissingInputError

HELP = "check, show or write the instrument's settings"


def add_file_options(parser: argparse.ArgumentParser) -> None:
    """The two options that every command of the instrument shares."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        default=config.SYSTEM_FILE,
        help="settings (default: %(default)s; conf.d/*.toml beside it)",
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        default=config.STATE_FOLDER,
        help="folder of machine-written values (default: %(default)s)",
    )


def load(args: argparse.Namespace) -> config.Loaded:
    """Settings from --config and --state; a file that was asked for must be there."""
    if args.config != config.SYSTEM_FILE and not args.config.is_file():
        raise MissingInputError(f"{args.config} is not there; check --config")
    return config.load(config.files(args.config, args.state))


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("check", "show", "default"), help="what to do")
    add_file_options(parser)
    parser.add_argument("--origin", action="store_true", help="with show: the file of each value")
    parser.add_argument("--json", action="store_true", help="machine-readable, on stdout")


def run(args: argparse.Namespace) -> int:
    if args.action == "default":
        sys.stdout.write(config.as_toml(config.load([])))
        return 0
    loaded = load(args)
    board = boards.load(loaded.config.instrument.board)
    if args.action == "check":
        _check(board, loaded.config)
    if args.json:
        rows = {key: {"value": value, "origin": origin}
                for key, value, _, origin in config.rows(loaded)}  # fmt: skip
        json.dump({"board": board.name, "settings": rows}, sys.stdout, indent=2)
        print()
    elif args.action == "show":
        _show(loaded, args.origin)
    else:
        read = config.files(args.config, args.state)
        names = ", ".join(map(str, read)) or "no file, all defaults"
        print(f"good: {names}; board {board.name}: {board.summary}")
    return 0


def _check(board: boards.Board, settings: config.Config) -> None:
    from edgeleak.services import parts

    parts.check(board, settings)


def _show(loaded: config.Loaded, with_origin: bool) -> None:
    for key, value, entry, origin in config.rows(loaded):
        unit = entry.metadata.get("unit", "")
        line = f"{key} = {value} {unit}".rstrip()
        print(f"{line:<58} {origin}".rstrip() if with_origin else line)
