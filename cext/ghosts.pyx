# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True
"""Compiled outlines of what has left; reference: kernels/reference/ghosts.py."""
from libc.stddef cimport size_t
from libc.stdint cimport int16_t, int32_t, uint8_t, uint16_t

from checks cimport disjoint, in_range, same_shape


cdef extern from "edgeleak/ghosts.h" nogil:
    enum:
        EL_PLACES_MAX_CELLS
        EL_PLACES_MAX_CELL_PX
        EL_PLACE_SUMS
        EL_GHOSTS_MAX_REACH
        EL_GHOST_SUMS
        EL_GHOST_SIGNS
    struct el_outline:
        const uint8_t *mask
        const int16_t *smoothed
        const int16_t *difference
        const uint16_t *counts
        const uint16_t *background
        size_t h
        size_t w
        size_t reach
        int32_t least_q2
    struct el_ghosts:
        int32_t reach
        int32_t share_q16
        int32_t least_px
        int32_t points
    struct el_ghosts_found:
        int32_t heal
        int32_t wait
        int32_t share
    size_t el_places_cells(size_t side, size_t cell)
    void el_ghosts_outline(const el_outline *s, const int32_t *places, size_t cell,
                           int32_t *outline)
    el_ghosts_found el_ghosts_judge(const int32_t *places, const int32_t *outline, uint8_t *seen,
                                    size_t rows, size_t columns, const el_ghosts *s)
    int32_t el_ghosts_heal(uint16_t *background, int16_t *difference, int16_t *smoothed,
                           uint8_t *mask, uint8_t *hold, int16_t *lag, size_t slots, size_t h,
                           size_t w, size_t cell, const uint8_t *seen, int points,
                           int32_t least_q2)


cdef int grid_of(Py_ssize_t h, Py_ssize_t w, int cell_px, str name, Py_ssize_t rows,
                 Py_ssize_t columns) except -1:
    in_range("cell_px", cell_px, 1, EL_PLACES_MAX_CELL_PX)
    return same_shape(name, <Py_ssize_t>el_places_cells(<size_t>h, <size_t>cell_px),
                      <Py_ssize_t>el_places_cells(<size_t>w, <size_t>cell_px), rows, columns)


cdef int outline_grid(const int32_t[:, :, ::1] sums, const int32_t[:, :, :, ::1] outline) except -1:
    same_shape("outline", sums.shape[0], sums.shape[1], outline.shape[0], outline.shape[1])
    in_range("values of a cell in sums", sums.shape[2], EL_PLACE_SUMS, EL_PLACE_SUMS)
    in_range("signs of a cell in outline", outline.shape[2], EL_GHOST_SIGNS, EL_GHOST_SIGNS)
    return in_range("values of a sign in outline", outline.shape[3], EL_GHOST_SUMS,
                    EL_GHOST_SUMS)


def outline_sums(const uint8_t[:, ::1] mask not None, const int16_t[:, ::1] smoothed not None,
                 const int16_t[:, ::1] difference not None,
                 const uint16_t[:, ::1] counts not None,
                 const uint16_t[:, ::1] background not None,
                 const int32_t[:, :, ::1] sums not None,
                 int32_t[:, :, :, ::1] outline not None, *,
                 int cell_px, int reach, int least_q2):
    """Count, cell by cell, whose steps make the outline of what lies under the mask.

    mask       : (H, W) uint8, any value but 0 is set
    smoothed   : (H, W) int16, quarter counts; its sign puts a pixel of the rim below or above
    difference : (H, W) int16, quarter counts, counts minus background, not smoothed
    counts     : (H, W) uint16, the picture; larger values count as 16383
    background : (H, W) uint16, UQ14.2
    sums       : (rows, columns, 4) int32 of place_sums for this mask
    outline    : (rows, columns, 2, 4) int32, written, below and above the background: rim of
                 the mask, steps, steps of the background alone, steps of the picture alone
    cell_px    : side of a cell, 1..255
    reach      : half the width of a step, 1..15 pixels
    least_q2   : smallest step, sum of three pixels, quarter counts, 0..196604

    A pixel under the mask is a step when the difference, in the direction in which it changes
    more, is from one `reach` to the other at least `least_q2` and half its cell's mean on the
    one side, and at most a quarter of that on the other.  A step is the background's alone
    when the picture's is less than half of it, and the other way round.  Pixels nearer than
    reach to the edge of the picture are left out.
    Bit-exact with the NumPy reference.  Releases the GIL.
    """
    cdef Py_ssize_t h = mask.shape[0], w = mask.shape[1]
    cdef el_outline s
    same_shape("smoothed", h, w, smoothed.shape[0], smoothed.shape[1])
    same_shape("difference", h, w, difference.shape[0], difference.shape[1])
    same_shape("counts", h, w, counts.shape[0], counts.shape[1])
    same_shape("background", h, w, background.shape[0], background.shape[1])
    grid_of(h, w, cell_px, "sums", sums.shape[0], sums.shape[1])
    outline_grid(sums, outline)
    in_range("reach", reach, 1, EL_GHOSTS_MAX_REACH)
    in_range("least_q2", least_q2, 0, 196604)
    if h == 0 or w == 0:
        return
    cdef size_t n = <size_t>(h * w), cells = <size_t>(sums.shape[0] * sums.shape[1])
    cdef size_t nbytes = cells * EL_GHOST_SIGNS * EL_GHOST_SUMS * sizeof(int32_t)
    disjoint(&mask[0, 0], n, &outline[0, 0, 0, 0], nbytes)
    disjoint(&smoothed[0, 0], n * 2, &outline[0, 0, 0, 0], nbytes)
    disjoint(&difference[0, 0], n * 2, &outline[0, 0, 0, 0], nbytes)
    disjoint(&counts[0, 0], n * 2, &outline[0, 0, 0, 0], nbytes)
    disjoint(&background[0, 0], n * 2, &outline[0, 0, 0, 0], nbytes)
    disjoint(&sums[0, 0, 0], cells * EL_PLACE_SUMS * sizeof(int32_t), &outline[0, 0, 0, 0],
             nbytes)
    s.mask, s.smoothed, s.difference = &mask[0, 0], &smoothed[0, 0], &difference[0, 0]
    s.counts, s.background = &counts[0, 0], &background[0, 0]
    s.h, s.w, s.reach, s.least_q2 = <size_t>h, <size_t>w, <size_t>reach, least_q2
    with nogil:
        el_ghosts_outline(&s, &sums[0, 0, 0], <size_t>cell_px, &outline[0, 0, 0, 0])


def judge_ghosts(const int32_t[:, :, ::1] sums not None,
                 const int32_t[:, :, :, ::1] outline not None,
                 uint8_t[:, :, ::1] seen not None, *,
                 int reach, int share_q16, int least_px, int points):
    """Which groups of cells are the place of something that has left?

    sums    : (rows, columns, 4) int32 of place_sums, at most 4096 cells
    outline : (rows, columns, 2, 4) int32 of outline_sums
    seen    : (rows, columns, 2) uint8, updated: points of the cell's group, below and above the
              background, from looks in a row: 3 when the whole group is a ghost, 1 when
              the pixels of that sign alone are
    reach   : as outline_sums had it
    share_q16 : least share of the outline that is the background's alone, Q16; the outline is
              the steps, or 2 * reach times the rim of the mask where that is more
    least_px : least pixels of it
    points  : points after which a ghost is healed, 1..255

    Cells with masked pixels that touch, corners too, are one group.  Returns (cells to heal,
    cells that wait, largest share in Q16); a cell counts once for each sign.
    Bit-exact with the NumPy reference.  Releases the GIL.
    """
    cdef Py_ssize_t rows = sums.shape[0], columns = sums.shape[1]
    cdef el_ghosts s
    cdef el_ghosts_found found
    in_range("cells", rows * columns, 1, EL_PLACES_MAX_CELLS)
    outline_grid(sums, outline)
    same_shape("seen", rows, columns, seen.shape[0], seen.shape[1])
    in_range("signs of a cell in seen", seen.shape[2], EL_GHOST_SIGNS, EL_GHOST_SIGNS)
    in_range("reach", reach, 1, EL_GHOSTS_MAX_REACH)
    in_range("share_q16", share_q16, 1, 65535)
    in_range("least_px", least_px, 0, 1 << 24)
    in_range("points", points, 1, 255)
    cdef size_t cells = <size_t>(rows * columns), nbytes = cells * EL_GHOST_SIGNS
    disjoint(&sums[0, 0, 0], cells * EL_PLACE_SUMS * sizeof(int32_t), &seen[0, 0, 0], nbytes)
    disjoint(&outline[0, 0, 0, 0], nbytes * EL_GHOST_SUMS * sizeof(int32_t), &seen[0, 0, 0],
             nbytes)
    s.reach, s.share_q16, s.least_px, s.points = reach, share_q16, least_px, points
    with nogil:
        found = el_ghosts_judge(&sums[0, 0, 0], &outline[0, 0, 0, 0], &seen[0, 0, 0],
                                <size_t>rows, <size_t>columns, &s)
    return found.heal, found.wait, found.share


def heal_ghosts(uint16_t[:, ::1] background not None, int16_t[:, ::1] difference not None,
                int16_t[:, ::1] smoothed not None, uint8_t[:, ::1] mask not None,
                uint8_t[:, ::1] hold not None, int16_t[:, :, ::1] lag not None,
                const uint8_t[:, :, ::1] seen not None, *,
                int cell_px, int points, int least_q2):
    """Take the picture for the background where something has left.

    background : (H, W) uint16, UQ14.2; difference is added to it, 0..16383 counts
    difference, smoothed, mask, hold : (H, W), set to 0 there
    lag     : (slots, H, W) int16, set to 0 there
    seen    : (rows, columns, 2) uint8 of judge_ghosts
    cell_px : side of a cell, 1..255
    points  : 1..255
    least_q2 : difference of a pixel from which its own sign counts, quarter counts, 1..65535

    Healed are pixels whose sign has so many points in their cell: the sign of a large
    difference, and under the mask that of the smoothed one where it is not large.
    Returns their number.  Bit-exact with the NumPy reference.  Releases the GIL.
    """
    cdef Py_ssize_t h = mask.shape[0], w = mask.shape[1]
    cdef int32_t healed
    cdef size_t[7] begin, nbytes
    cdef size_t n, i, k
    same_shape("background", h, w, background.shape[0], background.shape[1])
    same_shape("difference", h, w, difference.shape[0], difference.shape[1])
    same_shape("smoothed", h, w, smoothed.shape[0], smoothed.shape[1])
    same_shape("hold", h, w, hold.shape[0], hold.shape[1])
    same_shape("lag", h, w, lag.shape[1], lag.shape[2])
    in_range("pictures in lag", lag.shape[0], 1, 1 << 16)
    grid_of(h, w, cell_px, "seen", seen.shape[0], seen.shape[1])
    in_range("signs of a cell in seen", seen.shape[2], EL_GHOST_SIGNS, EL_GHOST_SIGNS)
    in_range("points", points, 1, 255)
    in_range("least_q2", least_q2, 1, 65535)
    if h == 0 or w == 0:
        return 0
    n = <size_t>(h * w)
    begin[0], nbytes[0] = <size_t>&background[0, 0], 2 * n
    begin[1], nbytes[1] = <size_t>&difference[0, 0], 2 * n
    begin[2], nbytes[2] = <size_t>&smoothed[0, 0], 2 * n
    begin[3], nbytes[3] = <size_t>&mask[0, 0], n
    begin[4], nbytes[4] = <size_t>&hold[0, 0], n
    begin[5] = <size_t>&seen[0, 0, 0]
    nbytes[5] = <size_t>(seen.shape[0] * seen.shape[1] * seen.shape[2])
    begin[6], nbytes[6] = <size_t>&lag[0, 0, 0], 2 * n * <size_t>lag.shape[0]
    for i in range(7):
        for k in range(i):
            disjoint(<const void *>begin[i], nbytes[i], <const void *>begin[k], nbytes[k])
    with nogil:
        healed = el_ghosts_heal(&background[0, 0], &difference[0, 0], &smoothed[0, 0],
                                &mask[0, 0], &hold[0, 0], &lag[0, 0, 0], <size_t>lag.shape[0],
                                <size_t>h, <size_t>w, <size_t>cell_px, &seen[0, 0, 0], points,
                                least_q2)
    return healed
