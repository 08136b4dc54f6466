# SPDX-License-Identifier: Apache-2.0
"""Bad pixels known by now: those of the factory, and those that a correction has found."""

import numpy as np

from edgeleak.calibration.bad_pixels import bad_pixel_table
from edgeleak.calibration.model import Calibration

ODD_SIGMA = 8.0
"""Offsets this far out belong to bad pixels, on a sensor without a factory table."""
SPARSE = 4


class KnownBad:
    """Grows from one correction to the next.

    base : factory calibration, with its table
    """

    def __init__(self, base: Calibration) -> None:
        self._find_odd = not len(base.bad_pixels) and base.nuc_id < 0
        self._bad = np.zeros(base.shape, bool)
        self._bad.flat[base.bad_pixels[:, 0]] = True

    def add(self, flickers: np.ndarray, offset: np.ndarray) -> np.ndarray | None:
        """The table of all that are known now; None where no new one was found.

        flickers : (H, W) bool, of the pictures of this correction
        offset   : that came of them
        """
        found = flickers
        if self._find_odd:
            self._find_odd = False
            found = found | _odd_pixels(offset)
        found = found & ~self._bad
        if not found.any():
            return None
        self._bad |= found
        return bad_pixel_table(self._bad)


def _odd_pixels(offset: np.ndarray) -> np.ndarray:
    """Where offsets cannot be right, looked for once, without a table of the factory."""
    sparse = offset[::SPARSE, ::SPARSE]
    middle = np.median(sparse)
    spread = 1.4826 * np.median(np.abs(sparse - middle))
    return np.asarray(np.abs(offset - middle) > ODD_SIGMA * max(float(spread), 1.0))
