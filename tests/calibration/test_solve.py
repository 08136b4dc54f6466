# SPDX-License-Identifier: Apache-2.0
"""Corrections on frames that the fit did not see, through the kernels that run."""

import numpy as np
import pytest
from calibration.sensor_model import LinearSensor

from edgeleak.calibration import solve
from edgeleak.calibration.frame_statistics import measure
from edgeleak.calibration.held_out import halves, residual_counts
from edgeleak.errors import DataError, UsageError
from edgeleak.kernels import nuc, replace_bad_pixels


def through_kernels(frames, calibration):
    total = np.zeros(calibration.shape)
    for frame in frames:
        counts = frame.copy()
        nuc(counts, calibration.gain_q14, calibration.offset)
        replace_bad_pixels(counts, calibration.bad_pixels)
        total += counts
    return total / len(frames)


@pytest.fixture
def sensor(rng):
    return LinearSensor(int(rng.integers(99)))


@pytest.fixture
def calibration(sensor):
    cold, hot = measure(sensor.frames(4600, 48)), measure(sensor.frames(5200, 48))
    return solve.two_point(cold, hot, 20.0, 30.0)


@pytest.mark.parametrize("level", [4600, 4900, 5200, 6000])
def test_two_point_flattens_levels_it_never_saw(sensor, calibration, level):
    frames = sensor.frames(level, 64)
    after = through_kernels(frames, calibration)
    allowed = 0.5 + 2.0 * abs(level - 4900) / 1500
    assert after.std() < allowed
    assert frames.mean(axis=0).std() > 40


def test_mean_level_is_preserved(sensor, calibration):
    frames = sensor.frames(4900, 64)
    assert through_kernels(frames, calibration).mean() == pytest.approx(frames.mean(), abs=0.5)


def test_float_shortcut_is_what_the_kernels_make(sensor, calibration):
    frames = sensor.frames(5000, 64, drift=0)
    exact = through_kernels(frames, calibration)
    quick = solve.corrected(frames.mean(axis=0), calibration)
    assert np.abs(exact - quick).max() < 0.5


def test_rounding_leaves_less_than_whole_count_offsets_would(sensor):
    cold = 4600 * sensor.gain + sensor.offset
    hot = 5200 * sensor.gain + sensor.offset
    gain, offset = solve._gain_and_offset(cold, hot, 4600, 5200, np.ones(sensor.shape, bool))
    for raw, target in ((cold, 4600), (hot, 5200)):
        assert (raw * (gain / 16384) + offset - target).std() < 0.15


def test_response_and_its_error(sensor, calibration):
    assert calibration.response_counts_per_k == pytest.approx(60 * sensor.gain.mean(), rel=0.02)
    assert 0.005 < calibration.response_error < 0.05
    value, error = calibration.apparent_degc(calibration.cold_counts)
    assert value == pytest.approx(20)
    assert 0 < error < 1


def test_base_gain_is_kept_by_one_point(sensor, calibration):
    sensor.offset += sensor.rng.normal(0, 30, sensor.shape)
    again = solve.one_point(measure(sensor.frames(4700, 48)), calibration, 21.0)
    np.testing.assert_array_equal(again.gain_q14, calibration.gain_q14)
    assert through_kernels(sensor.frames(5100, 64), again).std() < 1.5
    assert again.response_counts_per_k == calibration.response_counts_per_k
    assert again.apparent_degc(again.cold_counts)[0] == pytest.approx(21)


def test_references_in_wrong_order_or_too_near_are_refused(sensor):
    low, high = measure(sensor.frames(4600)), measure(sensor.frames(4610))
    with pytest.raises(UsageError, match="swap"):
        solve.two_point(low, high, 30, 20)
    with pytest.raises(DataError, match="apart"):
        solve.two_point(low, high, 20, 30)
    hot = measure(sensor.frames(5200))
    for degc in ((20, 30), (float("nan"), float("nan"))):
        with pytest.raises(UsageError, match="below the cold one; swap"):
            solve.two_point(hot, low, *degc)
    with pytest.raises(DataError, match="same sensor"):
        solve.two_point(low, measure(LinearSensor(shape=(8, 9)).frames(6000)), 20, 30)


@pytest.mark.data
def test_blackbody_on_the_half_that_was_not_fitted(data_dir):
    stacks = [np.load(data_dir / f"blackbody-320x240/bb{t}C.npz")["frames"] for t in (20, 30)]
    (cold, cold_unseen), (hot, hot_unseen) = (halves(s) for s in stacks)
    both = solve.two_point(cold, hot, 20.0, 30.0)
    assert both.response_counts_per_k == pytest.approx(57.3, rel=0.01)
    assert both.netd_mk == pytest.approx(37, abs=3)
    assert both.defect_count()["stuck"] == 2
    assert residual_counts(cold_unseen, both)[0] < 1.0
    assert residual_counts(hot_unseen, both)[0] < 0.8
    assert through_kernels(stacks[1][30:], both).std() < 0.9
    once = solve.one_point(cold)
    assert 1.5 < residual_counts(hot_unseen, once)[0] < 3.0
