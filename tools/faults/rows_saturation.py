# SPDX-License-Identifier: Apache-2.0
"""T9: out of saturation, judged by the current that really flows and the plate as it really is."""

import random

from row import Outcome, Row
from rows_cooler import BOARD, NEAR_K

from edgeleak.config import CoolerConfig
from edgeleak.control.observation import PERIOD_S
from edgeleak.cooler_bench import Bench

UNREACHABLE_S, LEAVES_S, LESS_A = 300.0, 1.0, 0.02
TARGET_DEGC, FLAT_S, MISSES_K, ARRIVES_S = -40.0, 5.0, 5.0, 60.0
"""Saturated: the true current stands still while the true plate is so far from its target."""


def saturations(count: int, seed: int) -> Outcome:
    """T9: five minutes of an unreachable target, then one that can be reached; the true current
    has to leave its plateau."""
    outcome, rng = Outcome(), random.Random(seed)
    for n in range(count):
        bench = Bench(BOARD, CoolerConfig(set_point_degc=TARGET_DEGC), seed=seed + n,
                      ambient_degc=rng.uniform(32, 38))  # fmt: skip
        bench.rig.start_at(-26.0, 44.0)
        bench.rig.run(UNREACHABLE_S)
        truth, least_a = bench.plant.truth, _plateau_a(bench, outcome) - LESS_A
        begin_ns, target_degc = bench.plant.now_ns, truth.cold_degc + rng.uniform(3, 8)
        bench.cooler.request(target_degc)
        has_left = bench.rig.run(5.0, lambda: truth.tec_a < least_a)  # noqa: B023 - run at once
        outcome.executed += 1
        outcome.trips += outcome.expect(has_left, "still saturated 5 s after")
        outcome.safe_after(
            (bench.plant.now_ns - begin_ns) / 1e6, LEAVES_S * 1e3, "out of saturation"
        )
        arrives = bench.rig.run(ARRIVES_S, lambda: abs(truth.cold_degc - target_degc) < NEAR_K)  # noqa: B023 - run at once
        outcome.clean += 1
        is_good = arrives and truth.tec_enabled and not bench.judge.violations
        outcome.false_trips += not outcome.expect(
            is_good, f"plate at {truth.cold_degc:.1f} of {target_degc:.1f} degC, {truth.tec_a:.2f}"
            f" A; {bench.judge.violations[:1]}"
        )  # fmt: skip
    return outcome


def _plateau_a(bench: Bench, outcome: Outcome) -> float:
    """The least true current of the last seconds; a problem when it was no saturation."""
    last = round(FLAT_S / PERIOD_S)
    currents, colds = bench.trace.current_a[-last:], bench.trace.cold_degc[-last:]
    lowest_a, highest_a = min(currents), max(currents)
    misses_k = min(colds) - TARGET_DEGC
    outcome.expect(lowest_a > 0 and highest_a - lowest_a < LESS_A and misses_k > MISSES_K,
                   f"not saturated: {lowest_a:.3f} to {highest_a:.3f} A, {misses_k:.1f} K"
                   " from the target")  # fmt: skip
    return lowest_a


ROWS = (
    Row("T9", "unreachable for 300 s: leaves saturation within 1 s", "lockstep",
        3, 30, saturations, "T9.patch", 1),
)  # fmt: skip
