# SPDX-License-Identifier: Apache-2.0
"""Offsets over the detector temperature: predicted flats, a bad flat named."""

import numpy as np
import pytest

from edgeleak.calibration.by_temperature import by_temperature
from edgeleak.calibration.container import read, write
from edgeleak.calibration.frame_statistics import measure, robust_sigma
from edgeleak.calibration.solve import corrected
from edgeleak.errors import DataError

TEMPS = np.arange(-20.0, 61.0, 8.0)
SHAPE = (40, 50)


@pytest.fixture
def world(rng):
    """Offsets that bend with temperature, as curves of the third order."""
    terms = rng.normal(0, [[[60]], [[30]], [[12]], [[4]]], (4, *SHAPE))

    def flat(temp, extra=0.0):
        x = (temp - 20) / 40
        values = 8000 - 30 * temp + sum(t * x**k for k, t in enumerate(terms)) + extra
        return measure(np.rint(values + rng.normal(0, 0.5, SHAPE)).astype(np.uint16)[None])

    return flat


@pytest.mark.parametrize("degc", [-13.0, 3.0, 31.0, 55.0])
def test_temperature_never_measured_is_corrected(world, tmp_path, degc):
    calibration, _ = by_temperature([world(t) for t in TEMPS], TEMPS)
    write(tmp_path / "t.cal", calibration)
    unseen = world(degc)
    after = corrected(unseen.mean, read(tmp_path / "t.cal").at_fpa_temp(degc))
    assert after.std() < 1.5
    assert unseen.mean.std() > 50


def test_order_of_flats_does_not_matter(world):
    flats = [world(t) for t in TEMPS]
    one, _ = by_temperature(flats, TEMPS)
    other, _ = by_temperature(flats[::-1], TEMPS[::-1])
    np.testing.assert_array_equal(one.offset_planes_q2, other.offset_planes_q2)


def test_disturbed_flat_is_named_and_not_used(world, rng):
    glow = np.linspace(0, 120, SHAPE[1])
    flats = [world(t, glow if t == 28 else 0) for t in TEMPS]
    calibration, table = by_temperature(flats, TEMPS)
    assert [row.temp_degc for row in table if row.excluded] == [28]
    assert 28 not in calibration.plane_temp_degc
    unseen = world(28.0)
    assert robust_sigma(corrected(unseen.mean, calibration.at_fpa_temp(28.0))) < 1.5


@pytest.mark.parametrize("temps", [[1.0, 2.0], [1.0, 2.0, np.nan], [1.0, 1.0, 2.0]])
def test_impossible_temperatures_are_refused(world, temps):
    with pytest.raises(DataError):
        by_temperature([world(t) for t in (1.0, 9.0, 17.0)], np.array(temps))


@pytest.mark.data
def test_real_flats_predicted_from_their_neighbours(data_dir):
    with np.load(data_dir / "flat-fields-640x480" / "flats.npz") as archive:
        flats, temps = archive["flats"][2:18, :240, :320], archive["fpa_temp_degc"][2:18]
    _, table = by_temperature([measure(f[None]) for f in flats], temps)
    inner = [row.robust_counts for row in table if row.inside]
    assert np.median(inner) < 1.4
    assert max(inner) < 4
    assert min(row.raw_counts for row in table) > 50
