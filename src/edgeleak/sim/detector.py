# SPDX-License-Identifier: Apache-2.0
"""What the simulated detector adds to the light: fixed pattern, noise, bad pixels.

Levels follow what `flat-fields-640x480` and `blackbody-320x240` show of real sensors
(column stripes of tens of counts, vignetting of hundreds, 57 counts/K, 2..3 counts of noise);
the sensor itself is this project's own definition of EL-1.
"""

from dataclasses import dataclass

import numpy as np

from edgeleak.frame import MAX_COUNTS

RESPONSE_COUNTS_PER_K = 57.0
COUNTS_AT_20_DEGC = 5200.0
NOISE_COUNTS = 2.1
"""Temporal noise of a good pixel: an NETD of 37 mK."""

DEAD, STUCK, HOT, FLICKERING = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class FixedPattern:
    """What the factory left in the pixels; all (H, W).

    gain    : float32, mean 1
    offset  : float32, counts
    defects : uint8, 0 good, else DEAD, STUCK, HOT, FLICKERING
    """

    gain: np.ndarray
    offset: np.ndarray
    defects: np.ndarray


def ideal_counts(temp_degc: np.ndarray | float) -> np.ndarray | float:
    """Counts of a perfect pixel; linear in temperature, which holds over some tens of kelvin."""
    return COUNTS_AT_20_DEGC + RESPONSE_COUNTS_PER_K * (temp_degc - 20.0)


def make_fixed_pattern(rng: np.random.Generator, shape: tuple[int, int],
                       bad_share: float) -> FixedPattern:  # fmt: skip
    """Draw the fixed pattern of one specimen."""
    height, width = shape
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    shading = -220 * (x * x + y * y)
    stripes = rng.normal(0, 45, (1, width)) + rng.normal(0, 6, (height, 1))
    offset = shading + stripes + rng.normal(0, 30, shape)
    gain = 1 + rng.normal(0, 0.02, shape) + rng.normal(0, 0.006, (1, width)) - 0.03 * (x * x)
    return FixedPattern(
        gain.astype(np.float32), offset.astype(np.float32), _defects(rng, shape, bad_share)
    )


def _defects(rng: np.random.Generator, shape: tuple[int, int], bad_share: float) -> np.ndarray:
    defects = np.zeros(shape, np.uint8)
    count = round(bad_share * defects.size)
    places = rng.choice(defects.size, count, replace=False)
    defects.flat[places] = rng.integers(DEAD, FLICKERING + 1, count)
    for place in places[: count // 20]:  # real sensors also have small clusters
        row, col = divmod(int(place), shape[1])
        defects[row : row + 2, col : col + 2] = DEAD
    return defects


class Readout:
    """Turns ideal counts into what the sensor sends."""

    def __init__(self, pattern: FixedPattern, rng: np.random.Generator) -> None:
        self._pattern = pattern
        self._rng = rng
        self._bad = [np.flatnonzero(pattern.defects == kind) for kind in (1, 2, 3, 4)]
        self._noise = np.empty(pattern.gain.shape, np.float32)

    def expose(self, ideal: np.ndarray, counts: np.ndarray) -> None:
        """One exposure.

        ideal  : (H, W) float32 counts, destroyed
        counts : (H, W) uint16, 14-bit, overwritten
        """
        ideal *= self._pattern.gain
        ideal += self._pattern.offset
        self._rng.standard_normal(out=self._noise, dtype=np.float32)
        self._noise *= NOISE_COUNTS
        ideal += self._noise
        np.rint(ideal, out=ideal)
        np.clip(ideal, 0, MAX_COUNTS, out=ideal)
        np.copyto(counts, ideal, casting="unsafe")
        self._break(counts.reshape(-1))

    def _break(self, flat: np.ndarray) -> None:
        dead, stuck, hot, flickering = self._bad
        flat[dead] = 0
        flat[stuck] = MAX_COUNTS
        flat[hot] = np.minimum(flat[hot] + np.uint16(2500), MAX_COUNTS)
        on = self._rng.random(flickering.size) < 0.5
        flat[flickering[on]] = np.minimum(flat[flickering[on]] + np.uint16(180), MAX_COUNTS)
