# SPDX-License-Identifier: Apache-2.0
"""Mixture of Gaussians as OpenCV has it (MOG2, Zivkovic 2004), one thread."""

import numpy as np

from edgeleak.evaluate.background.mixture import LEVEL_COUNTS
from edgeleak.evaluate.extras import load_opencv

HISTORY_FRAMES = 500
VAR_THRESHOLD = 16.0
FIXED_RATE = 0.005
BYTES_PER_GAUSSIAN = 12  # weight, variance, one mean, each float32 (bgfg_gaussmix2.cpp)


class OpenCvMixture:
    """cv2.createBackgroundSubtractorMOG2 without shadows.

    learning_rate -1 is OpenCV's own: 1 / min(2 n, history), almost an average.
    Frames go in as float32: from 8-bit frames OpenCV gives its background in
    whole levels, and the rounding would be scored, not the model.  14-bit
    counts are divided by 4 first, because its variances are meant for levels.
    """

    implementation = "OpenCV C++"

    def __init__(self, bits: int, learning_rate: float = -1) -> None:
        cv2 = load_opencv()
        self._model = cv2.createBackgroundSubtractorMOG2(HISTORY_FRAMES, VAR_THRESHOLD, False)
        self._unit = 1.0 if bits == 8 else LEVEL_COUNTS
        self._rate = learning_rate
        is_auto = learning_rate < 0
        self.key = "mog2-auto" if is_auto else "mog2-fixed"
        self.label = "MOG2, own rate" if is_auto else f"MOG2, rate {learning_rate:g}"
        rate = "1 / min(2 n, history)" if is_auto else f"{learning_rate:g}"
        fed = "levels" if bits == 8 else f"counts / {LEVEL_COUNTS:g}"
        self.parameters = (
            f"history {HISTORY_FRAMES}, varThreshold {VAR_THRESHOLD:g}, no shadows,"
            f" {self._model.getNMixtures()} Gaussians, learning rate {rate}, fed float32 {fed}"
        )

    def start(self, frame: np.ndarray) -> None:
        self._mask = np.empty(frame.shape, np.uint8)
        self._scaled = np.empty(frame.shape, np.float32)
        self.step(frame)

    def step(self, frame: np.ndarray) -> None:
        np.multiply(frame, np.float32(1 / self._unit), out=self._scaled)
        self._model.apply(self._scaled, self._mask, self._rate)

    def estimate(self) -> np.ndarray:
        return self._model.getBackgroundImage() * np.float32(self._unit)

    def state_bytes(self) -> int:
        per_pixel = BYTES_PER_GAUSSIAN * self._model.getNMixtures() + 1
        return per_pixel * self._mask.size
