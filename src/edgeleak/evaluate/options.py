# SPDX-License-Identifier: Apache-2.0
"""Options and output that every comparison command shares."""

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

MOST_SIDE_PX = 4096


def add_common(parser: argparse.ArgumentParser, out: str) -> None:
    parser.add_argument("--out", type=Path, default=Path(out), metavar="DIR", help="(%(default)s)")
    parser.add_argument("--json", action="store_true", help="machine output on stdout")
    parser.add_argument("--no-figures", action="store_true", help="tables only; no matplotlib")
    parser.add_argument("--no-opencv", action="store_true", help="leave OpenCV's methods out")
    parser.add_argument("--seed", type=int, default=1, help="of all drawn noise (%(default)s)")
    parser.add_argument(
        "--shape", type=shape_of, metavar="HxW", help="geometry of a raw dump, e.g. 240x320"
    )
    parser.add_argument("--dtype", help="number type of a raw dump, e.g. <u2")


def shape_of(text: str) -> tuple[int, int]:
    """ "240x320" -> (240, 320)."""
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not HEIGHTxWIDTH, e.g. 240x320")
    h, w = int(match[1]), int(match[2])
    if not (8 <= h <= MOST_SIDE_PX and 8 <= w <= MOST_SIDE_PX):
        raise argparse.ArgumentTypeError(f"{text}: sides must be 8..{MOST_SIDE_PX} pixels")
    return h, w


def count_of(least: int) -> Callable[[str], int]:
    """Argument type: a whole number not below *least*."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from {least}")
        return int(text)

    return parse


def geometry_of(args: argparse.Namespace) -> dict:
    """What open_source needs besides the path."""
    given = {"shape": args.shape, "dtype": args.dtype}
    return {key: value for key, value in given.items() if value is not None}


def say(args: argparse.Namespace, text: str) -> None:
    """Text for people: stdout, or stderr when stdout carries JSON."""
    print(text, file=sys.stderr if args.json else sys.stdout)
