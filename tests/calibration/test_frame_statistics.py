# SPDX-License-Identifier: Apache-2.0
"""Averages that one bad frame or one hit cannot bend."""

import numpy as np
import pytest
from calibration.sensor_model import LinearSensor

from edgeleak.calibration.frame_statistics import measure, robust_sigma
from edgeleak.errors import DataError


def test_mean_and_noise_of_a_drifting_sensor(rng):
    sensor = LinearSensor(int(rng.integers(99)))
    statistics = measure(sensor.frames(5000, 64, drift=5))
    truth = 5000 * sensor.gain + sensor.offset
    miss = statistics.mean - truth
    assert robust_sigma(miss) < 2.0 / 8 * 1.3
    assert np.median(statistics.noise) == pytest.approx(np.hypot(2, 0.29), rel=0.05)
    assert statistics.drift_counts == pytest.approx(5, rel=0.6)


def test_shutter_frames_and_single_hits_are_left_out():
    sensor = LinearSensor(3)
    frames = sensor.frames(5000, 40, drift=0.2)
    clean = measure(frames).mean
    frames[[7, 21]] -= 300
    frames[12, 5, 6] = 16383
    hit = measure(frames)
    assert not {7, 21} & set(hit.used)
    assert np.abs(hit.mean - clean).max() < 2
    assert hit.jumps[5, 6] > 0


def test_few_frames_give_a_mean_but_no_noise():
    statistics = measure(LinearSensor().frames(5000, 1))
    assert not statistics.noise_known
    assert statistics.drift_counts == 0
    with pytest.raises(DataError):
        measure(np.zeros((0, 4, 4), np.uint16))
