# SPDX-License-Identifier: Apache-2.0
"""Drawings of backdrops: pipe racks, stacks, yards, rooms, hedges, rows of components."""

from collections.abc import Callable

import numpy as np

from edgeleak.sim.scene.yard import octave_noise

Place = tuple[float, float]
BARE_METAL, PAINT, STONE, LEAF, SKY = 0.35, 0.9, 0.93, 0.97, 1.0


class Canvas:
    """Soft-edged shapes on planes; units are shares of the picture's height, y up.

    shape  : (H, W) of the world
    scale  : pixels per unit
    centre : column and row of the picture's middle
    difference_k : of an even wall and the air
    """

    def __init__(self, shape: tuple[int, int], scale: float, centre: Place,
                 difference_k: float = 0.0) -> None:  # fmt: skip
        self.difference_k = difference_k
        rows, cols = np.indices(shape, dtype=np.float32)
        self.scale, self.centre, self.shape = scale, centre, shape
        self.x = (cols + 0.5 - centre[0]) / scale
        self.y = (centre[1] - rows - 0.5) / scale
        self.temp = np.zeros(shape, np.float32)
        self.emissivity = np.full(shape, STONE, np.float32)
        self.lit = np.full(shape, 0.5, np.float32)
        self.sky = np.zeros(shape, np.float32)
        self.green = np.zeros(shape, np.float32)

    def pixel(self, x: float, y: float) -> Place:
        """Column and row of a place."""
        return self.centre[0] + x * self.scale, self.centre[1] - y * self.scale

    def paint(self, distance: np.ndarray, temp_degc: np.ndarray | float, emissivity: float = STONE,
              lit: np.ndarray | float = 0.5) -> None:  # fmt: skip
        """Lay a surface where `distance` is negative; edges one pixel wide."""
        share = np.clip(0.5 - distance * self.scale, 0, 1)
        self.temp += share * (temp_degc - self.temp)
        self.emissivity += share * (np.float32(emissivity) - self.emissivity)
        self.lit += share * (lit - self.lit)
        kept = 1 - share
        self.sky *= kept
        self.green *= kept

    def leaves(self, distance: np.ndarray, temp_degc: np.ndarray | float) -> None:
        """Foliage where `distance` is negative."""
        self.paint(distance, temp_degc, LEAF, 0.4)
        self.green += np.clip(0.5 - distance * self.scale, 0, 1) * (1 - self.green)

    def heaven(self, temp_degc: np.ndarray) -> None:
        """Sky everywhere."""
        self.temp[...] = temp_degc
        self.emissivity[...] = SKY
        self.sky[...] = 1

    def noise(self, rng: np.random.Generator, slope: float) -> np.ndarray:
        """(H, W) float32 field of deviation 1."""
        return octave_noise(rng, self.shape, slope)

    def box(self, left: float, low: float, right: float, high: float) -> np.ndarray:
        """Distance to a rectangle."""
        dx = np.maximum(left - self.x, self.x - right)
        return np.maximum(dx, np.maximum(low - self.y, self.y - high))

    def disc(self, x: float, y: float, radius: float) -> np.ndarray:
        """Distance to a circle."""
        return np.hypot(self.x - x, self.y - y) - radius

    def pipe(self, start: Place, end: Place, radius: float, temp_degc: float,
             emissivity: float = PAINT) -> None:  # fmt: skip
        """A cylinder: the sun is high, its rims see sky and ground."""
        (ax, ay), bx, by = start, end[0] - start[0], end[1] - start[1]
        along = np.clip(((self.x - ax) * bx + (self.y - ay) * by) / (bx * bx + by * by), 0, 1)
        dx, dy = self.x - ax - along * bx, self.y - ay - along * by
        away = np.hypot(dx, dy)
        bulge = np.sqrt(np.clip(1 - (away / radius) ** 2, 0, 1))
        lit = np.clip(0.25 + 0.75 * dy / radius, 0, 1)
        self.paint(away - radius, temp_degc - 1.5 * (1 - bulge), emissivity, lit)

    def flange(self, x: float, y: float, radius: float, temp_degc: float, upright: bool) -> None:
        """Two rings with bolts on a pipe."""
        for off in (-0.3, 0.3):
            cx, cy = (x, y + off * radius) if upright else (x + off * radius, y)
            half = (1.7 * radius, 0.2 * radius) if upright else (0.2 * radius, 1.7 * radius)
            self.paint(self.box(cx - half[0], cy - half[1], cx + half[0], cy + half[1]),
                       temp_degc, 0.8)  # fmt: skip


Maker = Callable[[np.random.Generator, Canvas, float], list[Place]]


def _metal(rng: np.random.Generator) -> float:
    return float(rng.choice([BARE_METAL, 0.7, PAINT, PAINT]))


def _ground(rng: np.random.Generator, canvas: Canvas, air_degc: float) -> float:
    """Gravel, grass or concrete; its far edge."""
    edge = -0.5 + rng.uniform(0.08, 0.24)
    rough = canvas.noise(rng, rng.uniform(0.4, 1.0))
    nearer = np.clip(edge - canvas.y, 0, 1)
    temp = air_degc + rng.uniform(-2, 6) + rng.uniform(0.2, 0.9) * rough + 4 * nearer
    canvas.paint(canvas.y - edge, temp, STONE, 0.6)
    return edge


def _pipework(rng: np.random.Generator, canvas: Canvas, air_degc: float, low: float,
              count: int) -> list[Place]:  # fmt: skip
    """Pipes with flanges; the flanges may leak."""
    places = []
    for _ in range(count):
        radius, temp, look = rng.uniform(0.01, 0.045), air_degc + rng.normal(4, 9), _metal(rng)
        upright = rng.random() < 0.35
        if upright:
            x, y = rng.uniform(-0.6, 0.6), rng.uniform(low + 0.1, 0.35)
            canvas.pipe((x, low - 0.3), (x, 0.9), radius, temp, look)
        else:
            x, y = rng.uniform(-0.5, 0.5), rng.uniform(low + 0.06, 0.42)
            canvas.pipe((-9, y), (9, y), radius, temp, look)
        canvas.flange(x, y, radius, temp + rng.normal(0, 1.5), upright)
        places.append((x + 1.7 * radius, y) if upright else (x, y + 1.7 * radius))
    return places


def _rack(rng: np.random.Generator, canvas: Canvas, air_degc: float) -> list[Place]:
    """Pipes before a wall."""
    rough = canvas.noise(rng, rng.uniform(0.8, 1.6))
    canvas.temp += np.float32(air_degc + rng.uniform(-1, 8))
    canvas.temp += (
        np.float32(rng.uniform(0.1, 0.7)) * rough + np.float32(rng.uniform(-4, 4)) * canvas.y
    )
    if rng.random() < 0.5:
        _bricks(rng, canvas)
    low = _ground(rng, canvas, air_degc)
    return _pipework(rng, canvas, air_degc, low, int(rng.integers(3, 8)))


def _bricks(rng: np.random.Generator, canvas: Canvas) -> None:
    """Courses of bricks, each of its own warmth, joints colder."""
    high = rng.uniform(0.03, 0.07)
    course = canvas.y / high
    header = canvas.x / (3 * high) + 0.5 * (np.floor(course) % 2)
    gap = np.minimum(np.abs(course - np.rint(course)) * high,
                     np.abs(header - np.rint(header)) * 3 * high)  # fmt: skip
    tint = rng.normal(0, 0.35, 4096).astype(np.float32)
    key = (np.floor(course) * 61 + np.floor(header) * 17).astype(np.int64) % 4096
    joint = np.clip(0.5 - (gap - 0.06 * high) * canvas.scale, 0, 1)
    canvas.temp += tint[key] - np.float32(0.9) * joint


def _sky(rng: np.random.Generator, canvas: Canvas, air_degc: float) -> None:
    zenith_k = rng.uniform(12, 32)
    temp = air_degc - 3 - zenith_k * np.clip(canvas.y + 0.5, 0, 1) ** 0.7
    canvas.heaven(temp + rng.uniform(0.1, 1.2) * canvas.noise(rng, 1.9))


def _hills(rng: np.random.Generator, canvas: Canvas, air_degc: float) -> None:
    horizon = -0.5 + rng.uniform(0.08, 0.3)
    crest = 0.03 * octave_noise(rng, (1, canvas.shape[1]), 1.2)[0]
    temp = air_degc + rng.uniform(-1, 4) + 0.6 * canvas.noise(rng, 0.9)
    canvas.leaves(canvas.y - horizon - crest, temp)


def _stack(rng: np.random.Generator, canvas: Canvas, air_degc: float) -> list[Place]:
    """A vent stack before the sky, hills low in the picture."""
    _sky(rng, canvas, air_degc)
    _hills(rng, canvas, air_degc)
    x, top, radius = rng.uniform(-0.35, 0.35), rng.uniform(-0.15, 0.15), rng.uniform(0.008, 0.03)
    canvas.pipe((x, -2.0), (x, top), radius, air_degc + rng.uniform(-1, 6), _metal(rng))
    for _ in range(rng.integers(0, 3)):
        other, high = rng.uniform(-0.65, 0.65), rng.uniform(-0.3, 0.2)
        canvas.paint(canvas.box(other - 0.08, -2, other + 0.08, min(high, top - 0.1)),
                     air_degc + rng.uniform(-3, 5), PAINT)  # fmt: skip
    return [(x, top + 0.012)]


def _yard(rng: np.random.Generator, canvas: Canvas, air_degc: float) -> list[Place]:
    """Sky, trees, tanks and a pipe."""
    _sky(rng, canvas, air_degc)
    crowns = octave_noise(rng, (1, canvas.shape[1]), 1.1)[0]
    canvas.leaves(canvas.y - rng.uniform(-0.15, 0.15) - 0.04 * crowns,
                  air_degc - 1 + 0.8 * canvas.noise(rng, 0.8))  # fmt: skip
    low = _ground(rng, canvas, air_degc)
    places = [_tank(rng, canvas, air_degc, low) for _ in range(rng.integers(1, 4))]
    return places + _pipework(rng, canvas, air_degc, low, 1)


def _tank(rng: np.random.Generator, canvas: Canvas, air_degc: float, low: float) -> Place:
    """A storage tank; its fill level shows as a warmer lower part."""
    x, half, high = rng.uniform(-0.8, 0.8), rng.uniform(0.1, 0.25), rng.uniform(0.0, 0.3)
    shade = np.sqrt(np.clip(1 - ((canvas.x - x) / half) ** 2, 0, 1))
    fill = np.clip((low + rng.uniform(0, 1) * (high - low) - canvas.y) * 40, 0, 1)
    temp = air_degc + rng.uniform(-4, 4) + 2 * shade + rng.uniform(0, 5) * fill
    canvas.paint(canvas.box(x - half, low - 0.03, x + half, high), temp, PAINT, 0.3 + 0.6 * shade)
    for rib in np.linspace(low, high, 4)[1:]:
        canvas.paint(canvas.box(x - half, rib - 0.006, x + half, rib), temp - 0.7, PAINT)
    return x + half * rng.uniform(-0.9, 0.9), high + 0.005


def _room(rng: np.random.Generator, canvas: Canvas, air_degc: float) -> list[Place]:
    """Indoors: everything within a few kelvin, boilers and lamps apart."""
    canvas.temp += np.float32(air_degc + rng.uniform(-1, 2)) + np.float32(0.12) * canvas.noise(
        rng, 1.3
    )
    canvas.temp += np.float32(rng.uniform(1, 4)) * canvas.y
    canvas.lit[...] = 0
    for _ in range(rng.integers(1, 4)):
        x, y, half = rng.uniform(-0.6, 0.6), rng.uniform(-0.4, 0.4), rng.uniform(0.04, 0.2)
        canvas.paint(canvas.box(x - half, y - half, x + half, y + half),
                     air_degc + rng.uniform(-1, 4), PAINT, 0)  # fmt: skip
    x = rng.uniform(-0.6, 0.6)
    canvas.paint(canvas.box(x - 0.1, -0.6, x + 0.1, 0.0), air_degc + rng.uniform(5, 20), PAINT, 0)
    return _pipework(rng, canvas, air_degc, -0.5, int(rng.integers(2, 6)))


def _hedge(rng: np.random.Generator, canvas: Canvas, air_degc: float) -> list[Place]:
    """A buried line's riser and meter before bushes."""
    canvas.leaves(canvas.y - 9.0, air_degc - 1 + rng.uniform(0.5, 1.3) * canvas.noise(rng, 0.7))
    dark = canvas.noise(rng, 1.2)
    canvas.leaves(0.04 * (1.0 - dark), air_degc - 2.5 + 0.7 * canvas.noise(rng, 0.6))
    low = _ground(rng, canvas, air_degc)
    x, temp = rng.uniform(-0.3, 0.3), air_degc + rng.uniform(-3, 8)
    canvas.pipe((x, low - 0.2), (x, 0.05), 0.02, temp, _metal(rng))
    canvas.paint(canvas.box(x - 0.07, 0.02, x + 0.07, 0.16), temp + 1, PAINT)
    canvas.flange(x, low + 0.2, 0.02, temp, upright=True)
    return [(x + 0.035, low + 0.2), (x + 0.07, 0.03)]


COMPONENTS = 8
COMPONENT_STEP = 0.62


def _row(rng: np.random.Generator, canvas: Canvas, air_degc: float) -> list[Place]:
    """Eight components side by side on a header, for a pan along them."""
    canvas.temp += np.float32(air_degc + rng.uniform(0, 6))
    canvas.temp += np.float32(0.4) * canvas.noise(rng, 1.1)
    low = _ground(rng, canvas, air_degc)
    y = low + 0.22
    canvas.pipe((-9, y), (99, y), 0.03, air_degc + rng.normal(5, 6), PAINT)
    places = []
    for index in range(COMPONENTS):
        x, temp = -0.3 + COMPONENT_STEP * index, air_degc + rng.normal(5, 5)
        if index % 3 == 0:
            canvas.flange(x, y, 0.035, temp, upright=False)
        elif index % 3 == 1:
            canvas.pipe((x, y), (x, y + 0.16), 0.012, temp, _metal(rng))
            canvas.paint(np.abs(canvas.disc(x, y + 0.17, 0.05)) - 0.008, temp - 3, PAINT)
        else:
            canvas.pipe((x, y), (x, 0.9), 0.016, temp, _metal(rng))
            canvas.flange(x, y + 0.15, 0.016, temp, upright=True)
        places.append((x + 0.02, y + (0.06 if index % 3 == 0 else 0.16)))
    return places


def _wall(rng: np.random.Generator, canvas: Canvas, air_degc: float) -> list[Place]:
    """An even black wall, `difference_k` warmer than the air: for checks against numbers."""
    canvas.emissivity[...] = 1
    canvas.temp[...] = air_degc + canvas.difference_k
    return [(-0.25, 0.0)]


MAKERS: dict[str, Maker] = {
    "wall": _wall,
    "rack": _rack,
    "stack": _stack,
    "yard": _yard,
    "room": _room,
    "hedge": _hedge,
    "row": _row,
}
