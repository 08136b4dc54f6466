# SPDX-License-Identifier: Apache-2.0
"""Run in a process of its own under count_allocations.so: prints calls and block growth."""

import ctypes
import gc
import sys

import numpy as np

from edgeleak.frame import FrameInfo
from edgeleak.pipeline import Pipeline

WARM_UP, STEPS = 1_000, 10_000


class Leaky(Pipeline):
    """The seeded defect: one array a step."""

    def step(self, frame, info=None):
        verdict = super().step(frame, info)
        np.empty(self.shape, np.uint16)
        return verdict


def main(profile: str, kind: str, library: str) -> None:
    counter = ctypes.CDLL(library)
    counter.el_count_stop.restype = ctypes.c_long
    rng = np.random.default_rng(1)
    shape = (66, 80)  # large enough for the guard against camera motion
    y, x = np.indices(shape)
    scene = 5000 + 20 * x + 200 * np.sin(x / 5) + 100 * np.sin(y / 4) * np.cos(x / 7)
    frames = [(scene + rng.normal(0, 3, shape)).astype(np.uint16) for _ in range(97)]
    if kind == "eight-bit":
        frames = [(frame >> 6).astype(np.uint8) for frame in frames]
    for frame in frames:
        if kind == "saturated":
            frame[:, :16] = 16383
        if kind == "dark":
            frame[:, :16] = 0
    infos = [FrameInfo(i, 1 + i * 33_000_000) for i in range(WARM_UP + STEPS)]
    pipeline = (Leaky if kind == "leaky" else Pipeline)(shape, profile, is_corrected=True)
    # collect() empties the interpreter's free lists; the second half of the warm-up refills them.
    for i in range(WARM_UP // 2):
        pipeline.step(frames[i % 97], infos[i])
    gc.collect()
    gc.disable()
    for i in range(WARM_UP // 2, WARM_UP):
        pipeline.step(frames[i % 97], infos[i])
    # Both are called once before, so that their own first-call allocations are over.
    counter.el_count_start()
    counter.el_count_stop()
    blocks = sys.getallocatedblocks()
    counter.el_count_start()
    for i in range(WARM_UP, WARM_UP + STEPS):
        pipeline.step(frames[i % 97], infos[i])
    calls = counter.el_count_stop()
    grown = sys.getallocatedblocks() - blocks
    print(calls, grown, str(pipeline.verdict))


if __name__ == "__main__":
    main(*sys.argv[1:])
