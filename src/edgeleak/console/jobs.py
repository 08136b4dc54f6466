# SPDX-License-Identifier: Apache-2.0
"""Work that may wait for storage or hash for long, done beside the frames loop in one thread.

A command that returns a Job holds up its own connection until it is done, and nothing else:
the frames loop only looks whether it is.  What has to be done in that loop afterwards is the job's
`then`: the answer waits for it, and it is done even when its connection is gone by then.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from edgeleak.console.scpi import ScpiError
from edgeleak.errors import EdgeLeakError, TaskError

JOBS_MOST, CLIENT_MOST = 8, 2
"""Not done yet, of all clients and of one: one under way and one that waits."""


class Job:
    """One piece of work and what came of it.

    client : whose it is
    work   : in the clerk's thread
    then   : in the frames loop, with what `work` returned
    """

    def __init__(self, client: str, work: Callable[[], Any],
                 then: Callable[[Any], None] | None = None) -> None:  # fmt: skip
        self.client = client
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
    """One thread, started with the first job; a job that hangs delays jobs and nothing else, and
    no more than `JOBS_MOST`."""

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()
        self._open: list[Job] = []
        self._bell = threading.Semaphore(0)
        self._thread: threading.Thread | None = None
        self._unsettled: list[Job] = []

    def begin(self, client: str, work: Callable[[], Any],
              then: Callable[[Any], None] | None = None) -> Job:  # fmt: skip
        """Have it done; returns at once.  ScpiError when too many wait already."""
        self._open = [job for job in self._open if not job.is_done]
        mine = sum(job.client == client for job in self._open)
        if mine >= CLIENT_MOST or len(self._open) >= JOBS_MOST:
            raise ScpiError(-225, "other work waits for its turn: ask again later")
        job = Job(client, work, then)
        self._open.append(job)
        self._waiting.append(job)
        self._bell.release()
        if then is not None:
            self._unsettled.append(job)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="clerk", daemon=True)
            self._thread.start()
        return job

    def drop(self, job: Job) -> None:
        """Nobody waits for its answer any more: forgotten, unless it was begun."""
        with contextlib.suppress(ValueError):
            self._waiting.remove(job)
            self._open.remove(job)

    def settle(self) -> None:
        """In the frames loop: what comes after jobs that are done by now."""
        for job in tuple(self._unsettled):
            if job.is_done:
                self._unsettled.remove(job)
                job.settle()

    def _run(self) -> None:
        while True:
            self._bell.acquire()
            job = self._next()
            if job is not None:
                job.run()

    def _next(self) -> Job | None:
        """Nothing when it was dropped."""
        with contextlib.suppress(IndexError):
            return self._waiting.popleft()
        return None
