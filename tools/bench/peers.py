# SPDX-License-Identifier: Apache-2.0
"""The chains and stages EdgeLeak is measured against, written as their own users would.

UserChain is what a good user of NumPy and OpenCV writes.  TunedChain is the same work by an
expert who measures: everything preallocated, OpenCV where it beats NumPy and the reverse, 16-bit
indices in cv2.LUT (OpenCV 5), a list of bad pixels instead of a median of everything, and a
background in 8 bits because epsilon is exactly one level.  All of it on one thread.  What is
preallocated begins on a cache line, ours and theirs, as everything in the pipeline's arena does.
"""

import cv2
import numpy as np
from frames import MAX_COUNTS, Q14, Course, align_all, aligned

cv2.setNumThreads(1)
cv2.ocl.setUseOpenCL(False)

THRESHOLD_LEVELS = 12
CLIP_LIMIT = 2.0
TILES = (8, 8)


class UserChain:
    """NUC float32, medianBlur, lut[u], CLAHE, np.where epsilon, absdiff, threshold."""

    def __init__(self, course: Course, lut: np.ndarray) -> None:
        self.raw, self.bad, self.lut = course.raw, course.bad, lut
        self.gain = (course.gain_q14 / Q14).astype(np.float32)
        self.offset = course.offset.astype(np.float32)
        self.equaliser = cv2.createCLAHE(CLIP_LIMIT, TILES)
        self.background: np.ndarray | None = None

    def step(self, index: int) -> np.ndarray:
        counts = np.clip(self.raw[index] * self.gain + self.offset, 0, MAX_COUNTS)
        counts = counts.astype(np.uint16)
        counts[self.bad] = cv2.medianBlur(counts, 3)[self.bad]
        grey = self.equaliser.apply(self.lut[counts])
        if self.background is None:
            self.background = grey.astype(np.float32)
        difference = cv2.absdiff(grey, self.background.astype(np.uint8))
        _, self.mask = cv2.threshold(difference, THRESHOLD_LEVELS, 255, cv2.THRESH_BINARY)
        up = np.float32(1)
        self.background += np.where(grey >= self.background, up, -up)
        return self.mask


class TunedChain:
    """The user's chain after a week with a profiler."""

    def __init__(self, course: Course, lut: np.ndarray, is_any_step: bool = False) -> None:
        shape = course.shape
        self.raw = course.raw
        self.gain = aligned((course.gain_q14 / Q14).astype(np.float32))
        self.offset = aligned(course.offset.astype(np.float32))
        self.corrected = aligned(np.empty(shape, np.float32))
        self.counts = aligned(np.empty(shape, np.uint16))
        self.flat = self.counts.reshape(-1)
        self.bad = course.bad_table[:, 0].astype(np.intp)
        self.source = course.bad_table[:, 1].astype(np.intp)
        self.lut = np.full(65536, lut[-1], np.uint8)  # cv2.LUT wants all 16-bit indices
        self.lut[: lut.size] = lut
        self.grey, self.equal = (aligned(np.empty(shape, np.uint8)) for _ in range(2))
        self.equaliser = cv2.createCLAHE(CLIP_LIMIT, TILES)
        self.background = (
            AnyStepBackground(shape, 1.0) if is_any_step else OneLevelBackground(shape)
        )
        self.is_started = False

    def step(self, index: int) -> np.ndarray:
        cv2.multiply(self.raw[index], self.gain, dst=self.corrected, dtype=cv2.CV_32F)
        cv2.add(self.corrected, self.offset, dst=self.counts, dtype=cv2.CV_16U)
        cv2.min(self.counts, MAX_COUNTS, dst=self.counts)
        self.flat[self.bad] = self.flat[self.source]
        cv2.LUT(self.counts, self.lut, dst=self.grey)
        self.equaliser.apply(self.grey, dst=self.equal)
        if not self.is_started:
            self.background.level[...] = self.equal
            self.is_started = True
        return self.background.step(self.equal)


class OneLevelBackground:
    """Difference, mask and +/-1 level in 8 bits: six OpenCV passes, ties go up.

    The fastest composition found, but it can step by whole levels only; near level 255 it can
    end one level low, because OpenCV has no add of a signed step that saturates.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.level = np.zeros(shape, np.uint8)
        self.difference, self.mask = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
        self.up = np.empty(shape, np.uint8)
        self.one, self.two = np.full(shape, 1, np.uint8), np.full(shape, 2, np.uint8)
        align_all(self)

    def step(self, grey: np.ndarray) -> np.ndarray:
        cv2.absdiff(grey, self.level, dst=self.difference)
        cv2.threshold(self.difference, THRESHOLD_LEVELS, 255, cv2.THRESH_BINARY, dst=self.mask)
        cv2.compare(grey, self.level, cv2.CMP_GE, dst=self.up)
        cv2.bitwise_and(self.up, self.two, dst=self.up)
        cv2.add(self.level, self.up, dst=self.level)
        cv2.subtract(self.level, self.one, dst=self.level)
        return self.mask


class AnyStepBackground:
    """Difference, mask and +/-epsilon of any size: float32 background, clamped step."""

    def __init__(self, shape: tuple[int, int], eps: float) -> None:
        self.level, self.step_by = np.zeros(shape, np.float32), np.empty(shape, np.float32)
        self.rounded = np.empty(shape, np.uint8)
        self.difference, self.mask = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
        self.eps = eps
        align_all(self)

    def step(self, grey: np.ndarray) -> np.ndarray:
        cv2.convertScaleAbs(self.level, dst=self.rounded)
        cv2.absdiff(grey, self.rounded, dst=self.difference)
        cv2.threshold(self.difference, THRESHOLD_LEVELS, 255, cv2.THRESH_BINARY, dst=self.mask)
        cv2.subtract(grey, self.level, dst=self.step_by, dtype=cv2.CV_32F)
        cv2.max(self.step_by, -self.eps, dst=self.step_by)
        cv2.min(self.step_by, self.eps, dst=self.step_by)
        cv2.add(self.level, self.step_by, dst=self.level)
        return self.mask


def nuc_stages(course: Course) -> dict[str, object]:
    """Single NUC stages, each over `course.raw[index]`."""
    raw, chain = course.raw, TunedChain(course, np.zeros(Q14, np.uint8))
    gain, offset, out = chain.gain, chain.offset, chain.counts
    gain32, offset32 = course.gain_q14.astype(np.int32), course.offset.astype(np.int32)

    def numpy_float32(index: int) -> np.ndarray:
        return np.clip(raw[index] * gain + offset, 0, MAX_COUNTS).astype(np.uint16)

    def numpy_int32(index: int) -> np.ndarray:
        scaled = ((raw[index] * gain32 + 8192) >> 14) + offset32
        return np.clip(scaled, 0, MAX_COUNTS).astype(np.uint16)

    def opencv(index: int) -> None:
        cv2.multiply(raw[index], gain, dst=chain.corrected, dtype=cv2.CV_32F)
        cv2.add(chain.corrected, offset, dst=out, dtype=cv2.CV_16U)
        cv2.min(out, MAX_COUNTS, dst=out)

    return {"NumPy f32": numpy_float32, "NumPy i32": numpy_int32, "OpenCV": opencv}


def bad_pixel_stages(course: Course) -> dict[str, object]:
    counts = [frame.copy() for frame in course.raw]
    bad, source = course.bad_table[:, 0].astype(np.intp), course.bad_table[:, 1].astype(np.intp)

    def median_blur(index: int) -> None:
        counts[index][course.bad] = cv2.medianBlur(counts[index], 3)[course.bad]

    def index_list(index: int) -> None:
        flat = counts[index].reshape(-1)
        flat[bad] = flat[source]

    return {"medianBlur": median_blur, "index list": index_list}


def lut_stages(counts: list[np.ndarray], lut: np.ndarray) -> dict[str, object]:
    wide = np.full(65536, lut[-1], np.uint8)
    wide[: lut.size] = lut
    out = np.empty(counts[0].shape, np.uint8)
    return {
        "lut[u]": lambda index: lut[counts[index]],
        "np.take": lambda index: np.take(lut, counts[index], out=out, mode="clip"),
        "cv2.LUT 16 bit": lambda index: cv2.LUT(counts[index], wide, dst=out),
    }


def clahe_stages(grey: list[np.ndarray]) -> dict[str, object]:
    equaliser, out = cv2.createCLAHE(CLIP_LIMIT, TILES), np.empty_like(grey[0])
    return {"cv2.CLAHE": lambda index: equaliser.apply(grey[index], dst=out)}


def adapthist_stage(grey: list[np.ndarray]) -> object:
    """scikit-image's CLAHE: the same tiles, its own clip scale."""
    from skimage.exposure import equalize_adapthist

    h, w = grey[0].shape
    tile = (max(h // TILES[1], 1), max(w // TILES[0], 1))
    return lambda index: equalize_adapthist(grey[index], kernel_size=tile, clip_limit=0.01)


def background_stages(grey: list[np.ndarray]) -> dict[str, object]:
    shape = grey[0].shape
    one, any_step = OneLevelBackground(shape), AnyStepBackground(shape, 1.0)
    one.level[...] = grey[0]
    any_step.level[...] = grey[0]
    mixture = cv2.createBackgroundSubtractorMOG2(detectShadows=False)
    mixed = aligned(np.empty(shape, np.uint8))
    plain = grey[0].astype(np.float32)

    def numpy_where(index: int) -> np.ndarray:
        now = grey[index]
        _, mask = cv2.threshold(
            cv2.absdiff(now, plain.astype(np.uint8)), THRESHOLD_LEVELS, 255, cv2.THRESH_BINARY
        )
        np.add(plain, np.where(now >= plain, np.float32(1), np.float32(-1)), out=plain)
        return mask

    return {
        "OpenCV 8 bit, whole levels": lambda index: one.step(grey[index]),
        "OpenCV float, any epsilon": lambda index: any_step.step(grey[index]),
        "np.where f32": numpy_where,
        "MOG2": lambda index: mixture.apply(grey[index], mixed),
    }
