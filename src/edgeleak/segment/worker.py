# SPDX-License-Identifier: Apache-2.0
"""The worker: a process of its own that checks, loads and runs the model.

    python -m edgeleak.segment.worker MEMORY_FD WAKE_FD SAID_FD CARD GIVE_UP_S

Only this process ever gives the model's bytes to a runtime.  Whatever comes of it (a refusal, a
crash, a loop without end, memory without bound) ends here; the camera sees a code, never a
pause.  The end of stdin means that the camera is gone.
"""

import contextlib
import os
import resource
import select
import signal
import sys

import numpy as np

from edgeleak import codes
from edgeleak.clock import SystemClock
from edgeleak.errors import EdgeLeakError, UnavailableError
from edgeleak.segment.card import ModelWrong
from edgeleak.segment.memory import READY, REFUSED, Memory, Reply, State
from edgeleak.segment.network import Network

NICENESS = 10
MOST_MEMORY_BYTES = 1 << 30
"""Address space, several times what either runtime maps; a model that asks for more ends."""
FIRST_TO_GO = "1000"
"""Where the kernel runs out of memory this process ends, not the camera."""


class Worker:
    """State of the process.

    memory    : shared with the camera
    wake      : event descriptor, readable after each question
    said      : event descriptor for the camera: state or answer is new
    give_up_s : a model that takes longer ends this process, whoever still looks
    """

    def __init__(self, memory: Memory, wake: int, said: int, give_up_s: float) -> None:
        self._memory, self._wake, self._said = memory, wake, said
        self._give_up_s = give_up_s
        self._clock = SystemClock()

    def load(self, card: str) -> Network:
        """The model, or a refusal that the camera can read."""
        try:
            return Network(card)
        except EdgeLeakError as error:
            self._say(State(REFUSED, *_why(error)))
            raise

    def run(self, network: Network) -> None:
        """Until stdin ends."""
        self._say(State(READY))
        while True:
            ready, _, _ = select.select([sys.stdin.fileno(), self._wake], [], [])
            if sys.stdin.fileno() in ready and not os.read(sys.stdin.fileno(), 64):
                return
            if self._wake in ready:
                os.eventfd_read(self._wake)
                self._answer(network)

    def _answer(self, network: Network) -> None:
        memory, question = self._memory, self._memory.question()
        if question.number == memory.reply().number:
            return
        start_ns = self._clock.monotonic_ns()
        signal.setitimer(signal.ITIMER_REAL, self._give_up_s)
        try:
            planes = network.planes(memory.counts, memory.background, memory.smoothed,
                                    question.noise_counts)  # fmt: skip
            found = network.detect(planes[..., 0], planes[..., 1], planes[..., 2])
        except EdgeLeakError as error:
            self._say(State(REFUSED, *_why(error)))
            raise
        signal.setitimer(signal.ITIMER_REAL, 0)
        rows, columns = network.grid(memory.shape).used
        used = found[:rows, :columns]
        memory.probability[...] = found
        gas_px = int(np.count_nonzero(used >= network.card.model.threshold))
        took_ns = self._clock.monotonic_ns() - start_ns
        memory.answer(Reply(question.number, question.sequence, gas_px, took_ns))
        os.eventfd_write(self._said, 1)

    def _say(self, state: State) -> None:
        self._memory.say(state)
        os.eventfd_write(self._said, 1)


def _why(error: EdgeLeakError) -> tuple[int, float, float]:
    """(code, measured, expected) of a refusal."""
    if isinstance(error, ModelWrong):
        return codes.SEGMENT_WRONG, error.measured, error.expected
    if isinstance(error, UnavailableError):
        return codes.SEGMENT_RUNTIME, 0.0, 0.0
    return codes.SEGMENT_MODEL, 0.0, 0.0


def _be_expendable() -> None:
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(FIRST_TO_GO)


def main(arguments: list[str]) -> int:
    """Entry of the process."""
    memory_fd, wake, said = (int(word) for word in arguments[:3])
    card, give_up_s = arguments[3], float(arguments[4])
    _be_expendable()
    try:
        worker = Worker(Memory(memory_fd), wake, said, give_up_s)
        worker.run(worker.load(card))
    except EdgeLeakError as error:
        print(f"<4>segmenter: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
