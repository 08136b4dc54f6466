# SPDX-License-Identifier: Apache-2.0
"""The cooler's sensors: what is injected at the plant, judged on the plant's truth."""

import math
import random
from typing import Any

from row import Outcome, Row
from still_bead import still_bead

from edgeleak import board as boards
from edgeleak import codes
from edgeleak.control.observation import PERIOD_S
from edgeleak.cooler_bench import Bench
from edgeleak.services.thermal_status import CoolerState
from edgeleak.sim import faults, wiring
from edgeleak.sim.faults import Fault

BOARD = boards.load("el1-a")
SET_POINT_DEGC = -20.0
STEADY_S = 14.0
RAMP_DOWN_S = 2.4
"""S0: 1.1 A at 0.5 A/s, and two control periods."""
NEAR_K, RIDDEN_K = 0.3, 1.0
"""The plate before a fault, and after one that is ridden through."""


def held(seed: int, seconds: float = STEADY_S, **rig: Any) -> Bench:
    """A cooler that was restarted cold `seconds` ago."""
    return Bench(BOARD, seed=seed, **rig).hold(seconds)


def ends_off(bench: Bench, outcome: Outcome, fault: Fault, wanted: tuple[int, ...],
             most_s: float) -> None:  # fmt: skip
    """The fault is in: one of these codes within `most_s`, then no current, and no limit broken."""
    outcome.executed += 1
    begin_ns = bench.plant.now_ns
    seconds = bench.run_until_fault(most_s + 1.0)
    code = bench.status.code
    is_good = seconds <= most_s + 0.05 and code in wanted
    told = f"{fault}: code {code} after {seconds:.2f} s, expected {wanted} within {most_s:g} s"
    is_off = not math.isnan(bench.run_until_off(RAMP_DOWN_S))
    outcome.safe_after((bench.plant.now_ns - begin_ns) / 1e6, (most_s + RAMP_DOWN_S) * 1e3, told)
    is_kept = outcome.expect(not bench.judge.violations, f"{fault}: {bench.judge.violations[:1]}")
    outcome.trips += outcome.expect(is_good, told) and outcome.expect(
        is_off, f"{fault}: current flows {RAMP_DOWN_S} s after the fault was told"
    ) and is_kept  # fmt: skip


def runs_clean(bench: Bench, outcome: Outcome, seconds: float) -> None:
    """Clean twin: so long without a fault it must stay without one."""
    bench.rig.run(seconds)
    outcome.clean += round(seconds)
    is_clean = bench.status.state != CoolerState.FAULT
    outcome.false_trips += not is_clean
    outcome.expect(is_clean, f"clean: code {bench.status.code} at {bench.rig.now_s:.1f} s")


def is_fault(bench: Bench) -> bool:
    return bool(bench.status.state == CoolerState.FAULT)


# --- T4, T5: thermistors --------------------------------------------------------------------------

BAD_READINGS_S, ODD_READINGS_S = 0.2, 0.3
"""Three readings, one a control period, and the period the fault begins in; two readings more
where an offset could be a single outlier."""
THERMISTORS: tuple[tuple[Fault, tuple[int, ...]], ...] = (
    (faults.ThermistorOpen(), (codes.FPA_OPEN,)),
    (faults.ThermistorShort(), (codes.FPA_SHORT,)),
    (faults.ThermistorOpen(which="hot"), (codes.HOT_OPEN,)),
    (faults.ThermistorShort(which="hot"), (codes.HOT_SHORT,)),
    (faults.ThermistorOffset(), (codes.FPA_RANGE, codes.FPA_DETACHED)),
    (faults.ThermistorOffset(which="hot", kelvin=80.0), (codes.HOT_RANGE, codes.HOT_SIDE)),
)


def bad_thermistors(count: int, seed: int) -> Outcome:
    """T4: open, short, out of range, at any time of cooling and holding; own code each."""
    outcome, rng = Outcome(clean_unit="s"), random.Random(seed)
    for n in range(count):
        bench = Bench(BOARD, seed=seed + n)
        if n % 3:
            bench.rig.start_at(SET_POINT_DEGC, rng.uniform(25, 32))
        runs_clean(bench, outcome, rng.uniform(0.5, 8))
        fault, wanted = THERMISTORS[n % len(THERMISTORS)]
        is_offset = isinstance(fault, faults.ThermistorOffset)
        if is_offset and fault.which == "fpa":
            fault = faults.ThermistorOffset(kelvin=-62.0 - bench.plant.truth.cold_degc)
        bench.plant.inject(fault)
        ends_off(bench, outcome, fault, wanted, ODD_READINGS_S if is_offset else BAD_READINGS_S)
    return outcome


STUCK_S = 10.1
"""200 identical samples at 20 Hz and the one they are compared with."""
CLEAN_S, CLEAN_FULL_S = 600.0, 86_400.0


def stuck_thermistors(count: int, seed: int) -> Outcome:
    """T5: frozen while holding, frozen while cooling, a bit that does not move in either.

    The clean twins: ten minutes of holding, at its long count 24 h at 60 to 90 times real time;
    two minutes on a wire without noise; and always 24 h of a bead that is still, by the rules
    alone.
    """
    outcome, rng = Outcome(clean_unit="s"), random.Random(seed)
    for n in range(count):
        bench = Bench(BOARD, seed=seed + n)
        if n % 4 in {0, 3}:
            bench.rig.start_at(SET_POINT_DEGC, rng.uniform(25, 32))
        runs_clean(bench, outcome, rng.uniform(10, 16))
        if n % 4 == 3:
            _bit_while_holding(bench, outcome, rng)
            continue
        if n % 4 < 2:
            fault, wanted = faults.ThermistorFrozen(), FROZEN_CODES
        else:
            # Less than what the temperature crosses in ten seconds, more than the noise.
            fault = faults.ThermistorBit(bit=rng.randrange(5, 9), is_set=rng.random() < 0.5)
            wanted = BIT_CODES
        bench.plant.inject(fault)
        ends_off(bench, outcome, fault, wanted, STUCK_S)
    if outcome.problems:
        return outcome  # red already; what follows takes minutes
    runs_clean(held(seed), outcome, CLEAN_S if count < 300 else CLEAN_FULL_S)
    _silent_wire(outcome, seed)
    still_bead(outcome, seed)
    return outcome


SILENT_S = 120.0


def _silent_wire(outcome: Outcome, seed: int) -> None:
    """A good bead whose reading stands still, since nothing moves it, is not called frozen."""
    noise_v, wiring.NOISE_V = wiring.NOISE_V, 0.0
    try:
        runs_clean(held(seed), outcome, SILENT_S)
    finally:
        wiring.NOISE_V = noise_v


AWAY_K, LOOKED_AT_S = 0.2, 40.0
"""Nearer than this a wrong reading is harmless: the picture's own telemetry corrects it."""


def _bit_while_holding(bench: Bench, outcome: Outcome, rng: random.Random) -> None:
    """A bit that the temperature never crosses harms nothing; one that moves the plate is told."""
    fault = faults.ThermistorBit(bit=rng.randrange(14), is_set=rng.random() < 0.5)
    bench.plant.inject(fault)
    wrong_s, worst_k, end_s = 0.0, 0.0, bench.rig.now_s + LOOKED_AT_S
    while bench.rig.now_s < end_s and not is_fault(bench):
        bench.rig.run(PERIOD_S)
        away_k = abs(bench.plant.truth.cold_degc - SET_POINT_DEGC)
        worst_k = max(worst_k, away_k)
        wrong_s += PERIOD_S * (away_k > AWAY_K and bench.status.code == codes.OK)
    outcome.executed += 1
    outcome.trips += outcome.expect(
        wrong_s <= STUCK_S and worst_k <= RIDDEN_K and not bench.judge.violations,
        f"{fault}: plate {worst_k:.2f} K away, called fine {wrong_s:.1f} s",
    )


FROZEN_CODES = (codes.FPA_STUCK, codes.FPA_DETACHED, codes.TEC_REVERSED)
BIT_CODES = (codes.FPA_BIT_STUCK, codes.FPA_DETACHED, codes.TEC_RAMP, codes.TEC_REVERSED,
             codes.TEC_WRONG_WAY)  # fmt: skip


# --- T6, T7: a reading that is not the plate's, a current that heats ------------------------------


def detached_thermistors(count: int, seed: int) -> Outcome:
    """T6: the bead drifts to the hot side; the plate never gets 3 K below its target."""
    outcome, rng = Outcome(clean_unit="s"), random.Random(seed)
    for n in range(count):
        bench = Bench(BOARD, seed=seed + n, ambient_degc=rng.uniform(10, 40))
        bench.rig.start_at(SET_POINT_DEGC, rng.uniform(28, 40))
        runs_clean(bench, outcome, rng.uniform(12, 20))
        fault = faults.ThermistorDetached(tau_s=math.exp(rng.uniform(math.log(0.2), math.log(20))))
        bench.plant.inject(fault)
        ends_off(bench, outcome, fault, (codes.FPA_DETACHED,), 3.0)
        coldest = min(bench.trace.cold_degc)
        outcome.expect(coldest > SET_POINT_DEGC - 3, f"{fault}: plate at {coldest:.1f} degC")
    return outcome


ENOUGH_A, REVERSED_S, MOST_RISE_K = 0.2, 2.0, 5.0


def reversed_polarity(count: int, seed: int) -> Outcome:
    """T7: wired the wrong way from the start, or turned over while it holds."""
    outcome, rng = Outcome(clean_unit="s"), random.Random(seed)
    for n in range(count):
        bench = Bench(BOARD, seed=seed + n, ambient_degc=rng.uniform(10, 40))
        if n % 2:
            bench.rig.start_at(SET_POINT_DEGC, rng.uniform(28, 40))
            runs_clean(bench, outcome, rng.uniform(5, 15))
        before = bench.plant.truth.cold_degc
        bench.plant.inject(faults.TecReversed())
        bench.rig.run(10, lambda: abs(bench.plant.truth.tec_a) > ENOUGH_A)  # noqa: B023 - run at once
        ends_off(bench, outcome, faults.TecReversed(), REVERSED_CODES, REVERSED_S)
        rise_k = max(bench.trace.cold_degc) - before
        outcome.expect(rise_k <= MOST_RISE_K, f"reversed: the plate warmed by {rise_k:.1f} K")
    return outcome


REVERSED_CODES = (codes.TEC_REVERSED,)

ROWS = (
    Row("T4", "thermistor open, short, out of range: three readings", "lockstep",
        100, 1_000, bad_thermistors, "T4.patch", 6),
    Row("T5", "thermistor or bit frozen: told in 10 s where the plate moves; still for 24 h: rules"
        " alone", "lockstep", 30, 300, stuck_thermistors, "T5.patch", 6,
        more=("T5-eager.patch", "T5-unprobed.patch"), control=0),
)  # fmt: skip
