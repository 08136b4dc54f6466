# SPDX-License-Identifier: Apache-2.0
"""The chain in numba: a fair compiled twin, fused where numba's user would fuse it.

Fixed point and rounding are the project's own, so counts and grey agree with it exactly; the
CLAHE interpolates in float32 as OpenCV does.  fastmath is off, one thread.
"""

import numpy as np
from frames import Course
from numba import njit

TILES = 8
BINS = 256


@njit(cache=False, boundscheck=False)
def nuc_lut(raw, gain, offset, lut, counts, grey):
    for y in range(raw.shape[0]):
        for x in range(raw.shape[1]):
            scaled = ((np.int32(raw[y, x]) * np.int32(gain[y, x]) + 8192) >> 14) + np.int32(
                offset[y, x]
            )
            kept = np.uint16(min(max(scaled, 0), 16383))
            counts[y, x] = kept
            grey[y, x] = lut[kept]


@njit(cache=False, boundscheck=False)
def bad_pixels(counts, table, lut, grey):
    for row in range(table.shape[0]):
        total = np.int32(2)
        for k in range(1, 5):
            total += np.int32(counts[table[row, k]])
        counts[table[row, 0]] = np.uint16(total >> 2)
        grey[table[row, 0]] = lut[total >> 2]


@njit(cache=False, boundscheck=False)
def tile_maps(grey, maps, clip):
    tall, wide = grey.shape[0] // TILES, grey.shape[1] // TILES
    limit = max(int(clip * tall * wide / BINS), 1)
    scale = np.float32(255.0) / np.float32(tall * wide)
    histogram = np.zeros(BINS, np.int32)
    for ty in range(TILES):
        for tx in range(TILES):
            histogram[:] = 0
            for y in range(ty * tall, ty * tall + tall):
                for x in range(tx * wide, tx * wide + wide):
                    histogram[grey[y, x]] += 1
            spread_clipped(histogram, limit)
            total = np.int32(0)
            for level in range(BINS):
                total += histogram[level]
                maps[ty, tx, level] = np.uint8(np.rint(np.float32(total) * scale))


@njit(cache=False, boundscheck=False)
def spread_clipped(histogram, limit):
    clipped = 0
    for level in range(BINS):
        if histogram[level] > limit:
            clipped += histogram[level] - limit
            histogram[level] = limit
    batch, rest = clipped // BINS, clipped % BINS
    for level in range(BINS):
        histogram[level] += batch
    if rest:
        stride = max(BINS // rest, 1)
        for level in range(0, BINS, stride):
            if rest == 0:
                break
            histogram[level] += 1
            rest -= 1


@njit(cache=False, boundscheck=False)
def interpolate_and_subtract(grey, maps, left, weight, background, mask, threshold):
    one = np.float32(1)
    tall = grey.shape[0] // TILES
    inverse = one / np.float32(tall)
    for y in range(grey.shape[0]):
        ty = np.float32(y) * inverse - np.float32(0.5)
        top = int(np.floor(ty))
        low = ty - np.float32(top)
        high = one - low
        bottom, top = min(top + 1, TILES - 1), max(top, 0)
        for x in range(grey.shape[1]):
            level, column, right = grey[y, x], left[0, x], left[1, x]
            w0, w1 = weight[0, x], weight[1, x]
            upper = maps[top, column, level] * w1 + maps[top, right, level] * w0
            lower = maps[bottom, column, level] * w1 + maps[bottom, right, level] * w0
            now = np.int32(np.rint(upper * high + lower * low))
            old = np.int32(background[y, x])
            mask[y, x] = np.uint8(255) if abs(now - old) > threshold else np.uint8(0)
            background[y, x] = min(old + 1, 255) if now >= old else old - 1


class NumbaChain:
    """Compiled at the first step; geometry must divide by eight."""

    def __init__(self, course: Course, lut: np.ndarray, threshold: int) -> None:
        shape = course.shape
        self.course, self.lut, self.threshold = course, lut, threshold
        self.counts = np.empty(shape, np.uint16)
        self.grey, self.mask = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
        self.background = np.zeros(shape, np.uint8)
        self.maps = np.empty((TILES, TILES, BINS), np.uint8)
        wide = shape[1] // TILES
        tx = np.arange(shape[1], dtype=np.float32) * np.float32(1 / wide) - np.float32(0.5)
        column = np.floor(tx).astype(np.int32)
        self.left = np.stack([np.maximum(column, 0), np.minimum(column + 1, TILES - 1)])
        low = (tx - column).astype(np.float32)
        self.weight = np.stack([low, np.float32(1) - low])

    def step(self, index: int) -> np.ndarray:
        course = self.course
        nuc_lut(course.raw[index], course.gain_q14, course.offset, self.lut, self.counts, self.grey)
        bad_pixels(self.counts.reshape(-1), course.bad_table, self.lut, self.grey.reshape(-1))
        tile_maps(self.grey, self.maps, 2.0)
        interpolate_and_subtract(
            self.grey,
            self.maps,
            self.left,
            self.weight,
            self.background,
            self.mask,
            self.threshold,
        )
        return self.mask
