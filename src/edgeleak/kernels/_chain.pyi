# SPDX-License-Identifier: Apache-2.0
from numpy import int16, int32, uint8, uint16
from numpy.typing import NDArray

class PaperChain:
    eps_q8: int
    threshold: int
    def __init__(
        self,
        counts: NDArray[uint16],
        grey: NDArray[uint8],
        background: NDArray[uint16],
        difference: NDArray[uint8],
        mask: NDArray[uint8],
        lut: NDArray[uint8],
        *,
        gain_q14: NDArray[int16] | None = None,
        offset: NDArray[int16] | None = None,
        bad_pixels: NDArray[int32] | None = None,
        tiles: tuple[int, int] = (8, 8),
        clip_limit: float = 2.0,
        eps_q8: int = 256,
        threshold: int = 8,
    ) -> None: ...
    def set_lut(self, lut: NDArray[uint8]) -> None: ...
    def step(self, raw: NDArray[uint16] | None = None) -> int: ...
