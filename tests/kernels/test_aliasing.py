# SPDX-License-Identifier: Apache-2.0
"""Scratch and results that overlap another array are refused, not computed wrongly."""

import numpy as np
import pytest

from edgeleak import kernels

SHAPE = (8, 8)
RULE = dict.fromkeys(
    (
        "least_px",
        "part_q16",
        "share_q16",
        "change_q16",
        "balance_q16",
        "clear_q16",
        "spread_q16",
        "pixel_px",
    ),
    1,
)


def level_calls():
    counts, keys = ("counts", "u2", SHAPE), ("keys", "u4", (64,))
    difference, grid = ("difference", "i2", SHAPE), ("grid", "i2", (2, 2))
    yield (
        (counts, ("background", "u2", SHAPE), keys),
        lambda c, b, k: kernels.median_shift(c, b, 1, k),
        {2},
    )
    yield (counts, keys), lambda c, k: kernels.count_range(c, 1, (0, 500), k), {1}
    yield (difference, grid), lambda d, g: kernels.local_level(d, g, 100, 1), {1}
    yield (
        (difference, grid, ("weights", "i4", (8,))),
        lambda d, g, w: kernels.remove_local_level(d, g, w),
        {0, 2},
    )
    yield (
        (difference, ("out", "i2", SHAPE), ("columns", "i4", (10,))),
        lambda d, o, c: kernels.smooth(d, o, 3, c),
        {1, 2},
    )


def place_calls():
    mask, keep = ("mask", "u1", SHAPE), ("keep", "u1", (2, 2))
    plane, sums = ("smoothed", "i2", SHAPE), ("sums", "i4", (2, 2, 4))
    squares, objects = ("squares", "i8", (2, 2, 2)), ("objects", "i4", (2, 2, 4))
    yield (mask, plane, sums), lambda m, s, t: kernels.place_sums(m, s, t, cell_px=4), {2}
    yield (
        (mask, plane, ("past", "i2", SHAPE), squares),
        lambda *arrays: kernels.change_squares(*arrays, cell_px=4),
        {3},
    )
    yield (
        (sums, ("outline", "i4", (2, 2, 2, 4)), squares, objects),
        lambda *arrays: kernels.remember_objects(
            *arrays, reach=1, part_q16=1, change_part_q16=1, still_q4=1
        ),
        {3},
    )
    yield (mask, keep), lambda m, k: kernels.keep_places(m, k, cell_px=4), {0}
    yield (
        (sums, ("duty", "u2", (2, 2)), ("balance", "i4", (2, 2, 2)), objects, keep),
        lambda *arrays: kernels.judge_places(*arrays, **RULE),
        {1, 2, 4},
    )


FAINT = dict.fromkeys(
    ("slow_q16", "memory_q16", "duty_q16", "follow_q16", "held_q16", "learn_q16", "floor_q8",
     "cell_q8", "root_q8", "flicker_q16", "share_q16", "sign_q16", "rough_q16", "outline_q16",
     "thing_looks", "strong_q6", "stand_looks", "still_q16", "least_q6", "first_sign"), 1,
)  # fmt: skip


def faint_calls():
    state = ("state", "i8", (kernels.FAINT_PLANES, 2, 2))
    totals, means = ("totals", "i8", (2, 2)), ("means", "i8", (2, 2))
    counts = ("counts", "u2", SHAPE)
    yield (counts, totals), lambda c, t: kernels.cell_totals(c, t, cell_px=4), {1}
    yield (state, means), lambda s, m: kernels.learn_faint(s, m, is_first=True), {0}
    yield (
        (state, means, ("past", "i8", (2, 2)), ("objects", "i4", (2, 2, 4)),
         ("pixels", "i4", (2, 2)), ("keep", "u1", (2, 2))),
        lambda *arrays: kernels.judge_faint(*arrays, FAINT),
        {0, 3, 5},
    )  # fmt: skip


def motion_calls():
    counts = ("counts", "u2", SHAPE)
    arrays = counts, ("columns", "u4", (2, 8)), ("rows", "u4", (2, 8))
    yield arrays, lambda c, x, y: kernels.project(c, x, y), {1, 2}
    arrays = counts, ("columns", "u4", (2, 2, 8)), ("rows", "u4", (2, 2, 8))
    yield arrays, lambda c, x, y: kernels.camera_shift(c, x, y, 1, 1), {1, 2}


CASES = [
    pytest.param(arrays, call, written, other, id=f"{arrays[written][0]}-{arrays[other][0]}")
    for source in (level_calls, place_calls, faint_calls, motion_calls)
    for arrays, call, writes in source()
    for written in sorted(writes)
    for other in range(len(arrays))
    if other != written
]


def laid_out(arrays, begin):
    """Arrays over one buffer, each at its byte offset."""
    buffer = np.zeros(8192, np.uint8)
    return [
        np.ndarray(shape, dtype, buffer, offset)
        for (_, dtype, shape), offset in zip(arrays, begin, strict=True)
    ]


@pytest.mark.parametrize(("arrays", "call", "written", "other"), CASES)
def test_overlap_is_refused(arrays, call, written, other):
    apart = [1024 * i for i in range(len(arrays))]
    call(*laid_out(arrays, apart))  # the same call is fine with arrays apart
    other_bytes = laid_out(arrays, apart)[other].nbytes
    for shift in (0, other_bytes - 4):  # its first and its last bytes
        begin = apart.copy()
        begin[written] = begin[other] + max(shift, 0) // 4 * 4
        with pytest.raises(ValueError, match="share memory"):
            call(*laid_out(arrays, begin))
