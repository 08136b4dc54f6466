# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, embedsignature=True
"""Compiled shift of the camera; twin: kernels/reference/motion.py."""
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t

from checks cimport in_range

cdef extern from "edgeleak/motion.h" nogil:
    enum: EL_MOTION_MAX_SIDE
    enum: EL_MOTION_MAX_REACH
    ctypedef struct el_motion_found:
        int32_t shift_q8
        int64_t best, still, structure
    void el_motion_project(const uint16_t *counts, size_t h, size_t w, uint32_t *columns,
                           uint32_t *rows)
    el_motion_found el_motion_shift(const uint32_t *past, const uint32_t *now, size_t n,
                                    size_t reach)


def project(const uint16_t[:, ::1] counts not None, uint32_t[::1] columns not None,
            uint32_t[::1] rows not None):
    """Sums of every column and every row.

    counts  : (H, W) uint16, sides 1..4096
    columns : (W,) uint32, written
    rows    : (H,) uint32, written
    """
    cdef Py_ssize_t h = counts.shape[0], w = counts.shape[1]
    in_range("height", h, 1, EL_MOTION_MAX_SIDE)
    in_range("width", w, 1, EL_MOTION_MAX_SIDE)
    in_range("columns", columns.shape[0], w, w)
    in_range("rows", rows.shape[0], h, h)
    with nogil:
        el_motion_project(&counts[0, 0], <size_t>h, <size_t>w, &columns[0], &rows[0])


def profile_shift(const uint32_t[::1] past not None, const uint32_t[::1] now not None, int reach):
    """How far the scene moved between two sums: (shift_q8, best, still, structure).

    past, now : (N,) uint32 of project
    reach     : pixels looked at to either side, 1..64; N > 2 * reach + 1

    shift_q8 : 1/256 pixel, positive toward larger indices; best : sum of absolute differences
    of the slopes at the best whole shift, still : at none, structure : of the slopes themselves.
    """
    in_range("reach", reach, 1, EL_MOTION_MAX_REACH)
    in_range("length of past", past.shape[0], 2 * reach + 2, EL_MOTION_MAX_SIDE)
    in_range("length of now", now.shape[0], past.shape[0], past.shape[0])
    cdef el_motion_found found = el_motion_shift(&past[0], &now[0], <size_t>now.shape[0],
                                                 <size_t>reach)
    return found.shift_q8, found.best, found.still, found.structure


def camera_shift(const uint16_t[:, ::1] counts not None, uint32_t[:, ::1] columns not None,
                 uint32_t[:, ::1] rows not None, int reach):
    """project and profile_shift of both directions in one call: (along x, along y).

    counts  : (H, W) uint16
    columns : (2 or more, W) uint32; [0] is written, [1] is what it is compared with
    rows    : (2 or more, H) uint32, the same for rows
    reach   : as profile_shift takes it; H and W > 2 * reach + 1

    Either half is (shift_q8, best, still, structure).  Releases the GIL.
    """
    cdef Py_ssize_t h = counts.shape[0], w = counts.shape[1]
    in_range("reach", reach, 1, EL_MOTION_MAX_REACH)
    in_range("height", h, 2 * reach + 2, EL_MOTION_MAX_SIDE)
    in_range("width", w, 2 * reach + 2, EL_MOTION_MAX_SIDE)
    in_range("length of columns", columns.shape[1], w, w)
    in_range("length of rows", rows.shape[1], h, h)
    in_range("number of columns", columns.shape[0], 2, EL_MOTION_MAX_SIDE)
    in_range("number of rows", rows.shape[0], 2, EL_MOTION_MAX_SIDE)
    cdef el_motion_found x, y
    with nogil:
        el_motion_project(&counts[0, 0], <size_t>h, <size_t>w, &columns[0, 0], &rows[0, 0])
        x = el_motion_shift(&columns[1, 0], &columns[0, 0], <size_t>w, <size_t>reach)
        y = el_motion_shift(&rows[1, 0], &rows[0, 0], <size_t>h, <size_t>reach)
    return ((x.shift_q8, x.best, x.still, x.structure),
            (y.shift_q8, y.best, y.still, y.structure))
