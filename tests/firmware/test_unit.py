# SPDX-License-Identifier: Apache-2.0
"""The service unit allows what the program relies on, and knows its exit codes."""

import shutil
import subprocess
from pathlib import Path

import pytest

from edgeleak import errors
from edgeleak.cli import run as program

UNIT = Path(__file__).parents[2] / "firmware" / "systemd" / "edgeleak.service"
MAY_MEND = {69, 70, 74, 75}
"""A part that is away, our own defect, storage, "later": worth another start."""
NEEDED = ("sched_setscheduler", "ioctl", "readv", "ppoll", "clone3", "mlock", "flock", "fsync")


def settings(key):
    rows = (row.partition("=") for row in UNIT.read_text().splitlines() if row[:1] not in "#[")
    return [value for name, _, value in rows if name == key]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_no_system_call_that_the_program_needs_is_forbidden():
    allowed = set()
    for row in settings("SystemCallFilter"):
        found = members(*row.removeprefix("~").split())
        allowed = allowed - found if row.startswith("~") else allowed | found
    assert [call for call in NEEDED if call not in allowed] == []


def members(*names):
    """System calls of groups, groups within groups included."""
    found = set()
    for name in names:
        if not name.startswith("@"):
            found.add(name)
            continue
        answer = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter", name],
                                capture_output=True, text=True, check=True)  # fmt: skip
        rows = (row.strip() for row in answer.stdout.splitlines()[1:])
        found |= members(*(row for row in rows if row and not row.startswith("#")))
    return found


def test_the_priorities_asked_for_are_within_the_limit():
    assert max(program.PRIORITY_OF.values()) <= int(settings("LimitRTPRIO")[0])
    assert settings("RestrictRealtime") == ["no"]
    assert "@resources" not in " ".join(settings("SystemCallFilter"))


def test_every_exit_code_either_may_mend_or_is_never_restarted():
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    known = {kind.exit_code for kind in classes} | {77}  # 77: a node that may not be opened
    never = set(map(int, settings("RestartPreventExitStatus")[0].split()))
    assert never == known - MAY_MEND
    assert settings("StartLimitIntervalSec") == ["0"]
