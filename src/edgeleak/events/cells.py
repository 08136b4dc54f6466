# SPDX-License-Identifier: Apache-2.0
"""Which cells prove gas, and which belong to something else that merely touches it."""

from typing import Any

import numpy as np

STRONGER = 4.0
"""So many times the contrast of the proven place is something else: people before a plume of
10 counts differ by 250; puffs of one leak differ by 2 to 3."""
TYPICAL_PERCENTILE = 75
Q16 = 65535


def judge_cells(arena: Any, profile: Any, noise_counts: float) -> tuple[np.ndarray, np.ndarray]:
    """Two (rows, columns) bool arrays: cells that prove gas, cells of something else.

    noise_counts : of the frame; what a place usually shows is never taken as less

    Something else sways about its mean (a fan), or is far stronger than the place usually is
    (a person); its neighbours belong to it, because smoothing spreads it.
    """
    sums, balance = arena["sums"].astype(float), arena["balance"].astype(float)
    duty = arena["places"] / Q16
    is_place = duty >= profile["place.share"]
    is_faint = arena["faint"] > 0 if "faint" in arena else np.zeros_like(is_place)
    leaning = _around(np.abs(balance[..., 0])) / np.maximum(_around(balance[..., 1]), 1)
    sways = is_place & ~is_faint & (leaning < profile["place.balance"])
    area = sums[..., 0]
    is_proven = (arena["kept"] > 0) & (is_place | is_faint) & ~sways & (area > 0)
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


def _side(shape: tuple[int, int]) -> int:
    """Pixels along a cell.  Imported late: the command line is built before kernels load."""
    from edgeleak.pipeline.places import cell_px

    return cell_px(shape)
