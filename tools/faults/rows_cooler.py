# SPDX-License-Identifier: Apache-2.0
"""The cooler's buses and sensors: what is injected at the plant, judged on the plant's truth."""

import math
import random
from collections.abc import Callable
from itertools import takewhile
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
assert BOARD.adc is not None
assert BOARD.address is not None
ADC, DAC = BOARD.adc.fpa_thermistor.address, BOARD.address.tec_dac
SET_POINT_DEGC = -20.0
STEADY_S = 14.0
RAMP_DOWN_S = 2.4
"""S0: 1.1 A at 0.5 A/s, and two control periods."""
NEAR_K, RIDDEN_K, RESTARTED_K = 0.3, 1.0, 1.5
"""The plate after a fault, ridden through, and where its command expired: off, then from 0 A."""
MOST_RIDDEN, MOST_HELD_MS, BLOCK_MS = 10, 100.0, 35.0
"""Transfers that fail, or hold the loop, within two control periods: the output must stay on."""
STEADY_AGAIN_S = 60.0
OFF_S, OFF_A = 0.25, 0.02
"""A command expires after 150 ms; bridge time 60 ms; and what is left of a period."""
CALLS_A_PERIOD = 30
"""Of the whole loop in 50 ms: 22 without errors and the retries; the rest is margin for a task
that falls due twice."""


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


# --- T1: transfers that fail ----------------------------------------------------------------------

BURSTS = (1, 1, 2, 3, 5, 10, 20, 50)
INDEXES = 40
"""Transfers of two control periods: every one of them is the first that fails."""


def failing_transfers(count: int, seed: int) -> Outcome:
    """T1: each transfer fails once, in bursts, for ever; by address or all; NACK or time-out."""
    outcome, rng = Outcome(clean_unit="s"), random.Random(seed)
    bench = held(seed)
    runs_clean(bench, outcome, 20.0)
    for n in range(count):
        outcome.expect(_is_steady(bench), f"fault {n}: code {bench.status.code} before it")
        skip, burst = n % INDEXES, BURSTS[n // INDEXES % len(BURSTS)]
        if n % 10 == 9:
            _lost_bus(bench, outcome, rng, skip)
        else:
            _burst(bench, outcome, rng, skip, burst)
        if bench.judge.violations:
            outcome.expect(False, f"limit broken: {bench.judge.violations[:1]}")
            bench = held(rng.randrange(1 << 30))
    return outcome


def _burst(bench: Bench, outcome: Outcome, rng: random.Random, skip: int, burst: int) -> None:
    """A burst is ridden through, or told and off."""
    fault: Fault = faults.BusNack(skip=skip, count=burst)
    if rng.random() < 0.2:
        fault = faults.BusStuck(skip=skip, count=burst, block_ms=BLOCK_MS)
    held_ms = burst * BLOCK_MS if isinstance(fault, faults.BusStuck) else 0.0
    may_cut = burst > MOST_RIDDEN or held_ms > MOST_HELD_MS
    bench.plant.inject(fault)
    active, begin = bench.plant.faults[fault.name], len(bench.trace.cold_degc)
    begin_ns = bench.plant.now_ns
    _watch(bench, outcome, fault, 3.0, until=lambda: active.hits >= burst or _is_fault(bench))
    _watch(bench, outcome, fault, 0.3)
    outcome.executed += active.hits > 0
    bench.plant.clear(fault.name)
    if _is_fault(bench):
        outcome.trips += outcome.expect(
            bench.status.code in BUS_CODES, f"{fault}: code {bench.status.code}"
        )
        _recover(bench, outcome, fault)
        return
    is_back = bench.rig.run(STEADY_AGAIN_S, lambda: _is_steady(bench))
    away_k = max(abs(degc - SET_POINT_DEGC) for degc in bench.trace.cold_degc[begin:])
    new = takewhile(lambda w: w.time_ns >= begin_ns, reversed(bench.plant.log))
    is_cut = any(w.what == "tec_enable" and not w.value for w in new)
    most_k = RESTARTED_K if is_cut else RIDDEN_K
    outcome.trips += outcome.expect(
        is_back and away_k < most_k and (may_cut or not is_cut),
        f"{fault}: code {bench.status.code}, cut {is_cut}, the plate was {away_k:.2f} K away",
    )


BUS_CODES = (codes.I2C_TEC, codes.I2C_TEC_STUCK, codes.ENABLE_LINE)


def _lost_bus(bench: Bench, outcome: Outcome, rng: random.Random, skip: int) -> None:
    """The bus or one chip of the cooler is gone: off as soon as commands expire, if it was the
    DAC's; a fault after ten periods."""
    fault = faults.BusNack(skip=skip, address=rng.choice((None, ADC, DAC)))
    bench.plant.inject(fault)
    active = bench.plant.faults[fault.name]
    _watch(bench, outcome, fault, 3.0, until=lambda: active.hits > 0)
    _watch(bench, outcome, fault, OFF_S)
    outcome.expect(fault.address == ADC or abs(bench.plant.truth.tec_a) < OFF_A,
                   f"{fault}: current flows {OFF_S} s after the last command")  # fmt: skip
    is_honest = bench.status.code != codes.OK
    outcome.expect(is_honest, f"{fault}: temperature called fine without a reading")
    ends_off(bench, outcome, fault, BUS_CODES, 1.0)
    bench.plant.clear(fault.name)
    _recover(bench, outcome, fault)


def _watch(bench: Bench, outcome: Outcome, fault: Fault, seconds: float,
           until: Callable[[], bool] | None = None) -> None:  # fmt: skip
    """Run; in no control period are there more transfers than retries allow."""
    counters, end_s = bench.plant.counters, bench.rig.now_s + seconds
    while bench.rig.now_s < end_s and not (until is not None and until()):
        before = counters["i2c.calls"]
        bench.rig.run(0.05)
        calls = counters["i2c.calls"] - before
        outcome.expect(calls <= CALLS_A_PERIOD, f"{fault}: {calls} transfers in one period")


def _is_fault(bench: Bench) -> bool:
    return bool(bench.status.state == CoolerState.FAULT)


def _recover(bench: Bench, outcome: Outcome, fault: Fault) -> None:
    """After `clear` it drives again and comes back to its temperature."""
    if not _is_fault(bench):
        return
    bench.run_until_off(RAMP_DOWN_S)
    bench.cooler.request("clear")
    is_back = bench.rig.run(STEADY_AGAIN_S, lambda: _is_steady(bench))
    outcome.expect(is_back, f"{fault}: does not cool again, code {bench.status.code}")


def _is_steady(bench: Bench) -> bool:
    """It says that its temperature can be relied on, and the plate really is there.

    The next fault must not find it on its way: it would be blamed for the distance.
    """
    away_k = abs(bench.plant.truth.cold_degc - SET_POINT_DEGC)
    return bool(bench.status.code == codes.OK) and away_k < NEAR_K


# --- T2: writes that are half done ----------------------------------------------------------------

WRITE_LIMIT_S = 0.15


def half_writes(count: int, seed: int) -> Outcome:
    """T2: acknowledge lost after the data, or another value read back: commanded = written, or
    a fault."""
    outcome, rng = Outcome(clean_unit="s"), random.Random(seed)
    bench = held(seed)
    runs_clean(bench, outcome, 20.0)
    for n in range(count):
        skip, burst = rng.randrange(12), rng.choice((1, 1, 2, 3, 6))
        kinds: tuple[Fault, ...] = (
            faults.NackAfterData(address=DAC, skip=skip, count=burst),
            faults.ReadCorrupted(address=DAC, skip=skip, count=1, mask=1 << rng.randrange(8)),
            faults.NackAfterData(address=ADC, skip=skip, count=burst),
            faults.ReadCorrupted(address=DAC, mask=rng.randrange(1, 256)),
        )
        fault = kinds[n % 4]
        bench.plant.inject(fault)
        if fault.count is None:
            ends_off(bench, outcome, fault, (codes.TEC_READ_BACK,), WRITE_LIMIT_S)
        else:
            _agrees(bench, outcome, fault)
        bench.plant.clear(fault.name)
        _recover(bench, outcome, fault)
    return outcome


def _agrees(bench: Bench, outcome: Outcome, fault: Fault) -> None:
    """What the DAC puts out is what the service says, except while a write is being retried."""
    active, differed = bench.plant.faults[fault.name], 0
    for _ in range(40):
        bench.rig.run(0.05)
        differs = abs(bench.plant.commanded_tec_a() - bench.status.command_a) > 1e-4
        differed = differed + 1 if differs and not _is_fault(bench) else 0
        outcome.expect(differed <= 3, f"{fault}: command and register differ for {differed}")
        if active.hits == fault.count and not differed:
            break
    outcome.executed += active.hits > 0
    outcome.trips += outcome.expect(
        not differed and not bench.judge.violations,
        f"{fault}: {bench.status.command_a:.3f} A is said, {bench.plant.commanded_tec_a():.3f} A"
        f" commanded; {bench.judge.violations[:1]}",
    )


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
    while bench.rig.now_s < end_s and not _is_fault(bench):
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
    Row("T1", "I2C transfers fail, every index, single to for ever", "lockstep",
        1_000, 10_000, failing_transfers, "T1.patch", 60),
    Row("T2", "half-done writes, wrong read-back: as commanded, or off", "lockstep",
        200, 2_000, half_writes, "T2.patch", 12),
    Row("T4", "thermistor open, short, out of range: three readings", "lockstep",
        100, 1_000, bad_thermistors, "T4.patch", 6),
    Row("T5", "thermistor or bit frozen: told in 10 s where the plate moves; still for 24 h: rules"
        " alone", "lockstep", 30, 300, stuck_thermistors, "T5.patch", 6,
        more=("T5-eager.patch", "T5-unprobed.patch")),
    Row("T6", "thermistor detached: 3 s, plate never 3 K too cold", "lockstep",
        30, 300, detached_thermistors, "T6.patch", 6),
    Row("T7", "cooler reversed: 2 s, plate at most 5 K warmer", "lockstep",
        30, 100, reversed_polarity, "T7.patch", 4),
)  # fmt: skip
