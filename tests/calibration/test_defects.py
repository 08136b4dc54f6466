# SPDX-License-Identifier: Apache-2.0
"""Planted defects are found, in their class; real scenes stay clean."""

import numpy as np
import pytest
from calibration.sensor_model import LinearSensor

from edgeleak.calibration.defects import Criteria, find_defects
from edgeleak.calibration.frame_statistics import measure
from edgeleak.calibration.model import Defect
from edgeleak.errors import UsageError
from edgeleak.sources import open_source


def test_each_planted_defect_is_found_and_nothing_else(rng):
    sensor = LinearSensor(int(rng.integers(99)))
    sensor.gain[:] = 1
    frames = sensor.frames(5000, 64)
    frames[:, 4, 5] = 4981  # stuck at an ordinary value
    frames[:, 10, 11] -= 3000
    frames[:, 20, 21] = np.minimum(frames[:, 20, 21] + 6000, 16383)
    frames[:, 30, 31] = frames[:, 30, 31] + 40 * (np.arange(64) % 16 < 8)
    wild = rng.normal(0, 25, 64).astype(int)
    frames[:, 40, 41] = frames[:, 40, 41] + wild
    found = find_defects(measure(frames))
    assert found[4, 5] == Defect.STUCK
    assert found[10, 11] == Defect.DEAD
    assert found[20, 21] == Defect.HOT
    assert found[30, 31] == Defect.FLICKERING
    assert found[40, 41] in (Defect.NOISY, Defect.FLICKERING)
    assert np.count_nonzero(found) == 5


def test_pixel_without_response_is_dead():
    sensor = LinearSensor(5)
    response = np.full(sensor.shape, 600.0)
    response[3, 4] = 200
    found = find_defects(measure(sensor.frames(5000)), None, response)
    assert np.argwhere(found).tolist() == [[3, 4]]


@pytest.mark.parametrize("turned", [False, True])
def test_damaged_line_is_found_while_its_neighbours_are_kept(rng, turned):
    frames = LinearSensor(7, noise=1).frames(5000, 16).astype(int)
    frames[:, 20, ::2] += rng.choice([-900, 900], 32)
    if turned:
        frames = frames.transpose(0, 2, 1)
    found = find_defects(measure(frames.astype(np.uint16)))
    found = found.T if turned else found
    assert np.count_nonzero(found[20, ::2]) >= 30
    assert np.count_nonzero(np.delete(found, 20, axis=0)) == 0


def test_quiet_sensor_is_not_called_stuck():
    found = find_defects(measure(LinearSensor(2, noise=0.05).frames(5000, 32, drift=0)))
    assert not found.any()


def test_criteria_must_be_positive():
    with pytest.raises(UsageError, match="noisy_ratio"):
        Criteria(noisy_ratio=0)


@pytest.mark.data
def test_damaged_row_of_a_real_recording(data_dir):
    found = find_defects(measure(stack(data_dir / "lepton-bad-row" / "indoor-bad-row.npz")))
    assert 70 <= np.count_nonzero(found[76]) <= 100
    assert np.count_nonzero(found) - np.count_nonzero(found[76]) < 10


@pytest.mark.data
@pytest.mark.parametrize("name", ["cat", "garden-357", "vegetation-1", "rocks-palm-1", "possum"])
def test_moving_animals_and_leaves_are_no_defects(data_dir, name):
    found = find_defects(measure(stack(data_dir / "lepton-clips-160x120" / f"{name}.npz")))
    assert np.count_nonzero(found) <= 12


def stack(path):
    with open_source(path) as source:
        return np.stack([pixels.copy() for pixels, _ in source])
