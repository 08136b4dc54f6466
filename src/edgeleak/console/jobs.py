# SPDX-License-Identifier: Apache-2.0
"""Work that may wait for storage or hash for long, done beside the frames loop in one thread.

A command that returns a Job holds up its own connection until it is done, and nothing else:
the frames loop only looks whether it is.
"""

import queue
import threading
from collections.abc import Callable

from edgeleak.errors import EdgeLeakError, TaskError


class Job:
    """One piece of work and what came of it."""

    def __init__(self, work: Callable[[], str | bytes | None]) -> None:
        self._work = work
        self._answer: str | bytes | None = None
        self._error: EdgeLeakError | None = None
        self._event = threading.Event()

    def run(self) -> None:
        """In the clerk's thread; what it raises waits for `take`."""
        try:
            self._answer = self._work()
        except EdgeLeakError as error:
            self._error = error
        except Exception as error:  # a defect here must be answered, not end the thread
            self._error = TaskError(f"a defect in the console: {error!r}")
        self._event.set()

    @property
    def is_done(self) -> bool:
        return self._event.is_set()

    def wait(self, timeout_s: float) -> bool:
        """For tests and tools; the instrument never waits."""
        return self._event.wait(timeout_s)

    def take(self) -> str | bytes | None:
        """Its answer, or the error it ended with; only when it is done."""
        if self._error is not None:
            raise self._error
        return self._answer


class Clerk:
    """One thread, started with the first job; a job that hangs delays jobs and nothing else."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def begin(self, work: Callable[[], str | bytes | None]) -> Job:
        """Have it done; returns at once."""
        job = Job(work)
        self._jobs.put(job)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="clerk", daemon=True)
            self._thread.start()
        return job

    def _run(self) -> None:
        while True:
            self._jobs.get().run()
