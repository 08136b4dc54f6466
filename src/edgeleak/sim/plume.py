# SPDX-License-Identifier: Apache-2.0
"""A drifting, turbulent methane plume as column density on a coarse grid.

Puffs leave the source, are carried by a gusting wind, wander with their own relaxing velocity
and grow by diffusion.  Their Gaussian columns are summed by one matrix product, then torn by
two textures that drift at different speeds (multi-scale turbulence).  The grid is four pixels
coarse at 640x480: a plume has little detail below that, and it keeps the cost near 1 ms.
"""

import numpy as np

from edgeleak.sim.scene import AMBIENT_DEGC, Scene, octave_noise

METHANE_G_PER_M3 = 668.0
"""Pure methane at 20 degC and 1 atm."""
ABSORPTION_PER_PPM_M = 2.0e-4
"""Band mean over 3.2..3.4 um for a thin plume; an own round figure, not line by line."""
PUFFS_PER_S = 40.0
PUFF_LIFE_S = 7.0
TEXTURE_CELLS = 256


class Plume:
    """State of one plume; `step` advances it, `column_ppm_m` is the picture of it.

    rate_g_per_h : methane release; 0 is no leak
    start_s      : simulated time at which the release begins
    wind_m_per_s : mean speed along the wall, positive to the right
    """

    def __init__(self, rng: np.random.Generator, scene: Scene, rate_g_per_h: float,
                 start_s: float, wind_m_per_s: float = 0.75) -> None:  # fmt: skip
        self._rng = rng
        self._rate_g_per_s = rate_g_per_h / 3600
        self._start_s = start_s
        self._mean_wind = np.array([wind_m_per_s, 0.14], np.float64)  # methane rises
        self._gust = np.zeros(2)
        self._source = np.array(scene.leak_xy_m)
        self._owed = 0.0
        self._puffs = np.zeros((0, 7))  # x, y, vx, vy, age, variance, grams
        self._drift_cells = np.zeros((2, 2))
        self._textures = [octave_noise(rng, (TEXTURE_CELLS,) * 2, 1.5) for _ in range(2)]
        height, width = scene.temp_degc.shape
        self.cell_px = max(1, round(width / 160))
        self._cell_m = scene.pixel_m * self.cell_px
        rows = np.arange(-(-height // self.cell_px) + 1) * self.cell_px
        cols = np.arange(-(-width // self.cell_px) + 1) * self.cell_px
        self._y = ((scene.ground_row - rows - 0.5) * scene.pixel_m).astype(np.float32)
        self._x = ((cols + 0.5) * scene.pixel_m).astype(np.float32)
        self.column_ppm_m = np.zeros((rows.size, cols.size), np.float32)

    def step(self, time_s: float, dt_s: float) -> None:
        """Advance to `time_s` by `dt_s` and redraw the column density."""
        self._blow(dt_s)
        if self._rate_g_per_s > 0 and time_s >= self._start_s:
            self._release(dt_s)
        self._draw()

    def _blow(self, dt_s: float) -> None:
        keep = np.exp(-dt_s / 1.8)  # gusts last about two seconds
        kick = np.sqrt(1 - keep**2)
        self._gust = keep * self._gust + kick * self._rng.normal(0, (0.28, 0.16))
        wind = self._mean_wind + self._gust
        puffs = self._puffs
        own_keep = np.exp(-dt_s / 0.6)
        own_kick = np.sqrt(1 - own_keep**2)
        puffs[:, 2:4] *= own_keep
        puffs[:, 2:4] += own_kick * self._rng.normal(0, 0.17, (len(puffs), 2))
        puffs[:, 0:2] += (wind + puffs[:, 2:4]) * dt_s
        puffs[:, 4] += dt_s
        puffs[:, 5] += 2 * 0.006 * dt_s
        self._puffs = puffs[puffs[:, 4] < PUFF_LIFE_S]
        for layer, speed in enumerate((1.0, 0.7)):
            self._drift_cells[layer] += speed * wind * dt_s / self._cell_m

    def _release(self, dt_s: float) -> None:
        self._owed += PUFFS_PER_S * dt_s
        count = int(self._owed)
        self._owed -= count
        fresh = np.zeros((count, 7))
        age_s = self._rng.uniform(0, dt_s, count)
        jet = np.array([0.55, 0.1]) + self._rng.normal(0, 0.22, (count, 2))
        fresh[:, 2:4] = jet
        fresh[:, 0:2] = self._source + (jet + self._mean_wind + self._gust) * age_s[:, None]
        fresh[:, 4] = age_s
        fresh[:, 5] = 0.022**2 + 2 * 0.006 * age_s
        fresh[:, 6] = self._rate_g_per_s / PUFFS_PER_S * self._rng.uniform(0.4, 1.6, count)
        self._puffs = np.concatenate((self._puffs, fresh))

    def _draw(self) -> None:
        puffs = self._puffs.astype(np.float32)
        if not len(puffs):
            self.column_ppm_m[...] = 0
            return
        fade = np.clip((PUFF_LIFE_S - puffs[:, 4]) / 1.5, 0, 1)
        peak_g_per_m2 = fade * puffs[:, 6] / (2 * np.pi * puffs[:, 5])
        ppm_m = (peak_g_per_m2 * (1e6 / METHANE_G_PER_M3))[:, None]
        half = (0.5 / puffs[:, 5])[:, None]
        rows = np.exp(-half * (self._y[None, :] - puffs[:, 1:2]) ** 2) * ppm_m
        cols = np.exp(-half * (self._x[None, :] - puffs[:, 0:1]) ** 2)
        self._add_puffs(rows.T, cols)
        self.column_ppm_m *= self._torn()

    def _add_puffs(self, rows: np.ndarray, cols: np.ndarray) -> None:
        np.matmul(rows, cols, out=self.column_ppm_m)

    def _torn(self) -> np.ndarray:
        height, width = self.column_ppm_m.shape
        total = np.zeros((height, width), np.float32)
        for texture, (east, north) in zip(self._textures, self._drift_cells, strict=True):
            rows = (np.arange(height) + round(north)) % TEXTURE_CELLS
            cols = (np.arange(width) - round(east)) % TEXTURE_CELLS
            total += texture[rows][:, cols]
        return np.exp(0.42 * total - 0.17)

    def opacity(self) -> np.ndarray:
        """1 - transmission on the grid (Beer-Lambert), float32 0..1."""
        return -np.expm1(-ABSORPTION_PER_PPM_M * self.column_ppm_m)


GAS_DEGC = AMBIENT_DEGC
"""The gas has air temperature a few centimetres from the flange."""


def enlarge(grid: np.ndarray, cell_px: int, shape: tuple[int, int]) -> np.ndarray:
    """Linear enlargement of grid nodes that lie `cell_px` pixels apart.

    grid : (h, w) float32, nodes at pixels 0, cell_px, 2 cell_px, ...
    returns (H, W) float32; H, W at most (h - 1) * cell_px, (w - 1) * cell_px
    """
    for axis in (0, 1):
        nodes = np.moveaxis(grid, axis, 0)
        wide = np.empty(((nodes.shape[0] - 1) * cell_px, nodes.shape[1]), np.float32)
        for step in range(cell_px):
            share = np.float32(step / cell_px)
            wide[step::cell_px] = nodes[:-1] * (1 - share) + nodes[1:] * share
        grid = np.moveaxis(wide, 0, axis)
    return np.ascontiguousarray(grid[: shape[0], : shape[1]])
