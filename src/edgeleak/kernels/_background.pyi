# SPDX-License-Identifier: Apache-2.0
import numpy as np
from numpy.typing import NDArray

def background_step(
    frame: NDArray[np.uint8] | NDArray[np.uint16],
    background: NDArray[np.uint16],
    difference: NDArray[np.uint8] | NDArray[np.int16],
    mask: NDArray[np.uint8],
    eps: int,
    threshold: int,
    *,
    selective: bool = False,
    level: int = 0,
    noise: NDArray[np.uint16] | None = None,
    noise_gain_q4: int = 0,
    noise_eps: int = 0,
) -> None: ...
