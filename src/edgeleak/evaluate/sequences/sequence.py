# SPDX-License-Identifier: Apache-2.0
"""A sequence: frames in order, as often as wanted, and the truth where it is known.

A comparison reads a sequence twice (references, then methods) rather than
holding 1000 frames: memory stays at a few frames whatever the length.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Sequence:
    """Frames of one shape.

    name     : short, used in file names and tables
    note     : what it is made of, one line
    shape    : (H, W)
    bits     : 14 = (H, W) uint16 counts 0..16383; 8 = (H, W) uint8 levels
    n_frames : how many it has
    frames   : gives a fresh iterator over the frames from the first
    truth    : index -> (H, W) float32 noise-free frame in the same unit, or None
    events   : frame number (from 1) -> what happens there
    """

    name: str
    note: str
    shape: tuple[int, int]
    bits: int
    n_frames: int
    frames: Callable[[], Iterator[np.ndarray]]
    truth: Callable[[int], np.ndarray] | None = None
    events: tuple[tuple[int, str], ...] = ()

    @property
    def peak(self) -> int:
        return (1 << self.bits) - 1
