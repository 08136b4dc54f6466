# SPDX-License-Identifier: Apache-2.0
"""The loop keeps its rates, and counts what it does not keep."""

import threading
from itertools import pairwise

import pytest

from edgeleak.clock import NS_PER_MS, SystemClock
from edgeleak.errors import UsageError
from edgeleak.loop import Loop, Task, _bin, _bin_end_ns


class HandClock:
    """Time that a test moves; work costs what the test says."""

    def __init__(self):
        self.now_ns = 5_000

    def monotonic_ns(self):
        return self.now_ns

    def utc_ns(self):
        return 0

    def wait_until_ns(self, time_ns):
        self.now_ns = max(self.now_ns, time_ns)

    def spend_ms(self, ms):
        self.now_ns += round(ms * NS_PER_MS)


def run_until(loop, clock, end_ns):
    while loop.next_due_ns <= end_ns:
        clock.wait_until_ns(loop.next_due_ns)
        loop.run_due()


def test_rates_hold_and_nothing_adds_up():
    clock, dues = HandClock(), []
    tasks = [
        Task("fast", lambda due: (dues.append(due), clock.spend_ms(0.3)), 5, 1, "test"),
        Task("slow", lambda due: clock.spend_ms(2), 50, 3, "test"),
    ]
    loop = Loop("test", clock, tasks)
    run_until(loop, clock, 5_000 + 1000 * NS_PER_MS)
    assert [b - a for a, b in pairwise(dues)] == [5 * NS_PER_MS] * 200
    task, record = loop.records["fast"]
    assert (task.name, record.runs, record.overruns, record.skipped) == ("fast", 201, 0, 0)
    assert record.late_min_ns == 0
    assert record.worst_ns == 0.3 * NS_PER_MS


def test_overruns_and_skipped_periods_are_counted():
    clock = HandClock()
    costs_ms = iter([1, 27, 1, 1])
    loop = Loop("test", clock, [Task("t", lambda _: clock.spend_ms(next(costs_ms)), 10, 5, "")])
    for _ in range(4):
        clock.wait_until_ns(loop.next_due_ns)
        loop.run_due()
    row = loop.report()[0]
    # Due at 0, 10, 20; the second took until 37, so 20 became 30 and ran 7 ms late.
    assert (row["runs"], row["overruns"], row["skipped"]) == (4, 1, 1)
    assert row["late_max_ms"] == 7
    assert row["worst_ms"] == 27
    assert loop.next_due_ns == 5_000 + 50 * NS_PER_MS


def test_a_task_that_waits_itself_is_paced_from_its_end():
    clock = HandClock()
    task = Task("read", lambda _: clock.spend_ms(20), 1, 100, "bus", after_end=True)
    loop = Loop("capture", clock, [task])
    run_until(loop, clock, 5_000 + 210 * NS_PER_MS)
    _, record = loop.records["read"]
    assert (record.runs, record.skipped, record.late_max_ns) == (11, 0, 0)


def test_a_task_that_has_more_is_due_at_once():
    clock, left = HandClock(), [True, True, False]
    task = Task("read", lambda _: left.pop(0), 7, 100, "bus", after_end=True)
    loop = Loop("capture", clock, [task])
    for _ in range(3):
        assert loop.next_due_ns == clock.monotonic_ns()
        loop.run_due()
    assert left == []
    assert loop.next_due_ns == clock.monotonic_ns() + 7 * NS_PER_MS


def test_nobody_is_late_before_the_thread_begins():
    clock, runs = HandClock(), []
    loop = Loop("t", clock, [Task("t", runs.append, 10, 1, ""), Task("u", runs.append, 10, 1, "")])
    clock.spend_ms(500)
    loop.run_forever(lambda: len(runs) >= 8)
    for row in loop.report():
        assert (row["runs"], row["skipped"], row["late_max_ms"]) == (4, 0, 0)
        assert row["measured_ms"] == 10


def test_first_of_the_table_goes_first_and_errors_pass():
    clock, seen = HandClock(), []

    def fail(_due):
        raise RuntimeError("defect")

    tasks = [Task(name, lambda _, n=name: seen.append(n), 10, 1, "") for name in "ab"]
    loop = Loop("t", clock, [*tasks, Task("c", fail, 10, 1, "")])
    with pytest.raises(RuntimeError, match="defect"):
        loop.run_due()
    assert seen == ["a", "b"]


def test_percentiles_are_right_to_an_eighth(rng):
    clock = HandClock()
    loop = Loop("t", clock, [Task("t", lambda _: None, 1000, 1, "")])
    late_ms = rng.gamma(2.0, 3.0, 5000)
    for value in late_ms:
        clock.now_ns = loop.next_due_ns + round(value * NS_PER_MS)
        loop.run_due()
    _, record = loop.records["t"]
    for share in (0.5, 0.99, 0.999):
        exact = sorted(late_ms)[round(share * 5000) - 1]
        assert exact <= record.late_ms(share) <= exact * 1.13
    assert record.jitter_ms == pytest.approx(late_ms.std(), rel=1e-3)
    assert record.late_mean_ms == pytest.approx(late_ms.mean(), rel=1e-3)


def test_bins_cover_every_time_in_order():
    values = sorted({(1 << k) + d for k in range(2, 62) for d in (-1, 0, 1, (1 << k) // 3)})
    bins = [_bin(value) for value in values]
    assert bins == sorted(bins)
    assert all(value <= _bin_end_ns(b) <= value * 1.13 + 1
               for value, b in zip(values, bins, strict=True))  # fmt: skip


def test_a_thread_stops_when_told():
    stop = threading.Event()
    runs = []

    def work(_due):
        runs.append(1)
        if len(runs) == 5:
            stop.set()

    loop = Loop("t", SystemClock(), [Task("t", work, 1, 1, "")])
    thread = threading.Thread(target=loop.run_forever, args=(stop.is_set,))
    thread.start()
    thread.join(5)
    assert not thread.is_alive()
    assert len(runs) >= 5


@pytest.mark.parametrize(("period_ms", "budget_ms"), [(0, 1), (1, 0), (-1, 1)])
def test_impossible_tables_are_refused(period_ms, budget_ms):
    with pytest.raises(UsageError, match="above 0 ms"):
        Loop("t", HandClock(), [Task("t", lambda _: None, period_ms, budget_ms, "")])
    with pytest.raises(UsageError, match="no task"):
        Loop("t", HandClock(), [])
