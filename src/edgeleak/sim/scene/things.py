# SPDX-License-Identifier: Apache-2.0
"""What changes in the picture and is no gas: leaves, clouds, fog, steam, shimmer, glint.

Each is a Thing: `behind` the gas or before it, painted into counts above black of a window of
the world.  Textures are periodic and drift by linear interpolation.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edgeleak.sim.scene.backdrop import Backdrop
from edgeleak.sim.scene.camera import Camera
from edgeleak.sim.scene.plume import LONGEST_STEP_S, Grid, Plume
from edgeleak.sim.scene.turbulence import Wind
from edgeleak.sim.scene.yard import octave_noise

TEXTURE_PX = 256
Corner = tuple[int, int]


class Thing(Protocol):
    """Something that changes the picture.

    is_behind : painted before the gas
    """

    is_behind: bool

    def advance(self, dt_s: float) -> None:
        """Let time pass."""

    def paint(self, picture: np.ndarray, corner: Corner, time_s: float) -> None:
        """Change (H, W) float32 counts above black.

        corner : (column, row) of the world at the picture's top left
        """


@dataclass(frozen=True)
class Surroundings:
    """What things need to know of the stage.

    sunlit : (H, W) counts of scattered sunlight in the world
    """

    camera: Camera
    backdrop: Backdrop
    wind: Wind
    pixel_m: float
    air_degc: float
    sunlit: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of the world."""
        return self.backdrop.temp_degc.shape

    def window(self, plane: np.ndarray, picture: np.ndarray, corner: Corner) -> np.ndarray:
        """The part of a plane that a picture shows."""
        col, row = corner
        return plane[row : row + picture.shape[0], col : col + picture.shape[1]]


class Drifting:
    """A periodic texture of deviation 1 that moves."""

    def __init__(self, rng: np.random.Generator, slope: float) -> None:
        self._field = octave_noise(rng, (TEXTURE_PX, TEXTURE_PX), slope)

    def window(self, shape: tuple[int, ...], left: float, top: float,
               zoom: int = 1) -> np.ndarray:  # fmt: skip
        """(H, W) part whose corner lies at fractional (left, top); `zoom` pixels a texel."""
        part = self._field
        for axis, (start, size) in enumerate(((top, shape[0]), (left, shape[1]))):
            place = (np.arange(size, dtype=np.float64) + start) / zoom
            low = np.floor(place)
            share = (place - low).astype(np.float32)
            low = low.astype(np.int64) % TEXTURE_PX
            share = share[:, None] if axis == 0 else share[None, :]
            before = part.take(low, axis)
            part = before + share * (part.take((low + 1) % TEXTURE_PX, axis) - before)
        return part


class _Still:
    """Needs no stepping."""

    is_behind = True

    def advance(self, dt_s: float) -> None:
        """Nothing to do."""


class Leaves(_Still):
    """A bush whose leaves tremble; strength is their swing in pixels."""

    def __init__(self, rng: np.random.Generator, at: Surroundings, start_s: float,
                 strength: float) -> None:  # fmt: skip
        self._at, self._swing, self._start_s = at, strength, start_s
        height, width = at.shape
        blob = octave_noise(rng, at.shape, 1.3)
        y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
        x = np.linspace(0, 1, width, dtype=np.float32)[None, :]
        side = rng.uniform(0.1, 0.9)
        near = 2.2 * (y - 0.35) - 3.0 * np.abs(x - side) + 0.25 * blob
        self._share = np.maximum(np.clip(4 * near, 0, 1), at.backdrop.green).astype(np.float32)
        leaf = at.air_degc - 1 + 1.1 * octave_noise(rng, at.shape, 0.55)
        self._own = np.clip(4 * near, 0, 1).astype(np.float32)
        self._light = at.camera.level(leaf)
        self._phase = (2 * np.pi * octave_noise(rng, at.shape, 0.9)).astype(np.float32)
        self._gust = rng.uniform(0.5, 2.0)

    def paint(self, picture: np.ndarray, corner: Corner, time_s: float) -> None:
        share = self._at.window(self._share, picture, corner)
        own = self._at.window(self._own, picture, corner)
        picture += own * (self._at.window(self._light, picture, corner) - picture)
        if time_s < self._start_s:
            return
        phase = self._at.window(self._phase, picture, corner)
        push = self._swing * (0.6 + 0.4 * math.sin(2 * math.pi * time_s / (2.5 * self._gust)))
        dx = np.float32(push) * np.sin(phase + np.float32(2 * math.pi * 1.7 * time_s)) * share
        dy = np.float32(0.4 * push) * np.cos(phase + np.float32(2 * math.pi * 1.1 * time_s)) * share
        shifted(picture, dx, dy)


def shifted(picture: np.ndarray, dx: np.ndarray, dy: np.ndarray) -> None:
    """Move every pixel's content by a fraction of a pixel, in place, to first order."""
    along = np.empty_like(picture)
    along[:, 1:-1] = 0.5 * (picture[:, 2:] - picture[:, :-2])
    along[:, (0, -1)] = 0
    down = np.empty_like(picture)
    down[1:-1] = 0.5 * (picture[2:] - picture[:-2])
    down[(0, -1), :] = 0
    picture += dx * along
    picture += dy * down


class Shimmer(_Still):
    """Hot air between camera and scene; strength is the wander of a point in pixels."""

    def __init__(self, rng: np.random.Generator, at: Surroundings, start_s: float,
                 strength: float) -> None:  # fmt: skip
        self._start_s, self._strength = start_s, np.float32(strength)
        self._fields = [Drifting(rng, 1.1) for _ in range(2)]
        self._speed_px = (0.35 * at.wind.mean[0] / at.pixel_m, 0.6 / at.pixel_m)

    def paint(self, picture: np.ndarray, corner: Corner, time_s: float) -> None:
        if time_s < self._start_s:
            return
        left, top = self._speed_px[0] * time_s, self._speed_px[1] * time_s
        dx, dy = (
            self._strength * field.window(picture.shape, corner[0] - left * way, corner[1] + top)
            for field, way in zip(self._fields, (1.0, -0.6), strict=True)
        )
        shifted(picture, np.clip(dx, -1, 1), np.clip(dy, -1, 1))


class Cloud(_Still):
    """Clouds drift over the sky, their shadow over the ground; strength is their warmth in K/4."""

    def __init__(self, rng: np.random.Generator, at: Surroundings, start_s: float,
                 strength: float) -> None:  # fmt: skip
        self._at, self._start_s = at, start_s
        self._texture = Drifting(rng, 1.6)
        self._speed_px = rng.uniform(1.0, 8.0) * rng.choice([-1, 1])
        warm = at.camera.level(at.air_degc - 14 + 4 * strength) - at.camera.level(at.air_degc - 14)
        self._counts = np.float32(warm)

    def paint(self, picture: np.ndarray, corner: Corner, time_s: float) -> None:
        moved_s = max(0.0, time_s - self._start_s)
        left = corner[0] - self._speed_px * moved_s
        cover = self._texture.window(picture.shape, left, corner[1], zoom=2)
        cover = np.clip(0.8 * cover, 0, 1.5)
        picture += self._counts * cover * self._at.window(self._at.backdrop.sky, picture, corner)
        shade = float(np.clip(0.5 + self._texture.window((1, 1), left, 0.0, zoom=4)[0, 0], 0, 0.8))
        picture -= np.float32(shade) * self._at.window(self._at.sunlit, picture, corner)


class Fog(_Still):
    """Patches of fog drift between camera and leak; strength is the optical depth."""

    is_behind = False

    def __init__(self, rng: np.random.Generator, at: Surroundings, start_s: float,
                 strength: float) -> None:  # fmt: skip
        self._start_s, self._depth = start_s, np.float32(strength)
        self._texture = Drifting(rng, 1.5)
        self._level = np.float32(at.camera.level(at.air_degc - rng.uniform(0, 2)))
        self._speed_px = 0.5 * at.wind.mean[0] / at.pixel_m

    def paint(self, picture: np.ndarray, corner: Corner, time_s: float) -> None:
        begun = np.float32(min(1.0, max(0.0, (time_s - self._start_s) / 3)))
        if begun == 0:
            return
        left = corner[0] - self._speed_px * time_s
        patch = self._texture.window(picture.shape, left, corner[1] + 3 * time_s, zoom=2)
        opaque = -np.expm1(-self._depth * begun * np.clip(1 + 0.6 * patch, 0, 3))
        picture += opaque * (self._level - picture)


class Glint(_Still):
    """Sun on ripples, glass or bare edges: points that flash; strength in hundreds of counts."""

    SIZE_PX = 3

    def __init__(self, rng: np.random.Generator, at: Surroundings, start_s: float,
                 strength: float) -> None:  # fmt: skip
        self._rng, self._start_s = rng, start_s
        height, width = at.shape
        count = int(rng.integers(3, 25))
        middle = rng.uniform((0.1, 0.4), (0.9, 0.95))
        spread = rng.uniform(0.02, 0.25)
        places = np.clip(rng.normal(middle, (spread, 0.3 * spread), (count, 2)), 0.02, 0.98)
        self._places = (places * (width, height)).astype(int)
        self._bright = 100 * strength * rng.lognormal(0, 0.7, count)
        self._state = rng.normal(size=count)
        reach = np.arange(-self.SIZE_PX, self.SIZE_PX + 1, dtype=np.float32)
        self._spot = np.exp(-(reach[:, None] ** 2 + reach[None, :] ** 2) / 1.6)

    def advance(self, dt_s: float) -> None:
        keep = math.exp(-dt_s / 0.25)
        fresh = self._rng.normal(size=len(self._state))
        self._state = keep * self._state + math.sqrt(1 - keep * keep) * fresh

    def paint(self, picture: np.ndarray, corner: Corner, time_s: float) -> None:
        if time_s < self._start_s:
            return
        size = self.SIZE_PX
        for (x, y), bright, state in zip(self._places, self._bright, self._state, strict=True):
            col, row = x - corner[0], y - corner[1]
            inside = size <= col < picture.shape[1] - size and size <= row < picture.shape[0] - size
            if state > 0.3 and inside:
                part = picture[row - size : row + size + 1, col - size : col + size + 1]
                part += np.float32(bright * (state - 0.3)) * self._spot


class Steam:
    """A steam vent: droplets that scatter and shine, gone after seconds; strength in kg/h."""

    is_behind = True
    EXTINCTION_M2_PER_G = 0.12
    """Of droplets of about 10 um at 3.3 um: 3 Q / (4 rho r) with Q = 2.1, most of it evaporated."""
    EVAPORATES_S = 2.5

    def __init__(self, rng: np.random.Generator, at: Surroundings, start_s: float,
                 strength: float) -> None:  # fmt: skip
        height, width = at.shape
        self._at, self._start_s, self._time_s = at, start_s, 0.0
        self._rate_g_per_s = strength * 1000 / 3600
        col, row = rng.uniform(0.1, 0.9) * width, rng.uniform(0.4, 0.85) * height
        self._cell_px = max(1, round(width / 160))
        cells = (-(-height // self._cell_px) + 1, -(-width // self._cell_px) + 1)
        grid = Grid(cells, self._cell_px * at.pixel_m, (-col * at.pixel_m, row * at.pixel_m))
        self._plume = Plume(rng, grid, at.wind, 12.0, (0.2, 1.2, 0.0),
                            lifetime_s=self.EVAPORATES_S)  # fmt: skip
        self._level = np.float32(at.camera.level(at.air_degc + rng.uniform(3, 15)))

    def advance(self, dt_s: float) -> None:
        steps = max(1, math.ceil(dt_s / LONGEST_STEP_S - 1e-9))
        for _ in range(steps):
            self._time_s += dt_s / steps
            rate = self._rate_g_per_s if self._time_s >= self._start_s else 0.0
            self._plume.step(dt_s / steps, rate, 150.0)

    def paint(self, picture: np.ndarray, corner: Corner, time_s: float) -> None:
        if not self._plume.held_g:
            return
        depth = enlarged(self._plume.column_g_per_m2(), self._cell_px)
        depth = self._at.window(depth, picture, corner)
        picture += -np.expm1(-np.float32(self.EXTINCTION_M2_PER_G) * depth) * (
            self._level - picture
        )


def enlarged(grid: np.ndarray, cell_px: int) -> np.ndarray:
    """Linear between the middles of cells, `cell_px` pixels a cell; float32."""
    if cell_px == 1:
        return grid
    for axis in (0, 1):
        at = (np.arange(grid.shape[axis] * cell_px, dtype=np.float32) + 0.5) / cell_px - 0.5
        low = np.clip(np.floor(at).astype(np.int64), 0, grid.shape[axis] - 2)
        share = np.clip(at - low, 0, 1)
        share = share[:, None] if axis == 0 else share[None, :]
        before = grid.take(low, axis)
        grid = before + share * (grid.take(low + 1, axis) - before)
    return grid


THINGS: dict[str, type] = {
    "leaves": Leaves,
    "shimmer": Shimmer,
    "cloud": Cloud,
    "fog": Fog,
    "glint": Glint,
    "steam": Steam,
}
"""Each is made as `kind(rng, surroundings, start_s, strength)`."""
