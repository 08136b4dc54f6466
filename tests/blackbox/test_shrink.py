# SPDX-License-Identifier: Apache-2.0
"""What is kept when the short stretch fails in memory and not as a file."""

from pathlib import Path

import pytest

from edgeleak.app import main
from edgeleak.blackbox import shrink
from edgeleak.blackbox.calls import Call
from edgeleak.blackbox.loose import Past, Run
from edgeleak.errors import DataError

PLUG_OUT = Path(__file__).resolve().parents[1] / "blackbox_cases" / "plug-out.elbb"
CASE = shrink.Case("x", "x", 1.0, 9.0, False)


def saved(tmp_path, monkeypatch, fails):
    """(what was written, what came of it); `fails` says which past fails as a file."""
    written = []
    monkeypatch.setattr(shrink, "_records", lambda one, painted, thin: [one.past, painted, thin])

    def write(path, records):
        written.append(records)
        path.write_bytes(b"new")
        return 7

    monkeypatch.setattr(shrink.box, "write", write)

    def said_by(path):
        return ("said", 3.0) if written[-1][0] in fails else None

    monkeypatch.setattr(shrink, "said_by", said_by)
    case = shrink.Shrunk(CASE, "short", "whole", [], 5)
    return written, shrink.save(case, tmp_path / "case.elbb", (2, 2))


@pytest.mark.parametrize(("fails", "tries"), [(("short", "whole"), 1), (("whole",), 5)])
def test_the_whole_way_is_kept_where_the_short_one_does_not_fail(
    tmp_path, monkeypatch, fails, tries
):
    written, done = saved(tmp_path, monkeypatch, fails)
    assert len(written) == tries + 1
    assert (done.past, done.size, done.case.at_s) == (fails[0], 7, 3.0)


def test_what_never_fails_as_a_file_is_said_and_leaves_what_was_there(tmp_path, monkeypatch):
    (tmp_path / "case.elbb").write_bytes(b"committed before")
    with pytest.raises(DataError, match="not even whole"):
        saved(tmp_path, monkeypatch, ())
    assert (tmp_path / "case.elbb").read_bytes() == b"committed before"
    assert [path.name for path in tmp_path.iterdir()] == ["case.elbb"]


STEP_NS, CALLS = 10_000_000, 1600
NEEDED = (*range(300, 320), *range(990, 1000))
FAULT = "STATE detecting fault 202 t=10000 frame=99 open"


def recorded(lines):
    """Sixteen seconds of calls, a number each."""
    calls = [Call("i2c", (0x48, number, 0), b"", 0, number * STEP_NS, 0, 1)
             for number in range(CALLS)]  # fmt: skip
    return Past({}, calls, 0, 0, CALLS * STEP_NS, 0, lines)


@pytest.fixture
def firmware(monkeypatch):
    """One that fails once it has seen all calls that are needed, in order."""

    def run(past, until):
        found, left = Run(), list(NEEDED)
        for call in past.calls:
            if left and call.key[1] == left[0]:
                left.pop(0)
            if not left:
                found.lines.append(FAULT)
                found.at_ns.append(call.begin_ns)
                return found
        return found

    monkeypatch.setattr(shrink.loose, "run", run)


@pytest.mark.usefixtures("firmware")
def test_the_shortest_stretch_is_all_that_is_left():
    found = shrink.shrink(recorded([FAULT]), "fault 202")
    left_s = sum(end - begin for begin, end in found.kept) / 1e9
    assert {*NEEDED} <= {call.key[1] for call in found.past.calls}
    assert left_s <= 0.3 + 4 * shrink.LAST_NS / 1e9
    assert found.case.said == FAULT
    assert found.case.was_s == 16.0


QUIET = ["STATE boot selftest 0 t=1 frame=0 begun", "VERDICT INHIBIT > NO GAS 0 t=9 frame=8 fine"]


@pytest.mark.usefixtures("firmware")
@pytest.mark.parametrize(("lines", "until", "said"), [
    (QUIET, "code 112", "nothing fails in it, the last that was said is 'VERDICT INHIBIT > NO GAS"),
    ([], "code 112", "other failures are said in it, 'STATE detecting fault 202"),
    ([*QUIET, FAULT], "code 112", "other failures are said in it, 'STATE detecting fault 202"),
    (["VERDICT NO GAS > INHIBIT 112 t=1"], "INHIBIT 112", "was said when it was recorded"),
])  # fmt: skip
def test_a_recording_without_that_failure_is_said_to_be_one(lines, until, said):
    with pytest.raises(DataError, match="no case is made") as caught:
        shrink.shrink(recorded(lines), until)
    assert said in str(caught.value)
    assert "edgeleak blackbox" in str(caught.value)
    assert caught.value.exit_code == 65


def test_the_command_writes_no_file_where_nothing_fails(tmp_path, capsys):
    """On a recording of today's format, by the firmware itself."""
    out = tmp_path / "none.elbb"
    words = ["blackbox", "shrink", str(PLUG_OUT), "--until", "code 999", "--out", str(out)]
    assert main(words) == 65
    said = capsys.readouterr().err
    assert "no case is made; other failures are said in it, '" in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_a_firmware_that_says_nothing_is_told_as_that(monkeypatch):
    monkeypatch.setattr(shrink.loose, "run", lambda past, until: Run())
    with pytest.raises(DataError, match="nothing fails in it, the last that was said is 'nothing'"):
        shrink.shrink(recorded([]), "code 112")
