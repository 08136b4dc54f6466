# SPDX-License-Identifier: Apache-2.0
"""The compiled kernels; edgeleak.kernels.reference holds their NumPy twins.

All arrays are C-contiguous and belong to the caller; nothing here allocates
image memory.  _build comes first: it refuses an unknown EDGELEAK_ISA.
"""

from edgeleak.kernels._background import background_step
from edgeleak.kernels._build import build_info, cpu_features
from edgeleak.kernels._codec import pack_frame, packed_bound, unpack_frame

__all__ = [
    "background_step",
    "build_info",
    "cpu_features",
    "pack_frame",
    "packed_bound",
    "unpack_frame",
]
