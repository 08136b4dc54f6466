# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from edgeleak.sim.plume import ABSORPTION_PER_PPM_M, Plume, enlarge
from edgeleak.sim.scene import plant_scene

SHAPE = (240, 320)


@pytest.fixture
def scene(rng):
    return plant_scene(rng, SHAPE)


def test_enlarge_keeps_nodes_and_is_linear_between(rng):
    grid = rng.random((5, 7), dtype=np.float32)
    wide = enlarge(grid, 4, (16, 24))
    np.testing.assert_allclose(wide[::4, ::4], grid[:4, :6])
    np.testing.assert_allclose(wide[0, 2], (grid[0, 0] + grid[0, 1]) / 2, rtol=1e-6)
    np.testing.assert_allclose(wide[2, 0], (grid[0, 0] + grid[1, 0]) / 2, rtol=1e-6)


def test_plume_leaves_the_flange_and_drifts_with_the_wind(rng, scene):
    plume = Plume(rng, scene, 300.0, 0.0)
    centre = []
    for step in range(60):
        plume.step(step / 15, 1 / 15)
        if plume.column_ppm_m.any():
            share = plume.column_ppm_m.sum(0) / plume.column_ppm_m.sum()
            centre.append((share * np.arange(share.size)).sum() * plume.cell_px)
    col, _ = scene.to_pixel(*scene.leak_xy_m)
    assert abs(centre[0] - col) < 10
    assert centre[-1] > centre[0] + 40


def test_mass_in_the_picture_grows_at_the_release_rate(rng, scene):
    plume = Plume(rng, scene, 360.0, 0.0)  # 0.1 g/s
    plume._textures = [np.full((256, 256), 0.17 / 0.84, np.float32)] * 2  # no tearing
    for step in range(30):
        plume.step(step / 30, 1 / 30)
    cell_m2 = (scene.pixel_m * plume.cell_px) ** 2
    grams = plume.column_ppm_m.sum() * 668.0 / 1e6 * cell_m2
    assert grams == pytest.approx(0.1, rel=0.2)


def test_opacity_is_beer_lambert(rng, scene):
    plume = Plume(rng, scene, 300.0, 0.0)
    plume.column_ppm_m[...] = 1000.0
    np.testing.assert_allclose(plume.opacity(), 1 - np.exp(-1000 * ABSORPTION_PER_PPM_M), rtol=1e-5)
