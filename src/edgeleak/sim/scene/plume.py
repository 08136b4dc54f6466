# SPDX-License-Identifier: Apache-2.0
"""A plume of known g/h: parcels of gas that the wind carries, laid out as column density.

Every parcel keeps its grams until it is outside the picture.  Its share of each pixel is exact
up to float32, so what the column density holds is what the leak released (`tests/sim/scene`).
Parcels move in three dimensions; the camera sees the sum along its line of sight.
"""

import math

import numpy as np

from edgeleak.sim.scene.turbulence import Wind

PARCELS = 3200
MOST_PARCELS = 6000
LONGEST_STEP_S = 0.12
LEVELS = 6
LEVEL_SIGMA = 0.80
"""Deviation in cells of what one parcel becomes at the finest level."""
MARGIN_CELLS = 16
AIR_MOLAR_G = 28.96
X, Y, Z, VX, VY, VZ, AGE, VAR, GRAMS = range(9)


class Grid:
    """Cells on the plane of the leak.

    shape    : (h, w) cells that are in the picture
    cell_m   : size
    origin_m : (x, y) of the picture's top left corner; x to the right, y up, leak at (0, 0)
    """

    def __init__(self, shape: tuple[int, int], cell_m: float,
                 origin_m: tuple[float, float]) -> None:  # fmt: skip
        whole = 1 << (LEVELS - 1)
        self.shape, self.cell_m = shape, cell_m
        self.rows, self.cols = (-(-(n + 2 * MARGIN_CELLS) // whole) * whole for n in shape)
        self._left = origin_m[0] - MARGIN_CELLS * cell_m
        self._top = origin_m[1] + MARGIN_CELLS * cell_m
        self.view = (slice(MARGIN_CELLS, MARGIN_CELLS + shape[0]),
                     slice(MARGIN_CELLS, MARGIN_CELLS + shape[1]))  # fmt: skip

    def cells(self, parcels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Column and row, in cells from the padded grid's corner."""
        return ((parcels[:, X] - self._left) / self.cell_m,
                (self._top - parcels[:, Y]) / self.cell_m)  # fmt: skip

    def holds(self, parcels: np.ndarray) -> np.ndarray:
        """Parcels that are, or may come back, into the picture."""
        col, row = self.cells(parcels)
        reach = 3 * np.sqrt(parcels[:, VAR]) / self.cell_m + 8
        return ((col > -reach) & (col < self.cols + reach)
                & (row > -reach) & (row < self.rows + reach))  # fmt: skip

    def lay(self, parcels: np.ndarray) -> np.ndarray:
        """(h, w) float32 column density in g/m2."""
        col, row = self.cells(parcels)
        sigma = np.sqrt(parcels[:, VAR]) / self.cell_m / LEVEL_SIGMA
        height = np.clip(np.log2(np.maximum(sigma, 1.0)), 0, LEVELS - 1.0)
        low = np.minimum(height.astype(np.int64), LEVELS - 2)
        up = ((4.0 ** (height - low) - 1) / 3).clip(0, 1)  # shares that give the right variance
        grams = parcels[:, GRAMS]
        total = np.zeros((self.rows >> (LEVELS - 1), self.cols >> (LEVELS - 1)), np.float32)
        for level in range(LEVELS - 1, -1, -1):
            if level < LEVELS - 1:
                total = _doubled(total)
            finer, coarser = np.flatnonzero(low == level), np.flatnonzero(low == level - 1)
            mine = np.concatenate((finer, coarser))
            if mine.size:
                share = np.concatenate((1 - up[finer], up[coarser]))
                total += self._dropped(col[mine], row[mine], grams[mine] * share, level)
        return total[self.view]

    def _dropped(self, col: np.ndarray, row: np.ndarray, grams: np.ndarray,
                 level: int) -> np.ndarray:  # fmt: skip
        """Grams shared between the four nearest cells of a level, then softened; g/m2."""
        rows, cols = self.rows >> level, self.cols >> level
        col, row = col / (1 << level) - 0.5, row / (1 << level) - 0.5
        inside = (col > 1) & (col < cols - 3) & (row > 1) & (row < rows - 3)
        col, row, grams = col[inside], row[inside], grams[inside]
        left, top = col.astype(np.int64), row.astype(np.int64)
        right, low = col - left, row - top
        place = top * cols + left
        above, below = (1 - low) * grams, low * grams
        near = np.concatenate((place, place + 1, place + cols, place + cols + 1))
        share = np.concatenate((above * (1 - right), above * right,
                                below * (1 - right), below * right))  # fmt: skip
        cells = np.bincount(near, share, rows * cols)
        area_m2 = (self.cell_m * (1 << level)) ** 2
        return _softened((cells / area_m2).astype(np.float32).reshape(rows, cols))


def _softened(cells: np.ndarray) -> np.ndarray:
    """[1 2 1] / 4 in both directions; keeps the sum while the border is empty."""
    out = cells * np.float32(0.5)
    out[1:] += np.float32(0.25) * cells[:-1]
    out[:-1] += np.float32(0.25) * cells[1:]
    soft = out * np.float32(0.5)
    soft[:, 1:] += np.float32(0.25) * out[:, :-1]
    soft[:, :-1] += np.float32(0.25) * out[:, 1:]
    return soft


def _doubled(cells: np.ndarray) -> np.ndarray:
    """Twice as many cells a side, linear between the middles of the old ones; keeps the mean."""
    near, far = np.float32(0.75), np.float32(0.25)
    for axis in (0, 1):
        shape = list(cells.shape)
        shape[axis] *= 2
        finer = np.empty(shape, np.float32)
        old, new = np.moveaxis(cells, axis, 0), np.moveaxis(finer, axis, 0)
        np.multiply(old, near, out=new[0::2])
        new[1::2] = new[0::2]
        quarter = far * old
        new[2::2] += quarter[:-1]
        new[0] += quarter[0]
        new[1:-1:2] += quarter[1:]
        new[-1] += quarter[-1]
        cells = finer
    return cells


class Plume:
    """One leak.

    rng          : everything random follows from it
    grid         : where column density is wanted
    wind         : carried by; stepped by the caller, since leaks share it
    molar_mass_g : lighter than air rises, heavier sinks
    jet_m_per_s  : (3,) velocity at the hole; its push is lost to the air within half a second
    lifetime_s   : what is carried decays with this time (droplets); gas does not
    """

    def __init__(self, rng: np.random.Generator, grid: Grid, wind: Wind, molar_mass_g: float,
                 jet_m_per_s: tuple[float, float, float] = (0.0, 0.0, 0.0),
                 hole_m: float = 0.012, lifetime_s: float = math.inf) -> None:  # fmt: skip
        self._rng, self._grid, self._wind = rng, grid, wind
        self._lift = 0.12 * (1 - molar_mass_g / AIR_MOLAR_G)
        self._jet = np.asarray(jet_m_per_s, np.float64)
        self._hole_m, self._lifetime_s = hole_m, lifetime_s
        self._spread_m2_per_s = 0.0003 + 0.0012 * wind.rms
        self._parcels = np.zeros((0, 9))
        self._owed = 0.0
        self.released_g = 0.0
        self.left_g = 0.0

    @property
    def held_g(self) -> float:
        """Grams that are carried along now: `released_g` - `left_g`."""
        return float(self._parcels[:, GRAMS].sum())

    def step(self, dt_s: float, rate_g_per_s: float, parcels_per_s: float) -> None:
        """Carry what is there by `dt_s` and release what the rate gives meanwhile."""
        self._carry(dt_s)
        self._release(dt_s, rate_g_per_s, parcels_per_s)
        self._drop_outside()
        if len(self._parcels) > MOST_PARCELS:
            self._merge_oldest()

    def column_g_per_m2(self) -> np.ndarray:
        """(h, w) float32 on the grid."""
        return self._grid.lay(self._parcels)

    def _carry(self, dt_s: float) -> None:
        parcels = self._parcels
        if not len(parcels):
            return
        own_keep = np.exp(-dt_s / 0.4)
        place = parcels[:, X : Z + 1]
        speed = self._wind.eddies(place.astype(np.float32)) + self._wind.now
        fade = np.exp(-parcels[:, AGE] / 4.0)
        speed[:, 1] += self._lift * fade
        place += (speed + parcels[:, VX : VZ + 1]) * dt_s
        parcels[:, VX : VZ + 1] *= own_keep
        parcels[:, AGE] += dt_s
        parcels[:, VAR] += 2 * self._spread_m2_per_s * dt_s
        if self._lifetime_s < math.inf:
            kept = math.exp(-dt_s / self._lifetime_s)
            self.left_g += (1 - kept) * self.held_g
            parcels[:, GRAMS] *= kept

    def _release(self, dt_s: float, rate_g_per_s: float, parcels_per_s: float) -> None:
        if rate_g_per_s <= 0:
            return
        self._owed += parcels_per_s * dt_s
        count = int(self._owed)
        self._owed -= count
        grams = rate_g_per_s * dt_s
        self.released_g += grams
        if not count:  # so few parcels that the newest takes the grams
            count = 1
        fresh = np.zeros((count, 9))
        age_s = self._rng.uniform(0, dt_s, count)
        push = self._jet * self._rng.normal(1, 0.15, (count, 1))
        push = push + 0.12 * np.linalg.norm(self._jet) * self._rng.normal(size=(count, 3))
        fresh[:, VX : VZ + 1] = push
        fresh[:, X : Z + 1] = self._hole_m * self._rng.normal(0, 0.4, (count, 3))
        fresh[:, X : Z + 1] += (push + self._wind.now) * age_s[:, None]
        fresh[:, AGE] = age_s
        fresh[:, VAR] = self._hole_m**2 + 2 * self._spread_m2_per_s * age_s
        fresh[:, GRAMS] = grams / count
        self._parcels = np.concatenate((self._parcels, fresh))

    def _drop_outside(self) -> None:
        stay = self._grid.holds(self._parcels)
        if not stay.all():
            self.left_g += float(self._parcels[~stay, GRAMS].sum())
            self._parcels = self._parcels[stay]

    def _merge_oldest(self) -> None:
        """Neighbours in age become one parcel of their grams, middle and spread."""
        old = self._parcels[np.argsort(-self._parcels[:, AGE], kind="stable")]
        pairs = len(old) // 4
        first, second, rest = old[: 2 * pairs : 2], old[1 : 2 * pairs : 2], old[2 * pairs :]
        share = first[:, GRAMS] / (first[:, GRAMS] + second[:, GRAMS])
        one = first * share[:, None] + second * (1 - share)[:, None]
        apart = ((first[:, X : Y + 1] - second[:, X : Y + 1]) ** 2).sum(1) / 2
        one[:, VAR] += share * (1 - share) * apart
        one[:, GRAMS] = first[:, GRAMS] + second[:, GRAMS]
        self._parcels = np.concatenate((one, rest))
