# SPDX-License-Identifier: Apache-2.0
"""`edgeleak nuc evaluate`: every correction on frames that its fit did not see."""

import argparse
import json
from pathlib import Path

import numpy as np

from edgeleak.calibration.by_temperature import by_temperature
from edgeleak.calibration.defects import find_defects
from edgeleak.calibration.frame_statistics import FrameStatistics, measure
from edgeleak.calibration.held_out import halves, residual_counts
from edgeleak.calibration.model import Calibration
from edgeleak.calibration.solve import Facts, one_point, spatial_residual, two_point
from edgeleak.cli.nuc_input import grouped, load
from edgeleak.cli.nuc_make import leave_one_out_table

COLD_DEGC, HOT_DEGC = 20.0, 30.0


def configure(action: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), metavar="DIR",
                        help="folder of the recordings (default ../shared/data)")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    args.frames, args.shape, args.dtype, args.key, args.shift = slice(None), None, None, None, 0
    blackbody = blackbody_rows(args)
    flats = flat_rows(args)
    row76 = bad_row(args)
    if args.json:
        print(json.dumps({"blackbody": blackbody, "left_out": flats, "bad_row": row76}))
        return 0
    print("blackbody 20 and 30 degC: fit and test on different frames, std over good pixels")
    print(f"{'correction':50}{'test degC':>10}{'before':>15}{'after':>15}{'after mK':>10}")
    for r in blackbody:
        print(f"{r['correction']:50}{r['test_degc']:10.0f}{r['before_counts']:8.2f} counts"
              f"{r['after_counts']:8.2f} counts{r['after_mk']:10.1f}")  # fmt: skip
    print()
    print(leave_one_out_table(flats))
    usable = [r["robust_counts"] for r in flats if -20 <= r["temp_degc"] <= 60 and r["inside"]]
    print(
        f"between -20 and 60 degC: median {np.median(usable):.2f}, worst {max(usable):.2f} counts"
    )
    print()
    print(f"damaged row: {row76['in_row']} bad pixels in row {row76['row']}, {row76['elsewhere']}"
          " in all other rows")  # fmt: skip
    return 0


def blackbody_rows(args: argparse.Namespace) -> list[dict]:
    """Two-point and one-point fits of the black body, judged on other frames."""
    folder = args.data / "blackbody-320x240"
    stacks = [load(folder / f"bb{t}C.npz", args).frames for t in (20, 30)]
    rows = []
    for name, fit, test in (
        ("even frames fitted, odd tested", slice(0, None, 2), slice(1, None, 2)),
        ("first half fitted, second half tested", slice(0, 30), slice(30, None)),
    ):
        cold, hot = (measure(s[fit]) for s in stacks)
        unseen = [measure(s[test]) for s in stacks]
        both = two_point(cold, hot, COLD_DEGC, HOT_DEGC, facts=Facts())
        for degc, stats in zip((COLD_DEGC, HOT_DEGC), unseen, strict=True):
            rows.append(_row(f"2-point, {name}", degc, stats, both, both.response_counts_per_k))
        once = one_point(cold)
        rows.append(
            _row(f"1-point 20, {name}", HOT_DEGC, unseen[1], once, both.response_counts_per_k)
        )
    kept = two_point(halves(stacks[0])[0], halves(stacks[1])[0], COLD_DEGC, HOT_DEGC)
    again = one_point(halves(stacks[0])[1], kept)
    rows.append(
        _row(
            "gain kept, 1-point 20 again, tested at 30",
            HOT_DEGC,
            halves(stacks[1])[1],
            again,
            kept.response_counts_per_k,
        )
    )
    return rows


def _row(
    name: str, degc: float, unseen: FrameStatistics, calibration: Calibration, per_k: float
) -> dict:
    std, robust = residual_counts(unseen, calibration)
    return {
        "correction": name,
        "test_degc": degc,
        "before_counts": spatial_residual(unseen.mean, calibration.bad_pixels),
        "after_counts": std,
        "after_robust_counts": robust,
        "after_mk": 1e3 * std / per_k,
    }


def flat_rows(args: argparse.Namespace) -> list[dict]:
    """Each flat field predicted from the others over detector temperature."""
    stack = load(args.data / "flat-fields-640x480" / "flats.npz", args)
    groups, temps = grouped([stack], None)
    _, table = by_temperature([measure(g) for g in groups], temps)
    return [{name: getattr(row, name) for name in row.__slots__} for row in table]


def bad_row(args: argparse.Namespace) -> dict:
    """How many pixels are found in the damaged row, and outside it."""
    stack = load(args.data / "lepton-bad-row" / "indoor-bad-row.npz", args)
    bad = find_defects(measure(stack.frames)) > 0
    by_row = bad.sum(axis=1)
    row = int(by_row.argmax())
    return {"row": row, "in_row": int(by_row[row]), "elsewhere": int(bad.sum() - by_row[row])}
