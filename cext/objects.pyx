# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True
"""Compiled memory of things; reference: kernels/reference/objects.py."""
from libc.stddef cimport size_t
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t

from checks cimport disjoint, in_range, same_shape


cdef extern from "edgeleak/objects.h" nogil:
    enum:
        EL_PLACES_MAX_CELLS
        EL_PLACES_MAX_CELL_PX
        EL_PLACE_SUMS
        EL_GHOSTS_MAX_REACH
        EL_GHOST_SUMS
        EL_GHOST_SIGNS
        EL_OBJECT_MEANS
        EL_SQUARES
        EL_OBJECTS_MAX_STILL
    struct el_objects:
        int32_t reach
        int32_t part_q16
        int32_t change_part_q16
        int32_t still_q4
    size_t el_places_cells(size_t side, size_t cell)
    void el_objects_squares(const uint8_t *mask, const int16_t *now, const int16_t *past,
                            size_t h, size_t w, size_t cell, int64_t *squares)
    void el_objects_remember(const int32_t *places, const int32_t *outline,
                             const int64_t *squares, int32_t *objects, size_t rows,
                             size_t columns, const el_objects *s)


def change_squares(const uint8_t[:, ::1] mask not None, const int16_t[:, ::1] smoothed not None,
                   const int16_t[:, ::1] past not None, int64_t[:, :, ::1] squares not None, *,
                   int cell_px):
    """Squares of the difference and of its change, under the mask, in every cell.

    mask     : (H, W) uint8, any value but 0 is set
    smoothed : (H, W) int16, quarter counts, difference to the background now
    past     : (H, W) int16, the same about a second ago
    squares  : (rows, columns, 2) int64, written: sums of smoothed**2 and (smoothed - past)**2,
               quarter counts squared; a change counts as 32767 at most
    cell_px  : side of a cell, 1..255; cells at the right and lower rim may be cut

    Bit-exact with the NumPy reference.  Releases the GIL.
    """
    cdef Py_ssize_t h = mask.shape[0], w = mask.shape[1]
    same_shape("smoothed", h, w, smoothed.shape[0], smoothed.shape[1])
    same_shape("past", h, w, past.shape[0], past.shape[1])
    in_range("cell_px", cell_px, 1, EL_PLACES_MAX_CELL_PX)
    same_shape("squares", <Py_ssize_t>el_places_cells(<size_t>h, <size_t>cell_px),
               <Py_ssize_t>el_places_cells(<size_t>w, <size_t>cell_px), squares.shape[0],
               squares.shape[1])
    in_range("values of a cell in squares", squares.shape[2], EL_SQUARES,
             EL_SQUARES)
    if h == 0 or w == 0:
        return
    cdef size_t n = <size_t>(h * w)
    cdef size_t nbytes = (<size_t>(squares.shape[0] * squares.shape[1]) * EL_SQUARES
                          * sizeof(int64_t))
    disjoint(&mask[0, 0], n, &squares[0, 0, 0], nbytes)
    disjoint(&smoothed[0, 0], n * sizeof(int16_t), &squares[0, 0, 0], nbytes)
    disjoint(&past[0, 0], n * sizeof(int16_t), &squares[0, 0, 0], nbytes)
    with nogil:
        el_objects_squares(&mask[0, 0], &smoothed[0, 0], &past[0, 0], <size_t>h, <size_t>w,
                           <size_t>cell_px, &squares[0, 0, 0])


cdef int grids_alike(const int32_t[:, :, ::1] sums, const int32_t[:, :, :, ::1] outline,
                     const int64_t[:, :, ::1] squares,
                     const int32_t[:, :, ::1] objects) except -1:
    cdef Py_ssize_t rows = sums.shape[0], columns = sums.shape[1]
    in_range("cells", rows * columns, 1, EL_PLACES_MAX_CELLS)
    same_shape("outline", rows, columns, outline.shape[0], outline.shape[1])
    same_shape("squares", rows, columns, squares.shape[0], squares.shape[1])
    same_shape("objects", rows, columns, objects.shape[0], objects.shape[1])
    in_range("values of a cell in sums", sums.shape[2], EL_PLACE_SUMS, EL_PLACE_SUMS)
    in_range("signs of a cell in outline", outline.shape[2], EL_GHOST_SIGNS, EL_GHOST_SIGNS)
    in_range("values of a sign in outline", outline.shape[3], EL_GHOST_SUMS, EL_GHOST_SUMS)
    in_range("values of a cell in squares", squares.shape[2], EL_SQUARES, EL_SQUARES)
    return in_range("values of a cell in objects", objects.shape[2], EL_OBJECT_MEANS,
                    EL_OBJECT_MEANS)


def remember_objects(const int32_t[:, :, ::1] sums not None,
                     const int32_t[:, :, :, ::1] outline not None,
                     const int64_t[:, :, ::1] squares not None,
                     int32_t[:, :, ::1] objects not None, *,
                     int reach, int part_q16, int change_part_q16, int still_q4):
    """Running means, cell by cell, of what tells a thing from gas.

    sums    : (rows, columns, 4) int32 of place_sums, at most 4096 cells
    outline : (rows, columns, 2, 4) int32 of outline_sums for the same mask
    squares : (rows, columns, 2) int64 of change_squares for the same mask
    objects : (rows, columns, 4) int32, updated, Q16: share of the outline about the cell (3x3
              cells) that is a step of the picture alone or of the background alone, its
              weight; mean square of the change without noise over that of the difference, 1 at
              most, its weight.  All go to 0 where nothing is masked, the first two also where
              there is no outline
    reach   : as outline_sums had it; the outline is the steps, or 2 * reach times the rim of
              the mask where that is more
    part_q16 : share of the memory of outlines that this look replaces, Q16
    change_part_q16 : the same of the change
    still_q4 : mean square of the change of a still pixel, quarter counts squared, 0..2**30

    Bit-exact with the NumPy reference.  Releases the GIL.
    """
    cdef el_objects s
    cdef size_t cells = <size_t>(sums.shape[0] * sums.shape[1])
    cdef size_t nbytes = cells * EL_OBJECT_MEANS * sizeof(int32_t)
    grids_alike(sums, outline, squares, objects)
    in_range("reach", reach, 1, EL_GHOSTS_MAX_REACH)
    in_range("part_q16", part_q16, 0, 65536)
    in_range("change_part_q16", change_part_q16, 0, 65536)
    in_range("still_q4", still_q4, 0, EL_OBJECTS_MAX_STILL)
    disjoint(&sums[0, 0, 0], cells * EL_PLACE_SUMS * sizeof(int32_t), &objects[0, 0, 0], nbytes)
    disjoint(&outline[0, 0, 0, 0], cells * EL_GHOST_SIGNS * EL_GHOST_SUMS * sizeof(int32_t),
             &objects[0, 0, 0], nbytes)
    disjoint(&squares[0, 0, 0], cells * EL_SQUARES * sizeof(int64_t), &objects[0, 0, 0], nbytes)
    s.reach, s.part_q16, s.still_q4 = reach, part_q16, still_q4
    s.change_part_q16 = change_part_q16
    with nogil:
        el_objects_remember(&sums[0, 0, 0], &outline[0, 0, 0, 0], &squares[0, 0, 0],
                            &objects[0, 0, 0], <size_t>sums.shape[0],
                            <size_t>sums.shape[1], &s)
