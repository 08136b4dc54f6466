# SPDX-License-Identifier: Apache-2.0
"""NumPy twins of the means of places over seconds; the truth for edgeleak.kernels._faint."""

import numpy as np

from edgeleak.kernels.reference.places import _by_cell, _ratio

REFERENCE, LAST, NOISE, SLOW, CHANGE, ENERGY, THING, WARM, COLD, NOW, SIGMAS = range(11)
STEP, SPARE, OTHER, SHORT, TREND, STOOD, FAINT_PLANES = range(11, 18)
TOP_LOOKS, DRIFTS_Q8 = 64, 512
MAX_DIFF, MAX_NOISE, TOP_Q8, TOP_BASE_Q8 = 131071, 1 << 28, 1 << 20, 1 << 14
SIGMA_Q8, MEDIAN_Q8, SEEN_Q16, TRUST_Q8 = 321, 380, 6554, 307


def cell_totals(counts: np.ndarray, totals: np.ndarray, *, cell_px: int) -> None:
    """Add the counts of the pixels of every cell to its total.

    counts  : (H, W) uint16
    totals  : (rows, columns) int64, updated
    cell_px : side of a cell, 1..255; cells at the right and lower rim may be cut
    """
    flat = totals.reshape(-1)
    np.add.at(flat, _by_cell(counts.shape, cell_px).ravel(), counts.ravel().astype(np.int64))
    totals[...] = flat.reshape(totals.shape)


def cell_means(totals: np.ndarray, pixels: np.ndarray, means: np.ndarray, *, n_frames: int) -> None:
    """Means of the cells since the last look, counts Q6, rounded down; the totals begin anew."""
    means[...] = totals * 64 // (pixels.astype(np.int64) * n_frames)
    totals[...] = 0


def learn_faint(state: np.ndarray, means: np.ndarray, *, is_first: bool) -> None:
    """One look of learning: sums of the means and of the size of their changes."""
    if is_first:
        state[...] = 0
    else:
        state[NOW] = _flat(means - state[LAST])
        state[NOISE] += np.abs(state[NOW])
    state[REFERENCE] += means
    state[LAST] = means


def settle_faint(state: np.ndarray, *, looks: int, least_q6: int) -> None:
    """End of learning: means to Q14, noise as a deviation of the cell's surroundings."""
    cells = _around(np.ones(state.shape[1:], np.int64))
    state[NOW] = _around(state[NOISE]) * SIGMA_Q8 // (cells * (looks - 1))
    state[REFERENCE] = state[REFERENCE] * 256 // looks
    usual = _median(state[NOW])
    own = np.clip(state[NOW], usual * 7 // 10, usual * 3)
    state[NOISE] = np.clip(own, least_q6 * 256, MAX_NOISE)
    state[LAST] = 0


def judge_faint(
    state: np.ndarray,
    means: np.ndarray,
    past: np.ndarray | None,
    objects: np.ndarray,
    pixels: np.ndarray,
    keep: np.ndarray,
    values: dict[str, int],
) -> tuple[int, int, int, int, bool, int]:
    """One look after learning: what stands out of the noise of seconds, and may be gas.

    Arguments and answer as in edgeleak.kernels.judge_faint.
    """
    _update(state, means, past, values)
    scale = _take_sigmas(state, values["floor_q8"])
    strong = _remember_things(state, objects, values)
    _take_flicker(state, values["cell_q8"])
    if scale >= DRIFTS_Q8:
        _discount_drift(state, objects, values)
    found = (*_judge(state, pixels, keep, values), strong)
    _follow(state, values)
    return found


def _update(
    state: np.ndarray, means: np.ndarray, past: np.ndarray | None, values: dict[str, int]
) -> None:
    state[NOW] = now = _flat(means - (state[REFERENCE] >> 8))
    moved = np.zeros_like(now) if past is None else now - past
    one = now - state[LAST]
    state[STEP] = _toward(state[STEP], one * one * 256, values["memory_q16"])
    top = state[NOISE] * TOP_LOOKS
    size = np.clip(now * 256, -top, top)
    state[SLOW] = _toward(state[SLOW], size, values["slow_q16"])
    state[TREND] = _toward(state[TREND], moved * 256, values["memory_q16"])
    state[CHANGE] = _toward(state[CHANGE], moved * moved * 256, values["memory_q16"])
    state[ENERGY] = _toward(state[ENERGY], size * size // 256, values["memory_q16"])


def _take_sigmas(state: np.ndarray, floor_q8: int) -> int:
    """Of the slow mean, in units of its own noise and the whole picture's, which is returned."""
    size = np.abs(state[SLOW]) * 256 // np.maximum(state[NOISE], 1)
    scale = max((_median(size) * MEDIAN_Q8) >> 8, floor_q8)
    top = np.minimum(size * 256 // scale, TOP_Q8)
    state[SIGMAS] = np.where(state[SLOW] < 0, -top, top)
    return scale


def _remember_things(state: np.ndarray, objects: np.ndarray, values: dict[str, int]) -> int:
    unknown = np.where(state[STOOD] >= values["stand_looks"], 0, 65535)
    outline, change = _shares(objects[..., :2], 0), _shares(objects[..., 2:], unknown)
    is_strong = np.abs(state[NOW]) > values["strong_q6"]
    stands_still = is_strong & (change < values["still_q16"])
    state[SPARE] = (outline > values["outline_q16"]) | stands_still
    is_new = state[STOOD] < values["stand_looks"]
    state[STOOD] = np.where(is_new, np.where(is_strong, state[STOOD] + 1, 0), state[STOOD])
    is_near = _around(state[SPARE]) > 0
    state[THING] = np.where(is_near, values["thing_looks"], np.maximum(state[THING] - 1, 0))
    state[STOOD][state[THING] == 0] = 0
    return int(np.count_nonzero(is_strong))


def _shares(means: np.ndarray, unknown: np.ndarray | int) -> np.ndarray:
    """Of means and their weights, Q16; `unknown` where too little was seen."""
    found = np.broadcast_to(unknown, means.shape[:-1]).astype(np.int64)
    for at in zip(*np.nonzero(means[..., 1] > SEEN_Q16), strict=True):
        found[at] = _ratio(int(means[(*at, 0)]), int(means[(*at, 1)]))
    return found


def _take_flicker(state: np.ndarray, cell_q8: int) -> None:
    """Change beyond what the noise of quiet cells makes, and energy, where a cell stands out."""
    is_out = (np.abs(state[SIGMAS]) > cell_q8) & (state[THING] == 0)
    square = state[NOISE] * state[NOISE] >> 8
    for squares, excess in ((CHANGE, SPARE), (STEP, SHORT)):
        usual = _median(state[squares] * 256 // (square + 1)) * TRUST_Q8 >> 8
        base = min(max(usual, 0), TOP_BASE_Q8)
        state[excess] = np.where(is_out, state[squares] - (square * base >> 8), 0)
    state[OTHER] = np.where(is_out, state[ENERGY], 0)


def _discount_drift(state: np.ndarray, objects: np.ndarray, values: dict[str, int]) -> None:
    """Smooth, and a quarter of the change around is a trend: what drifts does not flicker."""
    drift = _around(state[TREND] * state[TREND] >> 8)
    excess, brief = _around(state[SPARE]), _around(state[SHORT])
    for at in zip(*np.nonzero(4 * drift > _around(state[CHANGE])), strict=True):
        if _ratio(brief[at], excess[at]) < values["rough_q16"]:
            objects[(*at, 2)] = 0


def _judge(
    state: np.ndarray, pixels: np.ndarray, keep: np.ndarray, values: dict[str, int]
) -> tuple[int, int, int, int, bool]:
    keep[...] = 0
    area, best = 0, (False, 0, 0, 0)  # is_kept, sigmas, duty, flicker
    rows, columns = keep.shape
    is_free = state[THING] == 0
    excess, whole, brief = (_around(state[plane]) for plane in (SPARE, OTHER, SHORT))
    steady = _around(np.where(state[OTHER] != 0, state[SLOW] * state[SLOW] >> 8, 0))
    within = np.zeros(keep.shape, bool)
    within[1:-1, 1:-1] = True
    for sign, plane in ((1, WARM), (-1, COLD))[values["first_sign"] < 0 :]:
        sigmas = sign * state[SIGMAS]
        is_out = sigmas > values["cell_q8"]
        most = 2 * values["root_q8"]  # of one cell: a pixel that flickers is no gas
        windows = np.where(is_out, _truncated(_windows(np.minimum(sigmas, most)), 4), 0)
        for i in range(rows * columns):
            at = divmod(i, columns)
            flicker = _ratio(excess[at], whole[at]) if is_out[at] else 0
            proves = (
                bool(is_out[at] and within[at] and is_free[at])
                and windows[at] >= values["root_q8"] and flicker >= values["flicker_q16"]
                and _ratio(brief[at], excess[at]) >= values["rough_q16"]
                and _ratio(steady[at], whole[at]) >= values["sign_q16"]
            )  # fmt: skip
            known = int(state[plane][at])
            known += ((65535 * proves - known) * values["duty_q16"]) >> 16
            state[plane][at] = known
            is_kept = bool(proves and known >= values["share_q16"])
            if (is_kept, int(windows[at])) > best[:2]:
                best = is_kept, int(windows[at]), known, flicker
            if is_kept and not keep[at]:
                area += _spread(is_out & is_free, keep, pixels, at)
    return area, best[2], best[3], best[1], best[0]


def _spread(body: np.ndarray, keep: np.ndarray, pixels: np.ndarray, first: tuple[int, int]) -> int:
    area, waiting = 0, [first]
    keep[first] = 255
    while waiting:
        y, x = waiting.pop()
        area += int(pixels[y, x])
        top, left = max(y - 1, 0), max(x - 1, 0)
        near = (slice(top, y + 2), slice(left, x + 2))
        for v, u in np.argwhere(body[near] & (keep[near] == 0)):
            keep[v + top, u + left] = 255
            waiting.append((v + top, u + left))
    return area


def _follow(state: np.ndarray, values: dict[str, int]) -> None:
    """The reference follows slowly, the noise where it is quiet; a thing is forgotten."""
    is_quiet = np.abs(state[SIGMAS]) <= values["cell_q8"]
    part = np.where(is_quiet, values["follow_q16"], values["held_q16"])
    step = (state[NOISE] * part) >> 16
    size = np.abs(state[NOW] - state[LAST]) * SIGMA_Q8
    noise = np.clip(
        _toward(state[NOISE], size, values["learn_q16"]), values["least_q6"] * 256, MAX_NOISE
    )
    state[REFERENCE] += np.clip(state[NOW] * 256, -step, step)
    state[SPARE] = state[STOOD] >= values["stand_looks"]
    has_stood = _around(state[SPARE]) * state[THING] > 0
    since = np.maximum(values["thing_looks"] - state[THING], 0)  # looks
    state[REFERENCE] += np.where(has_stood, _truncated(state[NOW] * 256, since + 1), 0)
    for memory in (CHANGE, ENERGY, STEP, TREND):
        state[memory][state[THING] == 1] = 0
    state[NOISE] = np.where(is_quiet, noise, state[NOISE])
    state[LAST] = state[NOW]


def _toward(known: np.ndarray, now: np.ndarray, part_q16: int) -> np.ndarray:
    return known + (((now - known) * part_q16) >> 16)


def _median(values: np.ndarray) -> int:
    """The lower one."""
    flat = np.sort(values, axis=None)
    return int(flat[(flat.size - 1) // 2])


def _flat(plane: np.ndarray) -> np.ndarray:
    """Without what the picture, its columns and its rows share; then limited."""
    plane = plane - _median(plane)
    for axis in (0, 1):
        middle = (plane.shape[axis] - 1) // 2
        plane = plane - np.sort(plane, axis=axis).take([middle], axis=axis)
    return np.clip(plane, -MAX_DIFF, MAX_DIFF)


def _around(plane: np.ndarray) -> np.ndarray:
    """Sum of each cell and its eight neighbours."""
    padded = np.pad(plane, 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]


def _windows(sigmas: np.ndarray) -> np.ndarray:
    """Largest of the four sums of 2x2 cells that each cell belongs to; outside is 0."""
    padded = np.pad(sigmas, 1)
    sums = padded[:-1, :-1] + padded[1:, :-1] + padded[:-1, 1:] + padded[1:, 1:]
    return np.maximum.reduce([sums[:-1, :-1], sums[1:, :-1], sums[:-1, 1:], sums[1:, 1:]])


def _truncated(values: np.ndarray, by: int | np.ndarray) -> np.ndarray:
    return np.sign(values) * (np.abs(values) // by)
