# SPDX-License-Identifier: Apache-2.0
"""The paper's background (equation 5): one step of epsilon toward the frame.

Runs the compiled kernel of the firmware, so the measured time includes the
difference and the mask, which come in the same pass.
"""

import numpy as np

from edgeleak.kernels import background_step

Q8, Q2 = 8, 2
EPSILONS_LEVELS = (1 / 16, 1 / 4, 1.0)
EPSILONS_COUNTS = (0.25, 1.0, 4.0, 16.0)
KEYS = ("eps-a", "eps-b", "eps-c", "eps-d")
PAPER_EPSILON_LEVELS = 1.0
MASK_LEVELS, MASK_COUNTS = 3, 12


class EpsilonBackground:
    """background_step on UQ8.8 levels or UQ14.2 counts."""

    implementation = "EdgeLeak kernel"

    def __init__(self, bits: int, epsilon: float, key: str) -> None:
        self.key = key
        self._bits = bits
        self._fraction = Q8 if bits == 8 else Q2
        self._step = round(epsilon * (1 << self._fraction))
        self._threshold = MASK_LEVELS if bits == 8 else MASK_COUNTS << Q2
        unit, form = ("level", "UQ8.8") if bits == 8 else ("count", "UQ14.2")
        self.label = f"+/-epsilon {epsilon:g} {unit}" + ("s" if epsilon > 1 else "")
        self.parameters = f"epsilon {epsilon:g} {unit} a frame, {form}, no selective update"

    def start(self, frame: np.ndarray) -> None:
        self._background = frame.astype(np.uint16) << np.uint16(self._fraction)
        self._difference = np.empty(frame.shape, np.uint8 if self._bits == 8 else np.int16)
        self._mask = np.empty(frame.shape, np.uint8)

    def step(self, frame: np.ndarray) -> None:
        background_step(
            frame, self._background, self._difference, self._mask, self._step, self._threshold
        )

    def estimate(self) -> np.ndarray:
        return self._background.astype(np.float32) / np.float32(1 << self._fraction)

    def state_bytes(self) -> int:
        return self._background.nbytes


def epsilon_methods(bits: int) -> list[EpsilonBackground]:
    """Several epsilons, smallest first; on counts 4 is about one display level."""
    steps = EPSILONS_LEVELS if bits == 8 else EPSILONS_COUNTS
    return [EpsilonBackground(bits, e, key) for e, key in zip(steps, KEYS, strict=False)]
