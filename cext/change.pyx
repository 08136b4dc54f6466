# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True
"""Compiled background difference and change; reference: kernels/reference/change.py."""
from libc.stddef cimport size_t
from libc.stdint cimport int16_t, int32_t, uint8_t, uint16_t

from checks cimport disjoint, in_range, same_shape


cdef extern from "edgeleak/change.h" nogil:
    struct el_follow:
        int32_t level
        int32_t step
        int32_t held_step
    struct el_change:
        int32_t factor_q4
        int32_t floor_q2
        int32_t noise_step
        int32_t most_noise
        int32_t sway_noise
        int32_t hold_drop
        int32_t gain_q8
    void el_follow_step(const uint16_t *counts, uint16_t *background, int16_t *difference,
                        const uint8_t *hold, size_t n, el_follow settings)
    void el_change_step(const int16_t *smoothed, const int16_t *past, uint16_t *noise,
                        uint8_t *gas, uint8_t *mask, uint8_t *hold, size_t n,
                        el_change settings)


cdef int all_apart(const size_t *start, const size_t *nbytes, int n) except -1:
    """No two of n arrays share memory."""
    for i in range(n):
        for k in range(i):
            disjoint(<void *>start[i], nbytes[i], <void *>start[k], nbytes[k])
    return 0


def follow_step(const uint16_t[:, ::1] counts not None, uint16_t[:, ::1] background not None,
                int16_t[:, ::1] difference not None, const uint8_t[:, ::1] hold not None, *,
                int level, int step, int held_step):
    """Compare with the background, then move it: slowly where `hold` is set.

    counts     : (H, W) uint16, 14-bit; larger values count as 16383
    background : (H, W) uint16, UQ14.2; moves toward counts - level, ties go up
    difference : (H, W) int16, written: counts - level - old background, quarter counts
    hold       : (H, W) uint8; where it is not 0, held_step replaces step
    level      : level of the frame, quarter counts, -65532..65532
    step, held_step : quarter counts, 0..65532

    counts - level is clipped to 0..16383 counts.  Bit-exact with the NumPy reference.
    Releases the GIL.
    """
    cdef Py_ssize_t h = counts.shape[0], w = counts.shape[1]
    cdef size_t n = <size_t>(h * w)
    cdef el_follow settings
    cdef size_t start[4]
    cdef size_t nbytes[4]
    same_shape("background", h, w, background.shape[0], background.shape[1])
    same_shape("difference", h, w, difference.shape[0], difference.shape[1])
    same_shape("hold", h, w, hold.shape[0], hold.shape[1])
    in_range("level", level, -65532, 65532)
    in_range("step", step, 0, 65532)
    in_range("held_step", held_step, 0, 65532)
    if n == 0:
        return
    start[0], start[1] = <size_t>&counts[0, 0], <size_t>&background[0, 0]
    start[2], start[3] = <size_t>&difference[0, 0], <size_t>&hold[0, 0]
    nbytes[0], nbytes[1], nbytes[2], nbytes[3] = 2 * n, 2 * n, 2 * n, n
    all_apart(start, nbytes, 4)
    settings.level, settings.step, settings.held_step = level, step, held_step
    with nogil:
        el_follow_step(&counts[0, 0], &background[0, 0], &difference[0, 0], &hold[0, 0], n,
                       settings)


def change_step(const int16_t[:, ::1] smoothed not None, const int16_t[:, ::1] past not None,
                uint16_t[:, ::1] noise not None, uint8_t[:, ::1] gas not None,
                uint8_t[:, ::1] mask not None, uint8_t[:, ::1] hold not None, *,
                int factor_q4, int floor_q2, int noise_step, int most_noise, int sway_noise,
                int hold_drop, int gain_q8):
    """Where the picture differs from the background by more than the pixel's own noise.

    smoothed : (H, W) int16, quarter counts, difference to the background now
    past     : (H, W) int16, the same about a second ago; may be smoothed itself
    noise    : (H, W) uint16, UQ12.4 counts: running median of |smoothed - past|, updated
    gas      : (H, W) uint8, written: 128 + smoothed * gain, clipped; the picture of the gas
    mask     : (H, W) uint8, written: 255 where |smoothed| exceeds the threshold
    hold     : (H, W) uint8, updated: 255 where |smoothed| exceeds the threshold,
               less by hold_drop elsewhere
    factor_q4 : threshold in units of the noise, UQ.4, 0..4095
    floor_q2 : smallest threshold, quarter counts, 0..32767
    noise_step : step of the noise toward |change|, 1/16 count, 0..4095
    most_noise : to where a pixel's noise rises by itself, 1/16 count, 0..65535
    sway_noise : to where it rises by swaying, 1/16 count, 0..65535
    hold_drop : 0..255
    gain_q8  : levels a quarter count, UQ.8, 0..65535

    The noise stands still under hold, unless the pixel went from one side of the background
    to the other by more than the threshold: that is swaying, not gas.  Only noise above
    most_noise, so of swaying pixels, raises the threshold.  Old noise and old
    hold decide; the updates follow.  Bit-exact with the NumPy reference.  Releases the GIL.
    """
    cdef Py_ssize_t h = smoothed.shape[0], w = smoothed.shape[1]
    cdef size_t n = <size_t>(h * w)
    cdef el_change settings
    cdef size_t start[5]
    cdef size_t nbytes[5]
    same_shape("past", h, w, past.shape[0], past.shape[1])
    same_shape("noise", h, w, noise.shape[0], noise.shape[1])
    same_shape("gas", h, w, gas.shape[0], gas.shape[1])
    same_shape("mask", h, w, mask.shape[0], mask.shape[1])
    same_shape("hold", h, w, hold.shape[0], hold.shape[1])
    in_range("factor_q4", factor_q4, 0, 4095)
    in_range("floor_q2", floor_q2, 0, 32767)
    in_range("noise_step", noise_step, 0, 4095)
    in_range("most_noise", most_noise, 0, 65535)
    in_range("sway_noise", sway_noise, 0, 65535)
    in_range("hold_drop", hold_drop, 0, 255)
    in_range("gain_q8", gain_q8, 0, 65535)
    if n == 0:
        return
    start[0], nbytes[0] = <size_t>&smoothed[0, 0], 2 * n
    start[1], nbytes[1] = <size_t>&noise[0, 0], 2 * n
    start[2], nbytes[2] = <size_t>&gas[0, 0], n
    start[3], nbytes[3] = <size_t>&mask[0, 0], n
    start[4], nbytes[4] = <size_t>&hold[0, 0], n
    all_apart(start, nbytes, 5)
    start[0] = <size_t>&past[0, 0]
    all_apart(start, nbytes, 5)
    settings.factor_q4, settings.floor_q2 = factor_q4, floor_q2
    settings.noise_step, settings.most_noise = noise_step, most_noise
    settings.sway_noise = sway_noise
    settings.hold_drop, settings.gain_q8 = hold_drop, gain_q8
    with nogil:
        el_change_step(&smoothed[0, 0], &past[0, 0], &noise[0, 0], &gas[0, 0], &mask[0, 0],
                       &hold[0, 0], n, settings)
