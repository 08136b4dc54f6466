# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True
"""Compiled level, range and local level; reference: kernels/reference/level.py."""
from libc.stddef cimport size_t
from libc.stdint cimport int16_t, int32_t, uint8_t, uint16_t, uint32_t

from checks cimport disjoint, in_range, same_shape


cdef extern from "edgeleak/level.h" nogil:
    enum:
        EL_LEVEL_MAX_TILES
        EL_LEVEL_MAX_RANKS
    uint32_t el_level_select(const uint32_t *keys, size_t n, size_t rank)
    size_t el_level_shift_keys(const uint16_t *counts, const uint16_t *background, size_t h,
                               size_t w, size_t step, uint32_t *keys)
    size_t el_level_count_keys(const uint16_t *counts, size_t h, size_t w, size_t step,
                               uint32_t *keys)
    void el_level_select_ranks(const uint32_t *keys, size_t n, size_t *rank,
                               size_t n_ranks, uint32_t *found)
    size_t el_level_area(const uint8_t *mask, size_t n)
    size_t el_level_count_between(const uint16_t *counts, size_t h, size_t w, size_t step,
                                  uint16_t low, uint16_t high)
    int16_t el_level_tile_mean(const int16_t *difference, size_t w, size_t y0, size_t y1,
                               size_t x0, size_t x1, size_t step, int32_t clip)
    void el_level_flatten(int16_t *difference, const int16_t *grid, size_t h, size_t w,
                          size_t rows, size_t columns, int32_t *weight)


cdef int grid_fits(Py_ssize_t h, Py_ssize_t w, int step, Py_ssize_t room) except -1:
    in_range("step", step, 1, 65535)
    if h == 0 or w == 0:
        raise ValueError("counts are empty")
    cdef Py_ssize_t needed = ((h + step - 1) // step) * ((w + step - 1) // step)
    if room < needed:
        raise ValueError(f"keys hold {room} values, step {step} needs {needed}")
    return 0


cdef int keys_apart(const uint16_t[:, ::1] read, const uint32_t[::1] keys) except -1:
    return disjoint(&read[0, 0], <size_t>(read.shape[0] * read.shape[1]) * sizeof(uint16_t),
                    &keys[0], <size_t>keys.shape[0] * sizeof(uint32_t))


def median_shift(const uint16_t[:, ::1] counts not None,
                 const uint16_t[:, ::1] background not None, int step,
                 uint32_t[::1] keys not None):
    """Median of counts - background on a grid, in quarter counts: the level of this frame.

    counts     : (H, W) uint16, 14-bit; larger values count as 16383
    background : (H, W) uint16, UQ14.2
    step       : every step-th row and column from 0 is looked at, >= 1
    keys       : (N,) uint32 scratch, N >= the number of pixels looked at

    The lower middle value, so the result is one that occurs.  Releases the GIL.
    """
    cdef Py_ssize_t h = counts.shape[0], w = counts.shape[1]
    cdef size_t n
    cdef uint32_t found
    same_shape("background", h, w, background.shape[0], background.shape[1])
    grid_fits(h, w, step, keys.shape[0])
    keys_apart(counts, keys)
    keys_apart(background, keys)
    with nogil:
        n = el_level_shift_keys(&counts[0, 0], &background[0, 0], <size_t>h, <size_t>w,
                                <size_t>step, &keys[0])
        found = el_level_select(&keys[0], n, (n - 1) // 2)
    return <long>found - 65536


def count_range(const uint16_t[:, ::1] counts not None, int step, permilles,
                uint32_t[::1] keys not None):
    """Counts below which `permilles` of a grid of pixels lie; robust against dead pixels.

    counts    : (H, W) uint16, 14-bit; larger values count as 16383
    step      : every step-th row and column from 0 is looked at, >= 1
    permilles : 1..8 times 0..1000, any iterable; 0 is the smallest, 1000 the largest value
    keys      : (N,) uint32 scratch, N >= the number of pixels looked at

    Releases the GIL.
    """
    cdef tuple parts = tuple(permilles)
    cdef Py_ssize_t h = counts.shape[0], w = counts.shape[1], i
    cdef size_t n, n_ranks = <size_t>len(parts)
    cdef size_t[EL_LEVEL_MAX_RANKS] rank
    cdef uint32_t[EL_LEVEL_MAX_RANKS] found
    cdef int part
    grid_fits(h, w, step, keys.shape[0])
    keys_apart(counts, keys)
    in_range("number of permilles", <long long>n_ranks, 1, EL_LEVEL_MAX_RANKS)
    n = <size_t>(((h + step - 1) // step) * ((w + step - 1) // step))
    for i, part in enumerate(parts):
        in_range("permille", part, 0, 1000)
        rank[i] = (n - 1) * <size_t>part // 1000
    with nogil:
        el_level_count_keys(&counts[0, 0], <size_t>h, <size_t>w, <size_t>step, &keys[0])
        el_level_select_ranks(&keys[0], n, rank, n_ranks, found)
    return tuple([found[i] for i in range(<Py_ssize_t>n_ranks)])


def count_between(const uint16_t[:, ::1] counts not None, int step, int low, int high):
    """Number of pixels of a grid that hold `low` to `high`, both included.

    counts    : (H, W) uint16
    step      : every step-th row and column from 0 is looked at, >= 1
    low, high : 0..65535
    """
    cdef Py_ssize_t h = counts.shape[0], w = counts.shape[1]
    cdef size_t found
    in_range("step", step, 1, 65535)
    in_range("low", low, 0, 65535)
    in_range("high", high, 0, 65535)
    if h == 0 or w == 0:
        return 0
    with nogil:
        found = el_level_count_between(&counts[0, 0], <size_t>h, <size_t>w, <size_t>step,
                                       <uint16_t>low, <uint16_t>high)
    return found


def area(const uint8_t[:, ::1] mask not None):
    """Number of pixels of (H, W) uint8 `mask` that are not 0."""
    if mask.shape[0] == 0 or mask.shape[1] == 0:
        return 0
    cdef size_t n = <size_t>(mask.shape[0] * mask.shape[1]), found
    with nogil:
        found = el_level_area(&mask[0, 0], n)
    return found


cdef int tiles_fit(Py_ssize_t h, Py_ssize_t w, Py_ssize_t rows, Py_ssize_t columns) except -1:
    in_range("grid rows", rows, 1, min(h, <Py_ssize_t>EL_LEVEL_MAX_TILES))
    in_range("grid columns", columns, 1, min(w, <Py_ssize_t>EL_LEVEL_MAX_TILES))
    return 0


def local_level(const int16_t[:, ::1] difference not None, int16_t[:, ::1] grid not None,
                int clip_q2, int step):
    """Mean of the clipped difference in each tile: what clouds, drift and gain leave behind.

    difference : (H, W) int16, quarter counts
    grid       : (rows, columns) int16, written; 1..min(H, 32) by 1..min(W, 32) tiles
    clip_q2    : 0..32767; values outside +/-clip_q2 count as the limit
    step       : every step-th row and column of a tile, from its corner

    Means are rounded down.  Releases the GIL.
    """
    cdef Py_ssize_t h = difference.shape[0], w = difference.shape[1]
    cdef Py_ssize_t rows = grid.shape[0], columns = grid.shape[1], i, k
    tiles_fit(h, w, rows, columns)
    in_range("clip_q2", clip_q2, 0, 32767)
    in_range("step", step, 1, 65535)
    disjoint(&difference[0, 0], <size_t>(h * w) * sizeof(int16_t), &grid[0, 0],
             <size_t>(rows * columns) * sizeof(int16_t))
    with nogil:
        for i in range(rows):
            for k in range(columns):
                grid[i, k] = el_level_tile_mean(
                    &difference[0, 0], <size_t>w,
                    <size_t>(i * h // rows), <size_t>((i + 1) * h // rows),
                    <size_t>(k * w // columns), <size_t>((k + 1) * w // columns),
                    <size_t>step, clip_q2)


def remove_local_level(int16_t[:, ::1] difference not None,
                       const int16_t[:, ::1] grid not None, int32_t[::1] weights not None):
    """Subtract the bilinear surface through the tile means, in place, saturating.

    difference : (H, W) int16, quarter counts
    grid       : (rows, columns) int16 from local_level
    weights    : (N,) int32 scratch, N >= W

    Between tile centres the surface is linear, outside constant.  Releases the GIL.
    """
    cdef Py_ssize_t h = difference.shape[0], w = difference.shape[1]
    tiles_fit(h, w, grid.shape[0], grid.shape[1])
    if weights.shape[0] < w:
        raise ValueError(f"weights hold {weights.shape[0]} values, width {w} is needed")
    disjoint(&difference[0, 0], <size_t>(h * w) * sizeof(int16_t), &grid[0, 0],
             <size_t>(grid.shape[0] * grid.shape[1]) * sizeof(int16_t))
    disjoint(&difference[0, 0], <size_t>(h * w) * sizeof(int16_t), &weights[0],
             <size_t>weights.shape[0] * sizeof(int32_t))
    disjoint(&grid[0, 0], <size_t>(grid.shape[0] * grid.shape[1]) * sizeof(int16_t), &weights[0],
             <size_t>weights.shape[0] * sizeof(int32_t))
    with nogil:
        el_level_flatten(&difference[0, 0], &grid[0, 0], <size_t>h, <size_t>w,
                         <size_t>grid.shape[0], <size_t>grid.shape[1], &weights[0])
