# SPDX-License-Identifier: Apache-2.0
"""NumPy twins of the grid of places; the truth for edgeleak.kernels._places."""

import numpy as np

Group = tuple[int, int, int, int, int, int, bool]


def _by_cell(shape: tuple[int, int], cell_px: int) -> np.ndarray:
    """Number of the cell of every pixel."""
    rows, columns = (np.arange(side) // cell_px for side in shape)
    return rows[:, None] * -(-shape[1] // cell_px) + columns


def place_sums(
    mask: np.ndarray,
    smoothed: np.ndarray,
    sums: np.ndarray,
    *,
    cell_px: int,
) -> None:
    """Add up what lies under the mask in every cell of a grid.

    mask     : (H, W) uint8, any value but 0 is set
    smoothed : (H, W) int16, quarter counts, difference to the background now
    sums     : (rows, columns, 4) int32, written: pixels, sum of smoothed, sum of |smoothed|, its
               largest
    cell_px  : side of a cell, 1..255; cells at the right and lower rim may be cut
    """
    at = _by_cell(mask.shape, cell_px)[mask != 0]
    now = smoothed[mask != 0].astype(np.int64)
    cells = sums.shape[0] * sums.shape[1]
    for k, values in enumerate((np.ones_like(now), now, np.abs(now))):
        total = np.zeros(cells, np.int64)
        np.add.at(total, at, values)
        sums[..., k] = total.reshape(sums.shape[:2])
    peak = np.zeros(cells, np.int64)
    np.maximum.at(peak, at, np.abs(now))
    sums[..., 3] = peak.reshape(sums.shape[:2])


def keep_places(mask: np.ndarray, keep: np.ndarray, *, cell_px: int) -> None:
    """Clear the mask in cells that are not kept.

    mask    : (H, W) uint8, in place
    keep    : (rows, columns) uint8; 0 clears the cell
    cell_px : side of a cell, 1..255
    """
    mask[keep.ravel()[_by_cell(mask.shape, cell_px)] == 0] = 0


def judge_places(
    sums: np.ndarray,
    duty: np.ndarray,
    balance: np.ndarray,
    objects: np.ndarray,
    keep: np.ndarray,
    *,
    least_px: int,
    part_q16: int,
    share_q16: int,
    change_q16: int,
    balance_q16: int,
    clear_q16: int,
    spread_q16: int,
    pixel_px: int,
) -> Group:
    """Remember how long each cell was masked, and keep the groups of cells that may be gas.

    sums    : (rows, columns, 4) int32 of place_sums
    duty    : (rows, columns) uint16, updated: share of the time under the mask, Q16, a running
              mean
    balance : (rows, columns, 2) int32, updated: running means of the two difference sums
    objects : (rows, columns, 4) int32 of remember_objects
    keep    : (rows, columns) uint8, written: 255 for cells of groups that are kept
    least_px : pixels that make a cell masked
    part_q16 : share of the memory that this frame replaces, Q16
    share_q16 : least duty of a group's most constant cell
    change_q16 : least change of a group
    balance_q16 : least sum of |mean difference| over mean of |difference| of a group
    clear_q16 : least share of a group's outline that is no thing's
    spread_q16 : least share of a group's |smoothed| that one pixel with its peak would not make
    pixel_px : sum over peak of one pixel after smoothing, 1..255

    Cells with masked pixels that touch, corners too, are one group.  Returns (area px, duty,
    change, balance, clear, spread, is_kept) of the largest kept group, else of the largest;
    zeros for none.
    """
    duty[...] = _toward(duty, sums[..., 0] >= least_px, part_q16)
    mean = balance.astype(np.int64)
    balance[...] = mean + (((sums[..., 1:3] - mean) * part_q16) >> 16)
    keep[...] = 0
    limits = (share_q16, change_q16, balance_q16, clear_q16, spread_q16)
    best: Group = (0, 0, 0, 0, 0, 0, False)
    for group in _groups(sums[..., 0] != 0):
        area = sums[(*group, 0)].astype(np.int64)
        one_sign, size = np.abs(balance[group].astype(np.int64)).sum(axis=0)
        now, peak = int(sums[(*group, 2)].astype(np.int64).sum()), int(sums[(*group, 3)].max())
        means = (objects[group].astype(np.int64) * area[:, None]).sum(axis=0)
        facts = (
            int(area.sum()), int(duty[group].max()), _ratio(means[2], means[3]),
            _ratio(one_sign, size) if size > 0 else 0, _ratio(means[1] - means[0], means[1]),
            _ratio(now - peak * pixel_px, now) if now > 0 else 0,
        )  # fmt: skip
        is_kept = all(fact >= limit for fact, limit in zip(facts[1:], limits, strict=True))
        keep[group] = 255 if is_kept else 0
        if (is_kept, facts[0]) > (best[-1], best[0]):
            best = (*facts, is_kept)
    return best


def _ratio(part: int, whole: int) -> int:
    part, whole = int(part), int(whole)
    while whole >= 1 << 46:
        part, whole = (-(-part // 2) if part < 0 else part // 2), whole // 2
    if whole <= 0 or part >= whole:
        return 65535
    return part * 65535 // whole if part > 0 else 0


def _toward(value: np.ndarray, is_up: np.ndarray, part_q16: int) -> np.ndarray:
    known = value.astype(np.int64)
    return np.where(
        is_up, known + (((65535 - known) * part_q16) >> 16), known - ((known * part_q16) >> 16)
    )


def _groups(is_set: np.ndarray):
    """Index arrays (y, x) of every group, in raster order of the first cell."""
    left = is_set.copy()
    while left.any():
        first = tuple(np.argwhere(left)[0])
        found, waiting = [], [first]
        left[first] = False
        while waiting:
            y, x = waiting.pop()
            found.append((y, x))
            rows, columns = slice(max(y - 1, 0), y + 2), slice(max(x - 1, 0), x + 2)
            for v, u in np.argwhere(left[rows, columns]):
                waiting.append((v + rows.start, u + columns.start))
                left[waiting[-1]] = False
        y, x = np.array(found).T
        yield y, x
