# SPDX-License-Identifier: Apache-2.0
"""Sigma-delta background after Manzanera and Richefeu (2007), in NumPy.

The estimate moves by one unit toward the frame (not at all on equality); a
second plane follows N times the difference in the same way and is the
detection threshold.  The threshold does not feed back into the estimate; it
is kept because a user of the method pays for it.
"""

import numpy as np

N_TIMES = 4


class SigmaDelta:
    """One unit a frame: 1 level of 8 bits, 1 count of 14."""

    key = "sigma-delta"
    label = "sigma-delta"
    implementation = "NumPy"

    def __init__(self, bits: int) -> None:
        unit = "level" if bits == 8 else "count"
        self.parameters = f"step 1 {unit} a frame, N = {N_TIMES}, variance 1..{(1 << bits) - 1}"
        self._most = (1 << bits) - 1

    def start(self, frame: np.ndarray) -> None:
        self._background = frame.astype(np.int16)
        self._spread = np.ones(frame.shape, np.int16)

    def step(self, frame: np.ndarray) -> None:
        value = frame.astype(np.int16)
        self._background += np.sign(value - self._background)
        distance = np.abs(value - self._background).astype(np.int32) * N_TIMES
        toward = np.sign(distance - self._spread).astype(np.int16)
        toward *= distance > 0
        self._spread += toward
        np.clip(self._spread, 1, self._most, out=self._spread)

    def estimate(self) -> np.ndarray:
        return self._background.astype(np.float32)

    def state_bytes(self) -> int:
        """Both planes fit the width of the frames; int16 here holds one sign bit more."""
        return self._background.nbytes + self._spread.nbytes
