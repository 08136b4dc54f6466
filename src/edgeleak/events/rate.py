# SPDX-License-Identifier: Apache-2.0
"""A rate in g/h from a plume, when somebody says what a camera cannot know, and its error.

Mass in view M = sum of column density x area of a pixel at that range; what leaves a stretch of
length L each second is M U / L (integrated mass, as surveys from the air do it).  Columns from
contrast by a response given for this scene: it changes with the temperature behind the gas, so its
error is the user's to state.  What the method itself adds is taken as 40 %: published single-band
estimates of this kind hinge on the gas temperature and differ by that and more between days; it
was not measured here.
"""

from math import hypot
from typing import Any, NamedTuple

METHOD_ERROR = 0.4
"""One sigma, relative; gas below the threshold of the mask is missing, puffs are counted twice."""
METHANE_G_PER_M3 = 668.0
PPM = 1e-6
S_PER_H = 3600.0


class Site(NamedTuple):
    """(value, error of one sigma) each.

    range_m          : to the plume
    wind_m_per_s     : across the line of sight
    pixel_mrad       : angle of a pixel
    counts_per_ppm_m : contrast of a column of 1 ppm m before this background, its size
    """

    range_m: tuple[float, float]
    wind_m_per_s: tuple[float, float]
    pixel_mrad: tuple[float, float]
    counts_per_ppm_m: tuple[float, float]


def rate_of(record: dict[str, Any], site: Site) -> dict[str, Any]:
    """g/h of one event record with error and words; values are None where the plume has none.

    Uses mean contrast, mean area and the box of the peak, which bounds the length.
    """
    contrast, area = record["contrast_counts"]["mean"], record["area_px"]["mean"]
    if not contrast or not area:
        return {"g_per_h": None, "error_g_per_h": None, "words": "no rate: no contrast in counts"}
    pixel_m = site.pixel_mrad[0] * 1e-3 * site.range_m[0]
    column_ppm_m = abs(contrast) / site.counts_per_ppm_m[0]
    mass_g = column_ppm_m * PPM * METHANE_G_PER_M3 * area * pixel_m**2
    length_m = max(hypot(*record["peak_box_xywh"][2:]), 1) * pixel_m
    rate = mass_g * site.wind_m_per_s[0] / length_m * S_PER_H
    relative = hypot(METHOD_ERROR, *(error / value for value, error in site))
    return {
        "g_per_h": float(f"{rate:.3g}"),
        "error_g_per_h": float(f"{rate * relative:.2g}"),
        "mass_in_view_g": float(f"{mass_g:.3g}"),
        "words": f"{rate:.2g} +/- {rate * relative:.1g} g/h (one sigma, stated inputs)",
    }
