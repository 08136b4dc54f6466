# SPDX-License-Identifier: Apache-2.0
"""The still part of the simulated world: a plant as apparent temperatures.

Everything is drawn in metres on the wall plane, x to the right, y up from the ground line,
so the same scene appears at every picture size.  The physical simulator will replace
`plant_scene`; the sensor only needs an array of apparent temperatures and the leak's place.
"""

from dataclasses import dataclass

import numpy as np

SCENE_WIDTH_M = 6.4
"""640 pixels of 10 mm: a 24 degree lens at about 15 m."""
GROUND_SHARE = 0.20
"""Share of the picture height below the foot of the wall."""
AMBIENT_DEGC = 14.0


@dataclass(frozen=True, slots=True)
class Scene:
    """One still scene.

    temp_degc   : (H, W) float32 apparent temperature of what lies behind the gas
    pixel_m     : size of one pixel on the wall plane, m
    ground_row  : picture row of the foot of the wall (y = 0)
    leak_xy_m   : place of the leaking flange, m from the left edge and above ground
    fan_xy_m    : hub of the wall fan
    """

    temp_degc: np.ndarray
    pixel_m: float
    ground_row: float
    leak_xy_m: tuple[float, float]
    fan_xy_m: tuple[float, float]

    def to_pixel(self, x_m: float, y_m: float) -> tuple[float, float]:
        """Column and row of a place on the wall plane."""
        return x_m / self.pixel_m, self.ground_row - y_m / self.pixel_m


class _Canvas:
    """Soft-edged shapes on a temperature plane; edges are one pixel wide."""

    def __init__(self, shape: tuple[int, int], pixel_m: float, ground_row: float) -> None:
        rows, cols = np.indices(shape, dtype=np.float32)
        self.x = (cols + 0.5) * pixel_m
        self.y = (ground_row - rows - 0.5) * pixel_m
        self.pixel_m = pixel_m
        self.temp = np.zeros(shape, np.float32)

    def cover(self, distance_m: np.ndarray) -> np.ndarray:
        """1 inside (negative distance), 0 outside, linear across one pixel."""
        return np.clip(0.5 - distance_m / self.pixel_m, 0, 1)

    def paint(self, distance_m: np.ndarray, temp_degc: np.ndarray | float) -> None:
        share = self.cover(distance_m)
        self.temp += share * (temp_degc - self.temp)

    def box(self, left: float, bottom: float, right: float, top: float) -> np.ndarray:
        dx = np.maximum(left - self.x, self.x - right)
        dy = np.maximum(bottom - self.y, self.y - top)
        return np.maximum(dx, dy)

    def disc(self, x: float, y: float, radius: float) -> np.ndarray:
        return np.hypot(self.x - x, self.y - y) - radius

    def pipe(self, start: tuple[float, float], end: tuple[float, float], radius: float,
             temp_degc: float) -> None:  # fmt: skip
        """A cylinder: cooler at its rims, where it mirrors the sky and the ground."""
        ax, ay = start
        bx, by = end[0] - ax, end[1] - ay
        along = np.clip(((self.x - ax) * bx + (self.y - ay) * by) / (bx * bx + by * by), 0, 1)
        away = np.hypot(self.x - ax - along * bx, self.y - ay - along * by)
        round_off = np.sqrt(np.clip(1 - (away / radius) ** 2, 0, 1))
        self.paint(away - radius, temp_degc - 3.5 * (1 - round_off) + 0.6 * round_off)


def octave_noise(rng: np.random.Generator, shape: tuple[int, int], slope: float) -> np.ndarray:
    """Periodic random field with an amplitude spectrum k**-slope, mean 0, deviation 1, float32."""
    ky = np.fft.fftfreq(shape[0])[:, None] * shape[0]
    kx = np.fft.rfftfreq(shape[1])[None, :] * shape[1]
    k = np.hypot(ky, kx)
    k[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal(shape)) * k**-slope
    field = np.fft.irfft2(spectrum, s=shape)
    return (field / field.std()).astype(np.float32)


def plant_scene(rng: np.random.Generator, shape: tuple[int, int]) -> Scene:
    """A plant yard: sky, trees, tank, brick wall, pipes, flange, valve, gravel.

    shape : (H, W) of the picture, at least 24 x 32
    """
    pixel_m = SCENE_WIDTH_M / shape[1]
    ground_row = shape[0] * (1 - GROUND_SHARE)
    canvas = _Canvas(shape, pixel_m, ground_row)
    _sky_and_trees(canvas, rng)
    _wall(canvas, rng)
    _tank(canvas)
    _ground(canvas, rng)
    leak = _pipework(canvas)
    fan = _fan_housing(canvas)
    canvas.temp += 0.08 * octave_noise(rng, shape, 1.0)
    return Scene(canvas.temp, pixel_m, ground_row, leak, fan)


def _sky_and_trees(canvas: _Canvas, rng: np.random.Generator) -> None:
    canvas.temp[...] = 6.5 - 3.2 * canvas.y
    canvas.temp += 0.5 * octave_noise(rng, canvas.temp.shape, 1.8)
    crowns = octave_noise(rng, (1, canvas.temp.shape[1]), 1.1)[0]
    leaves = octave_noise(rng, canvas.temp.shape, 0.9)
    canvas.paint(canvas.y - (2.75 + 0.22 * crowns), 9.5 + 0.7 * leaves)


def _wall(canvas: _Canvas, rng: np.random.Generator) -> None:
    """Brick wall on the left two thirds; sun has warmed it, most near its top."""
    course = canvas.y / 0.12
    shift = 0.5 * (np.floor(course) % 2)
    header = canvas.x / 0.36 + shift
    joint = np.minimum(np.abs(course - np.rint(course)) * 0.12,
                       np.abs(header - np.rint(header)) * 0.36)  # fmt: skip
    tint = rng.normal(0, 0.35, 4096).astype(np.float32)
    key = (np.floor(course) * 61 + np.floor(header) * 17).astype(np.int64) % 4096
    temp = 21.0 + 0.8 * canvas.y + tint[key] - 1.1 * canvas.cover(joint - 0.008)
    canvas.paint(canvas.box(-1.0, 0.0, 4.35, 2.6), temp)
    canvas.paint(canvas.box(-1.0, 2.52, 4.42, 2.64), 25.5)
    canvas.paint(canvas.box(0.35, 0.0, 1.05, 1.75), 17.2 - 0.5 * canvas.y)
    canvas.paint(canvas.box(0.42, 1.1, 0.98, 1.65), 11.5)


def _tank(canvas: _Canvas) -> None:
    """A storage tank to the right of the wall; its fill level shows as a warm lower part."""
    across = (canvas.x - 5.45) / 0.85
    shade = np.sqrt(np.clip(1 - across**2, 0, 1))
    filled = canvas.cover(canvas.y - 1.35)
    canvas.paint(canvas.box(4.6, 0.0, 6.3, 2.35), 10.5 + 6.0 * shade + 5.0 * filled * shade)
    dome = np.hypot(across, (canvas.y - 2.35) / 0.28) - 1
    canvas.paint(np.where(canvas.y > 2.35, dome * 0.28, 1.0), 10.0 + 4.5 * shade)
    for rib in (0.55, 1.75, 2.3):
        canvas.paint(canvas.box(4.6, rib, 6.3, rib + 0.035), 9.0 + 6.0 * shade)


def _ground(canvas: _Canvas, rng: np.random.Generator) -> None:
    gravel = octave_noise(rng, canvas.temp.shape, 0.45)
    canvas.paint(canvas.y, 16.5 - 3.0 * canvas.y / -0.96 + 0.8 * gravel)
    canvas.paint(np.maximum(canvas.y, -0.05 - canvas.y), 13.5)


def _pipework(canvas: _Canvas) -> tuple[float, float]:
    """Two headers, a riser with the leaking flange, a valve with a hand wheel."""
    canvas.pipe((-0.2, 0.62), (6.7, 0.62), 0.085, 27.0)
    canvas.pipe((-0.2, 0.34), (6.7, 0.34), 0.055, 11.0)
    canvas.pipe((2.2, 0.62), (2.2, 2.05), 0.06, 26.0)
    canvas.pipe((2.2, 2.05), (4.9, 2.05), 0.06, 24.5)
    for support in (1.5, 3.2, 4.3):
        canvas.paint(canvas.box(support - 0.03, 0.0, support + 0.03, 0.30), 15.0)
        canvas.paint(canvas.box(support - 0.09, 0.26, support + 0.09, 0.30), 14.5)
    for y in (1.18, 1.245):
        canvas.paint(canvas.box(2.05, y, 2.35, y + 0.045), 24.0)
        for bolt in (2.09, 2.2, 2.31):
            canvas.paint(canvas.disc(bolt, y + 0.022, 0.014), 19.0)
    canvas.paint(canvas.box(2.9, 0.5, 3.06, 0.74), 24.5)
    canvas.pipe((2.98, 0.74), (2.98, 0.98), 0.02, 20.5)
    ring = np.abs(np.hypot(canvas.x - 2.98, (canvas.y - 0.98) * 2.6) - 0.13) - 0.02
    canvas.paint(ring, 18.0)
    return 2.36, 1.23


def _fan_housing(canvas: _Canvas) -> tuple[float, float]:
    """A wall fan; its blades are drawn by the moving part."""
    x, y = 3.75, 1.35
    canvas.paint(canvas.box(x - 0.27, y - 0.27, x + 0.27, y + 0.27), 17.0)
    canvas.paint(canvas.disc(x, y, 0.23), 13.0)
    return x, y
