# SPDX-License-Identifier: Apache-2.0
"""NumPy reference for mask morphology: the definition, not the fast path."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def mask_scratch_words(shape, size=3):
    """The reference needs no scratch; the number is that of the compiled kernel."""
    height, width = shape
    words, r = (width + 63) // 64, size // 2
    return (height + 4 * r) * words + words + 2 * (r // 64 + 1) + 1


def _check(mask, scratch, size):
    if not 1 <= size <= 4095 or size % 2 == 0:
        raise ValueError(f"size must be an odd number 1..4095, got {size}")
    needed = mask_scratch_words(mask.shape, size)
    if scratch.size < needed:
        raise ValueError(f"scratch has {scratch.size} words, needs at least {needed}")


def _eroded(is_set, size):
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (size // 2, size // 2)
        grown = np.pad(is_set, pad, constant_values=True)
        is_set = sliding_window_view(grown, size, axis).all(axis=-1)
    return is_set


def _dilated(is_set, size):
    return ~_eroded(~is_set, size)


def _apply(mask, scratch, size, *steps):
    _check(mask, scratch, size)
    is_set = mask != 0
    for step in steps:
        is_set = step(is_set, size)
    mask[...] = np.where(is_set, 255, 0)


def erode_mask(mask, scratch, size=3):
    """See edgeleak.kernels.erode_mask; same contract, any speed."""
    _apply(mask, scratch, size, _eroded)


def dilate_mask(mask, scratch, size=3):
    """See edgeleak.kernels.dilate_mask; same contract, any speed."""
    _apply(mask, scratch, size, _dilated)


def open_mask(mask, scratch, size=3):
    """See edgeleak.kernels.open_mask; same contract, any speed."""
    _apply(mask, scratch, size, _eroded, _dilated)


def close_mask(mask, scratch, size=3):
    """See edgeleak.kernels.close_mask; same contract, any speed."""
    _apply(mask, scratch, size, _dilated, _eroded)
