# SPDX-License-Identifier: Apache-2.0
"""What a background method offers to the comparison."""

from typing import Protocol

import numpy as np


class BackgroundMethod(Protocol):
    """A background estimate that learns frame by frame.

    key            : identity in tables and colours
    label          : name as printed
    parameters     : every number it was run with
    implementation : what the time per pixel was measured on
    start          : first frame; every method takes it as its first estimate
    step           : next frame, (H, W) uint16 counts or uint8 levels; this call is timed
    estimate       : (H, W) float32 background in the unit of the frames
    state_bytes    : bytes that live from one frame to the next, whole picture
    """

    key: str
    label: str
    parameters: str
    implementation: str

    def start(self, frame: np.ndarray) -> None: ...

    def step(self, frame: np.ndarray) -> None: ...

    def estimate(self) -> np.ndarray: ...

    def state_bytes(self) -> int: ...
