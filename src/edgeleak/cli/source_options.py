# SPDX-License-Identifier: Apache-2.0
"""Options by which a command is told what a recording does not say itself."""

import argparse
import sys
from pathlib import Path
from typing import Any

from edgeleak.errors import DataError, UsageError
from edgeleak.sensor import EL640, LEPTON, UNKNOWN, SensorInfo

SENSORS: dict[str, SensorInfo] = {
    "el640": EL640,
    "lepton": LEPTON,
    "unknown": UNKNOWN,
    "methane": SensorInfo("methane-camera", EL640.band_um, True, is_corrected=True),
}


def shape_of(text: str) -> tuple[int, int]:
    """`480x640` -> (480, 640), rows first."""
    rows, _, cols = text.lower().partition("x")
    if not (rows.isdecimal() and cols.isdecimal()):
        raise argparse.ArgumentTypeError(f"'{text}': write ROWSxCOLUMNS, for example 480x640")
    return int(rows), int(cols)


def frames_of(text: str) -> tuple[int, int | None]:
    """`100:200` -> (100, 200); either side may be empty."""
    first, colon, last = text.partition(":")
    if not colon or not all(part.isdecimal() or not part for part in (first, last)):
        raise argparse.ArgumentTypeError(f"'{text}': write A:B, for example 100:200")
    span = int(first or 0), int(last) if last else None
    if span[1] is not None and span[1] <= span[0]:
        raise argparse.ArgumentTypeError(f"'{text}': the end must come after the start")
    return span


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """--fps --sensor --shape --dtype --key --shift."""
    group = parser.add_argument_group("what the file does not say")
    group.add_argument("--fps", type=float, help="frames a second, wins over the file")
    group.add_argument(
        "--sensor",
        choices=SENSORS,
        help="camera that made it; 'methane' is any 3.2..3.4 um camera (without it NO GAS is"
        " never said)",
    )
    add_format_options(group)


def add_format_options(group: Any) -> None:
    """--shape --dtype --key --shift, to a parser or a group of one."""
    group.add_argument("--shape", type=shape_of, help="ROWSxCOLUMNS of a raw dump")
    group.add_argument("--dtype", help="samples of a raw dump: <u2, >u2, u1")
    group.add_argument("--key", help="array of an .npz that holds several")
    group.add_argument("--shift", "--shift-bits", type=int, default=0, metavar="BITS",
                       help="shift 16-bit data right (2: to 14)")  # fmt: skip


def open_from(args: argparse.Namespace, path: str | Path):
    """The Source that the options describe."""
    from edgeleak.sources import open_source

    sensor = SENSORS[args.sensor] if args.sensor else None
    return open_source(path, shape=args.shape, dtype=args.dtype, fps=args.fps, key=args.key,
                       sensor=sensor, shift_bits=args.shift)  # fmt: skip


def say_damage(command: str, path: str | Path, damage: str) -> int:
    """One sentence on stderr; the exit code of a source of which only a part was good."""
    print(f"edgeleak {command}: {path}: damaged: {damage}", file=sys.stderr)
    return DataError.exit_code


def add_profile_options(parser: argparse.ArgumentParser) -> None:
    """--profile --set --threshold --calibration."""
    group = parser.add_argument_group("processing")
    group.add_argument(
        "--profile",
        default="sensitive",
        metavar="NAME|FILE",
        help="paper, paper-log-after-he, sensitive (the default) or a .toml file",
    )
    group.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="one setting of the profile, for example background.slew_sigma_per_s=1",
    )
    group.add_argument("--threshold", type=float, metavar="EVIDENCE",
                       help="evidence from which a frame counts as gas")  # fmt: skip
    group.add_argument("--calibration", type=Path, metavar="FILE",
                       help="non-uniformity correction to apply (edgeleak nuc)")  # fmt: skip


def profile_from(args: argparse.Namespace):
    """The profile with --set and --threshold applied; ConfigError names unknown keys."""
    from edgeleak.pipeline.profile import load

    changes = dict(_setting(text) for text in args.settings)
    if args.threshold is not None:
        changes["evidence.gas"] = args.threshold
    profile = load(args.profile)
    return profile.replace(changes) if changes else profile


def _setting(text: str) -> tuple[str, object]:
    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text}: write KEY=VALUE")
    for convert in (int, float):
        try:
            return key.strip(), convert(value)
        except ValueError:
            continue
    return key.strip(), {"true": True, "false": False}.get(value.lower(), value)
