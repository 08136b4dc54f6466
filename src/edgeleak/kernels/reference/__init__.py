# SPDX-License-Identifier: Apache-2.0
"""NumPy twins of edgeleak.kernels: same names and signatures; they define the truth."""

from edgeleak.kernels.reference.agc import agc, histogram, linear_lut, log_lut, plateau_lut
from edgeleak.kernels.reference.chain import PaperChain
from edgeleak.kernels.reference.clahe import clahe
from edgeleak.kernels.reference.nuc import check_bad_pixel_table, nuc, replace_bad_pixels

__all__ = [
    "PaperChain",
    "agc",
    "check_bad_pixel_table",
    "clahe",
    "histogram",
    "linear_lut",
    "log_lut",
    "nuc",
    "plateau_lut",
    "replace_bad_pixels",
]
