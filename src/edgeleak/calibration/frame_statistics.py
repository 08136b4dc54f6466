# SPDX-License-Identifier: Apache-2.0
"""Robust average and temporal noise of a stack of frames of a still scene.

The level of whole frames is taken out first: an uncooled sensor moves by more
counts from frame to frame than a pixel is noisy, and that says nothing about
uniformity.  Frames whose level or pattern stands out (a shutter closing, a
torn transfer) are left out, single samples beyond 4 sigma as well.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from edgeleak.errors import DataError

CLIP_SIGMA = 4.0
JUMP_SIGMA = 8.0
MAD_TO_SIGMA = 1.4826
BLOCK_SAMPLES = 1 << 22
MIN_NOISE_FRAMES = 8
"""Fewer frames say nothing about the noise of a single pixel."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class FrameStatistics:
    """What a stack of frames says about each pixel.

    mean         : (H, W) float64, robust mean, counts; level = median level of the frames
    noise        : (H, W) float64, one sigma from frame to frame without jumps, counts;
                   NaN with fewer than MIN_NOISE_FRAMES frames
    jumps        : (H, W) float64, share of steps beyond JUMP_SIGMA
    unmoved      : (H, W) float64, share of raw steps that are exactly 0
    level_counts : median of the frames' medians
    drift_counts : robust one sigma of the frames' medians
    used         : indices of the frames averaged
    total        : frames given
    """

    mean: np.ndarray
    noise: np.ndarray
    jumps: np.ndarray
    unmoved: np.ndarray
    level_counts: float
    drift_counts: float
    used: tuple[int, ...]
    total: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.mean.shape

    @property
    def noise_known(self) -> bool:
        return bool(np.isfinite(self.noise).all())


def robust_sigma(values: np.ndarray) -> float:
    """One sigma of the bulk of *values*, blind to outliers; 0 for no values."""
    values = np.asarray(values, float)
    if not values.size:
        return 0.0
    return float(MAD_TO_SIGMA * np.median(np.abs(values - np.median(values))))


def measure(stack: np.ndarray, progress: Progress | None = None) -> FrameStatistics:
    """Statistics of *stack*, (N, H, W) of whole counts; one frame gives a mean without noise."""
    if stack.ndim != 3 or 0 in stack.shape:
        raise DataError(f"expected frames (N, H, W), got shape {stack.shape}; choose another --key")
    levels = np.array([np.median(frame) for frame in stack])
    used = _usable(stack, levels)
    level = float(np.median(levels[used]))
    height, width = stack.shape[1:]
    mean, noise, jumps, unmoved = (np.empty((height, width)) for _ in range(4))
    for rows in _row_blocks(len(used), height, width):
        block = stack[used, rows].astype(np.float32)
        unmoved[rows] = np.mean(block[1:] == block[:-1], axis=0) if len(used) > 1 else 0
        block -= (levels[used] - level).astype(np.float32)[:, None, None]
        mean[rows] = _clipped_mean(block)
        noise[rows], jumps[rows] = _step_noise(block, used)
        if progress:
            progress(rows.stop, height)
    return FrameStatistics(
        mean, noise, jumps, unmoved, level, robust_sigma(levels), tuple(map(int, used)), len(stack)
    )


def _usable(stack: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Indices of frames whose level and pattern belong to the majority."""
    if len(stack) < 4:
        return np.arange(len(stack))
    thin = stack[:, ::4, ::4].astype(np.float32) - levels[:, None, None].astype(np.float32)
    pattern = np.median(np.abs(thin - np.median(thin, axis=0)), axis=(1, 2))
    good = _near(levels, 1.0) & _near(pattern, 0.25)
    return np.flatnonzero(good)


def _near(values: np.ndarray, floor: float) -> np.ndarray:
    allowed = CLIP_SIGMA * max(robust_sigma(values), floor)
    return np.abs(values - np.median(values)) <= allowed


def _row_blocks(frames: int, height: int, width: int) -> Iterator[slice]:
    rows = max(1, BLOCK_SAMPLES // (frames * width))
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def _clipped_mean(block: np.ndarray) -> np.ndarray:
    """Mean over frames without the samples beyond CLIP_SIGMA of their own pixel."""
    middle = np.median(block, axis=0)
    away = np.abs(block - middle)
    spread = MAD_TO_SIGMA * np.median(away, axis=0)
    keep = away <= CLIP_SIGMA * np.maximum(spread, max(float(np.median(spread)), 0.5))
    return np.where(keep, block, 0).sum(axis=0, dtype=np.float64) / keep.sum(axis=0)


def _step_noise(block: np.ndarray, used: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Noise from steps between frames that follow on: slow drift of a pixel cancels."""
    first = np.flatnonzero(np.diff(used) == 1)
    if len(first) < MIN_NOISE_FRAMES - 1:
        return np.full(block.shape[1:], np.nan), np.zeros(block.shape[1:])
    steps = block[first + 1] - block[first]
    size = np.abs(steps)
    typical = MAD_TO_SIGMA * np.median(size, axis=0)
    calm = size <= JUMP_SIGMA * np.maximum(typical, max(float(np.median(typical)), 0.5))
    power = np.where(calm, steps, 0) ** 2
    noise = np.sqrt(power.sum(axis=0, dtype=np.float64) / np.maximum(calm.sum(axis=0), 1) / 2)
    return noise, 1 - calm.mean(axis=0)
