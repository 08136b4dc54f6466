# SPDX-License-Identifier: Apache-2.0
"""Where the camera points: hand tremor, slow sway, a pan, a knock."""

import math
from dataclasses import dataclass

import numpy as np

TREMOR_S, SWAY_S = 0.09, 1.1


@dataclass(frozen=True, slots=True)
class Way:
    """One pan, or from stop to stop.

    px_per_s       : speed, positive looks to the right
    from_s, to_s   : of the one pan; with stops the first one ends at `from_s`
    stops, stop_px : stops after the first, pixels between two
    dwell_s        : time at each of them
    """

    px_per_s: float
    from_s: float
    to_s: float
    stops: int = 0
    stop_px: float = 0.0
    dwell_s: float = 0.0

    @property
    def whole_px(self) -> float:
        """How far it leads."""
        if self.stops:
            return math.copysign(self.stops * self.stop_px, self.px_per_s)
        return self.px_per_s * max(0.0, self.to_s - self.from_s)

    def at(self, time_s: float) -> float:
        """Pixels to the right."""
        if not self.stops or not self.px_per_s:
            return self.px_per_s * (min(max(time_s, self.from_s), self.to_s) - self.from_s)
        leg_s = self.stop_px / abs(self.px_per_s)
        done, since_s = divmod(max(0.0, time_s - self.from_s), leg_s + self.dwell_s)
        legs = min(self.stops, done + min(1.0, since_s / leg_s))
        return math.copysign(legs * self.stop_px, self.px_per_s)


class CameraMotion:
    """Offset of the picture in pixels, frame by frame.

    shake_px : deviation of the hand's motion; 0 is a tripod
    way      : where it looks, in pixels to the right, at a moment
    """

    def __init__(self, rng: np.random.Generator, fps: float, shake_px: float, way: "Way") -> None:
        self._rng, self._fps, self._shake_px = rng, fps, shake_px
        self._way = way
        self._states = np.zeros((2, 2))

    @staticmethod
    def margin_px(shake_px: float, pan_px: float) -> tuple[int, int, int]:
        """Pixels that the world must hold beyond the picture: above and below, left, right."""
        around = math.ceil(5 * shake_px) + 2 if shake_px else 2
        return around, around + math.ceil(max(0.0, -pan_px)), around + math.ceil(max(0.0, pan_px))

    def step(self, time_s: float) -> tuple[float, float]:
        """(dx, dy) of this frame: pixels to the right and down that the camera looks off centre."""
        pan = self._way.at(time_s)
        if not self._shake_px:
            return pan, 0.0
        for row, (last_s, share) in enumerate(((TREMOR_S, 0.35), (SWAY_S, 0.94))):
            keep = math.exp(-1 / (self._fps * last_s))
            kick = math.sqrt(1 - keep * keep) * share * self._shake_px
            self._states[row] = keep * self._states[row] + kick * self._rng.normal(size=2)
        most = 5 * self._shake_px
        dx, dy = np.clip(self._states.sum(0), -most, most)
        return pan + float(dx), float(dy)


def moved(world: np.ndarray, left: float, top: float, shape: tuple[int, int]) -> np.ndarray:
    """(H, W) float32 part of (h, w) `world` whose corner is at fractional (left, top): linear."""
    col, row = math.floor(left), math.floor(top)
    right, low = np.float32(left - col), np.float32(top - row)
    part = world[row : row + shape[0] + 1, col : col + shape[1] + 1]
    across = part[:, :-1] + right * (part[:, 1:] - part[:, :-1])
    return across[:-1] + low * (across[1:] - across[:-1])


def blurred(picture: np.ndarray) -> np.ndarray:
    """[1 4 1] / 6 both ways: a lens and pixel of 0.6 pixels deviation; the border stays."""
    out = picture.copy()
    out[1:-1] = np.float32(4 / 6) * picture[1:-1] + np.float32(1 / 6) * (picture[2:] + picture[:-2])
    soft = out.copy()
    soft[:, 1:-1] *= np.float32(4 / 6)
    soft[:, 1:-1] += np.float32(1 / 6) * (out[:, 2:] + out[:, :-2])
    return soft
