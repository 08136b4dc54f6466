# SPDX-License-Identifier: Apache-2.0
from numpy import int16, uint8, uint16
from numpy.typing import NDArray

def lag_step(
    smoothed: NDArray[int16],
    past: NDArray[int16],
    noise: NDArray[uint16],
    gas: NDArray[uint8],
    mask: NDArray[uint8],
    *,
    factor_q4: int,
    floor_q2: int,
    noise_step: int,
    masked_step: int,
    gain_q8: int,
) -> None: ...
