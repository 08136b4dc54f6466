# SPDX-License-Identifier: Apache-2.0
"""The whole way from 25 to -20 degC, on coolers whose every constant is another one."""

import random
from math import sqrt

from row import Outcome, Row
from rows_control import MODEL
from rows_cooler import BOARD, SET_POINT_DEGC

from edgeleak import codes
from edgeleak.cooler_bench import Bench
from edgeleak.services.thermal_status import CoolerState
from edgeleak.sim.cooler_rig import step_result, varied

AMBIENT_DEGC, NOMINAL_S, OVERSHOOT_K = 25.0, 120.0, 0.5
MOST_S, HELD_S, NEAR_K = 150.0, 5.0, 0.3
ON_ITS_WAY = (codes.COOLING, codes.UNREACHABLE)
"""What a weak cooler may say instead of arriving; it is no fault."""
THERE = 0.67
"""Of the coolers arrive, as measured on 100; the others are too weak for it.  An instrument that
gives up must not pass, so fewer by more than two standard deviations of such a draw are red."""


def cool_downs(count: int, seed: int) -> Outcome:
    """T16: from the room to its set-point on coolers +-50 %; the plant sees no limit broken."""
    outcome, rng, there = Outcome(clean_unit="plants"), random.Random(seed), 0
    for n in range(count):
        bench = Bench(BOARD, seed=seed + n, model=varied(MODEL, rng), ambient_degc=AMBIENT_DEGC)
        is_there = _cool_down(bench)
        there += is_there
        outcome.executed += 1
        outcome.trips += outcome.expect(
            bench.status.state == CoolerState.DRIVE and not bench.judge.violations
            and (is_there or bench.status.code in ON_ITS_WAY),
            f"cooler {n}: code {bench.status.code} at {bench.plant.truth.cold_degc:.1f} degC;"
            f" {bench.judge.violations[:1]}",
        )  # fmt: skip
    outcome.notes.append(f"{there} of {count} coolers arrived, the others said why")
    least = least_there(count)
    outcome.expect(there >= least, f"{there} of {count} coolers arrived, at least {least:.0f} must")
    _nominal(outcome, seed)
    return outcome


def least_there(count: int) -> float:
    """Coolers that have to arrive, of so many drawn."""
    return THERE * count - 2 * sqrt(count * THERE * (1 - THERE))


def _cool_down(bench: Bench) -> bool:
    """Whether it arrived; a little beyond that, or until `MOST_S`."""
    is_there = bench.rig.run(
        MOST_S, lambda: abs(bench.plant.truth.cold_degc - SET_POINT_DEGC) < NEAR_K
    )
    bench.rig.run(HELD_S if is_there else 0.0)
    return is_there


def _nominal(outcome: Outcome, seed: int) -> None:
    """Clean twin: the cooler of the board arrives in its time, and not beyond."""
    bench = Bench(BOARD, seed=seed, ambient_degc=AMBIENT_DEGC)
    bench.rig.run(NOMINAL_S + HELD_S)
    result = step_result(bench.trace, SET_POINT_DEGC, tolerance_k=NEAR_K)
    is_clean = result.settle_s <= NOMINAL_S and result.overshoot_k < OVERSHOOT_K
    is_clean &= bench.status.state == CoolerState.DRIVE and not bench.judge.violations
    outcome.clean += 1
    outcome.false_trips += not is_clean
    outcome.expect(is_clean, f"clean: {result}, code {bench.status.code}")


ROWS = (
    Row("T16", "25 to -20 degC on coolers +-50 %: no limit broken", "lockstep",
        100, 500, cool_downs, "T16.patch", 4),
)  # fmt: skip
