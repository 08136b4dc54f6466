# SPDX-License-Identifier: Apache-2.0
"""Ordinary average of all frames so far (equation 3), kept as a running sum."""

import numpy as np


class RunningMean:
    """Sum in uint32: exact for 262,000 frames of 14 bits, whatever the order of frames."""

    key = "mean"
    label = "ordinary average"
    parameters = "all frames so far, exact running sum in uint32"
    implementation = "NumPy"

    def start(self, frame: np.ndarray) -> None:
        self._sum = frame.astype(np.uint32)
        self._n_frames = 1

    def step(self, frame: np.ndarray) -> None:
        np.add(self._sum, frame, out=self._sum)
        self._n_frames += 1

    def estimate(self) -> np.ndarray:
        return (self._sum / np.float64(self._n_frames)).astype(np.float32)

    def state_bytes(self) -> int:
        return self._sum.nbytes
