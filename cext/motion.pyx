# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, embedsignature=True
"""Compiled shift of the camera; twin: kernels/reference/motion.py."""
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t

from checks cimport disjoint, in_range, same_shape

cdef extern from "edgeleak/motion.h" nogil:
    enum:
        EL_MOTION_MAX_SIDE
        EL_MOTION_MAX_REACH
        EL_MOTION_MAX_GAP
        EL_MOTION_MAX_BANDS
    ctypedef struct el_motion_found:
        int32_t shift_q8
        int64_t best, still, structure, rough
    void el_motion_project_bands(const uint16_t *counts, size_t h, size_t w, size_t bands,
                                 uint32_t *columns, uint32_t *rows)
    el_motion_found el_motion_shift(const uint32_t *past, const uint32_t *now, size_t n,
                                    size_t reach, size_t gap)

cdef extern from "edgeleak/register.h" nogil:
    enum:
        EL_REGISTER_MAX_SIDE
        EL_REGISTER_MAX_SHIFT
    void el_register_move(uint16_t *counts, size_t h, size_t w, int32_t dx_q8, int32_t dy_q8)


cdef int bands_fit(Py_ssize_t bands, Py_ssize_t h, Py_ssize_t w) except -1:
    in_range("height", h, 1, EL_MOTION_MAX_SIDE)
    in_range("width", w, 1, EL_MOTION_MAX_SIDE)
    in_range("number of bands", bands, 1, min(EL_MOTION_MAX_BANDS, min(h, w)))
    return 0


cdef int reach_fits(int reach, int gap, Py_ssize_t n) except -1:
    in_range("reach", reach, 1, EL_MOTION_MAX_REACH)
    in_range("gap", gap, 1, EL_MOTION_MAX_GAP)
    in_range("length", n, 2 * reach + gap + 1, EL_MOTION_MAX_SIDE)
    return 0


cdef int sums_apart(const uint16_t *counts, Py_ssize_t h, Py_ssize_t w, const uint32_t *columns,
                    Py_ssize_t n_columns, const uint32_t *rows, Py_ssize_t n_rows) except -1:
    cdef size_t counts_nbytes = <size_t>(h * w) * sizeof(uint16_t)
    cdef size_t columns_nbytes = <size_t>n_columns * sizeof(uint32_t)
    cdef size_t rows_nbytes = <size_t>n_rows * sizeof(uint32_t)
    disjoint(counts, counts_nbytes, columns, columns_nbytes)
    disjoint(counts, counts_nbytes, rows, rows_nbytes)
    disjoint(columns, columns_nbytes, rows, rows_nbytes)
    return 0


def project(const uint16_t[:, ::1] counts not None, uint32_t[:, ::1] columns not None,
            uint32_t[:, ::1] rows not None):
    """Sums along the columns of each strip of rows, and along the rows of each strip of columns.

    counts  : (H, W) uint16, sides 1..4096
    columns : (B, W) uint32, written; strip i of 1..8 is the rows from i*H//B to (i+1)*H//B
    rows    : (B, H) uint32, written; strips of columns likewise
    """
    cdef Py_ssize_t h = counts.shape[0], w = counts.shape[1], bands = columns.shape[0]
    bands_fit(bands, h, w)
    same_shape("columns", bands, w, columns.shape[0], columns.shape[1])
    same_shape("rows", bands, h, rows.shape[0], rows.shape[1])
    sums_apart(&counts[0, 0], h, w, &columns[0, 0], bands * w, &rows[0, 0], bands * h)
    with nogil:
        el_motion_project_bands(&counts[0, 0], <size_t>h, <size_t>w, <size_t>bands,
                                &columns[0, 0], &rows[0, 0])


def profile_shift(const uint32_t[::1] past not None, const uint32_t[::1] now not None, int reach,
                  int gap):
    """How far the scene moved between two sums: (shift_q8, best, still, structure, rough).

    past, now : (N,) uint32, a row of what project writes
    reach     : pixels looked at to either side, 1..64; N > 2 * reach + gap
    gap       : a slope is the difference of two sums so many pixels apart, 1..64

    shift_q8 : 1/256 pixel, positive toward larger indices; best : sum of absolute differences
    of the slopes at the best whole shift, still : at none, structure : of the slopes to their
    mean (toward 0), rough : sum of absolute second differences of neighbouring sums.
    """
    reach_fits(reach, gap, past.shape[0])
    in_range("length of now", now.shape[0], past.shape[0], past.shape[0])
    cdef el_motion_found found = el_motion_shift(&past[0], &now[0], <size_t>now.shape[0],
                                                 <size_t>reach, <size_t>gap)
    return found.shift_q8, found.best, found.still, found.structure, found.rough


def camera_shift(const uint16_t[:, ::1] counts not None, uint32_t[:, :, ::1] columns not None,
                 uint32_t[:, :, ::1] rows not None, int reach, int gap):
    """project, then profile_shift of every strip: along x of each, then along y of each.

    counts     : (H, W) uint16
    columns    : (2 or more, B, W) uint32; [0] is written, [1] is what it is compared with
    rows       : (2 or more, B, H) uint32, the same for strips of columns
    reach, gap : as profile_shift takes them; H and W > 2 * reach + gap

    A tuple of 2*B times (shift_q8, best, still, structure, rough).  Releases the GIL.
    """
    cdef Py_ssize_t h = counts.shape[0], w = counts.shape[1], bands = columns.shape[1], i
    cdef el_motion_found[2 * EL_MOTION_MAX_BANDS] found
    bands_fit(bands, h, w)
    reach_fits(reach, gap, h)
    reach_fits(reach, gap, w)
    same_shape("columns", bands, w, columns.shape[1], columns.shape[2])
    same_shape("rows", bands, h, rows.shape[1], rows.shape[2])
    in_range("number of columns", columns.shape[0], 2, EL_MOTION_MAX_SIDE)
    in_range("number of rows", rows.shape[0], 2, EL_MOTION_MAX_SIDE)
    sums_apart(&counts[0, 0], h, w, &columns[0, 0, 0], 2 * bands * w, &rows[0, 0, 0],
               2 * bands * h)
    with nogil:
        el_motion_project_bands(&counts[0, 0], <size_t>h, <size_t>w, <size_t>bands,
                                &columns[0, 0, 0], &rows[0, 0, 0])
        for i in range(bands):
            found[i] = el_motion_shift(&columns[1, i, 0], &columns[0, i, 0], <size_t>w,
                                       <size_t>reach, <size_t>gap)
            found[bands + i] = el_motion_shift(&rows[1, i, 0], &rows[0, i, 0], <size_t>h,
                                               <size_t>reach, <size_t>gap)
    return tuple([(found[i].shift_q8, found[i].best, found[i].still, found[i].structure,
                   found[i].rough) for i in range(2 * bands)])


def move_picture(uint16_t[:, ::1] counts not None, *, int dx_q8, int dy_q8):
    """Lay a picture that has moved by (dx, dy) over what it was, in place.

    counts       : (H, W) uint16, 14 bits, sides 1..4096; [y, x] becomes what was at
                   [y + dy, x + dx], between pixels by the cubic through four (Catmull-Rom), first
                   along the columns, limited to 0..16383; rims repeat
    dx_q8, dy_q8 : 256ths of a pixel, -64 to 64 pixels, as camera_shift finds them

    Bit-exact with the NumPy reference.  Releases the GIL.
    """
    cdef Py_ssize_t h = counts.shape[0], w = counts.shape[1]
    in_range("dx_q8", dx_q8, -256 * EL_REGISTER_MAX_SHIFT, 256 * EL_REGISTER_MAX_SHIFT)
    in_range("dy_q8", dy_q8, -256 * EL_REGISTER_MAX_SHIFT, 256 * EL_REGISTER_MAX_SHIFT)
    in_range("height", h, 0, EL_REGISTER_MAX_SIDE)
    in_range("width", w, 0, EL_REGISTER_MAX_SIDE)
    if h and w:
        with nogil:
            el_register_move(&counts[0, 0], <size_t>h, <size_t>w, dx_q8, dy_q8)
