# SPDX-License-Identifier: Apache-2.0
"""Pictures, or parts of them, that come again: buffers that a source gives out once more.

A live row of 14-bit counts is never the same twice, so a row seen before is an old one.  Looked
at as often as the gain control; the guard compares each frame with the one before besides.
"""

from zlib import crc32

import numpy as np

BANDS = 8
KEPT = 8
"""Looks that a row is compared with: as many stuck buffers in turn are found."""
LEAST_ROW_PX = 64
"""Fewer pixels can be the same by chance; narrow pictures take several rows."""


class Repeats:
    """A row from each of eight bands of the picture, against the last eight looks."""

    def __init__(self, raw: np.ndarray) -> None:
        h, w = raw.shape
        rows = min(h, -(-LEAST_ROW_PX // w))
        bands = max(1, min(BANDS, h // rows))
        starts = [(2 * band + 1) * h // (2 * bands) for band in range(bands)]
        self._rows = [raw[min(start, h - rows) :][:rows] for start in starts]
        self._parts = [row.reshape(-1).view(np.uint8).data for row in self._rows]
        self._whole = raw.reshape(-1).view(np.uint8).data
        self._seals = [[-1] * KEPT for _ in range(bands)]
        self._next = 0

    def look(self, is_eight_bit: bool) -> bool:
        """True when a part of the raw counts was there before.

        Of 8-bit video only the whole picture counts: compression repeats parts that are still.
        """
        found = False
        if is_eight_bit:
            found = self._is_old(self._seals[0], crc32(self._whole))
        else:
            for band, part in enumerate(self._parts):
                if self._is_old(self._seals[band], crc32(part)):
                    row = self._rows[band]
                    found = found or bool((row != row[0, 0]).any())  # a dark border is no picture
        self._next = (self._next + 1) % KEPT
        return found

    def _is_old(self, seals: list[int], seal: int) -> bool:
        is_old = seal in seals
        seals[self._next] = seal
        return is_old
