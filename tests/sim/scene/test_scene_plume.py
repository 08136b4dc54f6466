# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from edgeleak.sim.scene.plume import GRAMS, Grid, Plume
from edgeleak.sim.scene.turbulence import Wind

CELL_M = 0.02
CALM, BREEZE = (0.25, 0.0, 0.1), (1.2, 0.0, 0.0)


def blown(mean, seconds, rate_g_per_s=0.05, seed=3, shape=(120, 160), merge=False):
    rng = np.random.default_rng(seed)
    wind = Wind(rng, np.array(mean), 0.4)
    plume = Plume(rng, Grid(shape, CELL_M, (-1.0, 1.2)), wind, 16.04, (0.5, 0.2, 0.0))
    for _ in range(round(seconds / 0.1)):
        wind.step(0.1)
        plume.step(0.1, rate_g_per_s, 3000.0 if merge else 400.0)
    return plume


@pytest.mark.parametrize(("mean", "seconds"), [(CALM, 1.0), (CALM, 12.0), (BREEZE, 8.0)])
def test_released_is_held_and_left(mean, seconds):
    plume = blown(mean, seconds)
    assert plume.released_g == pytest.approx(0.05 * seconds, rel=1e-9)
    assert plume.held_g + plume.left_g == pytest.approx(plume.released_g, rel=1e-9)


def test_the_picture_holds_every_gram_that_is_in_it():
    plume = blown(BREEZE, 1.0)  # nothing has reached the edge
    assert plume.left_g == 0
    grams = float(plume.column_g_per_m2().sum()) * CELL_M**2
    assert grams == pytest.approx(0.05, rel=1e-4)


def test_merging_parcels_keeps_grams_and_middle():
    many, few = blown(CALM, 3.0, merge=True), blown(CALM, 3.0)
    assert len(many._parcels) <= 6000 < 3.0 * 3000
    assert many.held_g == pytest.approx(few.held_g, rel=1e-9)
    assert (many._parcels[:, GRAMS] > 0).all()


def test_what_flows_through_a_cross_section_is_the_rate():
    """Column density times wind, across the plume, averaged over gusts."""
    flows = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        wind = Wind(rng, np.array(BREEZE), 0.15)
        plume = Plume(rng, Grid((120, 160), CELL_M, (-1.0, 1.2)), wind, 28.96)
        for step in range(60):
            wind.step(0.1)
            plume.step(0.1, 0.05, 400.0)
            if step >= 30:
                across = plume.column_g_per_m2()[:, 80:90].sum(0).mean() * CELL_M
                flows.append(across * wind.now[0])
    assert np.mean(flows) == pytest.approx(0.05, rel=0.08)


def test_eddies_neither_gather_nor_thin_out():
    """The field's divergence is that of rounding, its speed the one asked for."""
    wind = Wind(np.random.default_rng(0), np.array(BREEZE), 0.5)
    place = np.random.default_rng(1).uniform(-40, 40, (6000, 3)).astype(np.float32)
    step = np.float32(2e-3)
    divergence = sum(
        (wind.eddies(place + axis)[:, i] - wind.eddies(place - axis)[:, i]) / (2 * step)
        for i, axis in enumerate(step * np.eye(3, dtype=np.float32))
    )
    shear = (wind.eddies(place + step * np.float32([0, 1, 0])) - wind.eddies(place)) / step
    assert np.abs(divergence).mean() < 0.05 * np.abs(shear[:, 0]).mean()
    rms = wind.eddies(place).std(axis=0)
    assert np.sqrt((rms**2).mean()) == pytest.approx(wind.rms, rel=0.25)
