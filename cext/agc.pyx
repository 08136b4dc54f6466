# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, embedsignature=True
"""Compiled gain control and its tables; twin: kernels/reference/agc.py."""
import numpy
from libc.math cimport rint
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset
from checks cimport disjoint, in_range, same_shape

cdef extern from "edgeleak/agc.h" nogil:
    enum: EL_COUNTS_BINS
    enum: EL_LUT_PADDED
    enum: EL_MAX_COUNTS
    enum: EL_TOP_LEVEL_Q16
    enum: EL_LOG_ALPHA_MAX
    enum: EL_LOG_BETA_MAX
    void el_log2_table(int32_t *log_q16)
    void el_log_lut(uint8_t *lut, const int32_t *log_q16, int32_t alpha_q16, int64_t beta_q16)
    void el_linear_lut(uint8_t *lut, int32_t low, int32_t high)
    void el_plateau_lut(uint8_t *lut, const uint32_t *histogram, uint32_t plateau,
                        uint64_t slope_q16)
    void el_histogram_row(const uint16_t *counts, size_t n, uint32_t *out)
    void el_agc_row(const uint16_t *counts, const uint8_t *lut, uint8_t *grey, size_t n)

cdef int32_t[EL_COUNTS_BINS] LOG2_Q16
el_log2_table(LOG2_Q16)


cdef int table_size(str name, Py_ssize_t n) except -1:
    if n != EL_COUNTS_BINS:
        raise ValueError(f"{name} has {n} entries, expected {EL_COUNTS_BINS}")
    return 0


cdef object new_lut():
    return numpy.empty(EL_COUNTS_BINS, numpy.uint8)


cdef int64_t to_q16(str name, double value, int limit) except? -1:
    if not -limit <= value <= limit:
        raise ValueError(f"{name} must be -{limit}..{limit}, got {value}")
    return <int64_t>rint(value * 65536.0)


def log_lut(double alpha, double beta, out=None):
    """Table of the paper's equation 2: level = clamp(alpha * log2(counts) + beta, 0, 255).

    alpha : levels per octave, -32767..32767, used in Q16
    beta  : levels, -1048576..1048576, used in Q16
    out   : (16384,) uint8 to fill, or None for a new array

    log2 is an integer in Q16, rounded down; halves go up; entry 0 equals entry 1.  Returns
    the table.
    """
    lut_object = new_lut() if out is None else out
    cdef uint8_t[::1] lut = lut_object
    table_size("out", lut.shape[0])
    el_log_lut(&lut[0], LOG2_Q16, <int32_t>to_q16("alpha", alpha, EL_LOG_ALPHA_MAX),
               to_q16("beta", beta, EL_LOG_BETA_MAX))
    return lut_object


def linear_lut(int low, int high, out=None):
    """Table that maps counts *low* to 0 and *high* to 255, straight, halves up.

    low, high : counts, 0 <= low < high <= 16383
    out       : (16384,) uint8 to fill, or None for a new array
    """
    in_range("low", low, 0, EL_MAX_COUNTS - 1)
    in_range("high", high, low + 1, EL_MAX_COUNTS)
    lut_object = new_lut() if out is None else out
    cdef uint8_t[::1] lut = lut_object
    table_size("out", lut.shape[0])
    el_linear_lut(&lut[0], low, high)
    return lut_object


def plateau_lut(const uint32_t[::1] histogram not None, long long plateau, max_slope=None,
                out=None):
    """Plateau equalisation: every bin gets levels by min(histogram, plateau).

    histogram : (16384,) uint32 pixels per count, sum below 2^32
    plateau   : pixels, 1..4294967295; 1 is nearly linear, large is full equalisation
    max_slope : levels per count that no bin may exceed, 0..255, used in Q16; None: no limit;
                what it leaves unused is split evenly over black and white
    out       : (16384,) uint8 to fill, or None for a new array

    Level 0 is the first filled bin.  One filled bin gives 0 below, 128 at and 255 above it;
    an empty histogram gives 0 everywhere.
    """
    cdef uint64_t slope_q16 = EL_TOP_LEVEL_Q16
    table_size("histogram", histogram.shape[0])
    in_range("plateau", plateau, 1, 0xFFFFFFFF)
    if max_slope is not None:
        if not 0 <= max_slope <= 255:
            raise ValueError(f"max_slope must be 0..255 levels per count, got {max_slope}")
        slope_q16 = <uint64_t>rint(max_slope * 65536.0)
    lut_object = new_lut() if out is None else out
    cdef uint8_t[::1] lut = lut_object
    table_size("out", lut.shape[0])
    disjoint(&lut[0], EL_COUNTS_BINS, &histogram[0], EL_COUNTS_BINS * 4)
    el_plateau_lut(&lut[0], &histogram[0], <uint32_t>plateau, slope_q16)
    return lut_object


def histogram(const uint16_t[:, ::1] counts not None, uint32_t[::1] out not None,
              Py_ssize_t row_step=1):
    """Count how often each value occurs.

    counts   : (H, W) uint16; values above 16383 go to the last bin
    out      : (16384,) uint32, overwritten
    row_step : take every row_step-th row, starting with the first
    """
    cdef Py_ssize_t y = 0, h = counts.shape[0], w = counts.shape[1]
    table_size("out", out.shape[0])
    in_range("row_step", row_step, 1, 1 << 30)
    if h and w:
        disjoint(&counts[0, 0], <size_t>(h * w) * 2, &out[0], EL_COUNTS_BINS * 4)
    with nogil:
        memset(&out[0], 0, EL_COUNTS_BINS * 4)
        while w and y < h:
            el_histogram_row(&counts[y, 0], <size_t>w, &out[0])
            y += row_step


def agc(const uint16_t[:, ::1] counts not None, const uint8_t[::1] lut not None,
        uint8_t[:, ::1] grey not None):
    """Look up every pixel: 14-bit counts to 8-bit levels.

    counts : (H, W) uint16; values above 16383 are taken as 16383
    lut    : (16384,) uint8
    grey   : (H, W) uint8, written; it may start at the address of *counts* (16 to 8 bits
             compacts forward) and must share no other memory with it or with *lut*
    """
    cdef size_t n = <size_t>(counts.shape[0] * counts.shape[1])
    cdef uint8_t[EL_LUT_PADDED] padded
    same_shape("grey", counts.shape[0], counts.shape[1], grey.shape[0], grey.shape[1])
    table_size("lut", lut.shape[0])
    if n == 0:
        return
    if <const void *>&counts[0, 0] != <const void *>&grey[0, 0]:
        disjoint(&counts[0, 0], 2 * n, &grey[0, 0], n)
    disjoint(&lut[0], EL_COUNTS_BINS, &grey[0, 0], n)
    with nogil:
        memcpy(padded, &lut[0], EL_COUNTS_BINS)
        el_agc_row(&counts[0, 0], padded, &grey[0, 0], n)
