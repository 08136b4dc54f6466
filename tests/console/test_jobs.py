# SPDX-License-Identifier: Apache-2.0
"""Work beside the frames loop: bounded, and forgotten when nobody waits for it any more."""

import threading

import pytest

from edgeleak.console.jobs import CLIENT_MOST, JOBS_MOST
from edgeleak.console.tree import Level

LEAVERS = 40


@pytest.fixture
def gate(fresh):
    """The clerk is held up, as by a storage that hangs, until it is set."""
    gate, begun = threading.Event(), threading.Event()
    fresh.desk.clerk.begin("storage", lambda: begun.set() or gate.wait(20))
    assert begun.wait(20)
    yield gate
    gate.set()


def stranger(fresh, client="user 7", level=Level.LOOK):
    return fresh.session(level, client=client)


@pytest.mark.parametrize("asked", [b"CAL:DATA?\n", b"SYST:BUND?\n", b"CAL:CRC?\n"])
def test_what_only_a_gone_client_asked_for_is_not_begun(fresh, gate, asked):
    made = []
    for _ in range(LEAVERS):
        session = stranger(fresh)
        session.feed(asked)
        assert session.status.errors == 0
        made.append(session._job)
        session.close()
    assert len(fresh.desk.clerk._waiting) == 0
    gate.set()
    assert fresh.ask("*IDN?;:CAL:CRC?")[1] == []
    assert not any(job.is_done for job in made)


def test_what_a_gone_client_wants_kept_is_kept(fresh, gate):
    session = stranger(fresh, level=Level.SERVICE)
    session.feed(b"SENS 2.5;:SYST:SAVE\n")
    job = session._job
    session.close()
    gate.set()
    assert job.wait(20)
    assert "sensitivity = 2.5" in (fresh.folder / "tuned.toml").read_text()


def refused(session, asked=b"CAL:DATA?\n"):
    session.feed(asked)
    return bool(session.status.errors) and session.status.take_error()[0] == -225


def test_work_of_one_client_that_waits_is_bounded(fresh, gate):
    for _ in range(CLIENT_MOST):
        assert not refused(stranger(fresh))
    assert all(refused(stranger(fresh)) for _ in range(LEAVERS))
    assert not refused(stranger(fresh, "user 8"))


def test_changes_that_gone_clients_wish_are_bounded(fresh, gate):
    found = []
    for number in range(LEAVERS):
        session = stranger(fresh, f"user {number}")
        found.append(refused(session, b"SYST:LEV OPER,'4711'\n"))
        session.close()
    assert found.count(False) == JOBS_MOST - 1
    gate.set()
