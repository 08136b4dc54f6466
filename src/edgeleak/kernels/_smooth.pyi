# SPDX-License-Identifier: Apache-2.0
from numpy import int16, int32
from numpy.typing import NDArray

def smooth(
    difference: NDArray[int16], out: NDArray[int16], size: int, columns: NDArray[int32]
) -> None: ...
