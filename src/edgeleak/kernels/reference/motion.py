# SPDX-License-Identifier: Apache-2.0
"""NumPy twins of the camera shift; the truth for edgeleak.kernels._motion."""

import numpy as np


def project(counts: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> None:
    """See edgeleak.kernels.project; same contract, any speed."""
    columns[:] = counts.sum(axis=0, dtype=np.uint32)
    rows[:] = counts.sum(axis=1, dtype=np.uint32)


def profile_shift(past: np.ndarray, now: np.ndarray, reach: int) -> tuple[int, int, int, int]:
    """See edgeleak.kernels.profile_shift; same contract, any speed."""
    slope, before = np.diff(now.astype(np.int64)), np.diff(past.astype(np.int64))
    n = len(slope)
    core = slope[reach : n - reach]
    sad = [
        int(np.abs(core - before[reach - k : n - reach - k]).sum())
        for k in range(-reach, reach + 1)
    ]
    best = int(np.argmin(sad))
    shift_q8 = (best - reach) * 256
    if 0 < best < 2 * reach:
        left, right = sad[best - 1], sad[best + 1]
        rise = max(left, right) - sad[best]
        if rise > 0:
            part = 128 * abs(left - right) // rise
            shift_q8 += part if left > right else -part
    return shift_q8, sad[best], sad[reach], int(np.abs(core).sum())


def camera_shift(
    counts: np.ndarray, columns: np.ndarray, rows: np.ndarray, reach: int
) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """See edgeleak.kernels.camera_shift; same contract, any speed."""
    project(counts, columns[0], rows[0])
    return (
        profile_shift(columns[1], columns[0], reach),
        profile_shift(rows[1], rows[0], reach),
    )
