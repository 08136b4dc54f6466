# SPDX-License-Identifier: Apache-2.0
"""One question and one answer in shared memory: the camera asks, the worker answers.

The camera asks only when the last question was answered or its worker is dead, so neither side
ever waits or sees half a picture.  Event descriptors wake the other side, and their kernel locks
order the memory, so what was written before the wake is seen after it on every machine.
"""

import mmap
import os
import struct
from typing import NamedTuple

import numpy as np

from edgeleak.errors import DataError

MAGIC = b"ELSEGM1\0"
HEAD_BYTES = 4096
STARTING, READY, REFUSED = 0, 1, 2
_HEAD = struct.Struct("<8sIIII")
_QUESTION, _STATE, _ANSWER = struct.Struct("<Qqd"), struct.Struct("<qqdd"), struct.Struct("<QqqQ")
QUESTION_AT, STATE_AT, ANSWER_AT = 64, 128, 192


class Question(NamedTuple):
    """Number of the question, frame it is about, sigma of its difference in counts."""

    number: int = 0
    sequence: int = -1
    noise_counts: float = 0.0


class State(NamedTuple):
    """What the worker says of itself; `code` is why it refused."""

    phase: int = STARTING
    code: int = 0
    measured: float = 0.0
    expected: float = 0.0


class Reply(NamedTuple):
    """Number of the question answered, its frame, pixels of gas on the grid, time it took."""

    number: int = 0
    sequence: int = -1
    gas_px: int = 0
    took_ns: int = 0


class Memory:
    """Both sides of it.

    descriptor : of the memory
    shape      : (H, W) of the frames; None reads both from the memory
    grid       : (rows, columns) of the answer

    counts, background, smoothed : (H, W) uint16, uint16, int16: the question
    probability : (rows, columns) uint8: the answer
    """

    def __init__(self, descriptor: int, shape: tuple[int, int] | None = None,
                 grid: tuple[int, int] = (0, 0)) -> None:  # fmt: skip
        self.descriptor = descriptor
        if shape is not None:
            os.ftruncate(descriptor, _total_bytes(shape, grid))
        nbytes = os.fstat(descriptor).st_size
        # All pages now: the frame path must not meet the kernel's memory later.
        self._map = mmap.mmap(descriptor, nbytes, mmap.MAP_SHARED | mmap.MAP_POPULATE)
        if shape is not None:
            _HEAD.pack_into(self._map, 0, MAGIC, *shape, *grid)
        magic, height, width, rows, columns = _HEAD.unpack_from(self._map)
        self.shape, self.grid = (height, width), (rows, columns)
        if magic != MAGIC or nbytes != _total_bytes(self.shape, self.grid):
            raise DataError("the segmenter's memory is of another version; restart the instrument")
        count, step = height * width, _padded(2 * height * width)
        planes = [np.frombuffer(self._map, kind, count, HEAD_BYTES + k * step).reshape(self.shape)
                  for k, kind in enumerate((np.uint16, np.uint16, np.int16))]  # fmt: skip
        self.counts, self.background, self.smoothed = planes
        small = np.frombuffer(self._map, np.uint8, rows * columns, HEAD_BYTES + 3 * step)
        self.probability = small.reshape(self.grid)

    def ask(self, question: Question) -> None:
        """After the three planes were filled."""
        _QUESTION.pack_into(self._map, QUESTION_AT, *question)

    def question(self) -> Question:
        return Question(*_QUESTION.unpack_from(self._map, QUESTION_AT))

    def say(self, state: State) -> None:
        _STATE.pack_into(self._map, STATE_AT, *state)

    def state(self) -> State:
        return State(*_STATE.unpack_from(self._map, STATE_AT))

    def answer(self, reply: Reply) -> None:
        """After `probability` was filled."""
        _ANSWER.pack_into(self._map, ANSWER_AT, *reply)

    def reply(self) -> Reply:
        return Reply(*_ANSWER.unpack_from(self._map, ANSWER_AT))

    def close(self) -> None:
        """Let go of the views; the memory itself ends with its last user."""
        del self.counts, self.background, self.smoothed, self.probability
        self._map.close()


def make(shape: tuple[int, int], grid: tuple[int, int]) -> Memory:
    """Fresh anonymous memory that a child process can be given."""
    return Memory(os.memfd_create("edgeleak-segment", os.MFD_CLOEXEC), shape, grid)


def _padded(nbytes: int) -> int:
    return -(-nbytes // 64) * 64


def _total_bytes(shape: tuple[int, int], grid: tuple[int, int]) -> int:
    return HEAD_BYTES + 3 * _padded(2 * shape[0] * shape[1]) + grid[0] * grid[1]
