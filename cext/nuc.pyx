# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, embedsignature=True
"""Compiled non-uniformity correction; twin: kernels/reference/nuc.py."""
from libc.stdint cimport int16_t, int32_t, uint16_t
from checks cimport disjoint, same_shape

cdef extern from "edgeleak/nuc.h" nogil:
    enum: EL_BAD_COLUMNS
    void el_nuc_row(const uint16_t *raw, uint16_t *counts, const int16_t *gain_q14,
                    const int16_t *offset, size_t n)
    void el_replace_bad_pixels(uint16_t *counts, const int32_t *table, size_t n)


def nuc(uint16_t[:, ::1] counts not None, const int16_t[:, ::1] gain_q14 not None,
        const int16_t[:, ::1] offset not None):
    """Correct *counts* in place (paper, equation 1).

    counts   : (H, W) uint16, raw counts in, corrected counts 0..16383 out
    gain_q14 : (H, W) int16, gain times 16384
    offset   : (H, W) int16, counts added after the gain

    counts = clamp(((counts * gain + 8192) >> 14) + offset, 0, 16383); a raw value above
    16383 is taken as 16383.  Raises ValueError on wrong shape, dtype, shared memory or a
    read-only *counts*.  Releases the GIL.
    """
    cdef Py_ssize_t h = counts.shape[0], w = counts.shape[1]
    cdef size_t n = <size_t>(h * w)
    same_shape("gain_q14", h, w, gain_q14.shape[0], gain_q14.shape[1])
    same_shape("offset", h, w, offset.shape[0], offset.shape[1])
    if n == 0:
        return
    disjoint(&counts[0, 0], 2 * n, &gain_q14[0, 0], 2 * n)
    disjoint(&counts[0, 0], 2 * n, &offset[0, 0], 2 * n)
    with nogil:
        el_nuc_row(&counts[0, 0], &counts[0, 0], &gain_q14[0, 0], &offset[0, 0], n)


cdef int indices_inside(const int32_t[:, ::1] table, Py_ssize_t n_pixels) except -1:
    cdef Py_ssize_t row, column
    cdef int32_t before = -1
    if table.shape[1] != EL_BAD_COLUMNS:
        raise ValueError(f"table has {table.shape[1]} columns, expected {EL_BAD_COLUMNS}: "
                         "the bad pixel and its four sources")
    for row in range(table.shape[0]):
        for column in range(EL_BAD_COLUMNS):
            if not 0 <= table[row, column] < n_pixels:
                raise ValueError(f"table row {row} names pixel {table[row, column]}, "
                                 f"the frame has 0..{n_pixels - 1}")
        if table[row, 0] <= before:
            raise ValueError(f"table row {row} is not sorted by its first column")
        before = table[row, 0]
    return 0


def check_bad_pixel_table(const int32_t[:, ::1] table not None, Py_ssize_t n_pixels):
    """Raise ValueError unless *table* fits replace_bad_pixels on a frame of n_pixels."""
    indices_inside(table, n_pixels)


def replace_bad_pixels(uint16_t[:, ::1] counts not None, const int32_t[:, ::1] table not None):
    """Give every bad pixel the rounded mean of four good ones, in place.

    counts : (H, W) uint16
    table  : (N, 5) int32, flat index of the bad pixel and of its four sources; sorted by the
             first column, which holds no index twice; sources may repeat

    value = (a + b + c + d + 2) >> 2; rows run in order.  Raises ValueError on an index
    outside the frame, an unsorted table, wrong dtype, shared memory or a read-only *counts*.
    """
    cdef Py_ssize_t n_pixels = counts.shape[0] * counts.shape[1], n = table.shape[0]
    indices_inside(table, n_pixels)
    if n == 0:
        return
    disjoint(&counts[0, 0], <size_t>n_pixels * 2, &table[0, 0], <size_t>n * EL_BAD_COLUMNS * 4)
    with nogil:
        el_replace_bad_pixels(&counts[0, 0], &table[0, 0], <size_t>n)
