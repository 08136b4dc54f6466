# SPDX-License-Identifier: Apache-2.0
"""The sensor's link: damaged lines, lost steps, pictures that stand still, calls that fail.

The judge is the plant: a published frame must be, pixel for pixel, one that the sensor sent.
"""

import random
from collections.abc import Callable
from statistics import median
from typing import Any

from link_rig import MS, PERIOD_US, el640_rig, lepton_rig
from row import Outcome, Row

from edgeleak import codes
from edgeleak.sim import faults
from edgeleak.sim.faults import Fault

FRAME_NS = PERIOD_US * 1000
LOST_CODES = range(codes.LINK_CRC, codes.LINK_SILENT + 1)

# --- V1: damaged lines ----------------------------------------------------------------------------

FRAMES_A_RIG = 20_000
ENOUGH_BITS = 4
"""From here on a CRC of 16 bits may miss one damage in 65,536."""


def damaged_lines(count: int, seed: int) -> Outcome:
    """V1: one line of a frame damaged, in every way; torn frames are never published."""
    outcome, rng = Outcome(clean_unit="frames"), random.Random(seed)
    while outcome.executed < count:
        rig = el640_rig(seed=rng.randrange(1 << 30))
        _clean_frames(rig, outcome, 500)
        while outcome.executed < count and len(rig.frames) < FRAMES_A_RIG:
            _damage(rig, outcome, rng)
            rig.frames = rig.frames[:0] if len(rig.frames) > 1000 else rig.frames
    return outcome


def _clean_frames(rig: Any, outcome: Outcome, frames: int) -> None:
    """Frames without a fault: none is lost, none distrusted."""
    done, bad = 0, 0
    while done < frames:
        if rig.step() is not None:
            done += 1
            bad += rig.acquisition.status.code != codes.OK
    outcome.clean += done
    outcome.false_trips += bad
    outcome.expect(not bad, f"clean: code {rig.acquisition.status.code}")
    outcome.expect(not rig.torn, f"clean: {rig.torn} frames are not what the sensor sent")


def _damage(rig: Any, outcome: Outcome, rng: random.Random) -> None:
    """One kind of damage on 1 to 6 frames; three bad frames in a row are said."""
    fault = _line_fault(rng, rng.choice((1, 1, 2, 3, 6)))
    before, torn = rig.hits(fault), rig.torn
    is_told = False
    rig.plant.inject(fault)
    for _ in range(100):
        rig.step()
        is_told = is_told or rig.acquisition.status.code in LOST_CODES
        if rig.hits(fault) - before == fault.count:
            break
    while rig.step() is None:  # to the next whole frame: the damage is over
        is_told = is_told or rig.acquisition.status.code in LOST_CODES
    hits = rig.hits(fault) - before
    rig.plant.clear(fault.name)
    outcome.executed += hits
    is_whole = outcome.expect(rig.torn == torn, f"{fault}: a torn frame was published")
    must_tell = hits >= 3 and not isinstance(fault, HARMLESS)
    is_told = outcome.expect(
        is_told or not must_tell, f"{fault}: {hits} bad frames in a row and no INHIBIT"
    )
    outcome.trips += hits if is_whole and is_told else 0


HARMLESS = (faults.DuplicateLine, faults.Discard)
"""A line twice or an idle packet costs nothing: the frame is whole."""


def _line_fault(rng: random.Random, count: int) -> Fault:
    kind = rng.choice(
        (faults.CrcError, faults.CrcError, faults.DropLine, faults.DuplicateLine, faults.SwapLines,
         faults.WrongId, faults.Discard)
    )  # fmt: skip
    if kind is faults.CrcError:
        bits = rng.choice((1, 2, 3)) if rng.random() < 0.8 else rng.randrange(ENOUGH_BITS, 300)
        return faults.CrcError(bits=bits, count=count)
    return kind(count=count)


# --- V2: out of step ------------------------------------------------------------------------------

EL640_FRAMES = 2
LEPTON_MEDIAN_MS, LEPTON_WORST_MS = 320.0, 600.0


def lost_steps(count: int, seed: int) -> Outcome:
    """V2: the stream slips at a random byte; el640 is back within two frames, Lepton in 600 ms."""
    outcome, rng = Outcome(clean_unit="frames"), random.Random(seed)
    el640, lepton = el640_rig(seed=seed), lepton_rig(seed=seed)
    _clean_frames(el640, outcome, 1000)
    _clean_frames(lepton, outcome, 50)
    most_ms = EL640_FRAMES * FRAME_NS / MS
    el640_ms = _recoveries(el640, outcome, rng, count)
    late = [ms for ms in el640_ms if ms > most_ms]
    outcome.expect(not late, f"el640: {len(late)} losses took over two frames, {max(el640_ms)} ms")
    lepton_ms = sorted(_recoveries(lepton, outcome, rng, count))
    rare_ms = lepton_ms[min(len(lepton_ms) - 1, int(0.999 * len(lepton_ms)))]
    outcome.expect(median(lepton_ms) < LEPTON_MEDIAN_MS, f"Lepton: median {median(lepton_ms)} ms")
    outcome.expect(rare_ms <= LEPTON_WORST_MS, f"Lepton: p99.9 {rare_ms} ms")
    outcome.worst_ms = max(*el640_ms, *lepton_ms)
    outcome.notes.append(f"ms to the next whole frame: el640 {max(el640_ms):.0f} at most, a frame"
                         f" is {FRAME_NS / MS:.0f}; Lepton {median(lepton_ms):.0f} median,"
                         f" {rare_ms:.0f} at 99.9 %")  # fmt: skip
    return outcome


def _recoveries(rig: Any, outcome: Outcome, rng: random.Random, losses: int) -> list[float]:
    """ms from each slip to the next whole frame."""
    found = []
    for _ in range(losses):
        rig.run(rng.uniform(0.005, 0.06))
        fault = faults.LostSync(shift_bytes=rng.randrange(1, 160), count=1)
        before = rig.hits(fault)
        rig.plant.inject(fault)
        while rig.hits(fault) == before:
            rig.step(MS)
        hit_ns, seen = rig.now_ns, len(rig.frames)
        while len(rig.frames) == seen and rig.now_ns - hit_ns < 3_000 * MS:
            rig.step(MS)
        outcome.executed += 1
        outcome.trips += outcome.expect(
            len(rig.frames) > seen and not rig.torn,
            f"{rig.board.sensor.kind}: not recovered, {rig.acquisition.status.code}",
        )
        found.append((rig.now_ns - hit_ns) / MS)
    return found


# --- V3: pictures that stand still ----------------------------------------------------------------

REPEAT_FRAMES, LOOP_FRAMES = 4, 10
CLEAN_SHARE = 40
"""Clean frames for each case: 20,000 for 500."""


def frozen_pictures(count: int, seed: int) -> Outcome:
    """V3: same pixels, loops of frames, a counter that stands; and noise is never called stuck."""
    outcome, rng = Outcome(clean_unit="frames"), random.Random(seed)
    rig = el640_rig(seed=seed)
    _clean_frames(rig, outcome, CLEAN_SHARE * count)
    _clean_frames(lepton_rig(seed=seed), outcome, count)
    rig = el640_rig(seed=seed)
    for n in range(count):
        rig.run(rng.uniform(0.1, 0.2))
        loop = rng.randrange(2, 5)
        kinds: tuple[tuple[Fault, int, int], ...] = (
            (faults.FrozenFrame(), codes.FRAME_REPEATED, REPEAT_FRAMES),
            (faults.CounterStuck(), codes.COUNTER_STUCK, REPEAT_FRAMES),
            (faults.FrozenFrame(loop=loop), codes.FRAME_LOOP, LOOP_FRAMES),
            (faults.PixelsStuck(counts=rng.randrange(0x3FFF)), codes.FRAME_REPEATED, REPEAT_FRAMES),
        )
        fault, code, most = kinds[n % len(kinds)]
        _stands_still(rig, outcome, fault, code, most)
    return outcome


def _stands_still(rig: Any, outcome: Outcome, fault: Fault, code: int, most: int) -> None:
    rig.plant.inject(fault)
    hit, frames = f"hit.{fault.name}", 0
    before, begin_ns = rig.plant.counters[hit], rig.now_ns
    while rig.plant.counters[hit] == before:
        rig.step()
    for _ in range(50 * most):
        if rig.step() is not None:
            frames += 1
        if rig.acquisition.status.code == code:
            break
    found = rig.acquisition.status.code
    outcome.executed += 1
    outcome.trips += outcome.expect(
        found == code and frames <= most,
        f"{fault}: code {found} after {frames} frames, expected {code} within {most}",
    )
    outcome.safe_after((rig.now_ns - begin_ns) / MS, 10 * most + 20, str(fault))
    rig.plant.clear(fault.name)
    rig.run(0.15)
    outcome.expect(rig.acquisition.status.code == codes.OK, f"{fault}: not over after it ended")


Runner = Callable[[int, int], Outcome]

ROWS = (
    Row("V1", "damaged, lost, swapped lines: no torn frame, INHIBIT after 3", "lockstep",
        100_000, 1_000_000, damaged_lines, "V1.patch", 500, "link"),
    Row("V2", "out of step: el640 2 frames, Lepton 320 ms median, 600 p99.9", "lockstep",
        1_000, 10_000, lost_steps, "V2.patch", 20, "link",
        ("V2-el640.patch",)),
    Row("V3", "frozen, looped, counter stuck: 4 frames, loops 10", "lockstep",
        500, 5_000, frozen_pictures, "V3.patch", 8),
)  # fmt: skip
