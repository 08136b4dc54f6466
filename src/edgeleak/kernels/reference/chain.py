# SPDX-License-Identifier: Apache-2.0
"""NumPy reference for kernels/chain: the kernels of profile `paper` one after the other."""

import numpy as np

from edgeleak.kernels.reference.agc import agc
from edgeleak.kernels.reference.background import background_step
from edgeleak.kernels.reference.clahe import clahe
from edgeleak.kernels.reference.nuc import check_bad_pixel_table, nuc, replace_bad_pixels


class PaperChain:
    """See edgeleak.kernels.PaperChain; same contract, any speed."""

    def __init__(
        self,
        counts,
        grey,
        background,
        difference,
        mask,
        lut,
        *,
        gain_q14=None,
        offset=None,
        bad_pixels=None,
        tiles=(8, 8),
        clip_limit=2.0,
        eps_q8=256,
        threshold=8,
    ):
        if (gain_q14 is None) != (offset is None):
            raise ValueError("gain_q14 and offset belong together: give both or neither")
        self.counts, self.grey, self.background = counts, grey, background
        self.difference, self.mask = difference, mask
        self.gain_q14, self.offset = gain_q14, offset
        table = np.empty((0, 5), np.int32) if bad_pixels is None else bad_pixels
        check_bad_pixel_table(table, counts.size)
        self.bad_pixels = table.copy()
        self.tiles, self.clip_limit = tiles, clip_limit
        self.eps_q8, self.threshold = eps_q8, threshold
        self.set_lut(lut)

    def set_lut(self, lut):
        """Copy *lut*, (16384,) uint8, for this and the next steps."""
        self.lut = lut.copy()

    def step(self, raw=None):
        """Run the chain once; returns the pixels of the mask."""
        if raw is not None:
            self.counts[...] = raw
        if self.gain_q14 is not None:
            nuc(self.counts, self.gain_q14, self.offset)
        replace_bad_pixels(self.counts, self.bad_pixels)
        agc(self.counts, self.lut, self.grey)
        clahe(self.grey, self.tiles, self.clip_limit)
        background_step(
            self.grey, self.background, self.difference, self.mask, self.eps_q8, self.threshold
        )
        return int(np.count_nonzero(self.mask))
