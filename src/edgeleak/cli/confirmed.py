# SPDX-License-Identifier: Apache-2.0
"""Which part of a GAS frame is the gas, and which part merely touches it.

The pipeline judges groups of cells: whoever walks through a plume belongs to its group for a
second.  For the verdict that is right, for a red box it is not.  Here every cell is asked for
itself, and a region is gas when it stands on a cell that passes.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

STRONGER = 4.0
"""So many times the contrast of the proven place is something else: people before a plume of
10 counts differ by 250; puffs of one leak differ by 2 to 3."""
TYPICAL_PERCENTILE = 75
Q16 = 65535


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


def judge_cells(arena: Any, profile: Any, noise_counts: float) -> tuple[np.ndarray, np.ndarray]:
    """Two (rows, columns) bool arrays: cells that prove gas, cells of something else.

    noise_counts : of the frame; what a place usually shows is never taken as less

    Something else sways about its mean (a fan), or is far stronger than the place usually is
    (a person); its neighbours belong to it, because smoothing spreads it.
    """
    sums, balance = arena["sums"].astype(float), arena["balance"].astype(float)
    duty = arena["places"] / Q16
    is_place = duty >= profile["place.share"]
    leaning = _around(np.abs(balance[..., 0])) / np.maximum(_around(balance[..., 1]), 1)
    sways = is_place & (leaning < profile["place.balance"])
    area = sums[..., 0]
    is_proven = (arena["kept"] > 0) & is_place & ~sways & (area > 0)
    if not is_proven.any():
        return is_proven, np.ones_like(is_proven)
    # balance is a mean over masked and other moments of a whole cell
    usual_q2 = (balance[..., 1] / np.maximum(duty, 1e-3))[is_proven] / _side(arena.shape) ** 2
    limit_q2 = STRONGER * max(np.percentile(usual_q2, TYPICAL_PERCENTILE), 4 * noise_counts)
    is_strong = (area > 0) & (sums[..., 2] > limit_q2 * np.maximum(area, 1))
    return is_proven, sways | (_around(is_strong) > 0)


def _around(cells: np.ndarray) -> np.ndarray:
    """Sum of each cell and its eight neighbours."""
    padded = np.pad(cells.astype(float), 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]


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
