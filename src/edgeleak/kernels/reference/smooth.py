# SPDX-License-Identifier: Apache-2.0
"""NumPy twin of the box mean; the truth for edgeleak.kernels._smooth."""

import numpy as np

MAX_Q2 = 16383
"""Differences are limited to +/-this before summing, so that 32 bits suffice."""


def smooth(
    difference: np.ndarray, out: np.ndarray, size: int, columns: np.ndarray | None = None
) -> None:
    """Mean over size x size pixels; the border pixel is repeated outside.

    difference : (H, W) int16; values outside +/-16383 count as the limit
    out        : (H, W) int16, written; no memory shared with difference
    size       : 1, 3, 5, 7, 9 or 11
    columns    : scratch of the compiled kernel, not needed here

    Rounded: (sum * round(65536 / size^2) + 32768) >> 16.
    """
    reach = size // 2
    h, w = difference.shape
    padded = np.pad(np.clip(difference, -MAX_Q2, MAX_Q2).astype(np.int64), reach, mode="edge")
    down = np.sum([padded[i : i + h] for i in range(size)], axis=0)
    total = np.sum([down[:, i : i + w] for i in range(size)], axis=0)
    factor = (65536 + size * size // 2) // (size * size)
    out[...] = (total * factor + 32768) >> 16
