# SPDX-License-Identifier: Apache-2.0
"""Warm things that move and are no gas, painted over the light of the scene."""

import math
from collections.abc import Callable

import numpy as np


class Brush:
    """Paints soft-edged shapes given in metres into a picture of counts above black.

    picture : (H, W) float32
    pixel_m : size of a pixel at the distance of what is painted
    origin  : column and row of the thing's own zero point
    level   : counts of a temperature in degC
    """

    def __init__(self, picture: np.ndarray, pixel_m: float, origin: tuple[float, float],
                 level: Callable[[float], np.ndarray]) -> None:  # fmt: skip
        self._picture, self._pixel_m, self._origin, self._level = picture, pixel_m, origin, level

    def limb(self, start: tuple[float, float], end: tuple[float, float], radius: float,
             temp_degc: float) -> None:  # fmt: skip
        """A capsule; x to the right, y up, metres."""
        (c0, r0), (c1, r1) = self._pixel(start), self._pixel(end)
        reach = radius / self._pixel_m
        part, x, y = self._window(min(c0, c1) - reach, max(c0, c1) + reach,
                                  min(r0, r1) - reach, max(r0, r1) + reach)  # fmt: skip
        if not part.size:
            return
        bx, by = c1 - c0, r1 - r0
        along = np.clip(((x - c0) * bx + (y - r0) * by) / max(bx * bx + by * by, 1e-6), 0, 1)
        away = np.sqrt((x - c0 - along * bx) ** 2 + (y - r0 - along * by) ** 2)
        self._lay(part, reach - away, temp_degc)

    def box(self, left: float, low: float, right: float, high: float, temp_degc: float) -> None:
        """A rectangle."""
        (c0, r1), (c1, r0) = self._pixel((left, low)), self._pixel((right, high))
        part, x, y = self._window(c0, c1, r0, r1)
        if part.size:
            inside = np.minimum(np.minimum(x - c0, c1 - x), np.minimum(y - r0, r1 - y))
            self._lay(part, inside, temp_degc)

    def _pixel(self, place: tuple[float, float]) -> tuple[float, float]:
        return (self._origin[0] + place[0] / self._pixel_m,
                self._origin[1] - place[1] / self._pixel_m)  # fmt: skip

    def _window(self, left: float, right: float, top: float,
                low: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
        height, width = self._picture.shape
        c0, c1 = max(0, math.floor(left) - 1), min(width, math.ceil(right) + 2)
        r0, r1 = max(0, math.floor(top) - 1), min(height, math.ceil(low) + 2)
        part = self._picture[r0 : max(r0, r1), c0 : max(c0, c1)]
        x = np.arange(c0, max(c0, c1), dtype=np.float32)[None, :]
        y = np.arange(r0, max(r0, r1), dtype=np.float32)[:, None]
        return part, x, y

    def _lay(self, part: np.ndarray, inside_px: np.ndarray, temp_degc: float) -> None:
        share = np.clip(inside_px + 0.5, 0, 1)
        part += share * (np.float32(self._level(temp_degc)) - part)


class Crossing:
    """Walks along a row of the world from one side to the other, waits outside, comes back.

    world_px  : width of the world in pixels
    row       : of the feet
    pixel_m   : at its distance
    is_behind : the gas is nearer than it
    """

    def __init__(self, world_px: int, row: float, pixel_m: float, speed_m_per_s: float,
                 start_s: float, level: Callable[[float], np.ndarray], air_degc: float,
                 is_behind: bool = True) -> None:  # fmt: skip
        self.is_behind, self._air_degc = is_behind, air_degc
        self._span_px, self._row, self._pixel_m = world_px, row, pixel_m
        self._speed_px = speed_m_per_s / pixel_m
        self._start_s, self._level = start_s, level
        self._outside_px = 2.0 / pixel_m

    def _column(self, time_s: float) -> tuple[float, int] | None:
        """(column, way +1 or -1), or None while it is outside."""
        since_s = time_s - self._start_s
        way_px = self._span_px + 2 * self._outside_px
        crossing_s = way_px / self._speed_px
        turn, in_turn_s = divmod(since_s, 1.6 * crossing_s)
        if since_s < 0 or in_turn_s > crossing_s:
            return None
        along = in_turn_s * self._speed_px - self._outside_px
        return (along, 1) if turn % 2 == 0 else (self._span_px - along, -1)

    def advance(self, dt_s: float) -> None:
        """Nothing to carry: its place follows from the time."""

    def paint(self, picture: np.ndarray, corner: tuple[int, int], time_s: float) -> None:
        """Paint itself for one moment; see `things.Thing`."""
        place = self._column(time_s)
        if place is None:
            return
        origin = (place[0] - corner[0], self._row - corner[1])
        self._draw(Brush(picture, self._pixel_m, origin, self._level), place[1], time_s)

    def _draw(self, brush: Brush, way: int, time_s: float) -> None:
        raise NotImplementedError

    def _warm(self, own_degc: float, share: float) -> float:
        """Surface temperature: `share` of the way from the air's to the own one."""
        return self._air_degc + share * (own_degc - self._air_degc)


class Person(Crossing):
    """1.75 m, clothed, arms and legs swinging."""

    def _draw(self, brush: Brush, way: int, time_s: float) -> None:
        swing = math.sin(2 * math.pi * 0.95 * time_s)
        for side in (1, -1):
            knee = (side * 0.17 * swing, 0.45)
            brush.limb((0, 0.88), knee, 0.075, self._warm(34, 0.45))
            brush.limb(knee, (side * 0.30 * swing, 0.03), 0.055, self._warm(34, 0.4))
            hand = (-side * 0.28 * swing, 0.82)
            brush.limb((0, 1.36), hand, 0.045, self._warm(34, 0.5))
            brush.limb(hand, hand, 0.05, self._warm(34, 0.85))
        brush.limb((0, 0.88), (0, 1.42), 0.16, self._warm(34, 0.55))
        brush.limb((0, 1.62), (0.01 * way, 1.66), 0.10, self._warm(34, 0.9))


class Animal(Crossing):
    """A cat or a fox: a trotting body of 0.45 m."""

    def _draw(self, brush: Brush, way: int, time_s: float) -> None:
        swing = 0.06 * math.sin(2 * math.pi * 2.2 * time_s)
        for place in (-0.13, -0.09, 0.11, 0.15):
            swing = -swing
            brush.limb((place, 0.14), (place + swing, 0.0), 0.018, self._warm(36, 0.4))
        brush.limb((-0.13, 0.19), (0.13, 0.18), 0.06, self._warm(36, 0.6))
        brush.limb((way * 0.2, 0.26), (way * 0.21, 0.26), 0.05, self._warm(36, 0.75))
        brush.limb((-way * 0.15, 0.2), (-way * 0.3, 0.34), 0.018, self._warm(36, 0.45))


class Car(Crossing):
    """4.2 m long; glass mirrors the sky, tyres and bonnet are warm, the exhaust is hot."""

    def _draw(self, brush: Brush, way: int, time_s: float) -> None:
        air = self._air_degc
        brush.limb((-1.8, 0.62), (1.8, 0.62), 0.34, air + 3)
        brush.limb((-0.9, 1.05), (0.8, 1.05), 0.30, air + 2)
        brush.box(-0.75, 0.95, 0.65, 1.27, air - 9)
        brush.box(min(way * 1.0, way * 1.9), 0.62, max(way * 1.0, way * 1.9), 0.92, air + 17)
        for wheel in (-1.25, 1.25):
            brush.limb((wheel, 0.31), (wheel, 0.31), 0.31, air + 12)
            brush.limb((wheel, 0.31), (wheel, 0.31), 0.12, air + 4)
        brush.limb((-way * 2.1, 0.28), (-way * 2.12, 0.28), 0.05, 70.0)


KINDS: dict[str, type[Crossing]] = {"person": Person, "animal": Animal, "car": Car}
USUAL_SPEED_M_PER_S = {"person": 1.2, "animal": 0.8, "car": 5.0}
