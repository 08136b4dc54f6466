# SPDX-License-Identifier: Apache-2.0
import io

from edgeleak.cli import progress as module
from edgeleak.cli.progress import Progress


def test_plain_lines_at_most_one_a_period_and_the_last_state(monkeypatch):
    clock = iter(i / 10 for i in range(1000))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    out = io.StringIO()
    with Progress("replay", 40, stream=out) as bar:
        for done in range(1, 41):
            bar.update(done, "NO GAS")
    lines = out.getvalue().splitlines()
    assert 3 <= len(lines) <= 6
    assert lines[-1] == "replay 40/40  NO GAS"


def test_quiet_is_silent_and_unknown_total_is_fine():
    out = io.StringIO()
    with Progress("replay", None, quiet=True, stream=out) as bar:
        bar.update(3)
    assert out.getvalue() == ""
    with Progress("replay", None, stream=out) as bar:
        bar.update(3)
    assert out.getvalue() == "replay 3\n"


def test_terminal_gets_a_bar():
    class Tty(io.StringIO):
        def isatty(self):
            return True

    out = Tty()
    with Progress("replay", 10, stream=out) as bar:
        bar.update(10, "GAS")
    assert "10/10" in out.getvalue()
