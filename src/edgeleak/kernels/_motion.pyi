# SPDX-License-Identifier: Apache-2.0
from numpy import uint16, uint32
from numpy.typing import NDArray

def project(counts: NDArray[uint16], columns: NDArray[uint32], rows: NDArray[uint32]) -> None: ...
def profile_shift(
    past: NDArray[uint32], now: NDArray[uint32], reach: int
) -> tuple[int, int, int, int]: ...
def camera_shift(
    counts: NDArray[uint16], columns: NDArray[uint32], rows: NDArray[uint32], reach: int
) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]: ...
