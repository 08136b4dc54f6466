# SPDX-License-Identifier: Apache-2.0
"""NumPy reference for kernels/nuc: the definition, not the fast path."""

import numpy as np

MAX_COUNTS = 16383
GAIN_FRAC_BITS = 14


def nuc(counts, gain_q14, offset):
    """See edgeleak.kernels.nuc; same contract, any speed."""
    for name, array in (("gain_q14", gain_q14), ("offset", offset)):
        if array.shape != counts.shape:
            raise ValueError(f"{name} has shape {array.shape}, expected {counts.shape}")
    raw = np.minimum(counts, MAX_COUNTS).astype(np.int64)
    product = (raw * gain_q14 + (1 << (GAIN_FRAC_BITS - 1))) >> GAIN_FRAC_BITS
    counts[...] = np.clip(product + offset, 0, MAX_COUNTS)


def check_bad_pixel_table(table, n_pixels):
    """See edgeleak.kernels.check_bad_pixel_table."""
    if table.shape[1] != 5:
        raise ValueError(f"table has {table.shape[1]} columns, expected 5")
    if table.size and (table.min() < 0 or table.max() >= n_pixels):
        raise ValueError(f"table names a pixel outside 0..{n_pixels - 1}")
    if (np.diff(table[:, 0]) <= 0).any():
        raise ValueError("table is not sorted by its first column")


def replace_bad_pixels(counts, table):
    """See edgeleak.kernels.replace_bad_pixels; same contract, any speed."""
    check_bad_pixel_table(table, counts.size)
    flat = counts.reshape(-1)
    for bad, *sources in table:
        flat[bad] = (int(flat[sources].astype(np.int64).sum()) + 2) >> 2
