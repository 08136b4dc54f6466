# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, embedsignature=True
"""Compiled two-pass chain of profile `paper`; twin: kernels/reference/chain.py."""
import numpy
from libc.stdint cimport int16_t, int32_t, uint8_t, uint16_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset
from checks cimport disjoint, in_range, same_shape
from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS,
    PyBUF_FORMAT,
    Py_buffer,
    PyBuffer_Release,
)
from planes cimport borrow_buffer
from edgeleak.kernels._nuc import check_bad_pixel_table

cdef extern from "edgeleak/chain.h" nogil:
    enum: EL_MAX_SIDE
    enum: EL_COUNTS_BINS
    enum: EL_LUT_PADDED
    enum: EL_BG_GREY_MAX_Q8
    enum: EL_CLAHE_MAX_TILES
    ctypedef struct el_clahe_plan:
        int32_t width, height
    ctypedef struct el_chain_state:
        uint16_t *counts
        const uint16_t *raw
        const int16_t *gain_q14
        const int16_t *offset
        const int32_t *bad_pixels
        size_t n_bad
        int32_t lag
        const uint8_t *lut
        uint8_t *grey
        uint16_t *background
        uint8_t *difference
        uint8_t *mask
        uint16_t eps_q8
        uint8_t threshold
        el_clahe_plan clahe
    void el_clahe_set_geometry(el_clahe_plan *plan, int32_t width, int32_t height,
                               int32_t tiles_x, int32_t tiles_y)
    size_t el_clahe_layout(el_clahe_plan *plan, void *block)
    void el_clahe_prepare(el_clahe_plan *plan, double clip_limit)
    int32_t el_chain_lag(const int32_t *bad_pixels, size_t n_bad, int32_t width)
    void el_chain_pass_a(el_chain_state *state)
    size_t el_chain_pass_b(el_chain_state *state)
    void *aligned_alloc(size_t alignment, size_t nbytes)


cdef class PaperChain:
    """Correction, bad pixels, gain control, CLAHE, background, difference and mask in one call.

    counts     : (H, W) uint16, raw counts in, corrected counts out
    grey       : (H, W) uint8, written: levels after CLAHE
    background : (H, W) uint16, UQ8.8, moved by eps_q8 toward grey
    difference : (H, W) uint8, written: levels between grey and the background before it moved
    mask       : (H, W) uint8, written: 255 where difference > threshold, else 0
    lut        : (16384,) uint8, copied; see set_lut
    gain_q14, offset : (H, W) int16, both or neither; read at every step
    bad_pixels : (N, 5) int32 as replace_bad_pixels takes it, copied; None: no bad pixels
    tiles, clip_limit : as clahe takes them
    eps_q8     : step of the background, 0..65280 (256 = one level); 0 leaves it
    threshold  : levels, 0..255

    The memory of the arrays is fixed from here on, and no two that are written may share
    any.  step() gives the same bytes as nuc, replace_bad_pixels, agc, clahe and
    background_step one after the other; it allocates nothing and releases the GIL.
    """

    cdef el_chain_state state
    cdef uint8_t *block
    cdef uint8_t *padded_lut
    cdef tuple arrays  # everything that must stay alive and in place

    def __cinit__(self, uint16_t[:, ::1] counts not None, uint8_t[:, ::1] grey not None,
                  uint16_t[:, ::1] background not None, uint8_t[:, ::1] difference not None,
                  uint8_t[:, ::1] mask not None, const uint8_t[::1] lut not None, *,
                  const int16_t[:, ::1] gain_q14=None, const int16_t[:, ::1] offset=None,
                  bad_pixels=None, tiles=(8, 8), double clip_limit=2.0, eps_q8=256,
                  threshold=8):
        cdef Py_ssize_t h = counts.shape[0], w = counts.shape[1]
        in_range("height", h, 1, EL_MAX_SIDE)
        in_range("width", w, 1, EL_MAX_SIDE)
        same_shape("grey", h, w, grey.shape[0], grey.shape[1])
        same_shape("background", h, w, background.shape[0], background.shape[1])
        same_shape("difference", h, w, difference.shape[0], difference.shape[1])
        same_shape("mask", h, w, mask.shape[0], mask.shape[1])
        self.state.counts = &counts[0, 0]
        self.state.grey = &grey[0, 0]
        self.state.background = &background[0, 0]
        self.state.difference = &difference[0, 0]
        self.state.mask = &mask[0, 0]
        self._set_correction(h, w, gain_q14, offset)
        self._refuse_shared_memory(<size_t>(h * w))
        table = self._set_bad_pixels(bad_pixels, h, w)
        self.arrays = (counts, grey, background, difference, mask, gain_q14, offset, table)
        self._make_tables(h, w, tiles, clip_limit)
        self.set_lut(lut)
        self.eps_q8 = eps_q8
        self.threshold = threshold

    def __dealloc__(self):
        free(self.block)

    cdef int _set_correction(self, Py_ssize_t h, Py_ssize_t w, const int16_t[:, ::1] gain_q14,
                             const int16_t[:, ::1] offset) except -1:
        if (gain_q14 is None) != (offset is None):
            raise ValueError("gain_q14 and offset belong together: give both or neither")
        if gain_q14 is None:
            return 0
        same_shape("gain_q14", h, w, gain_q14.shape[0], gain_q14.shape[1])
        same_shape("offset", h, w, offset.shape[0], offset.shape[1])
        self.state.gain_q14 = &gain_q14[0, 0]
        self.state.offset = &offset[0, 0]
        return 0

    cdef int _refuse_shared_memory(self, size_t n) except -1:
        cdef size_t[7] at, nbytes
        at[:] = [<size_t>self.state.counts, <size_t>self.state.background,
                 <size_t>self.state.grey, <size_t>self.state.difference, <size_t>self.state.mask,
                 <size_t>self.state.gain_q14, <size_t>self.state.offset]
        nbytes[:] = [2 * n, 2 * n, n, n, n, 2 * n, 2 * n]
        cdef int i, k
        for i in range(5):
            for k in range(i + 1, 7):
                if at[k] != 0:
                    disjoint(<void *>at[i], nbytes[i], <void *>at[k], nbytes[k])
        return 0

    cdef object _set_bad_pixels(self, bad_pixels, Py_ssize_t h, Py_ssize_t w):
        cdef const int32_t[:, ::1] table
        if bad_pixels is None or len(bad_pixels) == 0:
            return None
        check_bad_pixel_table(bad_pixels, h * w)
        own = numpy.array(bad_pixels)
        table = own
        self.state.bad_pixels = &table[0, 0]
        self.state.n_bad = <size_t>table.shape[0]
        self.state.lag = el_chain_lag(self.state.bad_pixels, self.state.n_bad, <int32_t>w)
        return own

    cdef int _make_tables(self, Py_ssize_t h, Py_ssize_t w, tiles, double clip_limit) except -1:
        cdef int32_t tiles_x, tiles_y
        cdef size_t lut_nbytes = (EL_LUT_PADDED + 63) // 64 * 64
        tiles_x, tiles_y = tiles
        in_range("tiles_x", tiles_x, 1, EL_CLAHE_MAX_TILES)
        in_range("tiles_y", tiles_y, 1, EL_CLAHE_MAX_TILES)
        if clip_limit != clip_limit:
            raise ValueError("clip_limit must be a number, got NaN")
        el_clahe_set_geometry(&self.state.clahe, <int32_t>w, <int32_t>h, tiles_x, tiles_y)
        self.block = <uint8_t *>aligned_alloc(
            64, lut_nbytes + el_clahe_layout(&self.state.clahe, NULL))
        if self.block == NULL:
            raise MemoryError(f"no memory for the CLAHE tables of a {w}x{h} image")
        self.padded_lut = self.block
        memset(self.padded_lut, 0, lut_nbytes)
        self.state.lut = self.padded_lut
        el_clahe_layout(&self.state.clahe, self.block + lut_nbytes)
        el_clahe_prepare(&self.state.clahe, clip_limit)
        return 0

    @property
    def eps_q8(self):
        """Step of the background, 0..65280; 256 is one level, 0 leaves the background."""
        return self.state.eps_q8

    @eps_q8.setter
    def eps_q8(self, int value):
        in_range("eps_q8", value, 0, EL_BG_GREY_MAX_Q8)
        self.state.eps_q8 = <uint16_t>value

    @property
    def threshold(self):
        """Levels that a difference must exceed to enter the mask, 0..255."""
        return self.state.threshold

    @threshold.setter
    def threshold(self, int value):
        in_range("threshold", value, 0, 255)
        self.state.threshold = <uint8_t>value

    def set_lut(self, lut not None):
        """Copy *lut*, (16384,) uint8, for this and the next steps; allocates nothing."""
        cdef Py_buffer view
        borrow_buffer(&view, lut, "lut", PyBUF_FORMAT | PyBUF_C_CONTIGUOUS)
        try:
            if view.ndim != 1 or view.format[0] != b"B":
                raise ValueError(
                    f"lut must be one row of uint8, got {getattr(lut, 'dtype', type(lut))}")
            if view.len != EL_COUNTS_BINS:
                raise ValueError(f"lut has {view.len} entries, expected {EL_COUNTS_BINS}")
            memcpy(self.padded_lut, view.buf, EL_COUNTS_BINS)
        finally:
            PyBuffer_Release(&view)

    def step(self, raw=None):
        """Run the chain once; returns the pixels of the mask.

        raw : (H, W) uint16 raw counts, read only; shares no memory with the arrays of this
              chain, except that it may be `counts`.  None: `counts` holds them.
        """
        cdef Py_buffer view
        if raw is None:
            return self._run(self.state.counts)
        borrow_buffer(&view, raw, "raw", PyBUF_FORMAT | PyBUF_C_CONTIGUOUS)
        try:
            self._check_raw(&view, raw)
            return self._run(<const uint16_t *>view.buf)
        finally:
            PyBuffer_Release(&view)

    cdef int _check_raw(self, const Py_buffer *view, raw) except -1:
        cdef size_t[5] at, nbytes
        cdef size_t n = <size_t>(self.state.clahe.width * self.state.clahe.height)
        cdef int i
        if view.ndim != 2 or view.format[0] != b"H" or view.format[1]:
            raise ValueError(
                f"raw must be (H, W) of uint16, got {getattr(raw, 'dtype', type(raw))}")
        same_shape("raw", self.state.clahe.height, self.state.clahe.width, view.shape[0],
                   view.shape[1])
        at[:] = [<size_t>self.state.counts, <size_t>self.state.background,
                 <size_t>self.state.grey, <size_t>self.state.difference, <size_t>self.state.mask]
        nbytes[:] = [2 * n, 2 * n, n, n, n]
        for i in range(5):
            if i > 0 or <size_t>view.buf != at[0]:
                disjoint(view.buf, 2 * n, <void *>at[i], nbytes[i])
        return 0

    cdef size_t _run(self, const uint16_t *raw) noexcept:
        cdef size_t area
        self.state.raw = raw
        with nogil:
            el_chain_pass_a(&self.state)
            area = el_chain_pass_b(&self.state)
        return area
