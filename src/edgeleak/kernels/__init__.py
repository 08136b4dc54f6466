# SPDX-License-Identifier: Apache-2.0
"""The compiled kernels; edgeleak.kernels.reference holds their NumPy twins.

All arrays are C-contiguous and belong to the caller; nothing here allocates
image memory.  _build comes first: it refuses an unknown EDGELEAK_ISA.
"""

from edgeleak.kernels._agc import agc, histogram, linear_lut, log_lut, plateau_lut
from edgeleak.kernels._background import background_step
from edgeleak.kernels._build import build_info, cpu_features
from edgeleak.kernels._chain import PaperChain
from edgeleak.kernels._change import change_step, follow_step
from edgeleak.kernels._clahe import clahe
from edgeleak.kernels._codec import pack_frame, packed_bound, unpack_frame
from edgeleak.kernels._faint import (
    FAINT_NOW,
    FAINT_PLANES,
    FAINT_SLOW,
    cell_means,
    cell_totals,
    judge_faint,
    learn_faint,
    settle_faint,
)
from edgeleak.kernels._ghosts import heal_ghosts, judge_ghosts, outline_sums
from edgeleak.kernels._level import (
    area,
    count_between,
    count_range,
    local_level,
    median_shift,
    remove_local_level,
)
from edgeleak.kernels._link import (
    crc16,
    crc_vospi,
    digest_el640,
    gather_el640,
    gather_vospi,
    pack_el640,
    pack_vospi,
    seal_el640,
    unpack_el640,
    unpack_vospi,
)
from edgeleak.kernels._morphology import (
    close_mask,
    dilate_mask,
    erode_mask,
    mask_scratch_words,
    open_mask,
)
from edgeleak.kernels._motion import camera_shift, move_picture, profile_shift, project
from edgeleak.kernels._nuc import check_bad_pixel_table, nuc, replace_bad_pixels
from edgeleak.kernels._objects import change_squares, remember_objects
from edgeleak.kernels._places import judge_places, keep_places, place_sums
from edgeleak.kernels._regions import REGION_DTYPE, RegionFinder, regions
from edgeleak.kernels._smooth import smooth

__all__ = [
    "FAINT_NOW",
    "FAINT_PLANES",
    "FAINT_SLOW",
    "REGION_DTYPE",
    "PaperChain",
    "RegionFinder",
    "agc",
    "area",
    "background_step",
    "build_info",
    "camera_shift",
    "cell_means",
    "cell_totals",
    "change_squares",
    "change_step",
    "check_bad_pixel_table",
    "clahe",
    "close_mask",
    "count_between",
    "count_range",
    "cpu_features",
    "crc16",
    "crc_vospi",
    "digest_el640",
    "dilate_mask",
    "erode_mask",
    "follow_step",
    "gather_el640",
    "gather_vospi",
    "heal_ghosts",
    "histogram",
    "judge_faint",
    "judge_ghosts",
    "judge_places",
    "keep_places",
    "learn_faint",
    "linear_lut",
    "local_level",
    "log_lut",
    "mask_scratch_words",
    "median_shift",
    "move_picture",
    "nuc",
    "open_mask",
    "outline_sums",
    "pack_el640",
    "pack_frame",
    "pack_vospi",
    "packed_bound",
    "place_sums",
    "plateau_lut",
    "profile_shift",
    "project",
    "regions",
    "remember_objects",
    "remove_local_level",
    "replace_bad_pixels",
    "seal_el640",
    "settle_faint",
    "smooth",
    "unpack_el640",
    "unpack_frame",
    "unpack_vospi",
]
