# SPDX-License-Identifier: Apache-2.0
from numpy import uint8
from numpy.typing import NDArray

def clahe(
    grey: NDArray[uint8], tiles: tuple[int, int] = (8, 8), clip_limit: float = 2.0
) -> None: ...
