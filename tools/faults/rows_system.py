# SPDX-License-Identifier: Apache-2.0
"""The whole instrument: one or two things break at once, and it never says NO GAS unproven."""

import random
import tempfile
from itertools import pairwise
from math import nan
from pathlib import Path

from clean import clean_problems
from covers import Cap, fade, random_cap
from machine import HANG_S, Machine, forked, machine, struck
from row import Outcome, Row

from edgeleak import codes
from edgeleak.errors import EdgeLeakError
from edgeleak.services.health import State
from edgeleak.sim import faults
from edgeleak.sim.faults import Fault
from edgeleak.sim.plant import Plant

FOR_EVER = float("inf")

QUIET_STEP_S = 0.5

# --- T3: the bus hangs ---------------------------------------------------------------------------


def quiet(rig: Machine, outcome: Outcome, seconds: float) -> None:
    """Nothing breaks: NO GAS but for corrections, each of them short; no fault."""
    before = len(rig.lines)
    problems = clean_problems([answer for _, answer in rig.watch(seconds, QUIET_STEP_S)],
                              QUIET_STEP_S)  # fmt: skip
    outcome.clean += round(seconds)
    outcome.false_trips += len(problems)
    lines = [line for line in rig.lines[before:] if " fault " in line or "GAS" in line]
    for problem in problems:
        outcome.expect(False, f"{problem} {lines[:2]}")


FRAMES_LOST, STUCK_OFF_S, STUCK_SAID_S = 0, 0.205, 0.305


def stuck_bus(count: int, seed: int) -> Outcome:
    """T3: every call blocks 35 ms, 1 s or for ever; drive off by its enable, frames go on."""
    outcome, rng = Outcome(clean_unit="s"), random.Random(seed)
    rig = machine(seed)
    for _ in range(count):
        rig.run_s(rng.uniform(0.01, 0.4))
        block_ms = rng.choice((35.0, 1000.0, FOR_EVER))
        forked(outcome, f"stuck for {block_ms} ms", lambda mine: _stuck(rig, mine, block_ms))  # noqa: B023 - run at once
    quiet(rig, outcome, 60.0)
    return outcome


def _stuck(rig: Machine, mine: Outcome, block_ms: float) -> None:
    fault, lost = faults.BusStuck(block_ms=block_ms), rig.plant.sensor.counters["overrun"]
    frames = rig.instrument.path.frames
    rig.plant.inject(fault)
    said_s = rig.run_until(3.0, lambda: rig.is_fault, 0.005)
    off_s = said_s + rig.run_until(3.0, lambda: rig.is_dark, 0.005)
    within_call_ms = block_ms if block_ms < 200 else 0.0  # a control step ends so much later
    mine.safe_after(off_s * 1e3, STUCK_OFF_S * 1e3 + 100 + within_call_ms, f"{fault}")
    rig.run_s(2.0)
    frames = rig.instrument.path.frames - frames
    lost = rig.plant.sensor.counters["overrun"] - lost
    mine.executed += struck(rig.plant, fault, mine)
    is_good = said_s <= STUCK_SAID_S and lost == FRAMES_LOST and frames >= 19 and rig.is_dark
    mine.trips += mine.expect(
        is_good and not rig.plant.judge.violations,
        f"{fault}: FAULT after {said_s:.2f} s, {lost} frames lost, {frames} taken, dark"
        f" {rig.is_dark}, {rig.plant.judge.violations[:1]}",
    )


# --- V4: any call fails ---------------------------------------------------------------------------

ERRNOS = ("EIO", "ENODEV", "EINTR", "EAGAIN", "EREMOTEIO")
INDEXES, START_S = 50, 6.0


def failing_calls(count: int, seed: int) -> Outcome:
    """V4: each of the first 50 calls fails once and for ever, at start and while it runs."""
    outcome, rng = Outcome(clean_unit="s"), random.Random(seed)
    rig = machine(seed)
    for n in range(count):
        skip, is_once = n // 2 % INDEXES, n % 2 == 0
        fault = faults.CallFails(skip=skip, count=1 if is_once else None, error=rng.choice(ERRNOS))
        forked(outcome, f"start, {fault}", lambda mine: _start_with(rig, mine, fault))  # noqa: B023 - run at once
        rig.run_s(rng.uniform(0.01, 0.1))
        forked(outcome, f"running, {fault}", lambda mine: _run_with(rig, mine, fault))  # noqa: B023 - run at once
    quiet(rig, outcome, 30.0)
    return outcome


def _start_with(rig: Machine, mine: Outcome, fault: Fault) -> None:
    """Refused with an error of our own, or it comes up; for ever it drives nothing."""
    plants: list[Plant] = []

    def prepare(plant: Plant) -> None:
        plants.append(plant)
        plant.inject(fault)

    try:
        new = Machine(Path(tempfile.mkdtemp(dir=rig.folder)), prepare=prepare)
    except EdgeLeakError:
        is_struck = struck(plants[0], fault, mine)
        mine.executed += is_struck
        mine.trips += is_struck
        return
    new.run_s(START_S)
    mine.executed += struck(new.plant, fault, mine)
    failed = new.instrument.failure
    is_up = failed is None and new.state in (State.COOLING, State.NUC)
    is_refused = isinstance(failed, EdgeLeakError) and new.is_dark
    is_good = is_refused or (is_up if fault.count else not new.edges() or new.is_dark)
    mine.trips += mine.expect(
        is_good and "NO GAS" not in new.answers,
        f"start, {fault}: {new.state}, {failed!r}, dark {new.is_dark}",
    )


def _run_with(rig: Machine, mine: Outcome, fault: Fault) -> None:
    """Once: survived.  For ever: no NO GAS after a second, outputs off."""
    rig.plant.inject(fault)
    answers = rig.watch(3.0)
    mine.executed += struck(rig.plant, fault, mine)
    began_s = answers[0][0]
    if fault.count:
        is_good = answers[-1][1] == "NO GAS" and rig.instrument.failure is None
    else:
        said = [answer for now_s, answer in answers if now_s - began_s > 1.0]
        is_good = "NO GAS" not in said and rig.is_dark
    mine.trips += mine.expect(
        is_good and not rig.plant.judge.violations,
        f"running, {fault}: {answers[-1][1]} {rig.answer.reason}, dark {rig.is_dark},"
        f" {rig.instrument.failure!r}, {rig.plant.judge.violations[:1]}",
    )


# --- V6: nothing to see ---------------------------------------------------------------------------

BLOCKED_S, CLEARS_S = 60.0, 30.0
WATCHED_S, LONG_EVERY = 15.0, 8
"""After the INHIBIT, for as long as it must stay; every eighth cover is watched for a minute."""
COVERS = [
    Cap(degc, grade_k, slide_s)
    for degc in (-10.0, -4.0, 2.0, 8.0, 15.61, 21.0, nan, 28.0, 34.0, 40.0, 45.0)
    for grade_k in (0.0, 3.0)
    for slide_s in (0.0, 6.0)
]
"""Without a temperature the cap has the shutter's."""


def nothing_to_see(count: int, seed: int) -> Outcome:
    """V6: lens covered, flat wall, glare, shutter stuck: INHIBIT within 60 s, clears in 30 s."""
    outcome, rng = Outcome(clean_unit="s"), random.Random(seed)
    dark, lit = machine(seed), machine(seed + 1)
    lit.instrument.light.request("alternate", 100.0)
    lit.run_s(2.0)
    lit.to_no_gas()
    covers: list[Cap | Fault] = [*COVERS, faults.ShutterStuck(closed=True)]
    covers += [faults.SaturatedScene(share=share) for share in (0.4, 0.6, 0.8)]
    covers += [faults.LensCovered(), faults.LensCovered(degc=15.61)]
    rng.shuffle(covers)
    for n in range(count):
        rig = lit if n % 4 == 3 else dark
        rig.run_s(rng.uniform(0.1, 1.0))
        cover = covers[n] if n < len(covers) else random_cap(rng)
        long_s = BLOCKED_S if n % LONG_EVERY == 0 else WATCHED_S
        forked(outcome, str(cover), lambda mine: _covered(rig, mine, cover, long_s))  # noqa: B023 - run at once
    for degc in (nan, -10.0, 15.61, 45.0)[: max(1, count // 10)]:
        forked(outcome, f"from the start, {degc}", lambda mine: _covered_at_start(mine, degc))  # noqa: B023 - run at once
    quiet(dark, outcome, 120.0)
    for contrast in (0.1, 0.3):
        forked(outcome, f"clean, contrast {contrast}", lambda mine: _faint(dark, mine, contrast))  # noqa: B023 - run at once
    return outcome


def _covered(rig: Machine, mine: Outcome, cover: Cap | Fault, long_s: float) -> None:
    is_cap = isinstance(cover, Cap)
    (cover.put_on(rig) if is_cap else rig.plant.inject(cover))
    said = {answer for _, answer in rig.watch(cover.slide_s, 0.2)} if is_cap else set()
    told_s = rig.run_until(BLOCKED_S, lambda: str(rig.answer) == "INHIBIT", 0.1)
    mine.safe_after(told_s * 1e3, BLOCKED_S * 1e3, str(cover))
    # The edge of a cap on its way may be called gas; a covered lens never is.
    rig.run_s(WATCHED_S if is_cap and cover.slide_s else 0.0)
    said = {answer for _, answer in rig.watch(long_s, 0.2)}
    code = rig.answer.trouble.code
    mine.executed += 1 if is_cap else struck(rig.plant, cover, mine)
    (cover.take_off(rig) if is_cap else rig.plant.clear(cover.name))
    back_s = rig.run_until(CLEARS_S, lambda: str(rig.answer) == "NO GAS", 0.1)
    mine.trips += mine.expect(
        told_s < BLOCKED_S and said == {"INHIBIT"},
        f"{cover}: INHIBIT after {told_s:.1f} s, then {sorted(said)}, code {code}",
    ) and mine.expect(back_s <= CLEARS_S, f"{cover}: {rig.answer.reason} after {CLEARS_S:.0f} s")


def _covered_at_start(mine: Outcome, degc: float) -> None:
    """The cap is on while the camera comes up and takes its first correction."""
    cap = faults.LensCovered(degc=degc)
    rig = Machine(Path(tempfile.mkdtemp(prefix="edgeleak-")),
                  prepare=lambda plant: plant.inject(cap))  # fmt: skip
    said = {answer for _, answer in rig.watch(BLOCKED_S, 0.2)}
    mine.executed += struck(rig.plant, cap, mine)
    code = rig.answer.trouble.code
    rig.plant.clear("lens-covered")
    back_s = rig.run_until(CLEARS_S, lambda: str(rig.answer) == "NO GAS", 0.1)
    mine.trips += mine.expect(
        said == {"INHIBIT"}, f"from the start, {degc} degC: {sorted(said)}, code {code}"
    ) and mine.expect(
        back_s <= CLEARS_S, f"from the start, {degc} degC: {rig.answer.reason} after {CLEARS_S} s"
    )


def _faint(rig: Machine, mine: Outcome, contrast: float) -> None:
    """The clean twin: the same yard with a part of its contrast, as on a dull day."""
    fade(rig, contrast)
    mine.clean += 30
    rig.run_s(15.0)  # the other picture is a change of scene, learnt anew
    back_s = rig.run_until(CLEARS_S, lambda: str(rig.answer) == "NO GAS", 0.1)
    said = {answer for _, answer in rig.watch(30.0, 0.2)} if back_s <= CLEARS_S else {"never"}
    mine.false_trips += said != {"NO GAS"}
    mine.expect(said == {"NO GAS"}, f"contrast {contrast}: {sorted(said)}, {rig.answer.reason}")


# --- D7: supply and wall clock --------------------------------------------------------------------

DAY_NS = 86_400 * 10**9
TO_1970_NS = -1_767_225_600 * 10**9


def supply_and_clock(count: int, seed: int) -> Outcome:
    """D7: brown-out takes cooler and LED; clock jumps change no interval and trip nothing."""
    outcome, rng = Outcome(clean_unit="s"), random.Random(seed)
    rig = machine(seed)
    rig.instrument.light.request("alternate", 100.0)
    rig.run_s(2.0)
    rig.to_no_gas()
    for n in range(count):
        rig.run_s(rng.uniform(0.1, 0.5))
        jump_ns = (None, DAY_NS, -DAY_NS, TO_1970_NS)[n % 4]
        volts = rng.uniform(3.0, 4.4)
        if jump_ns is None:
            forked(outcome, f"{volts:.1f} V", lambda mine: _sag(rig, mine, volts))  # noqa: B023 - run at once
        else:
            forked(outcome, f"jump {jump_ns}", lambda mine: _jump(rig, mine, jump_ns))  # noqa: B023 - run at once
    quiet(rig, outcome, 60.0)
    return outcome


def _sag(rig: Machine, mine: Outcome, volts: float) -> None:
    rig.plant.inject(faults.BrownOut(volts=volts))
    dark_s = rig.run_until(5.0, lambda: rig.is_dark)
    sag_v = rig.plant.truth.supply_v
    mine.executed += mine.need(abs(sag_v - volts) < 0.01, f"{volts:.2f} V never came: {sag_v}")
    mine.safe_after(dark_s * 1e3, 4000.0, f"{volts:.1f} V")
    told = rig.answer.trouble.code
    rig.plant.clear("brown-out")
    back_s = rig.run_until(60.0, lambda: rig.plant.truth.tec_enabled, 0.1)
    mine.trips += mine.expect(
        told == codes.BROWN_OUT and back_s < 60 and not rig.plant.judge.violations,
        f"{volts:.2f} V: code {told}, on again after {back_s:.1f} s,"
        f" {rig.plant.judge.violations[:1]}",
    )


def _jump(rig: Machine, mine: Outcome, jump_ns: int) -> None:
    frames, first, utc_ns = rig.instrument.path.frames, len(rig.infos), rig.clock.utc_ns()
    rig.clock.jump_utc(jump_ns)
    moved_ns = rig.clock.utc_ns() - utc_ns
    mine.executed += mine.need(moved_ns == jump_ns, f"the clock moved by {moved_ns} ns")
    answers = {answer for _, answer in rig.watch(4.0)}
    infos = rig.infos[first:]
    steps = [b.monotonic_ns - a.monotonic_ns for a, b in pairwise(infos)]
    ages = [info.ms_since_nuc for info in infos]
    is_even = all(50_000_000 < step < 150_000_000 for step in steps) and min(ages) >= 0
    labels = [info.utc_ns for info in infos]
    mine.trips += mine.expect(
        is_even and answers == {"NO GAS"} and rig.instrument.path.frames - frames >= 38
        and all(label >= -1 for label in labels),
        f"jump {jump_ns / 1e9:.0f} s: {answers}, steps {min(steps)}..{max(steps)} ns, least"
        f" label {min(labels)}",
    )  # fmt: skip


ROWS = (
    Row("T3", "I2C stuck 35 ms, 1 s, for ever: off by the enable, frames go on", "lockstep",
        50, 500, stuck_bus, "T3.patch", 6),
    Row("V4", "each of 50 calls fails once and for ever: no NO GAS, no hang", "lockstep",
        100, 400, failing_calls, "V4.patch", 12),
    Row("V6", "lens covered, glare, shutter stuck: INHIBIT in 60 s, clears", "lockstep",
        50, 200, nothing_to_see, "V6.patch", 6, control=2),
    Row("D7", "brown-out: dark; clock +-1 day, 1970: nothing notices", "lockstep",
        12, 100, supply_and_clock, "D7.patch", 4, more=("D7-clock.patch",)),
)  # fmt: skip
assert HANG_S > BLOCKED_S / 2
