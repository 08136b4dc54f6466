# SPDX-License-Identifier: Apache-2.0
"""When this machine stood still: a run in real time proves nothing about such moments.

    python -m edgeleak.sim.pacer

One thread for each processor wakes up every 10 ms, above every other program where that is
allowed.  It waits for nobody and needs nothing, so a wake-up that comes late was the machine's:
a virtual machine whose host was busy, a quota that ran out, a laptop that slept.  The processors
of a virtual machine are kept awake meanwhile (`edgeleak.sim.awake`).
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from typing import NamedTuple, Self

from edgeleak.sim.awake import is_virtual, kept_awake

TICK_S = 0.01
STOP_S = 0.1
"""Two control periods: less does not reach the limits of the firmware (0.15 s)."""
WINDOW_S = 1.0
"""A host takes its turns in slices: those of one second count together."""
USUAL_S = 0.003
"""A wake-up is late by less on an idle machine without a real-time priority."""
AWAY_S = 0.01
"""A processor that was away for longer held up whatever ran there, though no limit knows it."""
PRIORITY = 60
"""Above the emulated board's (40), which is above the firmware's."""
END_S = 5.0
READY = "ready"


class Stop(NamedTuple):
    """One processor gave nobody a turn, at once or in slices of one second.

    at_s      : when it ended, s after the pacer began
    seconds   : how long in all
    processor : number
    """

    at_s: float
    seconds: float
    processor: int


class Pacer:
    """Watches the machine in a process of its own; a context manager.

    stops : that reach the limits of the firmware
    away  : every single wake-up that was late by more than AWAY_S
    """

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "edgeleak.sim.pacer"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         text=True, start_new_session=True)  # fmt: skip
        self.stops: list[Stop] = []
        self.away: list[Stop] = []
        if self.process.stdout is not None:
            self.process.stdout.readline()  # it ticks on every processor
        return self

    def __exit__(self, *error: object) -> None:
        """Ends it; `stops` and `away` are then complete."""
        try:
            text = self.process.communicate(timeout=END_S)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
            text = self.process.communicate()[0]
        if text.strip().startswith("["):
            self.stops, self.away = ([Stop(*row) for row in rows] for rows in json.loads(text))


def in_words(stops: list[Stop]) -> str:
    """How often and how long, in words."""
    worst = max(stops, key=lambda stop: stop.seconds)
    times = "once" if len(stops) == 1 else f"{len(stops)} times"
    return (f"{times}, for {worst.seconds:.2f} s at most (processor {worst.processor},"
            f" {worst.at_s:.0f} s after the start)")  # fmt: skip


class Window:
    """The late wake-ups of the last second."""

    def __init__(self) -> None:
        self._late: deque[tuple[float, float]] = deque()
        self._sum_s = 0.0

    def late(self, now_s: float, late_s: float) -> float:
        """A wake-up at `now_s` came `late_s` too late; s of a stop that this completes, else 0."""
        while self._late and self._late[0][0] < now_s - WINDOW_S:
            self._sum_s -= self._late.popleft()[1]
        if late_s > USUAL_S:
            self._late.append((now_s, late_s))
            self._sum_s += late_s
        if self._sum_s <= STOP_S:
            return 0.0
        lost_s, self._sum_s = self._sum_s, 0.0
        self._late.clear()
        return lost_s


def watch(processor: int, begin_s: float, end: threading.Event, stops: list[Stop],
          away: list[Stop]) -> None:  # fmt: skip
    """Tick on one processor until the end."""
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {processor})
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    last_s = time.monotonic()
    window = Window()
    while not end.is_set():
        time.sleep(TICK_S)
        now_s = time.monotonic()
        late_s = now_s - last_s - TICK_S
        if late_s > AWAY_S:
            away.append(Stop(now_s - begin_s, late_s, processor))
        if lost_s := window.late(now_s, late_s):
            stops.append(Stop(now_s - begin_s, lost_s, processor))
        last_s = now_s


def main() -> int:
    """Until standard input ends; prints every stop as JSON."""
    processors = os.sched_getaffinity(0)
    with kept_awake(processors if is_virtual() else set()):
        print(json.dumps(watch_all(processors)))
    return os.EX_OK


def watch_all(processors: set[int]) -> tuple[list[Stop], list[Stop]]:
    """A thread for each, until standard input ends; stops and away."""
    stops: list[Stop] = []
    away: list[Stop] = []
    end, begin_s = threading.Event(), time.monotonic()
    threads = [threading.Thread(target=watch, args=(one, begin_s, end, stops, away))
               for one in processors]  # fmt: skip
    for thread in threads:
        thread.start()
    print(READY, flush=True)
    sys.stdin.read()
    end.set()
    for thread in threads:
        thread.join()
    return stops, away


if __name__ == "__main__":
    sys.exit(main())
