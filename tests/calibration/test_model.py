# SPDX-License-Identifier: Apache-2.0
"""What a calibration answers: offsets between planes, temperatures with errors."""

import dataclasses

import numpy as np
import pytest

from edgeleak.calibration.model import (
    EXTRAPOLATION_K,
    Calibration,
    Kind,
    plane_weights,
)
from edgeleak.errors import DataError, UnavailableError

TEMPS = np.array([-20.0, -9.0, 3.0, 14.0, 26.0, 41.0])


@pytest.mark.parametrize("bandwidth_k", [0.5, 4.0, 8.0, 30.0])
@pytest.mark.parametrize("degc", [-24.0, -20.0, -3.3, 14.0, 33.0, 45.0])
def test_weights_reproduce_quadratics(bandwidth_k, degc):
    weights = plane_weights(TEMPS, degc, bandwidth_k)
    for power in range(3):
        assert weights @ TEMPS**power == pytest.approx(degc**power, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("planes", [1, 2])
def test_few_planes_still_interpolate(planes):
    weights = plane_weights(TEMPS[:planes], -14.0, 8.0)
    assert weights.sum() == pytest.approx(1)
    assert weights @ TEMPS[:planes] == pytest.approx(-14.0 if planes == 2 else -20.0)


def test_offsets_follow_a_quadratic_over_temperature(make_calibration):
    curve = lambda t: np.rint(4 * (100 + 3 * t - 0.05 * t * t)).astype(np.int16)  # noqa: E731
    planes = np.broadcast_to(curve(TEMPS)[:, None, None], (6, 6, 7)).copy()
    calibration = make_calibration(
        planes=6, plane_temp_degc=TEMPS, offset_planes_q2=planes, fpa_temp_degc=0.0
    )
    here = calibration.at_fpa_temp(20.0)
    assert here.offset.dtype == np.int16
    np.testing.assert_array_equal(here.offset, 140)
    assert here.fpa_temp_degc == 20.0
    assert here.at_fpa_temp(-5.0) is here


def test_offsets_are_held_far_outside_the_planes(calibration):
    edge = calibration.at_fpa_temp(40 + EXTRAPOLATION_K)
    far = calibration.at_fpa_temp(95.0)
    np.testing.assert_array_equal(edge.offset, far.offset)
    assert far.fpa_temp_degc == 45.0


def test_unknown_temperature_is_refused(calibration):
    with pytest.raises(DataError, match="detector temperature"):
        calibration.at_fpa_temp(float("nan"))


def test_apparent_temperature_and_its_error(calibration):
    value, error = calibration.apparent_degc(np.array([4600.0, 4900.0, 5500.0]))
    np.testing.assert_allclose(value, [20, 25, 35])
    random = np.hypot(2.0, 0.5) / 60
    assert error[1] == pytest.approx(np.sqrt(random**2 + (1 / 60) ** 2 + 0.1**2 / 2))
    assert error[0] > error[1]
    assert error[2] > error[0]


def test_difference_and_its_error(calibration):
    value, error = calibration.delta_k(-120)
    assert value == -2.0
    assert error == pytest.approx(np.hypot(np.sqrt(2) * np.hypot(2, 0.5) / 60, 0.02))
    assert calibration.delta_k(0, pixels=100)[1] == pytest.approx(calibration.delta_k(0)[1] / 10)


def test_stated_error_of_a_difference_is_the_scatter_seen(make_calibration, rng):
    calibration = make_calibration(residual_counts=0.0)
    pairs = rng.normal(0, 2.0, (20000, 2))
    seen = calibration.delta_k(pairs[:, 0] - pairs[:, 1])[0].std()
    assert seen == pytest.approx(float(calibration.delta_k(0)[1]), rel=0.03)


def test_no_response_no_temperature(make_calibration):
    calibration = make_calibration(response_counts_per_k=float("nan"))
    with pytest.raises(UnavailableError, match="two-point"):
        calibration.apparent_degc(5000)
    with pytest.raises(UnavailableError):
        calibration.delta_k(1)


def test_arrays_cannot_be_changed_behind_its_back(make_calibration):
    gain = np.full((6, 7), 16384, np.int16)
    calibration = dataclasses.replace(make_calibration(), gain_q14=gain)
    gain[:] = 1
    assert (calibration.gain_q14 == 16384).all()
    with pytest.raises(ValueError, match="read-only"):
        calibration.offset[0, 0] = 1


def test_bad_mask_marks_exactly_the_table(calibration):
    np.testing.assert_array_equal(np.flatnonzero(calibration.bad_mask), [0, 21])
    assert calibration.defect_count()["stuck"] == 1
    assert sum(calibration.defect_count().values()) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"offset": np.zeros((6, 8), np.int16)},
        {"offset": np.zeros((6, 7), np.int32)},
        {"gain_q14": np.full((6, 7), -1, np.int16)},
        {"gain_q14": np.zeros((6, 7), np.int16)},
        {"gain_q14": np.where(np.arange(42).reshape(6, 7) == 9, 2047, 16384).astype(np.int16)},
        {"response_counts_per_k": -57.0},
        {"response_counts_per_k": 0.0},
        {"bad_pixels": np.array([[0, 1, 2, 3, 42], [21, 1, 2, 3, 4]], np.int32)},
        {"bad_pixels": np.array([[0, 1, 2, 3, 21], [21, 1, 2, 3, 4]], np.int32)},
        {"bad_pixels": np.array([[21, 1, 2, 3, 4], [0, 1, 2, 3, 4]], np.int32)},
        {"defects": np.array([1, 9], np.uint8)},
        {"plane_temp_degc": np.array([0.0, 0.0, 1.0])},
        {"plane_temp_degc": np.array([0.0, np.nan, 1.0])},
        {"bandwidth_k": float("nan")},
    ],
)
def test_impossible_contents_are_refused(calibration, change):
    with pytest.raises(DataError):
        dataclasses.replace(calibration, **change)


def test_gain_of_a_replaced_pixel_does_not_matter(calibration):
    gain = np.full((6, 7), 2048, np.int16)
    gain.ravel()[[0, 21]] = 0  # both in the table
    assert dataclasses.replace(calibration, gain_q14=gain).gain_q14[0, 0] == 0


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (4097, 1), (4096, 4096)])
def test_impossible_sizes_are_refused(shape):
    zeros = np.zeros(shape, np.int16)
    with pytest.raises(DataError, match="size"):
        Calibration(
            Kind.SCENE, zeros, zeros, np.empty((0, 5), np.int32), np.empty(0, np.uint8), zeros
        )
