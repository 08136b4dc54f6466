# SPDX-License-Identifier: Apache-2.0
"""Which part of a GAS frame is the gas, and which part merely touches it.

The pipeline judges groups of cells: whoever walks through a plume belongs to its group for a
second.  For the verdict that is right, for a red box it is not.  Here every cell is asked for
itself, and a region is gas when it stands on a cell that passes.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from edgeleak.events.cells import judge_cells


class Found(NamedTuple):
    """Regions of the mask, and the pixels that belong to them.

    gas   : regions in proven places
    other : regions of whatever touches them
    mask  : (H, W) uint8 0/255, pixels of `gas`
    tint  : the same with puffs that came loose: everything but what is something else
    """

    gas: np.ndarray
    other: np.ndarray
    mask: np.ndarray
    tint: np.ndarray

    @property
    def gas_px(self) -> int:
        return int(self.gas["area_px"].sum())


def confirmed(pipeline: Any) -> Found:
    """Split what the pipeline holds now; nothing is gas without the verdict GAS.

    A profile without places (`paper`) names no place: all its regions are gas then.
    """
    mask, regions = pipeline.mask, pipeline.regions
    if str(pipeline.verdict) != "GAS":
        return Found(regions[:0], regions, np.zeros_like(mask), mask)
    arena = getattr(pipeline, "arena", ())
    if "kept" not in arena or not len(regions):
        return Found(regions, regions[:0], mask, mask)
    proven, passing = judge_cells(arena, pipeline.profile, pipeline.verdict.noise_counts)
    tint = mask & _pixels(~passing, mask.shape)
    labels = np.empty(mask.shape, np.int32)
    gas = _find(pipeline, tint, labels)
    is_gas = np.zeros(max(int(labels.max()), len(gas)) + 1, bool)
    is_gas[labels[(tint & _pixels(proven, mask.shape)) > 0]] = True
    is_gas[0] = False
    gas_mask = is_gas[labels].view(np.uint8) * np.uint8(255)
    return Found(gas[is_gas[gas["label"]]], _find(pipeline, mask & ~gas_mask), gas_mask, tint)


def _pixels(cells: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(H, W) uint8 0/255 of a grid of cells."""
    side = _side(shape)
    rows = np.repeat(cells.astype(np.uint8) * np.uint8(255), side, axis=0)[: shape[0]]
    return np.ascontiguousarray(np.repeat(rows, side, axis=1)[:, : shape[1]])


def _side(shape: tuple[int, int]) -> int:
    """Pixels along a cell.  Imported late: the command line is built before kernels load."""
    from edgeleak.pipeline.stages import cell_px

    return cell_px(shape)


@lru_cache(maxsize=2)
def _finder(shape: tuple[int, int]) -> Any:
    from edgeleak.kernels import RegionFinder
    from edgeleak.pipeline.stages import REGION_CAPACITY

    return RegionFinder(shape, REGION_CAPACITY)


def _find(pipeline: Any, mask: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """Regions of a mask with their contrast, as the pipeline finds its own."""
    arena = pipeline.arena
    found = _finder(mask.shape).find(
        mask,
        frame=arena["counts"],
        background=arena["background"],
        level=round(4 * pipeline.verdict.level_counts),
        labels=labels,
    )
    return found.copy()
