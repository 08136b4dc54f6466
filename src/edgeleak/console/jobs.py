# SPDX-License-Identifier: Apache-2.0
"""Work that may wait for storage or hash for long, done beside the frames loop in one thread.

A command that returns a Job holds up its own connection until it is done, and nothing else:
the frames loop only looks whether it is.  What has to be done in that loop afterwards is the job's
`then`: the answer waits for it, and it is done even when its connection is gone by then.
"""

import queue
import threading
from collections.abc import Callable
from typing import Any

from edgeleak.errors import EdgeLeakError, TaskError


class Job:
    """One piece of work and what came of it.

    work : in the clerk's thread
    then : in the frames loop, with what `work` returned
    """

    def __init__(self, work: Callable[[], Any], then: Callable[[Any], None] | None = None) -> None:
        self._work, self._then = work, then
        self._answer: Any = None
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
        self.settle()
        if self._error is not None:
            raise self._error
        answer: str | bytes | None = self._answer
        return answer

    def settle(self) -> None:
        """Do what comes after it, once; only when it is done."""
        then, self._then = self._then, None
        if then is None or self._error is not None:
            return
        answer, self._answer = self._answer, None
        try:
            then(answer)
        except EdgeLeakError as error:
            self._error = error


class Clerk:
    """One thread, started with the first job; a job that hangs delays jobs and nothing else."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._unsettled: list[Job] = []

    def begin(self, work: Callable[[], Any], then: Callable[[Any], None] | None = None) -> Job:
        """Have it done; returns at once."""
        job = Job(work, then)
        self._jobs.put(job)
        if then is not None:
            self._unsettled.append(job)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="clerk", daemon=True)
            self._thread.start()
        return job

    def settle(self) -> None:
        """In the frames loop: what comes after jobs that are done by now."""
        for job in tuple(self._unsettled):
            if job.is_done:
                self._unsettled.remove(job)
                job.settle()

    def _run(self) -> None:
        while True:
            self._jobs.get().run()
