# SPDX-License-Identifier: Apache-2.0
"""The actions of `edgeleak nuc` that make a calibration."""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgeleak.calibration import container, held_out, solve
from edgeleak.calibration.by_temperature import by_temperature
from edgeleak.calibration.defects import Criteria
from edgeleak.calibration.frame_statistics import measure
from edgeleak.calibration.model import NAN, Calibration
from edgeleak.calibration.scene import from_scene
from edgeleak.cli.nuc_figures import figures, lines
from edgeleak.cli.nuc_input import add_input_options, grouped, load, measured
from edgeleak.cli.progress import Progress
from edgeleak.errors import UsageError


def configure(action: str, parser: argparse.ArgumentParser) -> None:
    if action == "two-point":
        parser.add_argument("cold", type=Path, help="frames of the colder uniform reference")
        parser.add_argument("hot", type=Path, help="frames of the hotter one")
        parser.add_argument(
            "--cold-degc",
            type=float,
            default=NAN,
            metavar="T",
            help="its temperature, for the response in counts/K",
        )
        parser.add_argument(
            "--hot-degc",
            type=float,
            default=NAN,
            metavar="T",
            help="the temperature of the hotter one",
        )
    elif action == "by-temperature":
        parser.add_argument("flats", type=Path, nargs="+", help="flat fields of many temperatures")
        parser.add_argument("--fpa-degc", type=float, nargs="+", metavar="T",
                            help="detector temperatures, when the files do not say")  # fmt: skip
    else:
        parser.add_argument("recording", type=Path, help="frames, whatever `edgeleak replay` opens")
    if action == "one-point":
        parser.add_argument("--flat-degc", type=float, default=NAN, metavar="T",
                            help="temperature of the reference, degC")  # fmt: skip
    if action == "scene":
        parser.add_argument("--accept-still", action="store_true",
                            help="go on although the scene hardly moves")  # fmt: skip
    if action in ("one-point", "by-temperature", "scene"):
        parser.add_argument("--base", type=Path, help="calibration whose gain and table are kept")
    parser.add_argument("--out", type=Path, required=True, help="calibration file to write")
    add_input_options(parser)
    _add_facts(parser)


def _add_facts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sensor", default="", help="name of the sensor, for reports")
    parser.add_argument("--nuc-id", type=int, help="number of this calibration (default: time)")
    parser.add_argument("--reference-error-k", type=float, default=0.1, metavar="K",
                        help="one sigma of the reference temperatures (default 0.1 K)")  # fmt: skip
    parser.add_argument("--report", type=Path, metavar="DIR", help="also write a report there")
    limits = Criteria()
    for name in Criteria.__slots__:
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, metavar="X",
                            default=getattr(limits, name),
                            help=f"for bad pixels (default {getattr(limits, name)})")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    if not args.reference_error_k >= 0:
        raise UsageError("--reference-error-k must be 0 or more")
    makers = {
        "two-point": _two_point,
        "one-point": _one_point,
        "by-temperature": _by_temperature,
        "scene": _scene,
        "bad-pixels": _bad_pixels,
    }
    calibration, more, tested = makers[args.action](args)
    container.write(args.out, calibration)
    said = figures(calibration) | more | {"out": str(args.out)}
    if args.report:
        from edgeleak.calibration.report import write_report

        said["report"] = str(write_report(args.report, calibration, tested))
    if args.json:
        print(json.dumps(said))
        return 0
    print("\n".join(lines(calibration)))
    _print_more(more)
    print(f"saved                 {args.out}" + _and_report(said))
    return 0


def _and_report(said: dict) -> str:
    return f", report {said['report']}" if "report" in said else ""


def _print_more(more: dict) -> None:
    if "left_out" in more:
        print(leave_one_out_table(more["left_out"]))
    if "moving_share" in more:
        print(f"moving pixels         {100 * more['moving_share']:.0f} % saw the scene move;"
              " detail coarser than 15 pixels is not corrected")  # fmt: skip


def leave_one_out_table(rows: list[dict]) -> str:
    """Each flat predicted from the others, one row a temperature."""
    head = "detector degC  nearest K  before counts  after counts (robust)  after counts (std)"
    body = [
        f"{r['temp_degc']:13.2f}{r['nearest_k']:11.2f}{r['raw_counts']:15.1f}"
        f"{r['robust_counts']:23.2f}{r['std_counts']:20.2f}"
        + ("" if r["inside"] else "  extrapolated")
        + ("  stands out, not used" if r["excluded"] else "")
        for r in rows
    ]
    return "\n".join(["each flat predicted from the others:", head, *body])


def _facts(args: argparse.Namespace, fpa_temp_degc: float = NAN) -> solve.Facts:
    return solve.Facts(args.nuc_id, args.sensor, args.reference_error_k, fpa_temp_degc)


def _criteria(args: argparse.Namespace) -> Criteria:
    return Criteria(**{name: getattr(args, name) for name in Criteria.__slots__})


def _base(args: argparse.Namespace) -> Calibration | None:
    return container.read(args.base) if args.base else None


def _two_point(args: argparse.Namespace) -> tuple:
    cold, hot = load(args.cold, args), load(args.hot, args)
    calibration = solve.two_point(
        measured(cold, args),
        measured(hot, args),
        args.cold_degc,
        args.hot_degc,
        facts=_facts(args, _mean_temp(hot.temps_degc)),
        criteria=_criteria(args),
    )
    unseen = held_out.two_point_residual(cold.frames, hot.frames)
    return replace(calibration, residual_counts=unseen), {}, [hot]


def _one_point(args: argparse.Namespace) -> tuple:
    flat, base = load(args.recording, args), _base(args)
    calibration = solve.one_point(
        measured(flat, args),
        base,
        args.flat_degc,
        facts=_facts(args, _mean_temp(flat.temps_degc)),
        criteria=_criteria(args),
    )
    unseen = held_out.one_point_residual(flat.frames, base)
    return replace(calibration, residual_counts=unseen), {}, [flat]


def _bad_pixels(args: argparse.Namespace) -> tuple:
    stack = load(args.recording, args)
    calibration = solve.bad_pixels_only(
        measured(stack, args), facts=_facts(args), criteria=_criteria(args)
    )
    return calibration, {}, [stack]


def _scene(args: argparse.Namespace) -> tuple:
    stack = load(args.recording, args)
    with Progress("find what never moves", 3, quiet=args.json) as shown:
        calibration, share = from_scene(
            stack.frames,
            measured(stack, args),
            _base(args),
            facts=_facts(args, _mean_temp(stack.temps_degc)),
            criteria=_criteria(args),
            accept_still=args.accept_still,
            progress=lambda done, _: shown.update(done),
        )
    return calibration, {"moving_share": share}, [stack]


def _by_temperature(args: argparse.Namespace) -> tuple:
    stacks = [load(path, args) for path in args.flats]
    groups, temps = grouped(stacks, args.fpa_degc)
    statistics = []
    with Progress("average flats", len(groups), quiet=args.json) as shown:
        for group in groups:
            statistics.append(measure(group))
            shown.update(len(statistics))
    calibration, table = by_temperature(
        statistics, temps, _base(args), facts=_facts(args), criteria=_criteria(args)
    )
    for row in table:
        if row.excluded:
            print(f"warning: the flat at {row.temp_degc:.1f} degC stands out by"
                  f" {row.robust_counts:.0f} counts and is not used", file=sys.stderr)  # fmt: skip
    rows = [{name: getattr(row, name) for name in row.__slots__} for row in table]
    return calibration, {"left_out": rows}, stacks


def _mean_temp(temps_degc: np.ndarray) -> float:
    return float(temps_degc.mean())
