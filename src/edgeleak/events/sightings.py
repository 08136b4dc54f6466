# SPDX-License-Identifier: Apache-2.0
"""What of the newest frame may be gas, group by group.

The verdict is about the largest group of touching places; here each group is one sighting, so that
two leaks at once are two.  A profile without places (`paper`) has regions of its mask instead.
"""

from typing import Any, NamedTuple

import numpy as np

from edgeleak.events.cells import judge_cells
from edgeleak.kernels import RegionFinder

COARSE_ACROSS = 160
"""Cells of the fine map along the longer side: 4 pixels at 640x480."""
MOST_SIGHTINGS = 32


class Sighting(NamedTuple):
    """One group of places that may be gas now.

    cells    : (rows, columns) bool, its places, without those of something that merely touches it
    box      : x, y, w, h of its changed pixels
    area_px  : changed pixels
    evidence : area over the area that counts
    contrast_counts : mean difference to the background, above 0 is warmer
    centre   : x, y of its changed pixels, by cells
    """

    cells: np.ndarray
    box: tuple[int, int, int, int]
    area_px: int
    evidence: float
    contrast_counts: float
    centre: tuple[float, float]


class Sightings:
    """Finds the sightings of one pipeline; its memory is taken at the start.

    cell_px : side of a place
    step    : sub-sampling of the fine maps
    """

    def __init__(self, pipeline: Any) -> None:
        from edgeleak.pipeline.places import cell_px, grid_cells

        self._pipeline = pipeline
        self.shape, self.cell_px = pipeline.shape, cell_px(pipeline.shape)
        self.step = max(1, round(max(self.shape) / COARSE_ACROSS))
        self.cells = grid_cells(self.shape)
        self.has_places = "kept" in pipeline.arena
        self._kept = np.zeros(self.cells, np.uint8)
        self._labels = np.zeros(self.cells, np.int32)
        self._sums = np.zeros((*self.cells, 3), np.int32)
        self._finder = RegionFinder(self.cells)
        profile = pipeline.profile
        part_px = self.shape[0] * self.shape[1] * profile["evidence.area_permille"] / 1000
        self._gas_px = max(profile["evidence.least_px"], part_px)

    @property
    def mask(self) -> np.ndarray:
        """Sub-sampled mask, 0 or 255: what may be gas."""
        return self._pipeline.mask[:: self.step, :: self.step]

    @property
    def strength(self) -> np.ndarray:
        """Sub-sampled size of the difference, in units that only compare within a picture."""
        arena, step = self._pipeline.arena, self.step
        if "smoothed" in arena:
            return np.abs(arena["smoothed"][::step, ::step].astype(np.float32))
        return self._pipeline.gas[::step, ::step].astype(np.float32)

    def find(self) -> list[Sighting]:
        """Of the frame stepped last, the largest first; empty without an answer."""
        verdict = self._pipeline.verdict
        if verdict.code or not (verdict.group.is_kept or (not self.has_places and verdict.area_px)):
            return []
        kept, sums = self._taken()
        regions = self._finder.find(kept, labels=self._labels)
        strange = self._strange()
        made = [self._sighting(int(row["label"]), sums, strange) for row in regions]
        made = [sighting for sighting in made if sighting.area_px]
        made.sort(key=lambda sighting: -sighting.area_px)
        return made[:MOST_SIGHTINGS]

    def _taken(self) -> tuple[np.ndarray, np.ndarray]:
        arena = self._pipeline.arena
        if self.has_places:
            return arena["kept"], arena["sums"]
        return self._from_regions()

    def _from_regions(self) -> tuple[np.ndarray, np.ndarray]:
        """Places of the mask of a profile that judges none."""
        mask, side = self._pipeline.mask, self.cell_px
        rows, columns = (np.arange(0, length, side) for length in mask.shape)
        counts = np.add.reduceat(np.add.reduceat((mask > 0).astype(np.int32), rows, 0), columns, 1)
        self._sums.fill(0)
        self._sums[..., 0] = counts
        np.copyto(self._kept, (counts > 0) * np.uint8(255), casting="unsafe")
        return self._kept, self._sums

    def _strange(self) -> np.ndarray:
        """(rows, columns) bool: a person who walks through the plume, a fan in it."""
        if not self.has_places:
            return np.zeros(self.cells, bool)
        pipeline = self._pipeline
        return judge_cells(pipeline.arena, pipeline.profile, pipeline.verdict.noise_counts)[1]

    def _sighting(self, label: int, sums: np.ndarray, strange: np.ndarray) -> Sighting:
        cells = (self._labels == label) & ~strange
        area = sums[..., 0] * cells
        area_px = int(area.sum())
        signed = int((sums[..., 1] * cells).sum())
        if not area_px:
            return Sighting(cells, (0, 0, 0, 0), 0, 0.0, float("nan"), (0.0, 0.0))
        rows, columns = np.nonzero(area)
        weights, side = area[rows, columns], self.cell_px
        centre = (
            float((weights @ columns) / area_px + 0.5) * side,
            float((weights @ rows) / area_px + 0.5) * side,
        )
        contrast = signed / area_px / 4 if self.has_places else float("nan")
        evidence = area_px / self._gas_px
        return Sighting(cells, self._box(rows, columns), area_px, evidence, contrast, centre)

    def _box(self, rows: np.ndarray, columns: np.ndarray) -> tuple[int, int, int, int]:
        """Of the mask inside the cells' box: its changed pixels, not whole cells."""
        side = self.cell_px
        top, left = int(rows.min()) * side, int(columns.min()) * side
        part = self._pipeline.mask[
            top : (int(rows.max()) + 1) * side, left : (int(columns.max()) + 1) * side
        ]
        down, across = (np.flatnonzero(part.any(axis=axis)) for axis in (1, 0))
        if not down.size:
            return left, top, part.shape[1], part.shape[0]
        x, y = left + int(across[0]), top + int(down[0])
        return x, y, int(across[-1] - across[0]) + 1, int(down[-1] - down[0]) + 1
