# SPDX-License-Identifier: Apache-2.0
"""Textbook detectors: a background, the difference, one threshold, one opening.

All get what measurements on real methane showed to matter most: the median of the difference is
taken out of every frame.  After that 3x3 mean, |difference| > 4 levels of 8-bit video, or 5 robust
sigma of the difference of 14-bit counts, opening 3x3, area.  They decide nothing: a threshold on
the area comes from calibration scenes, see `thresholds`.
"""

from collections import deque
from math import exp, nan
from typing import Protocol

import numpy as np

from edgeleak import kernels
from edgeleak.evaluate.background.median import RunningMedian
from edgeleak.evaluate.detection.method import Footing, Method, Reading
from edgeleak.evaluate.extras import load_opencv
from edgeleak.frame import EIGHT_BIT_SHIFT, FrameInfo

LEARN_S = 2.0
LAG_S = 1.0
EMA_S = 15.5
MEDIAN_SAMPLES = 31
MEDIAN_EVERY_S = 1.0
LEVELS = 4.0
SIGMAS = 5.0
LEAST_SIGMA_COUNTS = 0.75
SMOOTH_PX = 3
OPENING_PX = 3
AREA_PERMILLE = 0.5
LEAST_PX = 25
SIGMA_DELTA_N = 4
MOG2_HISTORY = 500
MOG2_VAR = 16.0
COUNTS_PER_LEVEL = float(1 << EIGHT_BIT_SHIFT)


class Background(Protocol):
    """Learns frame by frame; `update` returns what the frame is compared with."""

    def update(self, frame: np.ndarray, dt_s: float) -> np.ndarray:
        """frame : (H, W) float32 counts; the background before this frame, same shape."""
        ...


class Lagged:
    """The frame about a second ago."""

    def __init__(self) -> None:
        self._ring: deque[tuple[float, np.ndarray]] = deque()
        self._now_s = 0.0

    def update(self, frame: np.ndarray, dt_s: float) -> np.ndarray:
        self._now_s += dt_s
        ring = self._ring
        while len(ring) > 1 and self._now_s - ring[1][0] >= LAG_S - dt_s / 2:
            ring.popleft()
        past = ring[0][1] if ring else frame
        ring.append((self._now_s, frame.copy()))
        return past


class Smoothed:
    """Exponential mean, 1/16 a frame at one frame a second; a plain mean until it is filled."""

    def __init__(self) -> None:
        self._mean: np.ndarray | None = None
        self._frames = 0

    def update(self, frame: np.ndarray, dt_s: float) -> np.ndarray:
        self._frames += 1
        if self._mean is None:
            self._mean = frame.copy()
            return frame
        before = self._mean.copy()
        part = np.float32(max(1 - exp(-dt_s / EMA_S), 1 / self._frames))
        self._mean += part * (frame - self._mean)
        return before


class Median:
    """Median of 31 samples, one a second."""

    def __init__(self) -> None:
        self._model = RunningMedian(MEDIAN_SAMPLES)
        self._estimate: np.ndarray | None = None
        self._since_s = 0.0

    def update(self, frame: np.ndarray, dt_s: float) -> np.ndarray:
        self._since_s += dt_s
        before = frame if self._estimate is None else self._estimate
        if self._estimate is None or self._since_s >= MEDIAN_EVERY_S - dt_s / 2:
            whole = np.clip(frame, 0, 65535).astype(np.uint16)
            step = self._model.start if self._estimate is None else self._model.step
            step(whole)
            self._estimate, self._since_s = self._model.estimate(), 0.0
        return before


class Differencing:
    """A background and the common way from it to a mask and a score."""

    def __init__(self, footing: Footing, background: Background) -> None:
        self._clock = Clock(footing)
        self._background = background
        self._finish = Finish(footing)

    def step(self, pixels: np.ndarray, info: FrameInfo | None) -> Reading:
        dt_s = self._clock.tick(info)
        frame = counts_of(pixels)
        difference = frame - self._background.update(frame, dt_s)
        return self._finish.read(self._finish.changed(difference), self._clock.now_s)


class SigmaDelta:
    """Manzanera and Richefeu: estimate and spread follow by one unit a frame; no common limit."""

    def __init__(self, footing: Footing) -> None:
        self._clock, self._finish = Clock(footing), Finish(footing)
        self._unit = np.float32(COUNTS_PER_LEVEL if footing.bits == 8 else 1.0)
        self._mean: np.ndarray | None = None

    def step(self, pixels: np.ndarray, info: FrameInfo | None) -> Reading:
        self._clock.tick(info)
        frame = counts_of(pixels)
        if self._mean is None:
            self._mean = frame.copy()
            self._spread = np.full_like(frame, self._unit)
        frame = frame - np.float32(np.median((frame - self._mean)[::2, ::2]))
        self._mean += self._unit * np.sign(frame - self._mean)
        distance = np.abs(frame - self._mean)
        toward = np.sign(SIGMA_DELTA_N * distance - self._spread)
        self._spread += self._unit * toward * (distance > 0)
        np.maximum(self._spread, self._unit, out=self._spread)
        return self._finish.read(distance > self._spread, self._clock.now_s)


class Mixture:
    """OpenCV's MOG2 on frames without their level."""

    def __init__(self, footing: Footing) -> None:
        cv2 = load_opencv()
        self._clock, self._finish = Clock(footing), Finish(footing)
        self._model = cv2.createBackgroundSubtractorMOG2(MOG2_HISTORY, MOG2_VAR, False)
        # Its variances are meant for levels; of 14-bit counts four are taken as one.
        self._unit = np.float32(COUNTS_PER_LEVEL if footing.bits == 8 else 4.0)
        self._start: np.ndarray | None = None

    def step(self, pixels: np.ndarray, info: FrameInfo | None) -> Reading:
        self._clock.tick(info)
        frame = counts_of(pixels)
        known = frame if self._start is None else self._model.getBackgroundImage() * self._unit
        self._start = frame
        level = np.float32(np.median((frame - known)[::2, ::2]))
        found = self._model.apply((frame - level) / self._unit)
        return self._finish.read(found > 0, self._clock.now_s)


class Clock:
    """Seconds by the frames' stamps where they have some, by the rate where not."""

    def __init__(self, footing: Footing) -> None:
        self._period_s = 1 / footing.fps
        self._last_ns = -1
        self.now_s = 0.0

    def tick(self, info: FrameInfo | None) -> float:
        """Advance to this frame; seconds since the one before."""
        now_ns = -1 if info is None else info.monotonic_ns
        dt_s = (now_ns - self._last_ns) * 1e-9 if min(now_ns, self._last_ns) >= 0 else -1.0
        self._last_ns = now_ns
        dt_s = dt_s if 0 < dt_s < 10 else self._period_s
        self.now_s += dt_s
        return dt_s


class Finish:
    """Mean, threshold, opening, area: the same for all."""

    def __init__(self, footing: Footing) -> None:
        h, w = shape = footing.shape
        self._bits = footing.bits
        self._area_px = max(LEAST_PX, h * w * AREA_PERMILLE / 1000)
        self._raw, self._mean = (np.empty(shape, np.int16) for _ in range(2))
        self._row = np.empty(w + 16, np.int32)
        self._scratch = np.empty(kernels.mask_scratch_words(shape, OPENING_PX), np.uint64)
        self._mask = np.empty(shape, np.uint8)

    def changed(self, difference: np.ndarray) -> np.ndarray:
        """(H, W) bool of a difference in counts."""
        level = np.median(difference[::2, ::2])
        np.copyto(self._raw, np.clip(4 * (difference - level), -32767, 32767), casting="unsafe")
        kernels.smooth(self._raw, self._mean, SMOOTH_PX, self._row)
        size = np.abs(self._mean)
        if self._bits == 8:
            return size > 4 * LEVELS * COUNTS_PER_LEVEL
        sigma_q2 = max(4 * LEAST_SIGMA_COUNTS, 1.4826 * float(np.median(size[::2, ::2])))
        return size > SIGMAS * sigma_q2

    def read(self, changed: np.ndarray, now_s: float) -> Reading:
        np.multiply(changed, np.uint8(255), out=self._mask, casting="unsafe")
        kernels.open_mask(self._mask, self._scratch, OPENING_PX)
        score = kernels.area(self._mask) / self._area_px
        if now_s < LEARN_S:
            return Reading(nan, "INHIBIT", 0, self._mask)
        return Reading(score, "", 0, self._mask)


def counts_of(pixels: np.ndarray) -> np.ndarray:
    """(H, W) float32 counts; 8-bit levels are 64 counts each."""
    frame = pixels.astype(np.float32)
    return frame * np.float32(COUNTS_PER_LEVEL) if pixels.dtype == np.uint8 else frame


def methods() -> list[Method]:
    common = (
        f"level taken out, {SMOOTH_PX}x{SMOOTH_PX} mean, |d| > {LEVELS:g} levels (8 bit) or"
        f" {SIGMAS:g} sigma, opening {OPENING_PX}x{OPENING_PX}"
    )
    return [
        Method("difference", "frame difference", f"lag {LAG_S:g} s; {common}",
               lambda f: Differencing(f, Lagged())),
        Method("ema", "exponential mean", f"time constant {EMA_S:g} s; {common}",
               lambda f: Differencing(f, Smoothed())),
        Method("median", "running median", f"{MEDIAN_SAMPLES} samples, one a second; {common}",
               lambda f: Differencing(f, Median())),
        Method("mog2", "MOG2 (OpenCV)", f"history {MOG2_HISTORY}, varThreshold {MOG2_VAR:g},"
               " own rate, level taken out, opening 3x3", Mixture),
        Method("sigma-delta", "sigma-delta", f"one unit a frame, N = {SIGMA_DELTA_N},"
               " level taken out, opening 3x3", SigmaDelta),
    ]  # fmt: skip
