# SPDX-License-Identifier: Apache-2.0
"""Did the shutter close?  Its flag may lie, and a scene that moves is not a shutter.

The open picture is compared with the closed one in block means.  What changes on while the
shutter claims to stand still is the scene's own motion or drift, and is taken off.  A picture
whose level hardly changed must besides be flatter than the scene was, where an earlier
correction can tell what flat looks like.
"""

from math import inf, nan

import numpy as np

from edgeleak.calibration.model import Calibration

BLOCK_PX = 4
COARSE = 4
"""Blocks a side of the coarse picture: what motion is looked for in, above the noise."""
LEAST_MOVED_COUNTS = 2.0
"""The shutter's picture differs from the scene by tens of counts; noise of a 4x4 block mean over
the frames used is below half a count."""
MARGIN = 1.5
"""Motion is not quite as even as the extrapolation of it."""
SURE_COUNTS = 20.0
FLAT_COUNTS, FLAT_SHARE = 8.0, 0.5
MOST_OFF_K = 10.0
"""Between shutter and housing: the blade lags behind, and the response is not quite a line."""
SPARSE = 4


class LevelProof:
    """How warm the closed shutter looks, beside the housing it is part of.

    Counts become degrees by the two black bodies of the factory calibration; without one there
    is no telling, nor with an exposure other than the calibration's.

    base : factory calibration
    """

    def __init__(self, base: Calibration) -> None:
        self._offset = base.offset[::SPARSE, ::SPARSE].astype(np.float32)
        self._cold = base.cold_counts, base.cold_degc
        self._k_per_count = nan
        if base.hot_counts > base.cold_counts:  # False for NaN
            self._k_per_count = (base.hot_degc - base.cold_degc) / (
                base.hot_counts - base.cold_counts
            )

    def off_k(self, seen: np.ndarray, housing_degc: float) -> float:
        """Shutter above housing, K; NaN where either is unknown.

        seen : every fourth pixel each way, counts times gain, without an offset
        """
        counts, degc = self._cold
        level = float(np.median(seen + self._offset))
        return degc + (level - counts) * self._k_per_count - housing_degc


class ShutterProof:
    """Evidence of one correction.

    gain : (H, W) of the correction
    """

    def __init__(self, gain: np.ndarray) -> None:
        height, width = gain.shape
        self._cut = height // BLOCK_PX * BLOCK_PX, width // BLOCK_PX * BLOCK_PX
        self._gain = self._blocks(gain)
        self._scene = np.zeros_like(self._gain)
        self._half = np.zeros_like(self._gain)
        self._looked = self._half_frames = 0
        self._open_ns = self._first_ns = 0

    def begin(self) -> None:
        """A new correction."""
        self._scene.fill(0)
        self._looked = 0

    def look(self, raw: np.ndarray, now_ns: int) -> None:
        """One picture with the shutter open."""
        self._scene += self._blocks(raw)
        self._looked += 1
        self._open_ns = now_ns

    def first(self, now_ns: int) -> None:
        """The first picture of the closed shutter is summed."""
        self._first_ns = now_ns

    def half(self, total: np.ndarray, frames: int) -> None:
        """Half of the pictures are in the sum."""
        self._half = self._blocks(total) / frames
        self._half_frames = frames

    def moved_counts(self, total: np.ndarray, frames: int, now_ns: int) -> float:
        """Counts between the open picture and the closed one, level or structure, that neither
        motion nor drift explains.

        total, frames : sum of the closed pictures
        """
        closed, scene = self._blocks(total) / frames, self._scene / max(1, self._looked)
        passed = self._passed(total, frames)
        if float(_coarse(passed).std()) > LEAST_MOVED_COUNTS:
            return 0.0  # a shutter is the same picture from first to last
        went_on = passed * self._reach(now_ns)
        change = closed - scene
        level = abs(float(change.mean())) - MARGIN * abs(float(went_on.mean()))
        structure = float(change.std()) - MARGIN * float(_coarse(went_on).std())
        return max(0.0, level, structure)

    def restless_counts(self, total: np.ndarray, frames: int, last: np.ndarray) -> float:
        """Counts of structure that came or went: between the halves of the closed pictures, or in
        the last one against the others, where a cap that is off too early shows most.

        last : the newest picture in the sum
        """
        newest = self._blocks(last)
        others = (self._blocks(total) - newest) / (frames - 1)
        gone = float(_coarse(newest - others).std())
        return max(gone, float(_coarse(self._passed(total, frames)).std()))

    def _passed(self, total: np.ndarray, frames: int) -> np.ndarray:
        late = (self._blocks(total) - self._half * self._half_frames) / (frames - self._half_frames)
        return np.asarray(late - self._half)

    def shown(self, total: np.ndarray, frames: int, offset: np.ndarray) -> tuple[float, float]:
        """Counts that the closed picture shows with the correction in force, and what may be:
        less than the scene did.  A picture whose level changed for sure may show anything.

        offset : of a correction that was taken before
        """
        before = self._blocks(offset)
        closed, scene = self._blocks(total) / frames, self._scene / max(1, self._looked)
        if abs(float((closed - scene).mean())) > SURE_COUNTS:
            return 0.0, inf
        shown = float(_coarse(closed * self._gain + before).std())
        was = float(_coarse(scene * self._gain + before).std())
        return shown, max(FLAT_COUNTS, FLAT_SHARE * was)

    def _reach(self, now_ns: int) -> float:
        """From the open pictures to the closed ones, in steps of half of these."""
        half_ns = max(1, now_ns - self._first_ns) / 2
        return (self._first_ns + half_ns - self._open_ns) / half_ns

    def _blocks(self, picture: np.ndarray) -> np.ndarray:
        height, width = self._cut
        return _means(picture[:height, :width], BLOCK_PX)


def _coarse(blocks: np.ndarray) -> np.ndarray:
    height, width = (side // COARSE * COARSE for side in blocks.shape)
    return _means(blocks[:height, :width], COARSE) if height and width else blocks


def _means(picture: np.ndarray, side: int) -> np.ndarray:
    height, width = picture.shape
    shape = (height // side, side, width // side, side)
    return picture.reshape(shape).mean(axis=(1, 3), dtype=np.float64)
