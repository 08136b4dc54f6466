# SPDX-License-Identifier: Apache-2.0
"""Progress of an evaluation: bars for a terminal, lines or nothing for a log."""

import io
import sys

import pytest

from edgeleak.evaluate.progress import live_progress, progress_bar


class Screen(io.StringIO):
    def isatty(self):
        return True


def test_a_log_gets_one_line_a_part():
    log = io.StringIO()
    with live_progress(log) as advance:
        for clip_name in ("a", "b"):
            advance(f"grid: {clip_name}", 1, 2)
        advance("sweep: a", 1, 2)
    assert [line.split()[-2] for line in log.getvalue().splitlines()] == ["grid", "sweep"]


def test_a_terminal_gets_one_bar_for_all_clips():
    pytest.importorskip("rich")
    screen = Screen()
    with live_progress(screen) as advance:
        for clip_name in ("first", "second"):
            advance(f"grid: {clip_name}", 2, 2)
    assert "grid: second" in screen.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO(), Screen()], ids=["log", "terminal"])
def test_a_bar_for_each_name_where_somebody_watches(monkeypatch, stream):
    pytest.importorskip("rich")
    monkeypatch.setattr(sys, "stderr", stream)
    with progress_bar() as advance:
        for name in ("first", "second"):
            advance(name, 2, 2)
    text = stream.getvalue()
    assert all((name in text) == stream.isatty() for name in ("first", "second"))
