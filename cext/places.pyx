# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True
"""Compiled grid of places; reference: kernels/reference/places.py."""
from libc.stddef cimport size_t
from libc.stdint cimport int16_t, int32_t, uint8_t, uint16_t

from checks cimport disjoint, in_range, same_shape


cdef extern from "edgeleak/places.h" nogil:
    enum:
        EL_PLACES_MAX_CELLS
        EL_PLACES_MAX_CELL_PX
        EL_PLACE_SUMS
        EL_OBJECT_MEANS
    struct el_places:
        int32_t least_px
        int32_t part_q16
        int32_t share_q16
        int32_t change_q16
        int32_t balance_q16
        int32_t clear_q16
        int32_t spread_q16
        int32_t pixel_px
    struct el_memory:
        uint16_t *duty
        int32_t *balance
        const int32_t *objects
    struct el_group:
        int32_t area
        int32_t duty
        int32_t change
        int32_t balance
        int32_t clear
        int32_t spread
        int32_t is_kept
    size_t el_places_cells(size_t side, size_t cell)
    void el_places_sums(const uint8_t *mask, const int16_t *now, size_t h, size_t w, size_t cell,
                        int32_t *sums)
    void el_places_keep(uint8_t *mask, size_t h, size_t w, size_t cell, const uint8_t *keep)
    el_group el_places_judge(const int32_t *sums, const el_memory *memory, uint8_t *keep,
                             size_t rows, size_t columns, const el_places *s)


cdef int grid_of(Py_ssize_t h, Py_ssize_t w, int cell_px, str name, Py_ssize_t rows,
                 Py_ssize_t columns) except -1:
    in_range("cell_px", cell_px, 1, EL_PLACES_MAX_CELL_PX)
    return same_shape(name, <Py_ssize_t>el_places_cells(<size_t>h, <size_t>cell_px),
                      <Py_ssize_t>el_places_cells(<size_t>w, <size_t>cell_px), rows, columns)


def place_sums(const uint8_t[:, ::1] mask not None, const int16_t[:, ::1] smoothed not None,
               int32_t[:, :, ::1] sums not None, *, int cell_px):
    """Add up what lies under the mask in every cell of a grid.

    mask     : (H, W) uint8, any value but 0 is set
    smoothed : (H, W) int16, quarter counts, difference to the background now
    sums     : (rows, columns, 4) int32, written: pixels, sum of smoothed, sum of |smoothed|, its
               largest
    cell_px  : side of a cell, 1..255; cells at the right and lower rim may be cut

    Bit-exact with the NumPy reference.  Releases the GIL.
    """
    cdef Py_ssize_t h = mask.shape[0], w = mask.shape[1]
    same_shape("smoothed", h, w, smoothed.shape[0], smoothed.shape[1])
    grid_of(h, w, cell_px, "sums", sums.shape[0], sums.shape[1])
    in_range("values of a cell in sums", sums.shape[2], EL_PLACE_SUMS, EL_PLACE_SUMS)
    if h == 0 or w == 0:
        return
    cdef size_t n = <size_t>(h * w)
    cdef size_t sums_nbytes = (<size_t>(sums.shape[0] * sums.shape[1] * sums.shape[2])
                               * sizeof(int32_t))
    disjoint(&mask[0, 0], n, &sums[0, 0, 0], sums_nbytes)
    disjoint(&smoothed[0, 0], n * sizeof(int16_t), &sums[0, 0, 0], sums_nbytes)
    with nogil:
        el_places_sums(&mask[0, 0], &smoothed[0, 0], <size_t>h, <size_t>w, <size_t>cell_px,
                       &sums[0, 0, 0])


def keep_places(uint8_t[:, ::1] mask not None, const uint8_t[:, ::1] keep not None, *,
                int cell_px):
    """Clear the mask in cells that are not kept.

    mask    : (H, W) uint8, in place
    keep    : (rows, columns) uint8; 0 clears the cell
    cell_px : side of a cell, 1..255
    """
    cdef Py_ssize_t h = mask.shape[0], w = mask.shape[1]
    grid_of(h, w, cell_px, "keep", keep.shape[0], keep.shape[1])
    if h == 0 or w == 0:
        return
    disjoint(&mask[0, 0], <size_t>(h * w), &keep[0, 0],
             <size_t>(keep.shape[0] * keep.shape[1]))
    with nogil:
        el_places_keep(&mask[0, 0], <size_t>h, <size_t>w, <size_t>cell_px, &keep[0, 0])


cdef int cells_apart(const int32_t[:, :, ::1] sums, const el_memory *memory,
                     const uint8_t[:, ::1] keep) except -1:
    """What is written overlaps nothing."""
    cdef size_t cells = <size_t>(sums.shape[0] * sums.shape[1]), i, k
    cdef size_t[5] begin, nbytes
    begin[0], nbytes[0] = <size_t>&sums[0, 0, 0], cells * EL_PLACE_SUMS * sizeof(int32_t)
    begin[1], nbytes[1] = <size_t>memory.objects, cells * EL_OBJECT_MEANS * sizeof(int32_t)
    begin[2], nbytes[2] = <size_t>memory.duty, cells * sizeof(uint16_t)
    begin[3], nbytes[3] = <size_t>memory.balance, cells * 2 * sizeof(int32_t)
    begin[4], nbytes[4] = <size_t>&keep[0, 0], cells
    for i in range(2, 5):
        for k in range(i):
            disjoint(<const void *>begin[i], nbytes[i], <const void *>begin[k], nbytes[k])
    return 0


cdef int cells_alike(const int32_t[:, :, ::1] sums, const int32_t[:, :, ::1] balance,
                     const int32_t[:, :, ::1] objects) except -1:
    cdef Py_ssize_t rows = sums.shape[0], columns = sums.shape[1]
    in_range("cells", rows * columns, 1, EL_PLACES_MAX_CELLS)
    same_shape("balance", rows, columns, balance.shape[0], balance.shape[1])
    same_shape("objects", rows, columns, objects.shape[0], objects.shape[1])
    in_range("values of a cell in sums", sums.shape[2], EL_PLACE_SUMS, EL_PLACE_SUMS)
    in_range("values of a cell in balance", balance.shape[2], 2, 2)
    return in_range("values of a cell in objects", objects.shape[2], EL_OBJECT_MEANS,
                    EL_OBJECT_MEANS)


def judge_places(const int32_t[:, :, ::1] sums not None, uint16_t[:, ::1] duty not None,
                 int32_t[:, :, ::1] balance not None, const int32_t[:, :, ::1] objects not None,
                 uint8_t[:, ::1] keep not None, *, int least_px, int part_q16, int share_q16,
                 int change_q16, int balance_q16, int clear_q16, int spread_q16, int pixel_px):
    """Remember how long each cell was masked, and keep the groups of cells that may be gas.

    sums    : (rows, columns, 4) int32 of place_sums, at most 4096 cells
    duty    : (rows, columns) uint16, updated: share of the time under the mask, Q16, a running
              mean
    balance : (rows, columns, 2) int32, updated: running means of the two difference sums
    objects : (rows, columns, 4) int32 of remember_objects
    keep    : (rows, columns) uint8, written: 255 for cells of groups that are kept
    least_px : pixels that make a cell masked
    part_q16 : share of the memory that this frame replaces, Q16
    share_q16 : least duty of a group's most constant cell
    change_q16 : least change of a group
    balance_q16 : least sum of |mean difference| over mean of |difference| of a group
    clear_q16 : least share of a group's outline that is no thing's
    spread_q16 : least share of a group's |smoothed| that one pixel with its peak would not make
    pixel_px : sum over peak of one pixel after smoothing, 1..255

    Cells with masked pixels that touch, corners too, are one group.  Returns (area px, duty,
    change, balance, clear, spread, is_kept) of the largest kept group, else of the largest;
    zeros for none.  Bit-exact with the NumPy reference.  Releases the GIL.
    """
    cdef Py_ssize_t rows = sums.shape[0], columns = sums.shape[1]
    cdef el_places s
    cdef el_memory memory
    cdef el_group found
    cells_alike(sums, balance, objects)
    same_shape("duty", rows, columns, duty.shape[0], duty.shape[1])
    same_shape("keep", rows, columns, keep.shape[0], keep.shape[1])
    in_range("least_px", least_px, 0, 1 << 24)
    in_range("part_q16", part_q16, 0, 65536)
    in_range("share_q16", share_q16, 0, 65535)
    in_range("change_q16", change_q16, 0, 65535)
    in_range("balance_q16", balance_q16, 0, 65535)
    in_range("clear_q16", clear_q16, 0, 65535)
    in_range("spread_q16", spread_q16, 0, 65535)
    in_range("pixel_px", pixel_px, 1, 255)
    memory.duty, memory.balance = &duty[0, 0], &balance[0, 0, 0]
    memory.objects = &objects[0, 0, 0]
    cells_apart(sums, &memory, keep)
    s.least_px, s.part_q16, s.share_q16 = least_px, part_q16, share_q16
    s.change_q16, s.balance_q16, s.clear_q16 = change_q16, balance_q16, clear_q16
    s.spread_q16, s.pixel_px = spread_q16, pixel_px
    with nogil:
        found = el_places_judge(&sums[0, 0, 0], &memory, &keep[0, 0], <size_t>rows,
                                <size_t>columns, &s)
    return (found.area, found.duty, found.change, found.balance, found.clear, found.spread,
            bool(found.is_kept))
