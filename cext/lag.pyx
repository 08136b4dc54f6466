# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True
"""Compiled lagged difference; reference: kernels/reference/lag.py."""
from libc.stddef cimport size_t
from libc.stdint cimport int16_t, int32_t, uint8_t, uint16_t

from checks cimport disjoint, in_range, same_shape


cdef extern from "edgeleak/lag.h" nogil:
    struct el_lag:
        int32_t factor_q4
        int32_t floor_q2
        int32_t noise_step
        int32_t masked_step
        int32_t gain_q8
    void el_lag_step(const int16_t *smoothed, const int16_t *past, uint16_t *noise,
                     uint8_t *gas, uint8_t *mask, size_t n, el_lag settings)


def lag_step(const int16_t[:, ::1] smoothed not None, const int16_t[:, ::1] past not None,
             uint16_t[:, ::1] noise not None, uint8_t[:, ::1] gas not None,
             uint8_t[:, ::1] mask not None, *, int factor_q4, int floor_q2, int noise_step,
             int masked_step, int gain_q8):
    """Compare with the picture of about a second ago; learn each pixel's noise.

    smoothed : (H, W) int16, quarter counts, difference to the background now
    past     : (H, W) int16, the same a lag ago; may be smoothed itself (no change)
    noise    : (H, W) uint16, UQ12.4 counts: running median of |smoothed - past|, updated
    gas      : (H, W) uint8, written: 128 + smoothed * gain, clipped; the picture of the gas
    mask     : (H, W) uint8, written: 255 where |smoothed - past| exceeds the threshold
    factor_q4 : threshold in units of the noise, UQ.4, 0..4095
    floor_q2 : smallest threshold, quarter counts, 0..32767
    noise_step  : step of the noise toward |change|, 1/16 count, 0..4095; 0 freezes it
    masked_step : the same under the mask
    gain_q8  : levels a quarter count, UQ.8, 0..65535

    The old noise decides; the update follows.  A change equal to the noise moves it down.
    Bit-exact with the NumPy reference.  Releases the GIL.
    """
    cdef Py_ssize_t h = smoothed.shape[0], w = smoothed.shape[1]
    cdef size_t n = <size_t>(h * w)
    cdef el_lag settings
    same_shape("past", h, w, past.shape[0], past.shape[1])
    same_shape("noise", h, w, noise.shape[0], noise.shape[1])
    same_shape("gas", h, w, gas.shape[0], gas.shape[1])
    same_shape("mask", h, w, mask.shape[0], mask.shape[1])
    in_range("factor_q4", factor_q4, 0, 4095)
    in_range("floor_q2", floor_q2, 0, 32767)
    in_range("noise_step", noise_step, 0, 4095)
    in_range("masked_step", masked_step, 0, 4095)
    in_range("gain_q8", gain_q8, 0, 65535)
    if n == 0:
        return
    disjoint(&noise[0, 0], n * 2, &smoothed[0, 0], n * 2)
    disjoint(&noise[0, 0], n * 2, &past[0, 0], n * 2)
    disjoint(&gas[0, 0], n, &mask[0, 0], n)
    for out, size in ((<size_t>&gas[0, 0], n), (<size_t>&mask[0, 0], n)):
        disjoint(<void *><size_t>out, size, &smoothed[0, 0], n * 2)
        disjoint(<void *><size_t>out, size, &past[0, 0], n * 2)
        disjoint(<void *><size_t>out, size, &noise[0, 0], n * 2)
    settings.factor_q4, settings.floor_q2 = factor_q4, floor_q2
    settings.noise_step, settings.masked_step = noise_step, masked_step
    settings.gain_q8 = gain_q8
    with nogil:
        el_lag_step(&smoothed[0, 0], &past[0, 0], &noise[0, 0], &gas[0, 0], &mask[0, 0], n,
                    settings)
