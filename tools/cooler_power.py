#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cooler power for three ambients, and the step response, as a Markdown table.

    tools/cooler_power.py            10, 25 and 40 degC on the simulated EL-1, a few minutes
    tools/cooler_power.py --write    puts the table into docs/instrument.md

Temperatures are the plant's true ones; power and energy are what the instrument measures
(telemetry V x I), with the plant's own sum beside it.  Holding takes more the warmer the heat sink
is, and that is at rest only after five of its time constants: the last columns have the power
then, and what the nominal module of board.toml comes to.
Exit code 1 when a limit was broken, or when a measured power is above the configured limit or is
not what the module comes to.
"""

import argparse
import math
from pathlib import Path
from typing import Any

import board_tables

from edgeleak import board as boards
from edgeleak import codes
from edgeleak.board import Board
from edgeleak.config import CoolerConfig
from edgeleak.cooler_bench import Bench
from edgeleak.sim.cooler_rig import TRACE_NS, step_result

FILE = Path(__file__).resolve().parents[1] / "docs" / "instrument.md"
BLOCK = "cooler power"
STEP_S = 300.0
TIME_CONSTANTS = 5.0
"""Of the sink: what is left of its way then is below 1 %."""
AGREE_SHARE = 0.03
"""Telemetry is within 1 %, the sink within 1 % of its end."""
HEAD = (
    "ambient degC", "within 0.1 K after s", "overshoot mK", "then mK rms", "fastest K/s",
    "energy to set-point J", "of it by the plant J", "most W", "limit W", "holding W at 300 s",
    "hot side degC", "holding W at rest", "hot side degC", "computed W", "state",
)  # fmt: skip


def rest_s(board: Board) -> float:
    """Until the heat sink with its fan on is as warm as it gets."""
    model = board.tec_model
    assert model is not None
    return TIME_CONSTANTS * model.hot_j_per_k * model.sink_fan_k_per_w


def measure(board: Board, ambient_degc: float, step_s: float, end_s: float) -> dict[str, Any]:
    """One ambient: the step response until `step_s`, then holding until `end_s`."""
    config = CoolerConfig()
    bench = Bench(board, config, ambient_degc=ambient_degc)
    bench.rig.run(step_s)
    early, hot_degc = bench.status, bench.plant.truth.hot_degc
    result = step_result(bench.trace, early.wish_degc)
    bench.rig.run(max(0.0, end_s - step_s))
    late, trace = bench.status, bench.trace
    upto = [p for t, p in zip(trace.time_s, trace.power_w, strict=True) if t <= early.cool_down_s]
    assert board.tec_model is not None
    assert board.tec is not None
    computed = board_tables.holding(board.tec_model, ambient_degc, board.tec.max_cool_a)
    return {
        "ambient_degc": ambient_degc, "result": result, "limit_w": config.max_power_w,
        "energy_j": early.energy_to_set_point_j, "plant_j": sum(upto) * TRACE_NS / 1e9,
        "most_w": max(trace.power_w), "early_w": early.holding_w, "early_hot_degc": hot_degc,
        "rest_w": late.holding_w, "rest_hot_degc": bench.plant.truth.hot_degc,
        "computed_w": computed[1] if computed else math.nan,
        "state": codes.TABLE[late.code].name if late.code else "steady",
        "violations": list(bench.judge.violations),
    }  # fmt: skip


def wrong(found: dict[str, Any]) -> list[str]:
    """What must not be, in words."""
    said = [f"limit broken: {limit}" for limit in found["violations"]]
    if not found["most_w"] <= found["limit_w"] * (1 + AGREE_SHARE):
        said.append(f"{found['most_w']:.2f} W are above the limit of {found['limit_w']:g} W")
    if not abs(found["rest_w"] - found["computed_w"]) <= AGREE_SHARE * found["computed_w"]:
        said.append(f"{found['rest_w']:.2f} W at rest, the module comes to"
                    f" {found['computed_w']:.2f} W")  # fmt: skip
    return said


def cells(found: dict[str, Any]) -> tuple[object, ...]:
    """One row of the table."""
    result = found["result"]
    return (
        f"{found['ambient_degc']:g}", f"{result.settle_s:.1f}", f"{1e3 * result.overshoot_k:.1f}",
        f"{1e3 * result.rms_k:.2f}", f"{result.ramp_k_per_s:.3f}", f"{found['energy_j']:.0f}",
        f"{found['plant_j']:.0f}", f"{found['most_w']:.1f}", f"{found['limit_w']:g}",
        f"{found['early_w']:.2f}", f"{found['early_hot_degc']:.1f}", f"{found['rest_w']:.2f}",
        f"{found['rest_hot_degc']:.1f}", f"{found['computed_w']:.2f}", found["state"],
    )  # fmt: skip


def main() -> int:
    """Print one row an ambient."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    usual = list(board_tables.AMBIENTS_DEGC)
    parser.add_argument("--ambient", type=float, nargs="+", default=usual)
    parser.add_argument("--write", action="store_true", help=f"into docs/{FILE.name}, too")
    args = parser.parse_args()
    board = boards.load("el1-a")
    rows = [measure(board, ambient, STEP_S, rest_s(board)) for ambient in args.ambient]
    table = board_tables.table(HEAD, [cells(row) for row in rows])
    print(table)
    said = [f"{row['ambient_degc']:g} degC: {words}" for row in rows for words in wrong(row)]
    print("\n" + ("\n".join(said) or "no limit broken; measured and computed agree"))
    if args.write and not said:
        text = FILE.read_text(encoding="utf-8")
        FILE.write_text(board_tables.filled(text, {BLOCK: table}), encoding="utf-8")
    return 1 if said else 0


if __name__ == "__main__":
    raise SystemExit(main())
