# SPDX-License-Identifier: Apache-2.0
"""The whole instrument in lockstep, brought to NO GAS once and then forked for each fault.

A fork is a copy of plant and firmware at that very moment, so thousands of faults start from the
same proven state without waiting for it again, and none leaves traces for the next.
"""

import os
import pickle
import select
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from instrument_rig import CAPTURE, Rig, small_config
from row import Outcome
from slip import is_slip

from edgeleak.errors import EdgeLeakError
from edgeleak.loop import Loop, Task
from edgeleak.services.health import State
from edgeleak.sim import faults
from edgeleak.sim.faults import Fault
from edgeleak.sim.lockstep import Lockstep
from edgeleak.sim.plant import Plant

NS = 10**9
HANG_S = 60.0
COLD_DEGC, HOT_DEGC = -20.0, 28.0
FAR_NS = 1 << 62


class Hang(Exception):
    """A task never comes back."""


class Hangable:
    """A loop whose thread can hang in the middle of a task."""

    def __init__(self, loop: Loop) -> None:
        self.loop, self.is_hung = loop, False

    @property
    def next_due_ns(self) -> int:
        return FAR_NS if self.is_hung else self.loop.next_due_ns

    def run_due(self) -> None:
        try:
            self.loop.run_due()
        except Hang:
            self.is_hung = True


class Machine(Rig):
    """Instrument and plant; the detector starts cold, as after a change of battery.

    fps     : of the sensor
    prepare : called with the plant before the instrument is made
    """

    def __init__(self, folder: Path, *, fps: float = 10.0, seed: int = 1, cold: bool = True,
                 prepare: Callable[[Plant], None] | None = None, **rig: Any) -> None:  # fmt: skip
        def ready(plant: Plant) -> None:
            if cold and plant.tec is not None:
                plant.tec.chill(COLD_DEGC)
                plant.tec.hot_degc = plant.truth.hot_degc = HOT_DEGC
                plant.truth.cold_degc = COLD_DEGC
            if prepare is not None:
                prepare(plant)

        config = small_config(folder, sensor={"fps": fps},
                              cooler={"set_point_degc": COLD_DEGC, "stable_s": 2.0})  # fmt: skip
        super().__init__(folder, config=config, seed=seed, prepare=ready, **rig)
        loops = [Hangable(loop) for loop in self.instrument.loops]
        # The real capture thread sleeps in the driver until an edge; here it looks ten times a
        # frame, which costs less than every millisecond.
        capture = self.instrument.loops[CAPTURE].records["capture"][0]
        loops[CAPTURE] = Hangable(
            Loop("capture", self.clock, [Task("capture", capture.run, 100 / fps, 1500, "")])
        )
        self.hangable = loops
        self.lockstep = Lockstep(self.plant, self.clock, loops, self.blocking)

    def to_no_gas(self, most_s: float = 90.0) -> "Machine":
        """Run until the answer is NO GAS."""
        end_s = self.now_s + most_s
        while str(self.answer) != "NO GAS":
            if self.now_s > end_s or self.instrument.failure is not None:
                raise RuntimeError(f"no NO GAS: {self.lines[-3:]}, {self.instrument.failure}")
            self.run_s(0.1)
        return self

    def watch(self, seconds: float, step_s: float = 0.05) -> list[tuple[float, str]]:
        """(s, answer) at each step."""
        end_s, found = self.now_s + seconds, []
        while self.now_s < end_s - 1e-9:
            self.run_s(step_s)
            found.append((self.now_s, str(self.answer)))
        return found

    @property
    def is_fault(self) -> bool:
        return self.state is State.FAULT

    @property
    def is_dark(self) -> bool:
        """Both outputs off, as the plant has it."""
        truth = self.plant.truth
        return not truth.tec_enabled and not truth.led_enabled

    def run_until(self, most_s: float, is_done: Callable[[], bool], step_s: float = 0.02) -> float:
        """Seconds until it holds; infinite when it does not."""
        begin_s = self.now_s
        while self.now_s - begin_s < most_s:
            if is_done():
                return self.now_s - begin_s
            self.run_s(step_s)
        return self.now_s - begin_s if is_done() else float("inf")


def machine(seed: int = 1, **rig: Any) -> Machine:
    """A machine at NO GAS."""
    return Machine(Path(tempfile.mkdtemp(prefix="edgeleak-")), seed=seed, **rig).to_no_gas()


EVENTS = (
    faults.CallFails, faults.BusStuck, faults.BusNack, faults.NackAfterData, faults.ReadCorrupted,
    faults.LedFlagWrong, faults.LostSync, faults.WrongId, faults.Discard, faults.PixelsStuck,
    faults.SaturatedScene, faults.FrozenFrame, faults.CounterStuck, faults.ShortRead,
    faults.CrcError, faults.SwapLines, faults.DropLine, faults.DuplicateLine,
)  # fmt: skip
"""They break single events, which the plant counts; all others are at work while they are in."""


def is_struck(plant: Plant, fault: Fault, outcome: Outcome) -> bool:
    """Whether the plant broke something for it: an event at least, or a part as a whole."""
    active = plant.faults.get(fault.name)
    if isinstance(fault, EVENTS):
        return active is not None and active.hits > 0
    outcome.need(active is None or not active.seen, f"{fault.name} strikes events, see EVENTS")
    return active is not None


def struck(plant: Plant, fault: Fault, outcome: Outcome) -> bool:
    """The same where the row cannot judge a fault that never strikes."""
    return outcome.need(is_struck(plant, fault, outcome), f"{fault} never struck")


def forked(outcome: Outcome, what: str, act: Callable[[Outcome], None]) -> None:
    """`act` in a copy of this process; what it counted is added to `outcome`.

    A crash, or no answer within `HANG_S` of real time, is a problem of its own.
    """
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(theirs, act)
    os.close(theirs)
    data, end_s = b"", time.monotonic() + HANG_S
    while select.select([ours], [], [], max(0.0, end_s - time.monotonic()))[0]:
        part = os.read(ours, 65_536)
        if not part:
            break
        data += part
    else:
        os.kill(child, signal.SIGKILL)
        outcome.expect(False, f"{what}: hangs for more than {HANG_S:.0f} s")
    os.close(ours)
    _, status = os.waitpid(child, 0)
    if not outcome.expect(bool(data), f"{what}: ended with status {status}"):
        outcome.executed += 1
        return
    outcome.add(pickle.loads(data))


def _answer(pipe: int, act: Callable[[Outcome], None]) -> None:
    """In the child: run, send, end without any of the parent's cleaning up."""
    mine = Outcome()
    try:
        act(mine)
    except EdgeLeakError as error:
        mine.expect(False, f"not caught: {error!r}")
    except Exception as error:  # what the firmware lets through is the finding
        (mine.need if is_slip(error) else mine.expect)(False, f"raised {error!r}")
    with os.fdopen(pipe, "wb") as stream:
        pickle.dump(mine, stream)
    os._exit(0)
