# SPDX-License-Identifier: Apache-2.0
"""A loop is a table of tasks over a clock; it counts what it promised and did not keep.

The same table runs in a thread (`run_forever`) and under the scheduler of a simulated board
(`next_due_ns`, `run_due`), so an overrun seen here is one that a person can repeat there.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, sqrt

from edgeleak.clock import NS_PER_MS, Clock
from edgeleak.errors import UsageError

LONGEST_WAIT_NS = 100 * NS_PER_MS
"""A stopped loop ends at most this late."""
FAR_NS = 1 << 62
FINE_BITS = 3
"""Bins per power of two of the lateness histogram: 2^3, so a percentile is right to 12 %."""
BINS = (64 - FINE_BITS) << FINE_BITS


@dataclass(frozen=True, slots=True)
class Task:
    """One line of the table.

    name      : as printed
    run       : called with the time it was due, monotonic ns; returns soon, never waits
    period_ms : from due time to due time, so that lateness never adds up
    budget_ms : longer is an overrun
    why       : reason for this rate
    after_end : count the period from the end instead, for work that itself waits on a bus; it is
                due again at once when `run` returns True
    """

    name: str
    run: Callable[[int], object]
    period_ms: float
    budget_ms: float
    why: str
    after_end: bool = False


class Record:
    """What one task did; all in ns, nothing grows."""

    __slots__ = ("_bins", "_m2", "_mean", "busy_ns", "first_ns", "last_ns", "late_max_ns",
                 "late_min_ns", "overruns", "runs", "skipped", "worst_ns")  # fmt: skip

    def __init__(self) -> None:
        self._bins = array("Q", bytes(8 * BINS))
        self.reset()

    def reset(self) -> None:
        """Forget the past: a new stretch of measuring begins."""
        self.runs = self.overruns = self.skipped = 0
        self.busy_ns = self.worst_ns = self.first_ns = self.last_ns = 0
        self.late_min_ns, self.late_max_ns = inf, 0
        self._mean = self._m2 = 0.0
        for bin_ in range(BINS):
            self._bins[bin_] = 0

    def note(self, start_ns: int, late_ns: int, took_ns: int, budget_ns: int) -> None:
        """One run of the task."""
        self.runs = runs = self.runs + 1
        if runs == 1:
            self.first_ns = start_ns
        self.last_ns = start_ns
        self.busy_ns += took_ns
        if took_ns > self.worst_ns:
            self.worst_ns = took_ns
        if took_ns > budget_ns:
            self.overruns += 1
        if late_ns < self.late_min_ns:
            self.late_min_ns = late_ns
        if late_ns > self.late_max_ns:
            self.late_max_ns = late_ns
        mean = self._mean
        step = late_ns - mean
        self._mean = mean = mean + step / runs
        self._m2 += step * (late_ns - mean)
        self._bins[_bin(late_ns)] += 1

    @property
    def late_mean_ms(self) -> float:
        return self._mean / NS_PER_MS

    @property
    def period_ms(self) -> float:
        """From start to start on average."""
        return (self.last_ns - self.first_ns) / max(self.runs - 1, 1) / NS_PER_MS

    @property
    def jitter_ms(self) -> float:
        """Standard deviation of the lateness."""
        return sqrt(self._m2 / self.runs) / NS_PER_MS if self.runs else 0.0

    def late_ms(self, share: float) -> float:
        """Lateness that `share` of the runs stayed below, rounded up to its bin."""
        wanted, seen = share * self.runs, 0
        for bin_, count in enumerate(self._bins):
            seen += count
            if count and seen >= wanted:
                return min(_bin_end_ns(bin_), self.late_max_ns) / NS_PER_MS
        return 0.0


@dataclass(slots=True)
class _Row:
    """A task with its next due time and its record."""

    task: Task
    run: Callable[[int], object]
    period_ns: int
    budget_ns: int
    due_ns: int
    record: Record


class Loop:
    """Runs tasks when they are due, in the order of the table.

    name  : of the thread
    clock : times and waits
    tasks : first ones go first when several are due

    `next_due_ns` is when `run_due` has something to do.
    """

    def __init__(self, name: str, clock: Clock, tasks: Sequence[Task]) -> None:
        self.name, self._clock = name, clock
        now_ns = clock.monotonic_ns()
        self._rows = [_row(task, now_ns) for task in tasks]
        if not self._rows:
            raise UsageError(f"loop {name}: no task; give at least one")
        self.next_due_ns = now_ns

    @property
    def records(self) -> dict[str, tuple[Task, Record]]:
        """Task and what it did, by name."""
        return {row.task.name: (row.task, row.record) for row in self._rows}

    def run_due(self) -> None:
        """Run every task that is due now, once each; what they raise passes through."""
        read_ns = self._clock.monotonic_ns
        now_ns = read_ns()
        next_ns = FAR_NS
        for row in self._rows:
            if now_ns >= row.due_ns:
                start_ns = now_ns
                has_more = row.run(row.due_ns) is True
                now_ns = read_ns()
                row.record.note(start_ns, start_ns - row.due_ns, now_ns - start_ns, row.budget_ns)
                _schedule(row, now_ns, has_more)
            if row.due_ns < next_ns:
                next_ns = row.due_ns
        self.next_due_ns = next_ns

    def run_forever(self, stop: Callable[[], bool]) -> None:
        """Run until `stop()`; whoever calls this decides what an exception means."""
        clock = self._clock
        self.begin()
        while not stop():
            now_ns = clock.monotonic_ns()
            clock.wait_until_ns(min(self.next_due_ns, now_ns + LONGEST_WAIT_NS))
            self.run_due()

    def begin(self) -> None:
        """What never ran is due now: until its thread begins, nobody is late."""
        now_ns = self._clock.monotonic_ns()
        for row in self._rows:
            if not row.record.runs:
                row.due_ns = now_ns
        self.next_due_ns = min(row.due_ns for row in self._rows)

    def report(self) -> list[dict[str, float | int | str]]:
        """Expected against measured, one row a task."""
        return [_facts(self.name, row) for row in self._rows]


def _row(task: Task, now_ns: int) -> _Row:
    period_ns, budget_ns = round(task.period_ms * NS_PER_MS), round(task.budget_ms * NS_PER_MS)
    if period_ns <= 0 or budget_ns <= 0:
        raise UsageError(f"task {task.name}: period and budget must be above 0 ms")
    return _Row(task, task.run, period_ns, budget_ns, now_ns, Record())


def _schedule(row: _Row, end_ns: int, has_more: bool) -> None:
    """The next due time; whole periods that have passed meanwhile are skipped and counted."""
    if row.task.after_end:
        row.due_ns = end_ns if has_more else end_ns + row.period_ns
        return
    row.due_ns += row.period_ns
    missed = (end_ns - row.due_ns) // row.period_ns
    if missed > 0:
        row.record.skipped += missed
        row.due_ns += missed * row.period_ns


def _facts(loop: str, row: _Row) -> dict[str, float | int | str]:
    task, record = row.task, row.record
    mean_ms = record.busy_ns / max(record.runs, 1) / NS_PER_MS
    return {
        "loop": loop,
        "task": task.name,
        "period_ms": task.period_ms,
        "measured_ms": round(record.period_ms, 4),
        "budget_ms": task.budget_ms,
        "runs": record.runs,
        "overruns": record.overruns,
        "skipped": record.skipped,
        "mean_ms": round(mean_ms, 4),
        "worst_ms": round(record.worst_ns / NS_PER_MS, 4),
        "late_min_ms": round(record.late_min_ns / NS_PER_MS, 4) if record.runs else 0.0,
        "late_mean_ms": round(record.late_mean_ms, 4),
        "late_p99_ms": round(record.late_ms(0.99), 4),
        "late_max_ms": round(record.late_max_ns / NS_PER_MS, 4),
        "jitter_ms": round(record.jitter_ms, 4),
        "why": task.why,
    }


def _bin(value_ns: int) -> int:
    """Logarithmic bins, exact below 2^(FINE_BITS + 1)."""
    shift = value_ns.bit_length() - FINE_BITS - 1
    if shift <= 0:
        return max(value_ns, 0)
    return (shift << FINE_BITS) + (value_ns >> shift)


def _bin_end_ns(bin_: int) -> int:
    """Largest value of a bin."""
    if bin_ < 2 << FINE_BITS:
        return bin_
    shift = (bin_ >> FINE_BITS) - 1
    return (((bin_ & ((1 << FINE_BITS) - 1)) + (1 << FINE_BITS) + 1) << shift) - 1
