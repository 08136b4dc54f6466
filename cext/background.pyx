# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, embedsignature=True
"""Compiled +/-epsilon background; reference: kernels/reference/background.py."""
from libc.stddef cimport size_t
from libc.stdint cimport int16_t, int32_t, uint8_t, uint16_t

from checks cimport in_range
from planes cimport Planes, borrow, planes_disjoint, release


cdef extern from "edgeleak/background.h" nogil:
    enum:
        EL_BG_GREY_MAX_Q8
        EL_BG_MAX_Q2
    ctypedef struct el_bg_rule:
        uint16_t eps
        uint16_t threshold
        int32_t level
        int selective
        uint8_t noise_gain_q4
        uint16_t noise_eps
    void el_bg_grey_rule_row(const uint8_t *frame, uint16_t *bg, uint8_t *diff, uint8_t *mask,
                             size_t n, const el_bg_rule *rule)
    void el_bg_counts_row(const uint16_t *frame, uint16_t *bg, int16_t *diff, uint8_t *mask,
                          uint16_t *noise, size_t n, const el_bg_rule *rule)


def background_step(frame, background, difference, mask, int eps, int threshold, *,
                    bint selective=False, int level=0, noise=None, int noise_gain_q4=0,
                    int noise_eps=0):
    """Compare *frame* with *background*, then move the background one step toward it.

    frame      : (H, W) uint8 grey, or uint16 14-bit counts (above 16383 is 16383); read only
    background : (H, W) uint16, UQ8.8 for grey, UQ14.2 (quarter counts) for counts; updated
    difference : (H, W) written.  Grey: uint8, |frame - level - background| in levels, both
                 sides rounded, halves up.  Counts: int16 quarter counts, signed, saturated
    mask       : (H, W) uint8 written, 255 where the size of the difference (for counts:
                 before saturation) is above *threshold*, else 0
    eps        : step in the background's unit (256ths of a level, quarter counts), 0 freezes
    threshold  : grey 0..255 levels; counts 0..65532 quarter counts
    selective  : True: pixels in the mask do not move
    level      : subtracted from the frame, in the background's unit, either sign
    noise      : (H, W) uint16 quarter counts per pixel, counts frames only; the threshold is
                 max(threshold, noise * noise_gain_q4 / 16), noise above 1023.75 counts
                 being 1023.75 counts
    noise_gain_q4 : 0..255, sixteenths
    noise_eps  : step of *noise* toward the size of the difference, 0 leaves it untouched
                 (then it may be read only); with *selective* not inside the mask

    The difference is against the background before the step.  Frame minus level saturates
    at the ends of the background's range, and so does the background: nothing wraps.
    Equality moves up (paper, equation 5).  No two arrays may share memory.
    Bit-exact with the NumPy reference.  Releases the GIL.
    """
    cdef Planes planes
    cdef el_bg_rule rule
    cdef char kind
    planes.n = 0
    try:
        kind = borrow(&planes, frame, "frame", b"BH", False)
        borrow(&planes, background, "background", b"H", True)
        borrow(&planes, difference, "difference", b"B" if kind == c"B" else b"h", True)
        borrow(&planes, mask, "mask", b"B", True)
        if noise is not None:
            if kind == c"B":
                raise ValueError("noise needs a frame of uint16 counts, got uint8 grey")
            borrow(&planes, noise, "noise", b"H", noise_eps != 0)
        planes_disjoint(&planes)
        set_rule(&rule, kind, eps, threshold, level, noise_gain_q4, noise_eps)
        rule.selective = selective
        run(&planes, kind, &rule)
    finally:
        release(&planes)


cdef int set_rule(el_bg_rule *rule, char kind, int eps, int threshold, int level,
                  int noise_gain_q4, int noise_eps) except -1:
    cdef int top = EL_BG_GREY_MAX_Q8 if kind == c"B" else EL_BG_MAX_Q2
    in_range("eps", eps, 0, top)
    in_range("threshold", threshold, 0, 255 if kind == c"B" else top)
    in_range("level", level, -top, top)
    in_range("noise_gain_q4", noise_gain_q4, 0, 255)
    in_range("noise_eps", noise_eps, 0, 4095)
    rule.eps, rule.threshold, rule.level = <uint16_t>eps, <uint16_t>threshold, level
    rule.noise_gain_q4, rule.noise_eps = <uint8_t>noise_gain_q4, <uint16_t>noise_eps
    return 0


cdef void run(Planes *planes, char kind, const el_bg_rule *rule) noexcept:
    cdef size_t n = <size_t>(planes.height * planes.width)
    cdef uint16_t *bg = <uint16_t *>planes.view[1].buf
    cdef uint8_t *mask = <uint8_t *>planes.view[3].buf
    cdef uint16_t *noise = <uint16_t *>planes.view[4].buf if planes.n == 5 else NULL
    with nogil:
        if kind == c"B":
            el_bg_grey_rule_row(<const uint8_t *>planes.view[0].buf, bg,
                                <uint8_t *>planes.view[2].buf, mask, n, rule)
        else:
            el_bg_counts_row(<const uint16_t *>planes.view[0].buf, bg,
                             <int16_t *>planes.view[2].buf, mask, noise, n, rule)
