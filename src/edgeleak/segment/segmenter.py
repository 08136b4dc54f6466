# SPDX-License-Identifier: Apache-2.0
"""The camera's half of the segmenter: ask, never wait, watch the worker.

Every call belongs to the frames thread.  A question costs a copy of three planes, at most once
per `segment.every_ms`; a worker that has not answered yet is not asked again.  What it says is a
second opinion: it is shown, it never changes the instrument's answer.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgeleak import codes
from edgeleak.clock import NS_PER_MS, NS_PER_S
from edgeleak.config import SegmentConfig
from edgeleak.errors import ConfigError, EdgeLeakError
from edgeleak.pipeline import Pipeline
from edgeleak.segment import memory
from edgeleak.segment.card import PACKAGED, read_card
from edgeleak.segment.memory import READY, REFUSED, Question, State
from edgeleak.segment.network import MEMBERS
from edgeleak.segment.planes import enlarged, grid_of
from edgeleak.services.health import FINE, Trouble

START_S = 60.0
"""Importing a runtime and loading a model takes seconds on the slowest board."""
GIVE_UP_DEADLINES = 10
MOST_DEATHS = 5
FORGIVEN_S = 600
"""A worker that answered for so long did not die of what it is."""
COMPARED = frozenset((
    codes.OK, codes.BLIND_SENSOR, codes.UNKNOWN_SENSOR, codes.UNCALIBRATED, codes.GHOST,
    codes.MOTION_UNSURE, codes.NO_SCENE,
))  # fmt: skip
"""Answers after which the pipeline's difference is one of this frame."""


class Opinion(NamedTuple):
    """What the network found.

    sequence : of the frame
    gas_px   : pixels of gas on its grid
    least_px : so many count as gas
    took_s   : time it took
    """

    sequence: int
    gas_px: int
    least_px: int
    took_s: float

    @property
    def is_gas(self) -> bool:
        return self.gas_px >= self.least_px


class Segmenter:
    """Shared memory, process, deadline.

    pipeline : profile with linear counts; its arena is what the network sees
    config   : section [segment]
    command  : arguments before those of the worker
    now_ns   : of the clock that later calls name

    `said` is a descriptor that becomes readable when the worker said something.
    Raises ConfigError on a pipeline without linear counts.
    """

    COMMAND = (sys.executable, "-m", "edgeleak.segment.worker")

    def __init__(self, pipeline: Pipeline, config: SegmentConfig,
                 command: tuple[str, ...] = COMMAND, now_ns: int = 0) -> None:  # fmt: skip
        if "smoothed" not in pipeline.arena:
            raise ConfigError(
                f"segment.is_on needs linear counts, profile {pipeline.profile.name} has none;"
                " use detection.profile = sensitive"
            )
        self._sources = [pipeline.arena[name] for name in MEMBERS]
        self._config, self._command = config, command
        self._card_path = Path(config.model) if config.model else PACKAGED
        self._refusal = FINE
        self._process: subprocess.Popen[bytes] | None = None
        self._deaths = self.asked = self.skipped = self.late = self._seen = 0
        self._asked_ns = self._spawned_ns = self._retry_ns = 0
        self._is_late, self._took_s = False, 0.0
        self._now_ns, self._due_ns = now_ns, 0
        self.opinion: Opinion | None = None
        self._open(pipeline.shape)

    def _open(self, shape: tuple[int, int]) -> None:
        """Memory for the card's grid; a card that cannot be read is a note, not an end."""
        self.memory: memory.Memory | None = None
        self._wake, self.said = (os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(2))
        try:
            facts = read_card(self._card_path).model
        except EdgeLeakError as error:
            print(f"<4>segmenter: {error}", file=sys.stderr)
            self._refusal = Trouble(codes.SEGMENT_MODEL)
            return
        self._least_px = facts.least_px
        self.grid = grid_of(shape, facts.rows, facts.columns)
        self.memory = memory.make(shape, (facts.rows, facts.columns))
        self._targets = [self.memory.counts, self.memory.background, self.memory.smoothed]
        self._spawn()

    # --- every frame -----------------------------------------------------------------------------

    def offer(self, now_ns: int, sequence: int, code: int, noise_counts: float) -> None:
        """The frame that the pipeline judged last; asked about when it is time and may be.

        code : of the pipeline's verdict; without a difference of this frame nothing is asked
        """
        self._now_ns = now_ns
        self._collect()
        if now_ns < self._due_ns or code not in COMPARED or self.memory is None:
            return
        if self._is_waiting or self._process is None or self._state().phase != READY:
            self.skipped += 1
            return
        for source, target in zip(self._sources, self._targets, strict=True):
            np.copyto(target, source)
        self.asked += 1
        self._asked_ns, self._due_ns = now_ns, now_ns + self._config.every_ms * NS_PER_MS
        self.memory.ask(Question(self.asked, sequence, noise_counts))
        with contextlib.suppress(BlockingIOError):  # 2^64 questions without a reader
            os.eventfd_write(self._wake, 1)

    @property
    def _is_waiting(self) -> bool:
        return self.memory is not None and self.memory.reply().number != self.asked

    def _state(self) -> State:
        return State() if self.memory is None else self.memory.state()

    def _collect(self) -> None:
        """Take an answer that is new; one that is late says nothing of the scene any more."""
        if self.memory is None:
            return
        waited_ns = self._now_ns - self._asked_ns
        limit_ns = self._config.deadline_ms * NS_PER_MS
        if self._is_waiting:
            self._is_late = self._is_late or waited_ns > limit_ns
            self._took_s = waited_ns / NS_PER_S
            return
        found = self.memory.reply()
        if found.number == self._seen:
            return
        self._seen = found.number
        self._took_s = found.took_ns / NS_PER_S
        self._is_late = found.took_ns > limit_ns
        self.late += self._is_late
        self.opinion = None if self._is_late else Opinion(
            found.sequence, found.gas_px, self._least_px, self._took_s)  # fmt: skip

    def probability(self, shape: tuple[int, int]) -> np.ndarray | None:
        """The newest answer as a picture, (H, W) uint8; None before the first.  Allocates."""
        if self.memory is None or self.opinion is None:
            return None
        return enlarged(self.memory.probability, self.grid, shape)

    # --- the process -----------------------------------------------------------------------------

    def _spawn(self) -> None:
        """Start the worker; nobody waits for it.  One that cannot be started counts as dead."""
        assert self.memory is not None
        descriptors = (self.memory.descriptor, self._wake, self.said)
        give_up_s = GIVE_UP_DEADLINES * self._config.deadline_ms / 1000
        self.memory.say(State())
        self.memory.answer(self.memory.reply()._replace(number=self.asked))
        self._seen = self.asked  # what was asked of a dead one stays unanswered
        self._is_late, self._spawned_ns = False, self._now_ns
        try:
            self._process = subprocess.Popen(
                [*self._command, *map(str, descriptors), str(self._card_path), str(give_up_s)],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, pass_fds=descriptors,
                start_new_session=True, env={**os.environ, **ONE_THREAD},
            )  # fmt: skip
        except OSError as error:
            print(f"<4>segmenter: {error}", file=sys.stderr)
            self._note_death()

    def supervise(self, now_ns: int) -> None:
        """Once a second: end a worker that hangs, start one that ended, a few times, ever later;
        one that refused its model is left alone."""
        self._now_ns = now_ns
        self._collect()
        if self._process is not None and self._process.poll() is not None:
            self._bury()
        elif self._process is not None and self._hangs():
            self._process.send_signal(signal.SIGKILL)
        may_try = self.memory is not None and not self._refusal.code and self._deaths <= MOST_DEATHS
        if self._process is None and may_try and now_ns >= self._retry_ns:
            self._spawn()
        if self._deaths and now_ns - self._spawned_ns >= FORGIVEN_S * NS_PER_S and self.opinion:
            self._deaths = 0

    def _hangs(self) -> bool:
        if self._state().phase != READY:
            return self._now_ns - self._spawned_ns > START_S * NS_PER_S
        limit_ns = GIVE_UP_DEADLINES * self._config.deadline_ms * NS_PER_MS
        return self._is_waiting and self._now_ns - self._asked_ns > limit_ns

    def _bury(self) -> None:
        assert self._process is not None
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process, self.opinion = None, None
        found = self._state()
        if found.phase == REFUSED:
            self._refusal = Trouble(found.code, found.measured, found.expected)
            return
        self._note_death()

    def _note_death(self) -> None:
        self._deaths += 1
        self._retry_ns = self._now_ns + (NS_PER_S << min(self._deaths, 6)) // 2

    @property
    def deaths(self) -> int:
        """Ends of the worker that were none of its own."""
        return self._deaths

    def report(self) -> Trouble:
        """A note for health; the answer never depends on the network."""
        found = self._state()
        if self._refusal.code:
            return self._refusal
        if found.phase == REFUSED:
            return Trouble(found.code, found.measured, found.expected)
        if self._deaths and (self._process is None or self._deaths > MOST_DEATHS):
            return Trouble(codes.SEGMENT_GONE, self._deaths, MOST_DEATHS)
        if self._is_late:
            return Trouble(codes.SEGMENT_SLOW, self._took_s, self._config.deadline_ms / 1000)
        return FINE

    def close(self) -> None:
        """It holds nothing worth waiting for."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            if process.stdin is not None:
                process.stdin.close()
            process.wait()
        if self.memory is not None:
            self._targets.clear()
            self.memory.close()
            os.close(self.memory.descriptor)
            self.memory = None
        os.close(self._wake)
        os.close(self.said)


ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""One core at most is the network's, and none while somebody else wants it."""
