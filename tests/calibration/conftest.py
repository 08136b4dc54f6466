# SPDX-License-Identifier: Apache-2.0
"""Small calibrations with every section filled."""

import numpy as np
import pytest

from edgeleak.calibration.bad_pixels import bad_pixel_table
from edgeleak.calibration.model import Calibration, Kind


def build(seed=0, shape=(6, 7), planes=3, **facts):
    rng = np.random.default_rng(seed)
    bad = np.zeros(shape, bool)
    bad.ravel()[[0, bad.size // 2]] = True
    defaults = {
        "nuc_id": 17,
        "created_utc_ns": 1_700_000_000 * 10**9,
        "sensor": "el640 №3",
        "cold_degc": 20.0,
        "hot_degc": 30.0,
        "cold_counts": 4600.0,
        "hot_counts": 5200.0,
        "response_counts_per_k": 60.0,
        "response_error": 0.01,
        "reference_error_k": 0.1,
        "noise_counts": 2.0,
        "drift_counts": 1.0,
        "before_counts": 9.0,
        "residual_counts": 0.5,
        "frames_used": 60,
        "fpa_temp_degc": 25.0,
        "bandwidth_k": 8.0,
        "plane_temp_degc": np.linspace(-10.0, 40.0, planes),
        "offset_planes_q2": rng.integers(-4000, 4000, (planes, *shape), dtype=np.int16),
    }
    return Calibration(
        kind=Kind.BY_TEMPERATURE,
        gain_q14=rng.integers(15000, 18000, shape, dtype=np.int16),
        offset=rng.integers(-900, 900, shape, dtype=np.int16),
        bad_pixels=bad_pixel_table(bad),
        defects=np.array([1, 4], np.uint8),
        noise_q8=rng.integers(0, 2000, shape, dtype=np.uint16),
        **(defaults | facts),
    )


@pytest.fixture
def make_calibration():
    return build


@pytest.fixture
def calibration():
    return build()
