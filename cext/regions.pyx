# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, embedsignature=True
"""Compiled connected regions; reference: kernels/reference/regions.py."""
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t

import numpy as np

from checks cimport in_range
from planes cimport Planes, borrow, planes_disjoint, release

from edgeleak.kernels.reference.regions import REGION_DTYPE


cdef extern from "edgeleak/regions.h" nogil:
    enum:
        EL_REGIONS_MAX_SIDE
    ctypedef struct el_region:
        pass
    ctypedef struct el_region_part:
        pass
    ctypedef struct el_regions_edges:
        pass
    ctypedef struct el_regions_work:
        el_regions_edges *edges[2]
        uint16_t *places
        uint32_t *owner[2]
        uint32_t *parent
        el_region_part *part
    ctypedef struct el_regions_scene:
        const uint8_t *grey
        const uint16_t *counts
        const uint16_t *background
        int32_t level
    size_t EL_REGIONS_WORDS(size_t width)
    size_t el_regions_parts(size_t height, size_t width)
    uint32_t el_regions_parts_of(const uint8_t *mask, size_t height, size_t width,
                                 el_regions_work *work, const el_regions_scene *scene,
                                 int32_t *labels)
    size_t el_regions_write(el_regions_work *work, uint32_t n_parts,
                            const el_regions_scene *scene, uint32_t min_area, size_t capacity,
                            el_region *out, int32_t *final)
    void el_regions_relabel(int32_t *labels, size_t n, const int32_t *final)


if REGION_DTYPE.itemsize != sizeof(el_region):
    raise ImportError("REGION_DTYPE does not match the compiled struct; rebuild the kernels")


cdef size_t address(array) except? 0:
    cdef uint8_t[::1] flat = array.view(np.uint8).reshape(-1)
    return <size_t>&flat[0]


cdef class RegionFinder:
    """Finds the connected regions (8 neighbours) of masks of one shape.

    shape    : (H, W) of the masks, sides 0..65534
    capacity : rows of the result, at least 1; None: the most that a mask of this shape can
               have.  Where a mask has more, the first *capacity* in raster order are kept;
               n_found and is_truncated say so

    All memory is taken here.  One caller at a time: a second thread gets RuntimeError.
    """
    cdef readonly tuple shape
    cdef readonly Py_ssize_t capacity
    cdef readonly Py_ssize_t n_found
    cdef bint is_busy
    cdef el_regions_work work
    cdef el_region *out
    cdef int32_t *final
    cdef object rows
    cdef tuple memory

    def __init__(self, shape, capacity=None):
        height, width = shape
        in_range("height", height, 0, EL_REGIONS_MAX_SIDE)
        in_range("width", width, 0, EL_REGIONS_MAX_SIDE)
        most = el_regions_parts(height, width)
        self.capacity = max(most, 1) if capacity is None else capacity
        in_range("capacity", self.capacity, 1, 1 << 31)
        self.shape = (height, width)
        runs = (width + 1) // 2
        words = EL_REGIONS_WORDS(width)
        edges = np.zeros((2, words * sizeof(el_regions_edges)), np.uint8)
        places = np.empty(2 * runs + 1, np.uint16)
        owner = np.zeros((2, runs + 1), np.uint32)
        parent = np.empty(most + 1, np.uint32)
        final = np.empty(most + 1, np.int32)
        part = np.empty((most + 1) * sizeof(el_region_part), np.uint8)
        rows = np.zeros(self.capacity, REGION_DTYPE)
        self.memory = (edges, places, owner, parent, final, part, rows)
        for k in range(2):
            self.work.edges[k] = <el_regions_edges *>address(edges[k])
            self.work.owner[k] = <uint32_t *>address(owner[k])
        self.work.places = <uint16_t *>address(places)
        self.work.parent = <uint32_t *>address(parent)
        self.work.part = <el_region_part *>address(part)
        self.final = <int32_t *>address(final)
        self.out = <el_region *>address(rows)
        rows.flags.writeable = False
        self.rows = rows

    @property
    def is_truncated(self):
        """True when the last mask had more regions than *capacity*."""
        return self.n_found > self.capacity

    @property
    def nbytes(self):
        """Memory held, in bytes."""
        return sum([array.nbytes for array in self.memory])

    def find(self, mask, *, frame=None, background=None, int level=0, int min_area_px=1,
             labels=None):
        """Regions of *mask*: read-only rows of REGION_DTYPE, valid until the next find.

        mask       : (H, W) uint8, any value but 0 is set; read only
        frame      : (H, W) uint8 grey or uint16 counts (above 16383 is 16383); read only
        background : (H, W) uint16, UQ8.8 for grey, UQ14.2 for counts; with *frame* only
        level      : subtracted from the frame, in the background's unit, -65532..65532
        min_area_px: smaller regions are left out (and do not count in n_found)
        labels     : (H, W) int32 written: the label of the region, 0 where there is none

        Rows in raster order of the regions' first pixel, label = row + 1.  x, y, w, h,
        area_px, cx, cy are those of cv2.connectedComponentsWithStats.  contrast_counts is
        the mean of frame - level - background over the region in counts (grey: levels) and
        polarity its sign; NaN and 0 without a frame.  Bit-exact with the NumPy reference.
        Releases the GIL.
        """
        cdef Planes planes
        cdef el_regions_scene scene
        cdef int32_t *label_image = NULL
        if self.is_busy:
            raise RuntimeError("this RegionFinder is in use by another thread; make one each")
        in_range("level", level, -65532, 65532)
        in_range("min_area_px", min_area_px, 0, 0x7FFFFFFF)
        planes.n = 0
        self.is_busy = True
        try:
            borrow(&planes, mask, "mask", b"B", False)
            if (planes.height, planes.width) != self.shape:
                raise ValueError(f"mask has shape ({planes.height}, {planes.width}), "
                                 f"expected {self.shape}")
            borrow_scene(&planes, &scene, frame, background, level)
            if labels is not None:
                borrow(&planes, labels, "labels", b"i", True)
                label_image = <int32_t *>planes.view[planes.n - 1].buf
                planes_disjoint(&planes)
            self.run(&planes, &scene, <uint32_t>min_area_px, label_image)
        finally:
            release(&planes)
            self.is_busy = False
        return self.rows[:min(self.n_found, self.capacity)]

    cdef void run(self, Planes *planes, const el_regions_scene *scene, uint32_t min_area_px,
                  int32_t *labels) noexcept:
        cdef size_t height = <size_t>planes.height, width = <size_t>planes.width
        cdef uint32_t n_parts
        cdef size_t n_found
        with nogil:
            n_parts = el_regions_parts_of(<const uint8_t *>planes.view[0].buf, height, width,
                                          &self.work, scene, labels)
            n_found = el_regions_write(&self.work, n_parts, scene, min_area_px,
                                       <size_t>self.capacity, self.out,
                                       self.final if labels else NULL)
            if labels:
                el_regions_relabel(labels, height * width, self.final)
        self.n_found = <Py_ssize_t>n_found


cdef int borrow_scene(Planes *planes, el_regions_scene *scene, frame, background,
                      int level) except -1:
    cdef char kind
    scene.grey, scene.counts, scene.background, scene.level = NULL, NULL, NULL, level
    if frame is None and background is None:
        return 0
    if frame is None or background is None:
        raise ValueError("frame and background belong together; give both or neither")
    kind = borrow(planes, frame, "frame", b"BH", False)
    if kind == c"B":
        scene.grey = <const uint8_t *>planes.view[1].buf
    else:
        scene.counts = <const uint16_t *>planes.view[1].buf
    borrow(planes, background, "background", b"H", False)
    scene.background = <const uint16_t *>planes.view[2].buf
    return 0


def regions(mask, *, frame=None, background=None, int level=0, int min_area_px=1, labels=None):
    """Regions of one *mask*, with memory of its own: RegionFinder(mask.shape).find(...)."""
    return RegionFinder(mask.shape).find(
        mask, frame=frame, background=background, level=level, min_area_px=min_area_px,
        labels=labels)
