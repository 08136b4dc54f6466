# SPDX-License-Identifier: Apache-2.0
"""Calls that fail in the kernel, under the real spidev, smbus2 and GPIO calls of `edgeleak run`.

Real time, real processes.  The emulated board answers a call of any node with an errno and
counts how often; V4 does the same in lockstep, below the bus protocols instead of below ioctl.
"""

import random
import re
import tempfile
import time
from pathlib import Path

from judged import judged
from row import Outcome, Row
from rows_kill import OUTPUTS, SILENCE_MS, Camera, dark_after, no_limit_broken, plant_of

from edgeleak.sim.launch import RunningPlant

ERRNOS = ("EIO", "ENODEV", "EINTR", "EAGAIN", "EREMOTEIO")
MOST_SKIPPED = 50
STRIKES_S, BACK_S, CLEAN_S = 3.0, 10.0, 1.0
CASES = 20
"""On one program; the last of them fails for ever."""
VERDICT = re.compile(rb"^VERDICT .*?> ([A-Z ]+?) \d+ ", re.M)


def failing_calls(count: int, seed: int) -> Outcome:
    """V4R: one call fails: the program lives and says NO GAS again; for ever: both outputs off."""
    outcome, rng = Outcome(), random.Random(seed)
    with plant_of(seed) as plant:
        for begin in range(0, count, CASES):
            cases, draws = min(CASES, count - begin), rng.randrange(1 << 30)
            judged(outcome, lambda mine: _one_program(plant, mine, cases, draws))  # noqa: B023 - run at once
            if outcome.problems or outcome.broken:
                break
    return outcome


def _one_program(plant: RunningPlant, outcome: Outcome, count: int, seed: int) -> None:
    """Cases on one program, the last of them for ever."""
    rng = random.Random(seed)
    with no_limit_broken(plant, outcome, "failing calls"), \
         tempfile.TemporaryDirectory() as name, Camera(plant, Path(name)) as camera:  # fmt: skip
        if outcome.need(
            camera.until_driving(), f"never drove, {camera.end}; {camera.said[-300:]!r}"
        ):
            for _ in range(count - 1):
                _once(camera, outcome, rng)
            _for_ever(camera, outcome, rng)
    plant.control.ask("clear", fault="call-fails")


def _once(camera: Camera, outcome: Outcome, rng: random.Random) -> None:
    """A call of the next `MOST_SKIPPED` fails; the program lives and comes back to NO GAS."""
    _clean(camera, outcome)
    error, skip = rng.choice(ERRNOS), rng.randrange(MOST_SKIPPED)
    what = f"{error} once after {skip} calls"
    camera.ask("inject", fault="call-fails", error=error, skip=skip, count=1)
    if not outcome.need(_strikes(camera), f"{what}: never struck"):
        return
    outcome.executed += 1
    camera.ask("clear", fault="call-fails")
    is_back = _comes_back(camera)
    outcome.trips += outcome.expect(
        is_back,
        f"{what}: not at NO GAS after {BACK_S:.0f} s, {camera.end}; {camera.said[-200:]!r}",
    )


def _for_ever(camera: Camera, outcome: Outcome, rng: random.Random) -> None:
    """Every call fails: the enables fall with their monostables, and no NO GAS stays."""
    _clean(camera, outcome)
    error = rng.choice(ERRNOS)
    begin_ns = time.monotonic_ns()
    camera.ask("inject", fault="call-fails", error=error)
    camera.listen(STRIKES_S)
    outcome.executed += outcome.need(_hits(camera) > 0, f"{error} for ever: never struck")
    is_dark, ms = dark_after(camera, begin_ns)
    outcome.safe_after(ms, SILENCE_MS, f"{error} for ever")
    is_told = camera.process.poll() is not None or verdict(camera) != b"NO GAS"
    outcome.trips += outcome.expect(
        is_dark and is_told and ms <= SILENCE_MS,
        f"{error} for ever: dark {is_dark}, off after {ms:.0f} ms, {verdict(camera)!r},"
        f" {camera.end}; {camera.said[-200:]!r}",
    )


def _clean(camera: Camera, outcome: Outcome) -> None:
    """Nothing fails: the same program goes on at NO GAS or at a correction."""
    camera.listen(CLEAN_S)
    outcome.clean += 1
    outcome.false_trips += camera.process.poll() is not None or verdict(camera) == b"FAULT"


def _hits(camera: Camera) -> int:
    found = camera.ask("faults")["faults"].get("call-fails")
    return int(found["hits"]) if found else 0


def _strikes(camera: Camera) -> bool:
    """Wait until the emulated board has failed the call."""
    end_s = time.monotonic() + STRIKES_S
    while time.monotonic() < end_s:
        camera.listen(0.05)
        if _hits(camera):
            return True
    return False


def _comes_back(camera: Camera) -> bool:
    """NO GAS with both outputs on again, and the program never ended."""
    end_s = time.monotonic() + BACK_S
    camera.listen(0.5)  # what the failure leads to is said by then
    while time.monotonic() < end_s and camera.process.poll() is None:
        if verdict(camera) == b"NO GAS" and all(map(camera.is_on, OUTPUTS)):
            return True
        camera.listen(0.1)
    return False


def verdict(camera: Camera) -> bytes:
    """The last one it logged."""
    return (VERDICT.findall(camera.said) or [b""])[-1]


ROWS = (
    Row("V4R", "a call fails in the kernel while run drives: back, or both off", "real time",
        20, 200, failing_calls, "V4R.patch", 20, control=0),
)  # fmt: skip
