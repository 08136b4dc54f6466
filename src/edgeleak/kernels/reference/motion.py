# SPDX-License-Identifier: Apache-2.0
"""NumPy twins of the camera shift; the truth for edgeleak.kernels._motion."""

import numpy as np

Found = tuple[int, int, int, int, int]
TOP = 16383


def project(counts: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> None:
    """See edgeleak.kernels.project; same contract, any speed."""
    (h, w), bands = counts.shape, len(columns)
    for i in range(bands):
        strip = slice(i * h // bands, (i + 1) * h // bands)
        columns[i] = counts[strip].sum(axis=0, dtype=np.uint32)
        strip = slice(i * w // bands, (i + 1) * w // bands)
        rows[i] = counts[:, strip].sum(axis=1, dtype=np.uint32)


def profile_shift(past: np.ndarray, now: np.ndarray, reach: int, gap: int) -> Found:
    """See edgeleak.kernels.profile_shift; same contract, any speed."""
    sums, before = now.astype(np.int64), past.astype(np.int64)
    slope, before = sums[gap:] - sums[:-gap], before[gap:] - before[:-gap]
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
    total = int(core.sum())
    mean = abs(total) // len(core) * (1 if total > 0 else -1)
    bends = np.diff(sums, 2)[reach : n - reach]
    structure, rough = int(np.abs(core - mean).sum()), int(np.abs(bends).sum())
    return shift_q8, sad[best], sad[reach], structure, rough


def camera_shift(
    counts: np.ndarray, columns: np.ndarray, rows: np.ndarray, reach: int, gap: int
) -> tuple[Found, ...]:
    """See edgeleak.kernels.camera_shift; same contract, any speed."""
    project(counts, columns[0], rows[0])
    return tuple(
        profile_shift(past, now, reach, gap)
        for sums in (columns, rows)
        for past, now in zip(sums[1], sums[0], strict=True)
    )


def move_picture(counts: np.ndarray, *, dx_q8: int, dy_q8: int) -> None:
    """See edgeleak.kernels.move_picture; same contract, any speed."""
    for axis, shift_q8 in ((0, dy_q8), (1, dx_q8)):
        if not shift_q8 or not counts.size:
            continue
        whole, part = divmod(shift_q8, 256)
        last = counts.shape[axis] - 1
        at = np.arange(last + 1) + whole
        total = 2048
        for k, weight in enumerate(_weights(part)):
            one = counts.take(np.clip(at + k - 1, 0, last), axis)
            total = total + one.astype(np.int64) * weight
        counts[...] = np.clip(total >> 12, 0, TOP)


def _weights(part: int) -> tuple[int, int, int, int]:
    """Q12, of four pixels in a row, `part` 256ths from the second to the third."""
    one, two, three = part << 16, part**2 << 8, part**3
    a, c = (2 * two - one - three + 4096) >> 13, (one + 4 * two - 3 * three + 4096) >> 13
    d = (three - two + 4096) >> 13
    return a, 4096 - a - c - d, c, d
