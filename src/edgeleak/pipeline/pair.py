# SPDX-License-Identifier: Apache-2.0
"""Lit minus dark: what the LED's own light adds to the picture, the passive scene cancelled.

With alternating light the pipeline judges the dark frames; a lit one before them waits here.  The
pair closes on the dark frame, because motion is judged on dark frames: one that moved between this
dark frame and the last one, around the lit frame, is known by then.  One int16 view holds the lit
frame first and then the difference, so a pair costs one plane and no other copy.
"""

from enum import IntEnum

import numpy as np

from edgeleak.frame import FrameInfo
from edgeleak.pipeline.arena import Arena


class PairState(IntEnum):
    """What `Pair.difference` holds, or why it holds nothing."""

    NONE = 0  # no lit frame came before this one
    WAITING = 1  # a lit frame waits for its dark one
    READY = 2  # lit minus dark of the frame just judged
    DROPPED = 3  # frames are missing between the two, or are not numbered
    WRONG_PHASE = 4  # two lit frames in turn
    MOVED = 5  # the camera moved, or nobody can tell
    UNFIT = 6  # one of the two is torn, shuttered, frozen, clipped, or of another correction


class Pair:
    """What active light adds, pair by pair; belongs to the pipeline's thread.

    difference : (H, W) int16 counts, lit minus dark, corrected; valid while `is_ready`
    state      : after each step
    lit        : facts of the lit frame of the pair, or of the one that waits
    ready, refused : pairs so far
    """

    def __init__(self, arena: Arena) -> None:
        self._counts = arena["counts"].view(np.int16)  # 14 bits fit
        self._plane = arena["pair"]
        self.difference = arena.view("pair")
        self.state, self.lit = PairState.NONE, FrameInfo()
        self.ready = self.refused = 0

    @property
    def is_ready(self) -> bool:
        return self.state is PairState.READY

    def reset(self) -> None:
        """What waits has no partner any more."""
        if self.state is PairState.WAITING:
            self._refuse(PairState.UNFIT)
        else:
            self.state = PairState.NONE

    def keep_lit(self, info: FrameInfo) -> None:
        """A corrected lit frame is in `counts`."""
        if self.state is PairState.WAITING:
            self._refuse(PairState.WRONG_PHASE)
            return
        np.copyto(self._plane, self._counts)
        self.state, self.lit = PairState.WAITING, info

    def close(self, info: FrameInfo, is_fit: bool, is_still: bool) -> None:
        """A judged frame is in `counts`: the dark one of a pair, if a lit one waits.

        is_fit   : nothing speaks against its pixels
        is_still : the camera is proven still up to this frame
        """
        if self.state is not PairState.WAITING:
            self.state = PairState.NONE
            return
        lit = self.lit
        if info.led_on:
            self._refuse(PairState.WRONG_PHASE)
        elif info.sequence != lit.sequence + 1 or info.drops != lit.drops:
            self._refuse(PairState.DROPPED)
        elif not is_fit or info.nuc_id != lit.nuc_id:
            self._refuse(PairState.UNFIT)
        elif not is_still:
            self._refuse(PairState.MOVED)
        else:
            np.subtract(self._plane, self._counts, out=self._plane)
            self.state = PairState.READY
            self.ready += 1

    def _refuse(self, state: PairState) -> None:
        self.state = state
        self.refused += 1
