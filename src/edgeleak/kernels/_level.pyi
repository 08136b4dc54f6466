# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterable

from numpy import int16, int32, uint8, uint16, uint32
from numpy.typing import NDArray

def median_shift(
    counts: NDArray[uint16], background: NDArray[uint16], step: int, keys: NDArray[uint32]
) -> int: ...
def count_range(
    counts: NDArray[uint16], step: int, permilles: Iterable[int], keys: NDArray[uint32]
) -> tuple[int, ...]: ...
def count_between(counts: NDArray[uint16], step: int, low: int, high: int) -> int: ...
def area(mask: NDArray[uint8]) -> int: ...
def local_level(
    difference: NDArray[int16], grid: NDArray[int16], clip_q2: int, step: int
) -> None: ...
def remove_local_level(
    difference: NDArray[int16], grid: NDArray[int16], weights: NDArray[int32]
) -> None: ...
