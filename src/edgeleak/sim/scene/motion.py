# SPDX-License-Identifier: Apache-2.0
"""Where the camera points: hand tremor, slow sway, a pan, a knock."""

import math

import numpy as np

TREMOR_S, SWAY_S = 0.09, 1.1


class CameraMotion:
    """Offset of the picture in pixels, frame by frame.

    shake_px      : deviation of the hand's motion; 0 is a tripod
    pan_px_per_s  : speed of the pan, positive looks to the right
    pan_from_s, pan_to_s : when
    """

    def __init__(self, rng: np.random.Generator, fps: float, shake_px: float, pan_px_per_s: float,
                 pan_from_s: float, pan_to_s: float) -> None:  # fmt: skip
        self._rng, self._fps, self._shake_px = rng, fps, shake_px
        self._pan = (pan_px_per_s, pan_from_s, pan_to_s)
        self._states = np.zeros((2, 2))

    @staticmethod
    def margin_px(shake_px: float, pan_px: float) -> tuple[int, int, int]:
        """Pixels that the world must hold beyond the picture: above and below, left, right."""
        around = math.ceil(5 * shake_px) + 2 if shake_px else 2
        return around, around + math.ceil(max(0.0, -pan_px)), around + math.ceil(max(0.0, pan_px))

    def step(self, time_s: float) -> tuple[float, float]:
        """(dx, dy) of this frame: pixels to the right and down that the camera looks off centre."""
        speed, begin, end = self._pan
        pan = speed * (min(max(time_s, begin), end) - begin)
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
