# SPDX-License-Identifier: Apache-2.0
"""The cooler's bus: transfers that fail or are half done, judged on the plant's truth."""

import math
import random
from collections.abc import Callable
from itertools import takewhile

from row import Outcome, Row
from rows_cooler import (
    BOARD,
    NEAR_K,
    RAMP_DOWN_S,
    RIDDEN_K,
    SET_POINT_DEGC,
    ends_off,
    held,
    is_fault,
    runs_clean,
)

from edgeleak import codes
from edgeleak.control.observation import PERIOD_S
from edgeleak.cooler_bench import Bench
from edgeleak.sim import faults
from edgeleak.sim.faults import Fault

assert BOARD.adc is not None
assert BOARD.address is not None
ADC, DAC = BOARD.adc.fpa_thermistor.address, BOARD.address.tec_dac
RESTARTED_K = 1.5
"""The plate after a fault where its command expired: off, then from 0 A."""
MOST_RIDDEN, MOST_HELD_MS, BLOCK_MS = 10, 100.0, 35.0
"""Transfers that fail, or hold the loop, within two control periods: the output must stay on."""
STEADY_AGAIN_S = 60.0
OFF_S, OFF_A = 0.25, 0.02
"""A command expires after 150 ms; bridge time 60 ms; and what is left of a period."""
CALLS_A_PERIOD = 30
"""Of the whole loop in 50 ms: 22 without errors and the retries; the rest is margin for a task
that falls due twice."""
PERIODS, TIMEOUTS = 10, 3
"""In a row without the bus, and transfers in a row that time out: a fault then, and not before."""
EARLIEST_S, TOLD_S = (PERIODS - 1) * PERIOD_S, 0.5
"""From the plant's first failed transfer to the tenth such period; and from there to the fault."""
STALE_S = 4 * PERIOD_S
"""Three periods without a reading and what is left of one: the old one is not called fine.  A bus
that holds its callers makes them longer, by three time-outs at most."""
LOOK_S = 0.01

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
        skip, burst = n % INDEXES, BURSTS[(n + n // INDEXES) % len(BURSTS)]
        if n % 10 == 9:
            _lost_bus(bench, outcome, rng, skip)
        else:
            _burst(bench, outcome, rng, skip, burst)
        if bench.judge.violations:
            outcome.expect(False, f"limit broken: {bench.judge.violations[:1]}")
            bench = held(rng.randrange(1 << 30))
    return outcome


def _burst(bench: Bench, outcome: Outcome, rng: random.Random, skip: int, burst: int) -> None:
    """A burst is ridden through; or it held the bus three times in a row, is told, and off."""
    fault: Fault = faults.BusNack(skip=skip, count=burst)
    if rng.random() < 0.2:
        fault = faults.BusStuck(skip=skip, count=burst, block_ms=BLOCK_MS)
    begin, begin_ns = len(bench.trace.cold_degc), bench.plant.now_ns
    seen = Seen(bench, outcome, fault)
    seen.run(3.0, until=lambda: seen.is_over or is_fault(bench))
    seen.run(0.3)
    outcome.executed += seen.hits > 0
    bench.plant.clear(fault.name)
    if is_fault(bench):
        outcome.trips += _may_trip(seen, outcome, fault, burst)
        _recover(bench, outcome, fault)
        return
    held_ms = burst * BLOCK_MS if isinstance(fault, faults.BusStuck) else 0.0
    may_cut = burst > MOST_RIDDEN or held_ms > MOST_HELD_MS
    is_back = bench.rig.run(STEADY_AGAIN_S, lambda: _is_steady(bench))
    away_k = max(abs(degc - SET_POINT_DEGC) for degc in bench.trace.cold_degc[begin:])
    new = takewhile(lambda w: w.time_ns >= begin_ns, reversed(bench.plant.log))
    is_cut = any(w.what == "tec_enable" and not w.value for w in new)
    most_k = RESTARTED_K if is_cut else RIDDEN_K
    outcome.trips += outcome.expect(
        is_back and away_k < most_k and (may_cut or not is_cut),
        f"{fault}: code {bench.status.code}, cut {is_cut}, the plate was {away_k:.2f} K away",
    )


def _may_trip(seen: "Seen", outcome: Outcome, fault: Fault, burst: int) -> bool:
    """A fault ends the drive for good, so it needs its ten periods, or three time-outs in a row."""
    code, told_s = seen.bench.status.code, seen.told_s - seen.struck_s
    is_stuck = isinstance(fault, faults.BusStuck)
    is_due = burst >= TIMEOUTS if is_stuck else told_s >= EARLIEST_S
    return outcome.expect(
        is_due and code in BUS_CODES, f"{fault}: fault {code} {told_s:.2f} s after the first of it"
    )


BUS_CODES = (codes.I2C_TEC, codes.I2C_TEC_STUCK, codes.ENABLE_LINE)


def _lost_bus(bench: Bench, outcome: Outcome, rng: random.Random, skip: int) -> None:
    """The bus or one chip of the cooler is gone: off as soon as commands expire, if it was the
    DAC's; a fault after ten periods."""
    fault = faults.BusNack(skip=skip, address=rng.choice((None, ADC, DAC)))
    seen = Seen(bench, outcome, fault)
    seen.run(3.0, until=lambda: seen.hits > 0)
    seen.run(OFF_S)
    outcome.expect(fault.address == ADC or abs(bench.plant.truth.tec_a) < OFF_A,
                   f"{fault}: current flows {OFF_S} s after the last command")  # fmt: skip
    seen.run(PERIODS * PERIOD_S + TOLD_S, until=lambda: is_fault(bench))
    told_s = seen.told_s - seen.struck_s
    is_due = outcome.expect(EARLIEST_S <= told_s <= PERIODS * PERIOD_S + TOLD_S,
                            f"{fault}: fault {told_s:.2f} s after the first of it")  # fmt: skip
    if is_due:
        ends_off(bench, outcome, fault, BUS_CODES, PERIOD_S)
        outcome.worst_ms = max(outcome.worst_ms, (bench.rig.now_s - seen.struck_s) * 1e3)
    else:
        outcome.executed += 1
    bench.plant.clear(fault.name)
    _recover(bench, outcome, fault)


class Seen:
    """A fault of the bus at work: when the plant first broke a transfer, and when it was told."""

    def __init__(self, bench: Bench, outcome: Outcome, fault: Fault) -> None:
        self.bench, self._outcome, self._fault = bench, outcome, fault
        bench.plant.inject(fault)
        self._active = bench.plant.faults[fault.name]
        self.struck_s = self.told_s = math.nan

    @property
    def hits(self) -> int:
        return self._active.hits

    @property
    def is_over(self) -> bool:
        """Every transfer that was to fail has failed."""
        return self._active.is_spent

    def run(self, seconds: float, until: Callable[[], bool] | None = None) -> None:
        """In no control period are there more transfers than retries allow."""
        bench, end_s = self.bench, self.bench.rig.now_s + seconds
        while bench.rig.now_s < end_s and not (until is not None and until()):
            before = bench.plant.counters["i2c.calls"]
            for _ in range(round(PERIOD_S / LOOK_S)):
                bench.rig.run(LOOK_S)
                self._look(bench.rig.now_s)
            calls = bench.plant.counters["i2c.calls"] - before
            self._outcome.expect(
                calls <= CALLS_A_PERIOD, f"{self._fault}: {calls} transfers in one period"
            )

    def _look(self, now_s: float) -> None:
        if math.isnan(self.struck_s) and self.hits:
            self.struck_s = now_s
        if math.isnan(self.told_s) and is_fault(self.bench):
            self.told_s = now_s
        most_s = STALE_S + isinstance(self._fault, faults.BusStuck) * TIMEOUTS * BLOCK_MS / 1e3
        silent_s = 0.0 if self.is_over or not self.hits else now_s - self.struck_s
        self._outcome.expect(
            silent_s <= most_s or self.bench.status.code != codes.OK,
            f"{self._fault}: called fine {silent_s:.2f} s after the first of it",
        )


def _recover(bench: Bench, outcome: Outcome, fault: Fault) -> None:
    """After `clear` it drives again and comes back to its temperature."""
    if not is_fault(bench):
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
        differed = differed + 1 if differs and not is_fault(bench) else 0
        outcome.expect(differed <= 3, f"{fault}: command and register differ for {differed}")
        if active.hits == fault.count and not differed:
            break
    outcome.executed += active.hits > 0
    outcome.trips += outcome.expect(
        not differed and not bench.judge.violations,
        f"{fault}: {bench.status.command_a:.3f} A is said, {bench.plant.commanded_tec_a():.3f} A"
        f" commanded; {bench.judge.violations[:1]}",
    )


ROWS = (
    Row("T1", "I2C transfers fail, every index, single to for ever: FAULT after 10 periods, not"
        " before", "lockstep", 1_000, 10_000, failing_transfers, "T1.patch", 20,
        more=("T1-eager.patch",)),
    Row("T2", "half-done writes, wrong read-back: as commanded, or off", "lockstep",
        200, 2_000, half_writes, "T2.patch", 12),
)  # fmt: skip
