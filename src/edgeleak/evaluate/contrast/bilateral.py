# SPDX-License-Identifier: Apache-2.0
"""Base and detail by a bilateral filter (the idea of Zuo et al. 2011), OpenCV's filter.

The base is stretched like the linear mapping but onto fewer levels; what the
filter took away comes back amplified.
"""

import numpy as np

from edgeleak.evaluate.contrast.mapping import Mapping, histogram_of, percent_points
from edgeleak.evaluate.extras import load_opencv

DIAMETER_PX = 9
SIGMA_SPACE_PX = 3.0
SIGMA_RANGE_COUNTS = 40.0
LOW_LEVEL, HIGH_LEVEL = 24.0, 231.0
DETAIL_TIMES = 3.0


def base_detail_grey(counts: np.ndarray) -> np.ndarray:
    cv2 = load_opencv()
    picture = counts.astype(np.float32)
    base = cv2.bilateralFilter(picture, DIAMETER_PX, SIGMA_RANGE_COUNTS, SIGMA_SPACE_PX)
    low, high = percent_points(histogram_of(counts))
    slope = np.float32((HIGH_LEVEL - LOW_LEVEL) / (high - low))
    levels = LOW_LEVEL + slope * ((base - low) + DETAIL_TIMES * (picture - base))
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def bilateral_mappings() -> list[Mapping]:
    said = (
        f"diameter {DIAMETER_PX} px, sigma {SIGMA_SPACE_PX:g} px and {SIGMA_RANGE_COUNTS:g} counts,"
        f" base on levels {LOW_LEVEL:g}..{HIGH_LEVEL:g}, detail x {DETAIL_TIMES:g}"
    )
    label = "bilateral base + detail"
    return [Mapping("bilateral", label, said, "OpenCV C++ + NumPy", base_detail_grey)]
