# SPDX-License-Identifier: Apache-2.0
"""Virtual plumes: methane of a known column, put into copies of real raw frames.

A plume is some dozens of puffs that leave a root, drift, wander and grow; each carries its own
amount, so columns fluctuate as in a turbulent plume.  `column_ppm_m` is the mean over time at the
densest place.  In each pixel the gas takes a share of the light behind it (Beer-Lambert) and sends
out its own: counts + share x (counts of the air - counts), which makes it darker before what is
warmer than the air and brighter before what is colder.
"""

from math import cos, exp, pi, sin
from typing import NamedTuple

import numpy as np

from edgeleak.events.absorption import absorbed
from edgeleak.frame import EIGHT_BIT_SHIFT, MAX_COUNTS

UNITY_Q14 = 1 << 14
PUFFS_PER_S = 12.0
LIFE_S = 4.0
ROOT_SHARE, END_SHARE = 0.08, 0.30
"""Sigma of a puff at its root and at its end, of the plume's length."""
FLICKER = 0.5
"""Spread of the logarithm of what puffs carry: with a dozen in view a column fluctuates by a
quarter of its mean, as measured plumes do by a fifth and more."""
MARGIN_SHARE, FADE_SHARE = 0.4, 0.25
"""Room beside a plume, of its length; the outermost part of the box fades it out, or much gas would
end in a sharp edge there, as no gas does."""
NORM_S = 6.0
LENGTH_SHARE = 0.2
"""Of the picture's longer side."""


class Place(NamedTuple):
    """Where a plume begins (x, y in pixels), where it goes (degrees, 90 is up), how far."""

    x: float
    y: float
    toward_deg: float
    length_px: float

    def points(self) -> tuple[float, float, float, float]:
        """Box round what it can reach: left, top, right, bottom."""
        dx, dy = cos(self.toward_deg * pi / 180), -sin(self.toward_deg * pi / 180)
        end_x, end_y = self.x + dx * self.length_px, self.y + dy * self.length_px
        wide = MARGIN_SHARE * self.length_px
        return (min(self.x, end_x) - wide, min(self.y, end_y) - wide,
                max(self.x, end_x) + wide, max(self.y, end_y) + wide)  # fmt: skip


class Plume:
    """One plume; `step` advances it, `column` is its picture.

    shape        : (H, W) of the frames
    place        : see Place
    column_ppm_m : mean over time at its densest pixel
    """

    def __init__(self, shape: tuple[int, int], place: Place, column_ppm_m: float,
                 seed: int) -> None:  # fmt: skip
        self.place, self.column_ppm_m = place, column_ppm_m
        self._rng = np.random.default_rng(seed)
        left, top, right, bottom = place.points()
        rows = slice(max(0, int(top)), min(shape[0], int(bottom) + 1))
        columns = slice(max(0, int(left)), min(shape[1], int(right) + 1))
        self.part = rows, columns
        self._y = np.arange(rows.start, rows.stop, dtype=np.float32)
        self._x = np.arange(columns.start, columns.stop, dtype=np.float32)
        self._fade = np.outer(_fade(len(self._y)), _fade(len(self._x)))
        self._toward = np.array(
            [cos(place.toward_deg * pi / 180), -sin(place.toward_deg * pi / 180)]
        )
        self._owed = 0.0
        self._puffs = np.zeros((0, 5))  # age, along, across, speed across, amount
        self._scale = 1.0
        self._scale = self._normal()

    def _normal(self) -> float:
        """What makes the densest place hold the wanted mean column."""
        total = np.zeros((len(self._y), len(self._x)), np.float32)
        steps = round(NORM_S / 0.1)
        for _ in range(round(LIFE_S / 0.1)):
            self.step(0.1)
        for _ in range(steps):
            self.step(0.1)
            total += self.column()
        return self.column_ppm_m / max(float(total.max()) / steps, 1e-9)

    def step(self, dt_s: float) -> None:
        """Let time pass."""
        puffs, length = self._puffs, self.place.length_px
        puffs[:, 0] += dt_s
        puffs[:, 1] += dt_s * length / LIFE_S
        keep = exp(-dt_s / 0.6)
        kick = (1 - keep**2) ** 0.5 * 0.10 * length
        puffs[:, 3] = keep * puffs[:, 3] + kick * self._rng.standard_normal(len(puffs))
        puffs[:, 2] += dt_s * puffs[:, 3]
        self._puffs = np.concatenate([puffs[puffs[:, 0] < LIFE_S], self._fresh(dt_s)])

    def _fresh(self, dt_s: float) -> np.ndarray:
        self._owed += PUFFS_PER_S * dt_s
        count = int(self._owed)
        self._owed -= count
        made = np.zeros((count, 5))
        made[:, 0] = self._rng.uniform(0, dt_s, count)
        made[:, 1] = made[:, 0] * self.place.length_px / LIFE_S
        made[:, 3] = 0.10 * self.place.length_px * self._rng.standard_normal(count)
        made[:, 4] = np.exp(FLICKER * self._rng.standard_normal(count))
        return made

    def column(self) -> np.ndarray:
        """ppm m inside `part`, float32."""
        puffs, place = self._puffs, self.place
        if not len(puffs):
            return np.zeros((len(self._y), len(self._x)), np.float32)
        age = puffs[:, 0] / LIFE_S
        sigma = (ROOT_SHARE + (END_SHARE - ROOT_SHARE) * age) * place.length_px / 2
        x = place.x + puffs[:, 1] * self._toward[0] - puffs[:, 2] * self._toward[1]
        y = place.y + puffs[:, 1] * self._toward[1] + puffs[:, 2] * self._toward[0]
        height = self._scale * puffs[:, 4] * np.minimum(1, 4 * (1 - age)) / sigma**2
        half = 0.5 / sigma**2
        down = np.exp(-half * (self._y[:, None] - y) ** 2) * height
        across = np.exp(-half * (self._x[:, None] - x) ** 2)
        return (down.astype(np.float32) @ across.astype(np.float32).T) * self._fade


def _fade(length: int) -> np.ndarray:
    """1 in the middle, smoothly 0 at both ends, float32."""
    to_edge = np.minimum(np.arange(length), np.arange(length)[::-1]) / max(length, 1)
    return np.sin(np.clip(to_edge / FADE_SHARE, 0, 1) * (pi / 2)).astype(np.float32) ** 2


class Injector:
    """Puts plumes into copies of raw frames.

    air_counts : corrected counts of a black surface of air temperature
    gain_q14, offset : correction of the pipeline, (H, W) int16; None: frames are corrected
    """

    def __init__(self, air_counts: float, gain_q14: np.ndarray | None, offset: np.ndarray | None,
                 seed: int = 0) -> None:  # fmt: skip
        self.air_counts = air_counts
        self._gain, self._offset = gain_q14, offset
        self._rng = np.random.default_rng(seed)

    def inject(self, raw: np.ndarray, plumes: list[Plume]) -> np.ndarray:
        """A copy of the frame with the plumes as they are now.

        raw : (H, W) uint16 counts, or uint8 video

        Fractions of a count are rounded up or down by chance, so that a contrast of a third of a
        count is a third of a count in the mean.  Clips at the ends of the range.
        """
        made = raw.copy()
        for plume in plumes:
            part = plume.part
            share = absorbed(plume.column())
            made[part] = self._mixed(made[part], share, part)
        return made

    def _mixed(self, raw: np.ndarray, share: np.ndarray, part: tuple[slice, slice]) -> np.ndarray:
        is_video = raw.dtype == np.uint8
        counts = raw.astype(np.float32)
        if is_video:
            counts *= 1 << EIGHT_BIT_SHIFT
        gain = 1.0
        corrected = counts
        if self._gain is not None and self._offset is not None:
            gain = np.maximum(self._gain[part], 1).astype(np.float32) / UNITY_Q14
            corrected = counts * gain + self._offset[part]
        counts = counts + share * (self.air_counts - corrected) / gain
        if is_video:
            counts /= 1 << EIGHT_BIT_SHIFT
        counts += self._rng.random(counts.shape, np.float32)
        top = 255 if is_video else MAX_COUNTS
        return np.clip(np.floor(counts), 0, top).astype(raw.dtype)
