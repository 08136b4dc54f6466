# SPDX-License-Identifier: Apache-2.0
"""Feed-forward against the plant's own physics, which are written a second time there."""

import dataclasses

import pytest

from edgeleak import board
from edgeleak.services.closed_loop import physics_of
from edgeleak.sim.tec_plant import TecPlant

MODEL = board.load("el1-a").tec_model
PHYSICS = physics_of(MODEL)


@pytest.mark.parametrize("cold", [-30.0, -20.0, 0.0, 20.0, 30.0])
@pytest.mark.parametrize("rate", [-0.5, 0.0, 0.5])
def test_its_current_gives_the_rate_in_the_plant(cold, rate):
    plant = TecPlant(MODEL, 25.0)
    plant.cold_degc, plant.hot_degc = cold, 30.0
    current = PHYSICS.current_a(cold, 30.0, 25.0, rate)
    plant.step(0.001, current, 25.0)
    if current < PHYSICS.best_a(cold):
        assert (plant.cold_degc - cold) / 0.001 == pytest.approx(rate, abs=1e-3)


def test_where_no_current_can_it_says_the_useful_end():
    assert PHYSICS.current_a(-80.0, 60.0, 40.0) == PHYSICS.best_a(-80.0)


def test_gain_is_the_slope_of_the_warming():
    a, b = (PHYSICS.warming_k_per_s(i, -20, 30, 25) for i in (0.59, 0.61))
    assert (a - b) / 0.02 == pytest.approx(PHYSICS.gain_k_per_s_a(0.6, -20), rel=1e-6)


def test_beyond_the_peak_more_current_cools_less():
    peak = PHYSICS.best_a(-20) / 0.85
    rates = [PHYSICS.warming_k_per_s(peak * x, -20, 30, 25) for x in (0.85, 1.0, 1.15)]
    assert rates[1] < rates[0]
    assert rates[1] < rates[2]


def test_zero_load_needs_no_current():
    idle = dataclasses.replace(PHYSICS, load_w=0.0)
    assert idle.current_a(25.0, 25.0, 25.0) == pytest.approx(0.0, abs=1e-12)
