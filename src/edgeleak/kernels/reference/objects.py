# SPDX-License-Identifier: Apache-2.0
"""NumPy twins of what tells a thing from gas; the truth for edgeleak.kernels._objects."""

import numpy as np

from edgeleak.kernels.reference.ghosts import HERE, LEFT, RIM, STEPS
from edgeleak.kernels.reference.places import _by_cell, _ratio


def change_squares(
    mask: np.ndarray,
    smoothed: np.ndarray,
    past: np.ndarray,
    squares: np.ndarray,
    *,
    cell_px: int,
) -> None:
    """See edgeleak.kernels.change_squares; same contract, any speed."""
    at = _by_cell(mask.shape, cell_px)[mask != 0]
    now = smoothed[mask != 0].astype(np.int64)
    change = np.clip(now - past[mask != 0], -32767, 32767)
    for k, values in enumerate((now * now, change * change)):
        total = np.zeros(squares.shape[0] * squares.shape[1], np.int64)
        np.add.at(total, at, values)
        squares[..., k] = total.reshape(squares.shape[:2])


def remember_objects(
    sums: np.ndarray,
    outline: np.ndarray,
    squares: np.ndarray,
    objects: np.ndarray,
    *,
    reach: int,
    part_q16: int,
    change_part_q16: int,
    still_q4: int,
) -> None:
    """See edgeleak.kernels.remember_objects; same contract, any speed."""
    outline, squares = _around(outline.sum(axis=2, dtype=np.int64)), _around(squares)
    area = _around(sums[..., :1].astype(np.int64))[..., 0]
    looked = np.zeros(objects.shape, np.int64)
    for cell in zip(*np.nonzero(sums[..., 0]), strict=True):
        steps, rim = int(outline[(*cell, STEPS)]), int(outline[(*cell, RIM)])
        things = int(outline[(*cell, LEFT)] + outline[(*cell, HERE)])
        whole = max(steps, 2 * reach * rim)
        energy, change = int(squares[(*cell, 0)]), int(squares[(*cell, 1)])
        share = (things * 65535 // whole, 65535) if whole > 0 else (0, 0)
        looked[cell] = *share, _ratio(change - int(area[cell]) * still_q4, energy), 65535
    part = np.array([part_q16, part_q16, change_part_q16, change_part_q16], np.int64)
    objects += (((looked - objects) * part) >> 16).astype(np.int32)


def _around(values: np.ndarray) -> np.ndarray:
    """Sum over each cell and its eight neighbours."""
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)))
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
