# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, boundscheck=False, wraparound=False
"""Lossless frame codec ELC1; reference: kernels/reference/codec.py."""
from libc.stdint cimport uint8_t, uint16_t
from checks cimport disjoint

cdef extern from "edgeleak/codec.h" nogil:
    enum:
        EL_CODEC_BAD_HEADER
        EL_CODEC_CUT
        EL_CODEC_BAD_CODE
        EL_CODEC_TRAILING
    size_t el_codec_bound(size_t height, size_t width)
    size_t el_codec_pack(const uint16_t *counts, size_t height, size_t width,
                         int fast, uint8_t *out)
    int el_codec_unpack(const uint8_t *blob, size_t n, uint16_t *counts,
                        size_t height, size_t width)

SIDE_MAX = 65535
PIXELS_MAX = 1 << 24
MEANING = {
    EL_CODEC_BAD_HEADER: "the header is not that of an ELC1 frame of this size",
    EL_CODEC_CUT: "it ends early",
    EL_CODEC_BAD_CODE: "it holds a code that does not exist",
    EL_CODEC_TRAILING: "bytes are left over",
}


cdef int check_size(Py_ssize_t h, Py_ssize_t w) except -1:
    if h < 1 or w < 1 or h > SIDE_MAX or w > SIDE_MAX or h * w > PIXELS_MAX:
        raise ValueError(f"a frame has 1..{SIDE_MAX} rows and columns and at most"
                         f" {PIXELS_MAX} pixels, got {h} x {w}")
    return 0


def packed_bound(Py_ssize_t height, Py_ssize_t width):
    """Bytes that `out` of pack_frame must have for a frame of this size."""
    check_size(height, width)
    return el_codec_bound(<size_t>height, <size_t>width)


def pack_frame(const uint16_t[:, ::1] counts not None, uint8_t[::1] out not None,
               bint fast=False):
    """Compress a frame without loss, return the number of bytes written to *out*.

    counts : (H, W) uint16, any value, read only
    out    : (N,) uint8, N >= packed_bound(H, W); no memory shared with *counts*.
             Bytes behind the returned length are scratch
    fast   : bit packing only: a larger blob, vectorised

    Bit-exact with the NumPy reference.  Releases the GIL.
    """
    cdef Py_ssize_t h = counts.shape[0], w = counts.shape[1]
    cdef size_t n
    check_size(h, w)
    if <size_t>out.shape[0] < el_codec_bound(<size_t>h, <size_t>w):
        raise ValueError(f"out has {out.shape[0]} bytes, {packed_bound(h, w)} are needed")
    disjoint(&counts[0, 0], <size_t>(h * w) * sizeof(uint16_t),
             &out[0], <size_t>out.shape[0])
    with nogil:
        n = el_codec_pack(&counts[0, 0], <size_t>h, <size_t>w, fast, &out[0])
    return n


def unpack_frame(const uint8_t[::1] blob not None, uint16_t[:, ::1] counts not None):
    """Decompress *blob* into *counts*; ValueError when it is damaged.

    blob   : (N,) uint8, one whole result of pack_frame; never read outside of it
    counts : (H, W) uint16 of the frame's size, overwritten; after an error its
             content is undefined.  No memory shared with *blob*

    Bit-exact with the NumPy reference.  Releases the GIL.
    """
    cdef Py_ssize_t h = counts.shape[0], w = counts.shape[1]
    cdef int error
    check_size(h, w)
    if blob.shape[0] == 0:
        raise ValueError("compressed frame: it is empty")
    disjoint(&counts[0, 0], <size_t>(h * w) * sizeof(uint16_t),
             &blob[0], <size_t>blob.shape[0])
    with nogil:
        error = el_codec_unpack(&blob[0], <size_t>blob.shape[0], &counts[0, 0],
                                <size_t>h, <size_t>w)
    if error:
        raise ValueError(f"compressed frame of {h}x{w}: {MEANING[error]}")
