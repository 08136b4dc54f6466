# SPDX-License-Identifier: Apache-2.0
"""The whole instrument on taped bus answers, so that its instructions can be counted alone.

    loop_tape.py record TAPE --fps 11.4 [--binned]     on this machine, over the emulated board
    loop_tape.py play TAPE SECONDS [LOOP ...]          anywhere; no plant, no bus, own time

`play` repeats the start, stays `STEADY_S` in the state that was reached, then runs the loops named
for SECONDS more; two lengths under a counter give the instructions of a second.  Not counted:
recorder process, kernel, waiting threads.
"""

import pickle
import sys
import tempfile
from collections import defaultdict, deque
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgeleak import board as boards
from edgeleak.bus.protocols import Buses
from edgeleak.config import Config, CoolerConfig, NucConfig, SensorConfig
from edgeleak.errors import BusError
from edgeleak.instrument import Folders, Instrument, Options

NS_PER_S = 10**9
STEP_S = 0.05
STEADY_S, TAPED_S, MOST_S = 1.0, 6.0, 60.0
BOARD = str(Path(__file__).resolve().parents[2] / "board/el1-a/board.toml")
LOOPS = ("control", "capture", "frames")


class Clock:
    """Moved by the player; the wall clock stands for a machine without one."""

    def __init__(self) -> None:
        self.now_ns = 0

    def monotonic_ns(self) -> int:
        return self.now_ns

    def utc_ns(self) -> int:
        return self.now_ns + 1_767_225_600 * NS_PER_S

    def wait_until_ns(self, time_ns: int) -> None:
        self.now_ns = max(self.now_ns, time_ns)


class Tape:
    """Answers by question; a question asked more often than taped gets the last answer again."""

    def __init__(self, answers: dict[Any, deque[Any]] | None = None) -> None:
        self.answers = answers or defaultdict(deque)

    def keep(self, question: Any, answer: Any) -> Any:
        self.answers[question].append(answer)
        return answer

    def next(self, question: Any) -> Any:
        row = self.answers[question]
        return row.popleft() if len(row) > 1 else row[0]


class TapedBus:
    """All three buses: over real ones they tape, without they answer from the tape."""

    max_message_bytes = 65536

    def __init__(self, tape: Tape, over: Buses | None = None) -> None:
        self._tape, self._over = tape, over

    def transfer(self, address: int, data: bytes, read_length: int = 0) -> bytes:
        question = (address, bytes(data) if read_length else None, read_length)
        if self._over is None:
            answer = self._tape.next(question)
            if isinstance(answer, BusError):
                raise answer
            return answer  # type: ignore[no-any-return]
        try:
            return self._tape.keep(question, self._over.i2c.transfer(address, data, read_length))  # type: ignore[no-any-return]
        except BusError as error:
            self._tape.keep(question, error)
            raise

    def read_into(self, buffer: memoryview, message_bytes: int = 0) -> int:
        if self._over is None:
            data = self._tape.next(("spi", len(buffer)))
            buffer[: len(data)] = data
            return len(data)
        count = self._over.spi.read_into(buffer, message_bytes)
        self._tape.keep(("spi", len(buffer)), bytes(buffer[:count]))
        return count

    def set(self, name: str, is_active: bool) -> None:
        if self._over is not None:
            self._over.lines.set(name, is_active)

    def get(self, name: str) -> bool:
        if self._over is None:
            return bool(self._tape.next(("get", name)))
        return bool(self._tape.keep(("get", name), self._over.lines.get(name)))

    def wait_edge(self, name: str, timeout_s: float) -> int | None:
        if self._over is None:
            return self._tape.next(("edge", name))  # type: ignore[no-any-return]
        return self._tape.keep(("edge", name), self._over.lines.wait_edge(name, timeout_s))  # type: ignore[no-any-return]

    def reopen(self) -> None: ...

    def close(self) -> None: ...


def make(tape: Tape, clock: Clock, fps: float, binned: bool, folder: str,
         over: Buses | None = None) -> Instrument:  # fmt: skip
    """The instrument as on a board, warm set-point so that the start is short."""
    bus = TapedBus(tape, over)
    config = replace(
        Config(), sensor=SensorConfig(fps=fps, binning=binned, integration_us=3000),
        cooler=CoolerConfig(set_point_degc=20.0), nuc=NucConfig(frames=6, settle_s=0.5),
    )  # fmt: skip
    return Instrument(boards.load(BOARD), config, Buses(bus, bus, bus), clock,
                      folders=Folders(Path(folder), Path(folder)),
                      options=Options(has_recorder=False))  # fmt: skip


def run(instrument: Instrument, clock: Clock, until_ns: int, names: tuple[str, ...] = LOOPS,
        plant: Any = None) -> None:  # fmt: skip
    """Loops in the order of their due times."""
    loops = [loop for loop in instrument.loops if loop.name in names]
    while True:
        loop = min(loops, key=lambda one: one.next_due_ns)
        due_ns = max(loop.next_due_ns, clock.now_ns)
        if due_ns >= until_ns:
            return
        if plant is not None:
            plant.advance_to(due_ns)
        clock.now_ns = due_ns
        loop.run_due()


def record(path: Path, fps: float, binned: bool) -> None:
    """Over the emulated board until it detects, and some seconds more."""
    from edgeleak.sim.bus import open_buses
    from edgeleak.sim.plant import Plant

    plant, tape, clock = Plant(boards.load(BOARD), seed=1), Tape(), Clock()
    with tempfile.TemporaryDirectory() as folder:
        instrument = make(tape, clock, fps, binned, folder, open_buses(plant)[0])
        ready_s = 0.0
        while instrument.health.state != "detecting":
            ready_s += STEP_S
            if ready_s > MOST_S:
                sys.exit(f"loop_tape: no answer within {MOST_S} s: {instrument.health.answer}")
            run(instrument, clock, round(ready_s * NS_PER_S), plant=plant)
        run(instrument, clock, round((ready_s + TAPED_S) * NS_PER_S), plant=plant)
        frames = instrument.path.frames
    facts = {"fps": fps, "binned": binned, "ready_s": ready_s}
    path.write_bytes(pickle.dumps((facts, dict(tape.answers))))
    print(f"{frames} frames, detecting at {ready_s:.2f} s")


def play(path: Path, seconds: float, names: tuple[str, ...]) -> None:
    facts, answers = pickle.loads(path.read_bytes())
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        instrument = make(Tape(answers), clock, facts["fps"], facts["binned"], folder)
        steady_ns = round((facts["ready_s"] + STEADY_S) * NS_PER_S)
        run(instrument, clock, steady_ns)
        if instrument.health.state != "detecting":
            sys.exit(f"loop_tape: the tape led to {instrument.health.answer.trouble}")
        before = instrument.path.frames
        run(instrument, clock, steady_ns + round(seconds * NS_PER_S), names)
    print(f"frames {instrument.path.frames - before}")


def main() -> None:
    words = sys.argv[1:]
    if len(words) >= 4 and words[0] == "record" and words[2] == "--fps":
        record(Path(words[1]), float(words[3]), "--binned" in words)
    elif len(words) >= 3 and words[0] == "play":
        play(Path(words[1]), float(words[2]), tuple(words[3:]) or LOOPS)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
