# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, embedsignature=True
"""Compiled erosion and dilation of masks; reference: kernels/reference/morphology.py."""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t

from planes cimport Planes, borrow, borrow_words, planes_disjoint, release


cdef extern from "edgeleak/morphology.h" nogil:
    ctypedef enum el_morphology_op:
        EL_ERODE
        EL_DILATE
        EL_OPEN
        EL_CLOSE
    size_t el_morphology_words(size_t height, size_t width, size_t size)
    void el_morphology(uint8_t *mask, size_t height, size_t width, size_t size,
                       el_morphology_op op, uint64_t *scratch)


def mask_scratch_words(shape, int size=3):
    """Length of the uint64 array that erode_mask and its siblings need as scratch.

    shape : (H, W) of the mask
    size  : side of the square, odd, 1..4095
    """
    height, width = shape
    return el_morphology_words(height, width, checked_size(size))


def erode_mask(mask, scratch, int size=3):
    """Keep the pixels of *mask* whose whole square is set, in place.

    mask    : (H, W) uint8, 0 or 255 (any value but 0 counts as set); result 0 or 255
    scratch : uint64 array of at least mask_scratch_words((H, W), size); content is lost
    size    : side of the square, odd, 1..4095

    Pixels outside the image do not count, as in cv2.erode.  mask and scratch may not share
    memory.  Bit-exact with the NumPy reference and OpenCV.  Releases the GIL.
    """
    run(mask, scratch, size, EL_ERODE)


def dilate_mask(mask, scratch, int size=3):
    """Set every pixel of *mask* that has a set pixel in its square, in place; see erode_mask."""
    run(mask, scratch, size, EL_DILATE)


def open_mask(mask, scratch, int size=3):
    """Erode, then dilate *mask* in place: specks smaller than the square go.

    Arguments as for erode_mask; equal to cv2.morphologyEx(mask, MORPH_OPEN, ones(size, size)).
    """
    run(mask, scratch, size, EL_OPEN)


def close_mask(mask, scratch, int size=3):
    """Dilate, then erode *mask* in place: holes smaller than the square fill; see open_mask."""
    run(mask, scratch, size, EL_CLOSE)


cdef size_t checked_size(int size) except 0:
    if size < 1 or size > 4095 or size % 2 == 0:
        raise ValueError(f"size must be an odd number 1..4095, got {size}")
    return <size_t>size


cdef int run(mask, scratch, int size, el_morphology_op op) except -1:
    cdef Planes planes
    cdef size_t height, width, needed
    planes.n = 0
    checked_size(size)
    try:
        borrow(&planes, mask, "mask", b"B", True)
        height, width = <size_t>planes.height, <size_t>planes.width
        needed = el_morphology_words(height, width, <size_t>size)
        borrow_words(&planes, scratch, "scratch", <Py_ssize_t>needed)
        planes_disjoint(&planes)
        if height and width:
            with nogil:
                el_morphology(<uint8_t *>planes.view[0].buf, height, width, <size_t>size, op,
                              <uint64_t *>planes.view[1].buf)
    finally:
        release(&planes)
    return 0
