# SPDX-License-Identifier: Apache-2.0
from numpy import uint16, uint32
from numpy.typing import NDArray

Found = tuple[int, int, int, int, int]

def project(counts: NDArray[uint16], columns: NDArray[uint32], rows: NDArray[uint32]) -> None: ...
def profile_shift(past: NDArray[uint32], now: NDArray[uint32], reach: int, gap: int) -> Found: ...
def camera_shift(
    counts: NDArray[uint16], columns: NDArray[uint32], rows: NDArray[uint32], reach: int, gap: int
) -> tuple[Found, ...]: ...
