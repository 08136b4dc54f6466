# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True
"""Compiled box mean; reference: kernels/reference/smooth.py."""
from libc.stddef cimport size_t
from libc.stdint cimport int16_t, int32_t

from checks cimport disjoint, same_shape


cdef extern from "edgeleak/smooth.h" nogil:
    enum:
        EL_SMOOTH_MAX_SIZE
    void el_smooth(const int16_t *src, int16_t *out, size_t h, size_t w, size_t size,
                   int32_t *columns)


def smooth(const int16_t[:, ::1] difference not None, int16_t[:, ::1] out not None, int size,
           int32_t[::1] columns not None):
    """Mean over size x size pixels; the border pixel is repeated outside.

    difference : (H, W) int16; values outside +/-16383 count as the limit
    out        : (H, W) int16, written; no memory shared with difference
    size       : 1, 3, 5, 7, 9 or 11
    columns    : (N,) int32 scratch, N >= W + size - 1

    Rounded: (sum * round(65536 / size^2) + 32768) >> 16.  Releases the GIL.
    """
    cdef Py_ssize_t h = difference.shape[0], w = difference.shape[1]
    same_shape("out", h, w, out.shape[0], out.shape[1])
    if not (1 <= size <= EL_SMOOTH_MAX_SIZE and size % 2):
        raise ValueError(f"size must be odd, 1..{EL_SMOOTH_MAX_SIZE}, got {size}")
    if columns.shape[0] < w + size - 1:
        raise ValueError(f"columns hold {columns.shape[0]} values, {w + size - 1} are needed")
    if h == 0 or w == 0:
        return
    disjoint(&difference[0, 0], <size_t>(h * w) * sizeof(int16_t),
             &out[0, 0], <size_t>(h * w) * sizeof(int16_t))
    disjoint(&difference[0, 0], <size_t>(h * w) * sizeof(int16_t),
             &columns[0], <size_t>columns.shape[0] * sizeof(int32_t))
    disjoint(&out[0, 0], <size_t>(h * w) * sizeof(int16_t),
             &columns[0], <size_t>columns.shape[0] * sizeof(int32_t))
    with nogil:
        el_smooth(&difference[0, 0], &out[0, 0], <size_t>h, <size_t>w, <size_t>size, &columns[0])
