# SPDX-License-Identifier: Apache-2.0
"""One allocation at start that holds the pictures of the frame path.

Each member has a name, a shape and a reason; nothing is allocated afterwards, so memory
use is known before the first frame and cannot grow.  What an instrument holds beside it is
counted in docs/architecture.md.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from edgeleak.errors import UsageError

ALIGNMENT = 64
"""Bytes of a cache line; every member starts on one."""


class Member(NamedTuple):
    """One array of the arena: its name, shape, dtype and the reason why it is there."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    why: str

    @property
    def nbytes(self) -> int:
        count = int(np.prod(self.shape, dtype=np.int64))
        return count * np.dtype(self.dtype).itemsize


class Arena:
    """Named arrays in one block of memory.

    `arena["counts"]` is the writable array, `arena.view("counts")` a read-only view
    of the same memory, `arena.describe()` the list with bytes and reasons.
    """

    def __init__(self, shape: tuple[int, int], members: list[Member]) -> None:
        if len({member.name for member in members}) != len(members):
            raise UsageError("arena: two members have the same name; give each its own")
        self.shape = shape
        self.members = tuple(members)
        self.nbytes = sum(_padded(member.nbytes) for member in members)
        self._block = np.zeros(self.nbytes + ALIGNMENT, np.uint8)
        self._arrays: dict[str, np.ndarray] = {}
        start = -self._block.ctypes.data % ALIGNMENT
        for member in members:
            raw = self._block[start : start + member.nbytes]
            self._arrays[member.name] = raw.view(member.dtype).reshape(member.shape)
            start += _padded(member.nbytes)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._arrays[name]

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def view(self, name: str) -> np.ndarray:
        """Read-only view of one member."""
        shown = self._arrays[name].view()
        shown.flags.writeable = False
        return shown

    def describe(self) -> str:
        """Table of members: bytes, shape, why; then the sum and the number of full frames."""
        lines = [f"{'member':<14}{'bytes':>10}  {'array':<26}why"]
        for member in self.members:
            array = f"{np.dtype(member.dtype).name}{list(member.shape)}"
            lines.append(f"{member.name:<14}{member.nbytes:>10}  {array:<26}{member.why}")
        full = sum(self._frames_of(member) for member in self.members)
        lines.append(
            f"{'sum':<14}{self.nbytes:>10}  one allocation, {full} full-frame arrays,"
            f" {self.nbytes / max(1, self.shape[0] * self.shape[1]):.1f} bytes a pixel"
        )
        return "\n".join(lines)

    def _frames_of(self, member: Member) -> int:
        if member.shape[-2:] != self.shape:
            return 0
        return int(np.prod(member.shape[:-2], dtype=np.int64))


def _padded(nbytes: int) -> int:
    return -(-nbytes // ALIGNMENT) * ALIGNMENT
