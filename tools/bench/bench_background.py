# SPDX-License-Identifier: Apache-2.0
"""Background, difference and mask in one pass, beside what OpenCV needs for the same.

    tools/bench/bench_background.py [--rounds 9]

One thread each, everybody takes turns; ns per pixel are minima, the ratio is the median of the
rounds' own ratios.  Masks are compared first: a fast wrong answer stops the program.  All
arrays, OpenCV's too, start at a cache line as those of the camera do: where NumPy puts them, 16
bytes behind one, ours takes half as long again.  "Whole levels" keeps 8 bits of background and
can step by whole levels only; "any epsilon" does what ours does.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from frames import align_all, aligned
from peers import THRESHOLD_LEVELS, AnyStepBackground, OneLevelBackground
from timing import paired_ratio, race

from edgeleak.kernels import background_step

SHAPES = ((480, 640), (240, 320), (120, 160))
FRAMES = 16
THRESHOLD_Q2 = 40


def moving_counts(shape: tuple[int, int]) -> list[np.ndarray]:
    """14-bit frames: a scene, noise, and a square 40 counts colder that moves."""
    rng = np.random.default_rng(5)
    scene = 6000 + 1500 * rng.random((shape[0] // 8 + 1, shape[1] // 8 + 1))
    scene = cv2.resize(scene, shape[::-1], interpolation=cv2.INTER_CUBIC)
    frames = []
    for k in range(FRAMES):
        frame = scene + rng.normal(0, 3, shape)
        frame[20:60, 10 + 2 * k : 50 + 2 * k] -= 40
        frames.append(aligned(frame.round().astype(np.uint16)))
    return frames


class OpenCvCounts:
    """The counts step with OpenCV on uint16: shift, signed difference, mask, two masked moves."""

    def __init__(self, first: np.ndarray, eps_q2: int) -> None:
        shape = first.shape
        self.background = first << 2
        self.eps = np.full(shape, eps_q2, np.uint16)
        self.scaled, self.difference = np.empty(shape, np.uint16), np.empty(shape, np.int16)
        self.size = np.empty(shape, np.uint16)
        self.mask, self.up = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
        self.down = np.empty(shape, np.uint8)
        align_all(self)

    def step(self, counts: np.ndarray) -> np.ndarray:
        np.left_shift(counts, 2, out=self.scaled)
        cv2.subtract(self.scaled, self.background, dst=self.difference, dtype=cv2.CV_16S)
        cv2.absdiff(self.scaled, self.background, dst=self.size)
        cv2.compare(self.size, THRESHOLD_Q2, cv2.CMP_GT, dst=self.mask)
        cv2.compare(self.scaled, self.background, cv2.CMP_GE, dst=self.up)
        cv2.bitwise_not(self.up, dst=self.down)
        cv2.add(self.background, self.eps, dst=self.background, mask=self.up)
        cv2.subtract(self.background, self.eps, dst=self.background, mask=self.down)
        return self.mask


class Ours:
    def __init__(self, first: np.ndarray, eps: int, threshold: int, **options: object) -> None:
        is_grey = first.dtype == np.uint8
        self.background = first.astype(np.uint16) << (8 if is_grey else 2)
        self.difference = np.empty(first.shape, np.uint8 if is_grey else np.int16)
        self.mask = np.empty(first.shape, np.uint8)
        self.eps, self.threshold, self.options = eps, threshold, options
        align_all(self)

    def step(self, frame: np.ndarray) -> np.ndarray:
        background_step(frame, self.background, self.difference, self.mask, self.eps,
                        self.threshold, **self.options)  # fmt: skip
        return self.mask


def grey_contestants(frames: list[np.ndarray]) -> dict[str, object]:
    one, mixture = OneLevelBackground(frames[0].shape), cv2.createBackgroundSubtractorMOG2()
    mixture.setDetectShadows(False)
    one.level[...] = frames[0]
    floats = AnyStepBackground(frames[0].shape, 1.0)
    floats.level[...] = frames[0]
    mixed = aligned(np.empty(frames[0].shape, np.uint8))
    align_all(one)
    align_all(floats)
    return {
        "ours, grey": Ours(frames[0], 256, THRESHOLD_LEVELS).step,
        "ours, grey, selective": Ours(frames[0], 256, THRESHOLD_LEVELS, selective=True).step,
        "OpenCV, whole levels": one.step,
        "OpenCV, any epsilon (float)": floats.step,
        "OpenCV MOG2": lambda grey: mixture.apply(grey, mixed),
    }


def counts_contestants(frames: list[np.ndarray]) -> dict[str, object]:
    noise = aligned(np.full(frames[0].shape, 12, np.uint16))
    scaled = {"noise": noise, "noise_gain_q4": 56, "noise_eps": 1}
    return {
        "ours, counts": Ours(frames[0], 4, THRESHOLD_Q2).step,
        "ours, counts, noise": Ours(frames[0], 4, THRESHOLD_Q2, **scaled).step,
        "OpenCV, counts": OpenCvCounts(frames[0], 4).step,
    }


def check_same(frames: list[np.ndarray], ours: object, theirs: object) -> None:
    for frame in frames:
        if not np.array_equal(ours(frame), theirs(frame)):
            sys.exit("bench_background: the masks differ; the times would mean nothing")


def report(frames: list[np.ndarray], contestants: dict[str, object], rounds: int) -> None:
    runs = {name: lambda k, s=step: s(frames[k]) for name, step in contestants.items()}
    timings = race(runs, rounds, FRAMES)
    ours = timings[next(iter(contestants))]
    for name, timing in timings.items():
        ns = timing.best_ns / frames[0].size
        print(f"  {name:30} {ns:8.3f} ns/px   {paired_ratio(timing, ours):7.2f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    cv2.setNumThreads(1)
    for shape in SHAPES:
        counts = moving_counts(shape)
        levels = [np.clip((c.astype(int) - 5500) // 10, 0, 254) for c in counts]
        grey = [aligned(level.astype(np.uint8)) for level in levels]
        first = grey_contestants(grey)
        check_same(grey, first["ours, grey"], first["OpenCV, whole levels"])
        second = counts_contestants(counts)
        check_same(counts, second["ours, counts"], second["OpenCV, counts"])
        print(f"{shape[1]}x{shape[0]}")
        report(grey, grey_contestants(grey), rounds)
        report(counts, counts_contestants(counts), rounds)


if __name__ == "__main__":
    main()
