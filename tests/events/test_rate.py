# SPDX-License-Identifier: Apache-2.0
"""The relative index is always there, a rate only with everything it needs, and its error."""

import pytest

from edgeleak.events.rate import METHOD_ERROR, Site, rate_of

SITE = Site((10.0, 1.0), (2.0, 0.5), (0.65, 0.0), (0.02, 0.005))


def plume(counts=-4.0, area=5000.0, box=(0, 0, 300, 0)):
    return {"contrast_counts": {"mean": counts}, "area_px": {"mean": area}, "peak_box_xywh": box}


def test_mass_in_view_is_columns_times_area_and_leaves_with_the_wind():
    found = rate_of(plume(), SITE)
    pixel_m2 = (0.65e-3 * 10) ** 2
    mass = 200e-6 * 668.0 * 5000 * pixel_m2
    assert found["mass_in_view_g"] == pytest.approx(mass, rel=0.01)
    assert found["g_per_h"] == pytest.approx(mass * 2.0 / (300 * 0.65e-3 * 10) * 3600, rel=0.01)


def test_the_error_holds_every_input_and_the_method():
    found = rate_of(plume(), SITE)
    relative = (METHOD_ERROR**2 + 0.1**2 + 0.25**2 + 0.25**2) ** 0.5
    assert found["error_g_per_h"] / found["g_per_h"] == pytest.approx(relative, rel=0.06)
    assert "+/-" in found["words"]


def test_no_counts_no_rate():
    assert rate_of(plume(counts=None), SITE)["g_per_h"] is None
