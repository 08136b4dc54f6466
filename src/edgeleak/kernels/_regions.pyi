# SPDX-License-Identifier: Apache-2.0
import numpy as np
from numpy.typing import NDArray

REGION_DTYPE: np.dtype[np.void]

class RegionFinder:
    shape: tuple[int, int]
    capacity: int
    n_found: int
    def __init__(self, shape: tuple[int, int], capacity: int | None = None) -> None: ...
    @property
    def is_truncated(self) -> bool: ...
    @property
    def nbytes(self) -> int: ...
    def find(
        self,
        mask: NDArray[np.uint8],
        *,
        frame: NDArray[np.uint8] | NDArray[np.uint16] | None = None,
        background: NDArray[np.uint16] | None = None,
        level: int = 0,
        min_area_px: int = 1,
        labels: NDArray[np.int32] | None = None,
    ) -> NDArray[np.void]: ...

def regions(
    mask: NDArray[np.uint8],
    *,
    frame: NDArray[np.uint8] | NDArray[np.uint16] | None = None,
    background: NDArray[np.uint16] | None = None,
    level: int = 0,
    min_area_px: int = 1,
    labels: NDArray[np.int32] | None = None,
) -> NDArray[np.void]: ...
