# SPDX-License-Identifier: Apache-2.0
"""NumPy reference for kernels/agc: the definition, not the fast path."""

import numpy as np

BINS = 16384
MAX_COUNTS = BINS - 1
TOP_LEVEL_Q16 = 255 << 16
ALPHA_MAX, BETA_MAX = 32767, 1 << 20


def _into(levels, out):
    if out is None:
        return levels.astype(np.uint8)
    if out.shape != (BINS,):
        raise ValueError(f"out has {out.shape[0]} entries, expected {BINS}")
    out[...] = levels
    return out


def _log2_q16():
    """floor(log2) of every count in Q16; each squaring of a Q31 mantissa gives one bit."""
    counts = np.maximum(np.arange(BINS, dtype=np.uint64), 1)
    log_q16 = np.zeros(BINS, np.int64)
    for power in range(1, 14):
        log_q16 += counts >> power > 0
    mantissa_q31 = counts << (31 - log_q16).astype(np.uint64)
    for _ in range(16):
        mantissa_q31 = (mantissa_q31 * mantissa_q31) >> np.uint64(31)
        bit = mantissa_q31 >> np.uint64(32)
        mantissa_q31 >>= bit
        log_q16 = 2 * log_q16 + bit.astype(np.int64)
    return log_q16


def _q16(name, value, limit):
    if not -limit <= value <= limit:
        raise ValueError(f"{name} must be -{limit}..{limit}, got {value}")
    return round(value * 65536)


def log_lut(alpha, beta, out=None):
    """See edgeleak.kernels.log_lut; same contract, any speed."""
    alpha_q16, beta_q16 = _q16("alpha", alpha, ALPHA_MAX), _q16("beta", beta, BETA_MAX)
    level = (alpha_q16 * _log2_q16() + (beta_q16 << 16) + (1 << 31)) >> 32
    return _into(np.clip(level, 0, 255), out)


def linear_lut(low, high, out=None):
    """See edgeleak.kernels.linear_lut; same contract, any speed."""
    if not 0 <= low < MAX_COUNTS:
        raise ValueError(f"low must be 0..{MAX_COUNTS - 1}, got {low}")
    if not low < high <= MAX_COUNTS:
        raise ValueError(f"high must be {low + 1}..{MAX_COUNTS}, got {high}")
    span = high - low
    above_low = np.clip(np.arange(BINS) - low, 0, span)
    return _into((510 * above_low + span) // (2 * span), out)


def plateau_lut(histogram, plateau, max_slope=None, out=None):
    """See edgeleak.kernels.plateau_lut; same contract, any speed."""
    if histogram.shape != (BINS,):
        raise ValueError(f"histogram has {histogram.size} entries, expected {BINS}")
    if not 1 <= plateau <= 0xFFFFFFFF:
        raise ValueError(f"plateau must be 1..{0xFFFFFFFF}, got {plateau}")
    if max_slope is not None and not 0 <= max_slope <= 255:
        raise ValueError(f"max_slope must be 0..255 levels per count, got {max_slope}")
    filled = np.flatnonzero(histogram)
    if filled.size < 2:
        first = filled[0] if filled.size else BINS
        return _into(np.where(np.arange(BINS) < first, 0, 255) - 127 * histogram.astype(bool), out)
    shares = np.minimum(histogram, plateau).astype(np.int64)
    shares[filled[0]] = 0
    position_q16 = TOP_LEVEL_Q16 * np.cumsum(shares) // shares.sum()
    step_q16 = np.diff(position_q16, prepend=0)
    if max_slope is not None:
        step_q16 = np.minimum(step_q16, round(max_slope * 65536))
    start_q16 = (TOP_LEVEL_Q16 - step_q16.sum()) // 2
    return _into((start_q16 + np.cumsum(step_q16) + 0x8000) >> 16, out)


def histogram(counts, out, row_step=1):
    """See edgeleak.kernels.histogram; same contract, any speed."""
    if out.shape != (BINS,):
        raise ValueError(f"out has {out.size} entries, expected {BINS}")
    if row_step < 1:
        raise ValueError(f"row_step must be at least 1, got {row_step}")
    seen = np.minimum(counts[::row_step], MAX_COUNTS).reshape(-1)
    out[...] = np.bincount(seen, minlength=BINS)


def agc(counts, lut, grey):
    """See edgeleak.kernels.agc; same contract, any speed."""
    if grey.shape != counts.shape:
        raise ValueError(f"grey has shape {grey.shape}, expected {counts.shape}")
    if lut.shape != (BINS,):
        raise ValueError(f"lut has {lut.size} entries, expected {BINS}")
    grey[...] = lut[np.minimum(counts, MAX_COUNTS)]
