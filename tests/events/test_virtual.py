# SPDX-License-Identifier: Apache-2.0
"""Virtual plumes hold the column they say, and show as Beer-Lambert says."""

import numpy as np
import pytest

from edgeleak.events.absorption import PER_PPM_M, WEIGHT, absorbed, column_for
from edgeleak.events.virtual import Injector, Place, Plume
from edgeleak.sim.scene.bands import Band
from edgeleak.sim.scene.gases import gas_in

SHAPE = (60, 80)
PLACE = Place(20, 30, 0, 40)


@pytest.fixture(scope="module")
def plume():
    return Plume(SHAPE, PLACE, 2000.0, seed=1)


def test_absorption_is_the_scene_simulators():
    methane = gas_in("methane", Band(3.2, 3.4))
    assert methane.absorption == PER_PPM_M
    assert methane.weight == pytest.approx(np.array(WEIGHT) / sum(WEIGHT))
    columns = np.array([10.0, 500, 5000, 200_000])
    assert absorbed(columns) == pytest.approx(1 - methane.transmission(columns), abs=2e-4)


def test_columns_and_shares_invert_each_other():
    columns = np.array([50.0, 1000, 30_000])
    assert column_for(absorbed(columns)) == pytest.approx(columns, rel=1e-3)
    assert column_for(np.array([0.99]))[0] == np.inf


def test_the_mean_column_at_the_densest_place_is_the_one_asked_for(plume):
    columns = []
    for _ in range(300):
        plume.step(0.1)
        columns.append(plume.column())
    columns = np.array(columns)
    mean = columns.mean(axis=0)
    assert mean.max() == pytest.approx(2000, rel=0.15)
    row, column = np.unravel_index(mean.argmax(), mean.shape)
    fluctuation = columns[:, row, column].std() / mean.max()
    assert 0.15 < fluctuation < 0.6  # turbulent plumes: a fifth of the mean and more


def test_contrast_is_what_the_law_says_and_turns_its_sign_with_the_air(plume):
    rng = np.random.default_rng(0)
    for air in (4000.0, 6000.0):
        total, count = np.zeros(SHAPE), 200
        raw = np.full(SHAPE, 5000, np.uint16)
        for _ in range(count):
            total += Injector(air, None, None, seed=int(rng.integers(1 << 30))).inject(raw, [plume])
        expected = np.full(SHAPE, 5000.0)
        expected[plume.part] += absorbed(plume.column()) * (air - 5000)
        assert np.abs(total / count - expected).max() < 0.2


def test_the_correction_is_undone_so_that_corrected_counts_show_the_gas(plume):
    gain = np.full(SHAPE, 1 << 13, np.int16)  # 0.5
    offset = np.full(SHAPE, 1000, np.int16)
    raw = np.full(SHAPE, 8000, np.uint16)  # 5000 corrected
    made = Injector(4000.0, gain, offset).inject(raw, [plume])
    corrected = made.astype(float) * 0.5 + 1000
    expected = 5000 - 1000 * absorbed(plume.column())
    assert np.abs(corrected[plume.part] - expected).max() <= 0.51


def test_the_real_frame_is_left_alone_and_the_rest_of_the_copy_too(plume):
    raw = np.arange(SHAPE[0] * SHAPE[1], dtype=np.uint16).reshape(SHAPE) + 4000
    before = raw.copy()
    made = Injector(2000.0, None, None).inject(raw, [plume])
    np.testing.assert_array_equal(raw, before)
    outside = np.ones(SHAPE, bool)
    outside[plume.part] = False
    np.testing.assert_array_equal(made[outside], before[outside])
    assert (made[plume.part] != before[plume.part]).any()


def test_video_stays_video(plume):
    raw = np.full(SHAPE, 100, np.uint8)
    total = sum(Injector(0.0, None, None, seed=k).inject(raw, [plume]).astype(float)
                for k in range(100)) / 100  # fmt: skip
    expected = 100 * (1 - absorbed(plume.column()))
    assert np.abs(total[plume.part] - expected).max() < 0.3


def test_counts_stay_in_range(plume):
    made = Injector(1e6, None, None).inject(np.full(SHAPE, 16000, np.uint16), [plume])
    assert made.max() == 16383
