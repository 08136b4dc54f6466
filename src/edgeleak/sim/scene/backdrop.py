# SPDX-License-Identifier: Apache-2.0
"""What stands behind the gas: temperatures, drawn anew for every seed.

A backdrop fills a world larger than the picture, so that the camera can shake and pan in it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgeleak.sim.scene.yard import octave_noise


@dataclass(frozen=True)
class Backdrop:
    """One still world.

    temp_degc  : (H, W) float32 apparent temperature
    ground_row : where feet stand
    places     : (column, row) of parts that may leak
    """

    temp_degc: np.ndarray
    ground_row: float
    places: tuple[tuple[float, float], ...]


class Canvas:
    """Soft-edged shapes on a plane of temperatures; units are shares of the picture's height.

    shape  : (H, W) of the world
    scale  : pixels per unit
    centre : column and row of the picture's middle
    """

    def __init__(self, shape: tuple[int, int], scale: float, centre: tuple[float, float]) -> None:
        rows, cols = np.indices(shape, dtype=np.float32)
        self.scale, self.centre, self.shape = scale, centre, shape
        self.x = (cols + 0.5 - centre[0]) / scale
        self.y = (centre[1] - rows - 0.5) / scale
        self.temp = np.zeros(shape, np.float32)

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        """Column and row of a place."""
        return self.centre[0] + x * self.scale, self.centre[1] - y * self.scale

    def paint(self, distance: np.ndarray, temp_degc: np.ndarray | float) -> None:
        """Lay a temperature where `distance` is negative; edges one pixel wide."""
        share = np.clip(0.5 - distance * self.scale, 0, 1)
        self.temp += share * (temp_degc - self.temp)

    def box(self, left: float, low: float, right: float, high: float) -> np.ndarray:
        dx = np.maximum(left - self.x, self.x - right)
        return np.maximum(dx, np.maximum(low - self.y, self.y - high))

    def disc(self, x: float, y: float, radius: float) -> np.ndarray:
        return np.hypot(self.x - x, self.y - y) - radius

    def pipe(self, start: tuple[float, float], end: tuple[float, float], radius: float,
             temp_degc: float, sheen_k: float = 3.0) -> None:  # fmt: skip
        """A cylinder: its rims mirror sky and ground."""
        (ax, ay), bx, by = start, end[0] - start[0], end[1] - start[1]
        along = np.clip(((self.x - ax) * bx + (self.y - ay) * by) / (bx * bx + by * by), 0, 1)
        away = np.hypot(self.x - ax - along * bx, self.y - ay - along * by)
        rim = 1 - np.sqrt(np.clip(1 - (away / radius) ** 2, 0, 1))
        self.paint(away - radius, temp_degc - sheen_k * rim)


Maker = Callable[[np.random.Generator, Canvas, float], list[tuple[float, float]]]


def _rack(rng: np.random.Generator, canvas: Canvas, air_degc: float) -> list[tuple[float, float]]:
    """Pipes before a wall; flanges on the pipes."""
    rough = octave_noise(rng, canvas.shape, rng.uniform(0.8, 1.4))
    canvas.temp += np.float32(air_degc + rng.uniform(0, 8))
    canvas.temp += np.float32(rng.uniform(0.2, 0.9)) * rough
    canvas.temp += np.float32(rng.uniform(-4, 4)) * canvas.y
    ground = -0.5 + rng.uniform(0.08, 0.22)
    gravel = octave_noise(rng, canvas.shape, 0.5)
    canvas.paint(canvas.y - ground, air_degc + rng.uniform(-2, 6) + 0.7 * gravel)
    places = []
    for _ in range(rng.integers(3, 8)):
        y, radius = rng.uniform(ground + 0.08, 0.45), rng.uniform(0.012, 0.05)
        temp = air_degc + rng.normal(4, 9)
        if rng.random() < 0.35:
            x = rng.uniform(-0.6, 0.6)
            canvas.pipe((x, -0.9), (x, 0.9), radius, temp)
            places.append((x + radius, y))
        else:
            canvas.pipe((-9, y), (9, y), radius, temp)
            places.append((rng.uniform(-0.45, 0.45), y + radius))
        x, y = places[-1]
        canvas.paint(canvas.box(x - 1.3 * radius - 0.02, y - radius * 1.5, x, y + radius * 1.5),
                     temp + rng.normal(0, 2))  # fmt: skip
    return places


def _stack(rng: np.random.Generator, canvas: Canvas, air_degc: float) -> list[tuple[float, float]]:
    """A vent stack before sky, hills low in the picture."""
    zenith = air_degc - rng.uniform(15, 30)
    canvas.temp += (air_degc - 5 + (zenith - air_degc) * (canvas.y + 0.5)).astype(np.float32)
    clouds = octave_noise(rng, canvas.shape, 1.7)
    canvas.temp += np.float32(rng.uniform(0.2, 1.5)) * clouds
    crest = 0.03 * octave_noise(rng, (1, canvas.shape[1]), 1.2)[0]
    horizon = -0.5 + rng.uniform(0.1, 0.3)
    hills = octave_noise(rng, canvas.shape, 0.9)
    canvas.paint(canvas.y - horizon - crest, air_degc + rng.uniform(-1, 5) + 0.6 * hills)
    x, top, radius = rng.uniform(-0.35, 0.35), rng.uniform(-0.1, 0.2), rng.uniform(0.01, 0.03)
    canvas.pipe((x, -2.0), (x, top), radius, air_degc + rng.uniform(0, 8))
    return [(x, top + 0.01)]


def _yard(rng: np.random.Generator, canvas: Canvas, air_degc: float) -> list[tuple[float, float]]:
    """Sky, trees, tanks and a pipe."""
    _stack(rng, canvas, air_degc)
    trees = octave_noise(rng, (1, canvas.shape[1]), 1.1)[0]
    leaves = octave_noise(rng, canvas.shape, 0.8)
    canvas.paint(canvas.y - rng.uniform(-0.1, 0.15) - 0.04 * trees,
                 air_degc - 2 + 0.8 * leaves)  # fmt: skip
    ground = -0.5 + rng.uniform(0.1, 0.25)
    gravel = octave_noise(rng, canvas.shape, 0.5)
    canvas.paint(canvas.y - ground, air_degc + rng.uniform(0, 6) + 0.8 * gravel)
    places = []
    for _ in range(rng.integers(1, 4)):
        x, half, high = rng.uniform(-0.8, 0.8), rng.uniform(0.1, 0.25), rng.uniform(0.0, 0.3)
        shade = np.sqrt(np.clip(1 - ((canvas.x - x) / half) ** 2, 0, 1))
        fill = np.clip((ground + rng.uniform(0, 1) * (high - ground) - canvas.y) * 40, 0, 1)
        warm = air_degc + rng.uniform(-4, 4) + 5 * shade + rng.uniform(0, 5) * fill
        canvas.paint(canvas.box(x - half, ground - 0.03, x + half, high), warm)
        places.append((x + half * rng.uniform(-0.9, 0.9), high))
    y = ground + rng.uniform(0.04, 0.12)
    canvas.pipe((-9, y), (9, y), rng.uniform(0.012, 0.03), air_degc + rng.normal(8, 8))
    places.append((rng.uniform(-0.5, 0.5), y + 0.03))
    return places


MAKERS: dict[str, Maker] = {"rack": _rack, "stack": _stack, "yard": _yard}


def make_backdrop(rng: np.random.Generator, kind: str, picture: tuple[int, int],
                  margin: tuple[int, int, int], air_degc: float) -> Backdrop:  # fmt: skip
    """Draw a world for a picture (H, W) with margins (above and below, left, right)."""
    around, left, right = margin
    shape = (picture[0] + 2 * around + 1, picture[1] + left + right + 1)
    centre = (left + picture[1] / 2, around + picture[0] / 2)
    canvas = Canvas(shape, float(picture[0]), centre)
    places = MAKERS[kind](rng, canvas, air_degc)
    inside = [p for p in places if abs(p[0]) < 0.55 and abs(p[1]) < 0.45] or [(0.0, 0.0)]
    ground = canvas.pixel(0, -0.42)[1]
    return Backdrop(canvas.temp, ground, tuple(canvas.pixel(*p) for p in inside))
