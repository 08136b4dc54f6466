#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cooler power for three ambients, and the step response, as a Markdown table.

    tools/cooler_power.py            10, 25 and 40 degC, 300 s each, on the simulated EL-1

Temperatures are the plant's true ones; power and energy are what the instrument measures
(telemetry V x I), with the plant's own sum beside it.
"""

import argparse

from edgeleak import board, codes
from edgeleak.cooler_bench import Bench
from edgeleak.sim.cooler_rig import step_result

HEAD = (
    "| ambient degC | within 0.1 K after s | overshoot mK | then mK rms | fastest K/s |"
    " hot side degC | energy to set-point J | of it by the plant J | holding W | state |"
)


def main() -> int:
    """Print one row an ambient; exit code 1 when a limit was broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ambient", type=float, nargs="+", default=[10.0, 25.0, 40.0])
    parser.add_argument("--seconds", type=float, default=300.0)
    args = parser.parse_args()
    print(HEAD)
    print("|" + "---|" * (HEAD.count("|") - 1))
    broken = 0
    for ambient in args.ambient:
        bench = Bench(board.load("el1-a"), ambient_degc=ambient)
        bench.rig.run(args.seconds)
        status, trace = bench.status, bench.trace
        result = step_result(trace, status.wish_degc)
        upto = [p for t, p in zip(trace.time_s, trace.power_w, strict=True)
                if t <= status.cool_down_s]  # fmt: skip
        state = codes.TABLE[status.code].name if status.code else "steady"
        print(f"| {ambient:g} | {result.settle_s:.1f} | {1e3 * result.overshoot_k:.1f} |"
              f" {1e3 * result.rms_k:.2f} | {result.ramp_k_per_s:.3f} | {result.max_hot_degc:.1f} |"
              f" {status.energy_to_set_point_j:.0f} | {sum(upto) / 20:.0f} |"
              f" {status.holding_w:.2f} | {state} |")  # fmt: skip
        broken += len(bench.judge.violations)
    print(f"\nlimits broken: {broken}")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
