# SPDX-License-Identifier: Apache-2.0
"""NumPy twins of the grid of places; the truth for edgeleak.kernels._places."""

import numpy as np

Group = tuple[int, int, int, int, bool]


def _by_cell(shape: tuple[int, int], cell_px: int) -> np.ndarray:
    """Number of the cell of every pixel."""
    rows, columns = (np.arange(side) // cell_px for side in shape)
    return rows[:, None] * -(-shape[1] // cell_px) + columns


def place_sums(
    mask: np.ndarray,
    smoothed: np.ndarray,
    past: np.ndarray,
    sums: np.ndarray,
    *,
    cell_px: int,
    live_q2: int,
) -> None:
    """Add up what lies under the mask in every cell of a grid.

    mask     : (H, W) uint8, any value but 0 is set
    smoothed : (H, W) int16, quarter counts, difference to the background now
    past     : (H, W) int16, the same about a second ago
    sums     : (rows, columns, 4) int32, written: pixels, pixels with |smoothed - past| above
               live_q2, sum of smoothed, sum of |smoothed|
    cell_px  : side of a cell, 1..255; cells at the right and lower rim may be cut
    live_q2  : quarter counts
    """
    at = _by_cell(mask.shape, cell_px)[mask != 0]
    now = smoothed[mask != 0].astype(np.int64)
    is_live = np.abs(now - past[mask != 0]) > live_q2
    cells = sums.shape[0] * sums.shape[1]
    for k, values in enumerate((np.ones_like(now), is_live, now, np.abs(now))):
        total = np.zeros(cells, np.int64)
        np.add.at(total, at, values)
        sums[..., k] = total.reshape(sums.shape[:2])


def keep_places(mask: np.ndarray, keep: np.ndarray, *, cell_px: int) -> None:
    """Clear the mask in cells that are not kept.

    mask    : (H, W) uint8, in place
    keep    : (rows, columns) uint8; 0 clears the cell
    cell_px : side of a cell, 1..255
    """
    mask[keep.ravel()[_by_cell(mask.shape, cell_px)] == 0] = 0


def judge_places(
    sums: np.ndarray,
    state: np.ndarray,
    balance: np.ndarray,
    keep: np.ndarray,
    *,
    least_px: int,
    part_q16: int,
    motion_part_q16: int,
    share_q16: int,
    still_q16: int,
    balance_q16: int,
) -> Group:
    """Remember how long each cell was masked, and keep the groups of cells that may be gas.

    sums    : (rows, columns, 4) int32 of place_sums
    state   : (rows, columns, 2) uint16, updated: duty (share of the time under the mask) and
              motion (share of the time in motion), Q16; both are running means
    balance : (rows, columns, 2) int32, updated: running means of the two difference sums
    keep    : (rows, columns) uint8, written: 255 for cells of groups that are kept
    least_px : pixels that make a cell masked
    part_q16, motion_part_q16 : share of the memory that this frame replaces, Q16
    share_q16 : least duty of a group's most constant cell
    still_q16 : least motion of a group, over the cells with that duty
    balance_q16 : least sum of |mean difference| over mean of |difference| of a group

    A cell moves when an eighth of its masked pixels are live, or when it is not masked.
    Cells with masked pixels that touch, corners too, are one group.  Returns (area px, duty,
    motion, balance, is_kept) of the largest kept group, else of the largest; zeros for none.
    """
    is_masked = sums[..., 0] >= least_px
    is_moving = ~is_masked | (8 * sums[..., 1].astype(np.int64) >= sums[..., 0])
    state[..., 0] = _toward(state[..., 0], is_masked, part_q16)
    state[..., 1] = _toward(state[..., 1], is_moving, motion_part_q16)
    mean = balance.astype(np.int64)
    balance[...] = mean + (((sums[..., 2:] - mean) * part_q16) >> 16)
    keep[...] = 0
    best: Group = (0, 0, 0, 0, False)
    for group in _groups(sums[..., 0] != 0):
        duty = state[(*group, 0)].astype(np.int64)
        motion = np.where(duty >= share_q16, state[(*group, 1)], 0)
        one_sign, size = np.abs(balance[group].astype(np.int64)).sum(axis=0)
        facts = (
            int(sums[(*group, 0)].sum()), int(duty.max()), int(motion.max()),
            int(min(one_sign, size) * 65535 // size) if size > 0 else 0,
        )  # fmt: skip
        limits = (share_q16, still_q16, balance_q16)
        is_kept = all(fact >= limit for fact, limit in zip(facts[1:], limits, strict=True))
        keep[group] = 255 if is_kept else 0
        if (is_kept, facts[0]) > (best[4], best[0]):
            best = (*facts, is_kept)
    return best


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
