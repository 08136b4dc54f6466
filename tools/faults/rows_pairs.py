# SPDX-License-Identifier: Apache-2.0
"""Any two things break at once, and the instrument never says NO GAS unproven."""

import random
from collections import Counter
from collections.abc import Callable
from math import inf
from typing import NamedTuple

from machine import Machine, forked, is_struck, machine
from row import Outcome, Row
from rows_system import FOR_EVER, quiet

from edgeleak.sim import faults
from edgeleak.sim.faults import Fault

# --- what forbids NO GAS, and how long it may take to be noticed ----------------------------------

HARMFUL: tuple[tuple[Callable[[random.Random], Fault], float], ...] = (
    (lambda rng: faults.CrcError(bits=rng.randrange(1, 4)), 0.8),
    (lambda rng: faults.DropLine(), 0.8),
    (lambda rng: faults.SwapLines(), 0.8),
    (lambda rng: faults.WrongId(), 0.8),
    (lambda rng: faults.LostSync(shift_bytes=rng.randrange(1, 200)), 0.8),
    (lambda rng: faults.ShortRead(share=rng.uniform(0, 0.9)), 0.8),
    (lambda rng: faults.FrozenFrame(), 0.8),
    (lambda rng: faults.FrozenFrame(loop=rng.randrange(2, 5)), 1.5),
    (lambda rng: faults.CounterStuck(), 0.8),
    (lambda rng: faults.PixelsStuck(counts=rng.choice((0, 9000, 16383))), 0.8),
    (lambda rng: faults.SensorDead(), 0.8),
    (lambda rng: faults.SpiUnplugged(), 0.8),
    (lambda rng: faults.ShutterStuck(closed=True), 0.5),
    (lambda rng: faults.LensCovered(), 60.0),
    (lambda rng: faults.BusNack(), 0.6),
    (lambda rng: faults.I2cUnplugged(), 0.6),
    (lambda rng: faults.BusStuck(block_ms=rng.choice((35.0, 1000.0, FOR_EVER))), 0.5),
    (lambda rng: faults.CallFails(error=rng.choice(("EIO", "ENODEV"))), 0.8),
    (lambda rng: faults.GpioUnplugged(), 0.5),
    (lambda rng: faults.ThermistorOpen(which=rng.choice(("fpa", "hot"))), 0.4),
    (lambda rng: faults.ThermistorShort(which=rng.choice(("fpa", "hot"))), 0.4),
    (lambda rng: faults.ThermistorFrozen(), 10.3),
    (lambda rng: faults.ThermistorDetached(tau_s=rng.uniform(0.2, 10)), 3.2),
    (lambda rng: faults.TecReversed(), 2.2),
    (lambda rng: faults.TecOpen(), 0.6),
    (lambda rng: faults.TecShort(), 0.6),
    (lambda rng: faults.ThermistorOffset(kelvin=rng.uniform(-45, -42)), 0.5),
    (lambda rng: faults.ThermistorOffset(which="hot", kelvin=rng.uniform(60, 90)), 0.5),
    (lambda rng: faults.SaturatedScene(share=rng.uniform(0.4, 0.9)), 0.8),
    (lambda rng: faults.FanDead(), 4.5),
    (lambda rng: faults.BrownOut(volts=rng.uniform(3.5, 4.4)), 2.0),
)
HARMFUL_LIT = (
    *HARMFUL,
    (lambda rng: faults.LedOpen(), 1.5),
    (lambda rng: faults.LedShort(), 1.5),
    (lambda rng: faults.ThermistorOpen(which="led"), 1.5),
    (lambda rng: faults.ThermistorShort(which="led"), 1.5),
)
"""While the LED is in use."""
HARMLESS: tuple[Callable[[random.Random], Fault], ...] = (
    lambda rng: faults.DuplicateLine(),
    lambda rng: faults.Discard(),
    lambda rng: faults.NoDataReady(),
    lambda rng: faults.FanSlow(share=rng.uniform(0.3, 0.9)),
    lambda rng: faults.SinkBlocked(factor=rng.uniform(1, 1.5)),
    lambda rng: faults.NackAfterData(count=rng.randrange(1, 20)),
    lambda rng: faults.LedHot(kelvin=rng.uniform(5, 80)),
    lambda rng: faults.LedAged(hours=rng.uniform(0, 20_000)),
)
"""They break nothing by themselves, but they may hide something else."""
SLOW_S, RARE = 3.0, 0.2
"""What takes longer to be noticed is drawn that much more rarely: each is watched to its end."""

STEP_S, BEYOND_S, APART_S = 0.1, 0.35, 1.0
CLEAN_HOURS_S = 7200.0
MOST_DRAWS = 3
"""Draws for each pair that must strike: a dead sensor has no lines to damage."""


HIDES = faults.ThermistorFrozen
"""An ADC that repeats its last value shows nothing else that happens to its thermistor."""
READ_S = 0.1
"""Two readings."""


class Broken(NamedTuple):
    """A fault at work, since when, and when NO GAS must be over."""

    fault: Fault
    since_s: float
    late_s: float


def draw(rng: random.Random, *, is_lit: bool) -> list[tuple[Fault, float]]:
    """Two different faults in any order with their deadlines; one forbids NO GAS at least."""
    harmful = HARMFUL_LIT if is_lit else HARMFUL
    weights = [RARE * SLOW_S / s if s > SLOW_S else 1.0 for _, s in harmful]
    make, deadline_s = rng.choices(harmful, weights)[0]
    found = [(make(rng), deadline_s)]
    others = (*harmful, *((make, inf) for make in HARMLESS))
    while len(found) < 2:
        make, deadline_s = rng.choices(others, [*weights, *(1.0 for _ in HARMLESS)])[0]
        fault = make(rng)
        if fault.name != found[0][0].name:  # the same kind again would replace the first
            found.append((fault, deadline_s))
    rng.shuffle(found)
    return found


def pairs(count: int, seed: int) -> Outcome:
    """V7: any two at once; no NO GAS once either is older than its deadline.

    Executed are pairs of which both struck as the plant counted, and which were watched beyond
    the deadline of each; the reaction is an answer other than NO GAS there, at every look.
    """
    outcome, rng = Outcome(clean_unit="s"), random.Random(seed)
    clear, lit = machine(seed), machine(seed + 1)
    lit.instrument.light.request("alternate", 100.0)
    lit.run_s(2.0)
    lit.to_no_gas()
    drawn: Counter[str] = Counter()
    for n in range(MOST_DRAWS * count):
        if outcome.executed >= count:
            break
        rig = lit if n % 4 == 0 else clear
        rig.run_s(rng.uniform(0.01, 0.1))
        if not outcome.expect(str(rig.answer) == "NO GAS", f"clean: {rig.answer.reason}"):
            break
        pair, choice = draw(rng, is_lit=rig is lit), random.Random(rng.randrange(1 << 30))
        drawn.update(fault.name for fault, _ in pair)
        forked(outcome, f"pair {n}", lambda mine: _pair(rig, mine, pair, choice))  # noqa: B023 - run at once
    quiet(clear, outcome, CLEAN_HOURS_S if count >= 2000 else 60.0)
    kinds = ", ".join(f"{name} {times}" for name, times in drawn.most_common())
    outcome.notes.append(f"drawn in {n + 1} pairs: {kinds}")
    return outcome


def _pair(rig: Machine, mine: Outcome, pair: list[tuple[Fault, float]],
          rng: random.Random) -> None:  # fmt: skip
    apart_s = rng.choice((0.0, rng.uniform(0, APART_S)))
    active: list[Broken] = []
    looks: Counter[str] = Counter()
    for fault, deadline_s in pair:
        rig.plant.inject(fault)
        active.append(Broken(fault, rig.now_s, rig.now_s + deadline_s))
        active = _due(active)
        if len(active) < len(pair):
            _look(rig, mine, active, looks, apart_s)
    last_s = max(one.late_s for one in active if one.late_s < inf)
    _look(rig, mine, active, looks, last_s - rig.now_s + BEYOND_S)
    _limits(rig, mine, active)
    all_struck = all(is_struck(rig.plant, one.fault, mine) for one in active)
    all_due = all(looks[one.fault.name] for one in active if one.late_s < inf)
    mine.executed += all_struck and all_due
    mine.trips += all_struck and all_due and not mine.problems


def _due(active: list[Broken]) -> list[Broken]:
    """What could not be read before the ADC froze has the deadline of the frozen ADC."""
    frozen = next((one for one in active if isinstance(one.fault, HIDES)), None)
    if frozen is None:
        return active
    which = frozen.fault.which
    return [one._replace(late_s=max(one.late_s, frozen.late_s))
            if getattr(one.fault, "which", "") == which and frozen.since_s < one.since_s + READ_S
            else one for one in active]  # fmt: skip


def _look(rig: Machine, mine: Outcome, active: list[Broken], looks: Counter[str],
          seconds: float) -> None:  # fmt: skip
    for now_s, answer in rig.watch(seconds, STEP_S) if seconds > 0 else ():
        late = [one.fault for one in active if now_s > one.late_s]
        looks.update(fault.name for fault in late)
        mine.expect(
            answer != "NO GAS" or not late, f"NO GAS although {late}; at work {_names(active)}"
        )


def _limits(rig: Machine, mine: Outcome, active: list[Broken]) -> None:
    """The current of a shorted LED is the fault itself; that it ends is for row T14."""
    is_shorted = any(isinstance(one.fault, faults.LedShort) for one in active)
    broken = rig.plant.judge.violations
    broken = [found for found in broken if not (is_shorted and found.limit == "led-peak")]
    mine.expect(not broken, f"{_names(active)}: {broken[:2]}")


def _names(active: list[Broken]) -> list[Fault]:
    return [one.fault for one in active]


ROWS = (
    Row("V7", "any two faults at once: NO GAS only when proven", "lockstep",
        2_000, 20_000, pairs, "V7.patch", 80, control=8),
)  # fmt: skip
