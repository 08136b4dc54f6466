# SPDX-License-Identifier: Apache-2.0
"""Keep the processors of a virtual machine while a run in real time needs them at once.

A virtual processor that idles is given to somebody else, and comes back tens of milliseconds after
its wake-up.  One program for each processor that never idles, of the class that gives way to every
other, keeps it: measured, 3.1 s lost of 10 became 0.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CPU_INFO, AUTOGROUP, LAST_NICE = Path("/proc/cpuinfo"), Path("/proc/self/autogroup"), 19
TURNS = 100_000
"""Between two looks whether the parent is still there: some milliseconds."""


def is_virtual(cpu_info: Path = CPU_INFO) -> bool:
    """Whether these processors are somebody's programs; elsewhere an idle one wakes up at once."""
    try:
        return "hypervisor" in cpu_info.read_text().split()
    except OSError:
        return False


@contextmanager
def kept_awake(processors: set[int]) -> Iterator[list[int]]:
    """Inside, none of them idles; gives the pids of what keeps them so.

    Before any thread is started: it forks.
    """
    pids = [_spinner(one) for one in sorted(processors)]
    try:
        yield pids
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _spinner(processor: int) -> int:
    parent = os.getpid()
    if pid := os.fork():
        return pid
    try:
        os.sched_setaffinity(0, {processor})
        _give_way()
        while os.getppid() == parent:
            for _ in range(TURNS):
                pass
    finally:
        os._exit(os.EX_OK)


def _give_way() -> None:
    """To every other program: where the kernel shares by session, its own must come last too."""
    os.setsid()
    with suppress(OSError):
        AUTOGROUP.write_text(str(LAST_NICE))
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
