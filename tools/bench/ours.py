# SPDX-License-Identifier: Apache-2.0
"""EdgeLeak's side of the table: staged kernels, the fused chain, the pipeline."""

import numpy as np
from frames import Course, align_all, aligned, log_levels
from peers import THRESHOLD_LEVELS

from edgeleak.kernels import (
    PaperChain,
    agc,
    background_step,
    clahe,
    log_lut,
    nuc,
    replace_bad_pixels,
)

EPS_Q8 = 256  # one level


class Arena:
    """The arrays of profile `paper` for one course."""

    def __init__(self, course: Course) -> None:
        shape = course.shape
        self.course, self.lut = course, log_lut(*log_levels())
        self.counts = np.empty(shape, np.uint16)
        self.grey = np.empty(shape, np.uint8)
        self.background = np.zeros(shape, np.uint16)
        self.difference, self.mask = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
        align_all(self)


class StagedChain(Arena):
    """One kernel after the other, as a user of edgeleak.kernels calls them."""

    def step(self, index: int) -> np.ndarray:
        course = self.course
        np.copyto(self.counts, course.raw[index])
        nuc(self.counts, course.gain_q14, course.offset)
        replace_bad_pixels(self.counts, course.bad_table)
        agc(self.counts, self.lut, self.grey)
        clahe(self.grey)
        self.compare()
        return self.mask

    def compare(self) -> None:
        background_step(
            self.grey, self.background, self.difference, self.mask, EPS_Q8, THRESHOLD_LEVELS
        )


class FusedChain(Arena):
    """PaperChain; it reads the frame where it is and corrects it into the arena."""

    def __init__(self, course: Course) -> None:
        super().__init__(course)
        self.chain = PaperChain(
            self.counts,
            self.grey,
            self.background,
            self.difference,
            self.mask,
            self.lut,
            gain_q14=course.gain_q14,
            offset=course.offset,
            bad_pixels=course.bad_table,
            eps_q8=EPS_Q8,
            threshold=THRESHOLD_LEVELS,
        )

    def step(self, index: int) -> np.ndarray:
        self.chain.step(self.course.raw[index])
        return self.mask


def corrected_counts(course: Course) -> list[np.ndarray]:
    """Every frame of the course after NUC and bad pixels."""
    frames = [aligned(frame) for frame in course.raw]
    for frame in frames:
        nuc(frame, course.gain_q14, course.offset)
        replace_bad_pixels(frame, course.bad_table)
    return frames


def grey_levels(course: Course) -> list[np.ndarray]:
    """The same after gain control, before CLAHE."""
    lut, frames = log_lut(*log_levels()), []
    for counts in corrected_counts(course):
        grey = aligned(np.empty(counts.shape, np.uint8))
        agc(counts, lut, grey)
        frames.append(grey)
    return frames
