# SPDX-License-Identifier: Apache-2.0
"""What keeps the processors of a virtual machine: it yields to everybody and never outlives us."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeleak.sim.awake import is_virtual, kept_awake

PATIENCE_S = 30.0
PARENT = """
import os, sys
from edgeleak.sim.awake import kept_awake
with kept_awake({min(os.sched_getaffinity(0))}) as pids:
    print(*pids, flush=True)
    sys.stdin.read()
"""


def processor_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) / os.sysconf("SC_CLK_TCK")


def test_each_processor_has_one_that_gives_way_to_all():
    processors = os.sched_getaffinity(0)
    with kept_awake(processors) as pids:
        while not all(os.sched_getscheduler(pid) == os.SCHED_IDLE for pid in pids):
            pass
        assert {min(os.sched_getaffinity(pid)) for pid in pids} == processors
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="shares by program only")
def test_its_session_comes_last():
    with kept_awake({min(os.sched_getaffinity(0))}) as pids:
        group, own = Path(f"/proc/{pids[0]}/autogroup"), Path("/proc/self/autogroup").read_text()

        def is_last():
            return group.read_text() != own and group.read_text().endswith("nice 19\n")

        end_s = time.monotonic() + PATIENCE_S
        while not is_last() and time.monotonic() < end_s:
            pass
        assert is_last()


def test_it_never_sleeps():
    with kept_awake({min(os.sched_getaffinity(0))}) as pids:
        end_s = time.monotonic() + PATIENCE_S
        while processor_s(pids[0]) < 0.05 and time.monotonic() < end_s:
            state = Path(f"/proc/{pids[0]}/stat").read_text().rpartition(")")[2].split()[0]
            assert state in "RD"  # D: the kernel brings a page of it
        assert processor_s(pids[0]) >= 0.05


def test_it_ends_with_a_parent_that_was_killed():
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as parent:  # fmt: skip
        spinner = os.pidfd_open(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        assert select.select([spinner], [], [], 10.0)[0], "it still runs"
        os.close(spinner)


@pytest.mark.parametrize(("flags", "found"), [("fpu hypervisor sse", True), ("fpu sse", False)])
def test_a_virtual_machine_says_so(tmp_path, flags, found):
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : {flags}\n")
    assert is_virtual(tmp_path / "cpuinfo") is found
    assert not is_virtual(tmp_path / "nothing")
