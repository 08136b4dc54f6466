# SPDX-License-Identifier: Apache-2.0
"""Pixels that jump between levels while the closed shutter shows them one.

Random telegraph noise begins and ends with age and temperature, so no table of the factory has
all of these pixels; what they do is a thing that comes and goes in one place.
"""

import numpy as np

JUMP_SIGMA = 8.0
"""Of the difference of two frames; Gaussian noise does that once in 10^15."""
LEAST_COUNTS = 8.0
FEWEST_JUMPS = 2
"""Frames off the first one, and one besides on it: a single hit of radiation is no defect."""
MOST_SHARE = 0.005
"""More pixels than this do not flicker by themselves: light or interference came in."""
BLOCK_ROWS, SPARSE = 16, 4


class FlickerSearch:
    """Compares every closed frame with the first; 3 bytes a pixel.

    shape : (H, W)
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._first = np.zeros(shape, np.uint16)
        self._jumps = np.zeros(shape, np.uint8)
        self._frames, self._limit = 0, 0

    def begin(self) -> None:
        """A new correction."""
        self._frames = 0

    def add(self, raw: np.ndarray) -> None:
        """raw : (H, W) uint16, shutter closed; at most 256 of them"""
        self._frames += 1
        if self._frames == 1:
            self._first[...] = raw
            self._jumps.fill(0)
            return
        if self._frames == 2:
            self._limit = self._noise_limit(raw)
        for row in range(0, len(raw), BLOCK_ROWS):
            rows = slice(row, row + BLOCK_ROWS)
            step = np.subtract(raw[rows], self._first[rows], dtype=np.int32)
            self._jumps[rows] += np.abs(step, out=step) > self._limit

    def _noise_limit(self, raw: np.ndarray) -> int:
        step = raw[::SPARSE, ::SPARSE].astype(np.int32) - self._first[::SPARSE, ::SPARSE]
        sigma = 1.4826 * float(np.median(np.abs(step)))
        return round(max(LEAST_COUNTS, JUMP_SIGMA * sigma))

    def found(self) -> np.ndarray:
        """(H, W) bool, True where a pixel flickered; none at all where too many did."""
        most = self._frames - 2
        flickers = (self._jumps >= FEWEST_JUMPS) & (self._jumps <= most)
        if np.count_nonzero(flickers) > MOST_SHARE * flickers.size:
            flickers.fill(False)
        return flickers
