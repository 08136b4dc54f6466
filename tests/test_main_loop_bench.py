# SPDX-License-Identifier: Apache-2.0
"""What the table of docs/main-loop.md calls on time."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
spec = importlib.util.spec_from_file_location("main_loop", ROOT / "tools/bench/main_loop.py")
main_loop = importlib.util.module_from_spec(spec)
sys.modules["main_loop"] = main_loop
spec.loader.exec_module(main_loop)

COOLER = {"loop": "control", "task": "cooler", "period_ms": 50, "measured_ms": 50.0004,
          "budget_ms": 10.0, "runs": 1000, "overruns": 3, "skipped": 0, "mean_ms": 0.6,
          "late_p99_ms": 1.8, "late_max_ms": 28.0, "jitter_ms": 0.4}  # fmt: skip


def test_a_task_as_it_should_be_is_on_time():
    found = main_loop.judged(COOLER, 87.7)
    assert found["on_time"]
    assert (found["expected_ms"], found["jitter_most_ms"]) == (50, 5)


@pytest.mark.parametrize("harm", [{"measured_ms": 50.6}, {"late_p99_ms": 50.1}, {"jitter_ms": 5.1},
                                  {"overruns": 11}, {"skipped": 11}])  # fmt: skip
def test_each_of_its_promises_counts(harm):
    assert not main_loop.judged(COOLER | harm, 87.7)["on_time"]


def test_capture_is_expected_at_the_rate_of_the_frames():
    capture = COOLER | {"task": "capture", "period_ms": 1, "measured_ms": 88.0}
    assert main_loop.judged(capture, 87.7)["on_time"]
    assert not main_loop.judged(capture, 22.5)["on_time"]


def test_a_short_period_allows_the_jitter_of_a_wake_up():
    fast = COOLER | {"period_ms": 2.0, "measured_ms": 2.0, "jitter_ms": 0.9, "late_p99_ms": 1.0}
    assert main_loop.judged(fast, 22.5)["on_time"]


def test_the_table_shows_expected_and_measured_of_each(capsys):
    late = COOLER | {"jitter_ms": 9.25, "task": "light"}
    main_loop.print_tasks([main_loop.judged(task, 87.7) for task in (COOLER, late)])
    head, good, bad = capsys.readouterr().out.splitlines()
    assert head.split()[-2:] == ["on", "time"]
    assert "50.00 /  50.00" in good
    assert good.endswith("10 /    0  yes")
    assert "5.00 /  9.25" in bad
    assert bad.endswith("NO")
