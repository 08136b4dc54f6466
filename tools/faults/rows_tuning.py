# SPDX-License-Identifier: Apache-2.0
"""T6 and T7 with cases during a tuning, where a relay swings the current on purpose."""

import random

from row import Outcome, Row
from rows_cooler import (
    REVERSED_CODES,
    REVERSED_S,
    SET_POINT_DEGC,
    detached_thermistors,
    ends_off,
    held,
    reversed_polarity,
)

from edgeleak import codes
from edgeleak.cooler_bench import Bench
from edgeleak.services.thermal_status import CoolerState
from edgeleak.sim import faults
from edgeleak.sim.faults import Fault

SHARE = 5
"""Every fifth case more is struck during a tuning."""
TUNED_AFTER_S, TAUS_S = 25.0, (30.0, 50.0)
"""A drift that no limit of speed sees: under 2 K/s.  One of 300 s takes up to 13 s to be told."""
DETACHED_S, MOST_AWAY_K = 3.0, 3.0


def detached(count: int, seed: int) -> Outcome:
    """T6: while it holds, and while it tunes."""
    outcome, rng = detached_thermistors(count, seed), random.Random(seed)
    for n in range(max(1, count // SHARE)):
        fault = faults.ThermistorDetached(tau_s=rng.uniform(*TAUS_S))
        _strike(outcome, rng, seed + n, fault, (codes.FPA_DETACHED,), DETACHED_S)
    return outcome


def turned_over(count: int, seed: int) -> Outcome:
    """T7: from the start, while it holds, and while it tunes."""
    outcome, rng = reversed_polarity(count, seed), random.Random(seed)
    for n in range(max(1, count // SHARE)):
        _strike(outcome, rng, seed + n, faults.TecReversed(),
                (*REVERSED_CODES, codes.TEC_SHORT), REVERSED_S)  # fmt: skip
    return outcome


def _strike(outcome: Outcome, rng: random.Random, seed: int, fault: Fault,
            wanted: tuple[int, ...], most_s: float) -> None:  # fmt: skip
    """At a random moment of the experiment."""
    bench = _tuning(seed, rng.uniform(0.5, 7.0))
    is_tuning, told = bench.status.state == CoolerState.TUNE, bench.status.code
    outcome.clean += round(bench.rig.now_s)
    outcome.false_trips += not outcome.expect(is_tuning, f"{fault}: code {told} before it")
    struck = len(bench.trace.cold_degc)
    bench.plant.inject(fault)
    ends_off(bench, outcome, fault, wanted, most_s)
    away_k = max(abs(degc - SET_POINT_DEGC) for degc in bench.trace.cold_degc[struck:][:60])
    outcome.expect(away_k <= MOST_AWAY_K, f"{fault} in a tuning: the plate {away_k:.1f} K away")


def _tuning(seed: int, for_s: float) -> Bench:
    bench = held(seed, TUNED_AFTER_S)
    bench.cooler.request("tune")
    bench.rig.run(for_s)
    return bench


ROWS = (
    Row("T6", "thermistor detached, also in a tuning: 3 s, plate never 3 K too cold", "lockstep",
        30, 300, detached, "T6.patch", 6, more=("T6-tuning.patch",)),
    Row("T7", "cooler reversed, also in a tuning: 2 s, plate at most 5 K warmer", "lockstep",
        30, 100, turned_over, "T7.patch", 4, more=("T7-tuning.patch",)),
)  # fmt: skip
