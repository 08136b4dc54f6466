# SPDX-License-Identifier: Apache-2.0
"""NumPy twins of the outlines of what has left; the truth for edgeleak.kernels._ghosts."""

import numpy as np

from edgeleak.kernels.reference.places import _by_cell, _groups

RIM, STEPS, LEFT, HERE = range(4)


def _three(a: np.ndarray, axis: int) -> np.ndarray:
    """Sum of three pixels along an axis; the rim of the picture is not used."""
    return np.roll(a, 1, axis) + a + np.roll(a, -1, axis)


def _either_side(a: np.ndarray, reach: int) -> np.ndarray:
    """(4, H, W): sums of three left, right, above and below."""
    tall, wide = _three(a, 0), _three(a, 1)
    return np.stack([
        np.roll(tall, reach, 1), np.roll(tall, -reach, 1),
        np.roll(wide, reach, 0), np.roll(wide, -reach, 0),
    ])  # fmt: skip


def outline_sums(
    mask: np.ndarray,
    smoothed: np.ndarray,
    difference: np.ndarray,
    counts: np.ndarray,
    background: np.ndarray,
    sums: np.ndarray,
    outline: np.ndarray,
    *,
    cell_px: int,
    reach: int,
    least_q2: int,
) -> None:
    """See edgeleak.kernels.outline_sums; same contract, any speed."""
    outline[...] = 0
    h, w = mask.shape
    if h <= 2 * reach or w <= 2 * reach:
        return
    step = _either_side(difference.astype(np.int64), reach)
    is_across = np.abs(step[1] - step[0]) >= np.abs(step[3] - step[2])
    a, b = np.where(is_across, step[:2], step[2:])
    large = np.where(np.abs(a) > np.abs(b), a, b)
    small = a + b - large
    at, area = _by_cell(mask.shape, cell_px), sums[..., 0].astype(np.int64)
    least = _least_step(sums, least_q2).ravel()[at]
    is_step = (np.abs(large) >= least) & (4 * np.abs(small) <= np.abs(large))
    now = _step(np.minimum(counts, 16383).astype(np.int64) * 4, reach, is_across)
    before = _step(background.astype(np.int64), reach, is_across)
    looked = (mask != 0) & _inside(mask.shape, reach) & (area.ravel()[at] > 0)
    facts = (_rim(mask), is_step, is_step & (2 * now < before), is_step & (2 * before < now))
    for value, fact in enumerate(facts):
        is_above = (smoothed if value == RIM else large) > 0
        for sign in (0, 1):
            chosen = looked & fact & (is_above == sign)
            outline[..., sign, value] = np.bincount(
                at[chosen], minlength=area.size
            ).reshape(area.shape)  # fmt: skip


def _least_step(sums: np.ndarray, least_q2: int) -> np.ndarray:
    """Half of the mean difference in a cell, as a sum of three pixels."""
    area, size = sums[..., 0].astype(np.int64), sums[..., 2].astype(np.int64)
    return np.maximum(3 * size // np.maximum(2 * area, 1), least_q2)


def _step(plane: np.ndarray, reach: int, is_across: np.ndarray) -> np.ndarray:
    """How far the plane steps from one side to the other, across or along the rows."""
    side = _either_side(plane, reach)
    return np.where(is_across, np.abs(side[1] - side[0]), np.abs(side[3] - side[2]))


def _inside(shape: tuple[int, int], reach: int) -> np.ndarray:
    """Pixels from which `reach` pixels to every side lie in the picture."""
    inside = np.zeros(shape, bool)
    inside[reach : shape[0] - reach, reach : shape[1] - reach] = True
    return inside


def _rim(mask: np.ndarray) -> np.ndarray:
    """Pixels beside which the mask ends."""
    inner = is_set = mask != 0
    for axis in (0, 1):
        inner = inner & np.roll(is_set, 1, axis) & np.roll(is_set, -1, axis)
    return ~inner


def _share(sums: np.ndarray, reach: int, least_px: int) -> int:
    whole = max(int(sums[STEPS]), 2 * reach * int(sums[RIM]))
    if whole <= 0 or sums[LEFT] < least_px:
        return 0
    return int(sums[LEFT]) * 65535 // whole


def judge_ghosts(
    sums: np.ndarray,
    outline: np.ndarray,
    seen: np.ndarray,
    *,
    reach: int,
    share_q16: int,
    least_px: int,
    points: int,
) -> tuple[int, int, int]:
    """See edgeleak.kernels.judge_ghosts; same contract, any speed."""
    seen[sums[..., 0] == 0] = 0
    heal = wait = most = 0
    for group in _groups(sums[..., 0] != 0):
        total = outline[group].astype(np.int64).sum(axis=0)
        whole = _share(total.sum(axis=0), reach, least_px)
        for sign in (0, 1):
            part = _share(total[sign], reach, least_px)
            gain = 3 if whole >= share_q16 else int(part >= share_q16)
            most = max(most, part, whole)
            known = seen[(*group, sign)].astype(np.int64)
            known = np.minimum(known + gain, 255) if gain else known * 0
            seen[(*group, sign)] = known
            heal += int((known >= points).sum())
            wait += int(((known > 0) & (known < points)).sum())
    return heal, wait, most


def heal_ghosts(
    background: np.ndarray,
    difference: np.ndarray,
    smoothed: np.ndarray,
    mask: np.ndarray,
    hold: np.ndarray,
    lag: np.ndarray,
    seen: np.ndarray,
    *,
    cell_px: int,
    points: int,
    least_q2: int,
) -> int:
    """See edgeleak.kernels.heal_ghosts; same contract, any speed."""
    step = difference.astype(np.int64)
    is_large = np.abs(step) >= least_q2
    is_above = np.where(is_large, step > 0, smoothed > 0).astype(np.intp)
    at = _by_cell(mask.shape, cell_px)
    enough = seen.reshape(-1, 2)[at, is_above] >= points
    healed = (is_large | (mask != 0)) & enough
    moved = np.clip(background.astype(np.int64) + step, 0, 65532)
    background[healed] = moved[healed]
    for plane in (difference, smoothed, mask, hold):
        plane[healed] = 0
    lag[:, healed] = 0
    return int(healed.sum())
