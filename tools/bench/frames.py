# SPDX-License-Identifier: Apache-2.0
"""Frames every contestant gets: 14-bit counts as an uncorrected sensor sends them.

Scene, 4 % gain and offset/column fixed pattern, sigma 8 noise, 0.3 % bad pixels and a drifting
plume; 17 frames (a prime: looks at every n-th see more than the eight that the guard against
looped buffers remembers) are cycled, so that nothing stays warm that would not on the board.
"""

from dataclasses import dataclass

import numpy as np

CYCLE = 17
MAX_COUNTS = 16383
BAD_FRACTION = 0.003
Q14 = 1 << 14


def aligned(array: np.ndarray) -> np.ndarray:
    """A copy that starts at a multiple of 64 bytes."""
    block = np.zeros(array.nbytes + 64, np.uint8)
    start = -block.ctypes.data % 64
    copy = block[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def align_all(contestant: object) -> None:
    for name, value in vars(contestant).items():
        if isinstance(value, np.ndarray):
            setattr(contestant, name, aligned(value))


@dataclass(frozen=True)
class Course:
    """One benchmark course; gain and offset are the correction, bad the pixels to replace."""

    raw: list[np.ndarray]
    gain_q14: np.ndarray
    offset: np.ndarray
    bad: np.ndarray
    bad_table: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        return self.gain_q14.shape

    @property
    def pixels(self) -> int:
        return self.gain_q14.size


def scene_counts(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Sky gradient, warm blocks and a coarse texture, in counts around mid-scale."""
    h, w = shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    counts = 6000 + 1500 * y / h + 400 * np.sin(x / w * 9)
    for _ in range(24):
        top, left = rng.integers(0, h), rng.integers(0, w)
        tall, wide = rng.integers(h // 20 + 1, h // 4 + 2), rng.integers(w // 20 + 1, w // 4 + 2)
        counts[top : top + tall, left : left + wide] += rng.normal(0, 600)
    coarse = rng.normal(0, 120, (h // 8 + 1, w // 8 + 1)).astype(np.float32)
    return counts + np.kron(coarse, np.ones((8, 8), np.float32))[:h, :w]


def plume_counts(shape: tuple[int, int], phase: float) -> np.ndarray:
    """A warm plume that drifts with *phase* (0..1 over the cycle)."""
    h, w = shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    centre = w * (0.3 + 0.3 * phase) + 0.08 * w * np.sin(6 * y / h + 6.28 * phase)
    width = w * (0.02 + 0.08 * (1 - y / h))
    return 260 * np.exp(-(((x - centre) / width) ** 2)) * (y > 0.15 * h)


def bad_pixel_sources(bad: np.ndarray) -> np.ndarray:
    """Rows of (bad, four good sources), nearest first, as `replace_bad_pixels` wants them."""
    h, w = bad.shape
    rows = []
    reach = [(dy, dx) for dy in range(-4, 5) for dx in range(-4, 5) if dy or dx]
    reach.sort(key=lambda step: (step[0] ** 2 + step[1] ** 2, step))
    for y, x in np.argwhere(bad):
        near = [
            (y + dy) * w + x + dx
            for dy, dx in reach
            if 0 <= y + dy < h and 0 <= x + dx < w and not bad[y + dy, x + dx]
        ]
        rows.append([y * w + x, *near[:4]])
    return np.asarray(rows, np.int32)


def make_course(shape: tuple[int, int], seed: int = 7) -> Course:
    """The frames and their correction for one geometry (H, W)."""
    rng = np.random.default_rng(seed)
    scene = scene_counts(rng, shape)
    response = rng.normal(1, 0.04, shape).clip(0.7, 1.3)
    pattern = rng.normal(0, 60, shape) + rng.normal(0, 40, (1, shape[1]))
    bad = rng.random(shape) < BAD_FRACTION
    stuck = rng.integers(0, 2, shape) * MAX_COUNTS
    raw = []
    for index in range(CYCLE):
        seen = scene + plume_counts(shape, index / CYCLE) + rng.normal(0, 8, shape)
        counts = np.where(bad, stuck, seen * response + pattern)
        raw.append(aligned(counts.round().clip(0, MAX_COUNTS).astype(np.uint16)))
    gain_q14 = aligned(np.rint(Q14 / response).astype(np.int16))
    offset = aligned(np.rint(-pattern / response).astype(np.int16))
    return Course(raw, gain_q14, offset, bad, bad_pixel_sources(bad))


def log_levels() -> tuple[float, float]:
    """alpha (levels per octave) and beta of the log table: 5000..9000 counts fill 0..255."""
    alpha = 255 / np.log2(9000 / 5000)
    return float(alpha), float(-alpha * np.log2(5000))


def mask_of_share(shape: tuple[int, int], share: float, seed: int = 3) -> np.ndarray:
    """A 0/255 mask with about *share* of its pixels set: blobs as a plume leaves them."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((shape[0] // 6 + 2, shape[1] // 6 + 2))
    ragged = np.kron(coarse, np.ones((6, 6)))[: shape[0], : shape[1]]
    ragged = ragged + 0.25 * rng.random(shape)
    return np.where(ragged > np.quantile(ragged, 1 - share), 255, 0).astype(np.uint8)
