# SPDX-License-Identifier: Apache-2.0
"""The cooler's physics against energy balance and the figures of a data sheet."""

import math

import pytest

from edgeleak import board
from edgeleak.sim.tec_plant import TecPlant

PARTS = board.load("el1-a")
MODEL, PART = PARTS.tec_model, PARTS.tec


def settle(current_a, ambient=25.0, seconds=9000, **kw):
    plant = TecPlant(MODEL, ambient)
    plant.step(seconds, current_a, ambient, **kw)
    return plant


def test_rest_without_current_is_near_ambient():
    plant = settle(0.0)
    assert plant.cold_degc == pytest.approx(25 + 0.25 / 0.062, abs=0.8)  # load over both paths
    assert plant.hot_degc == pytest.approx(25.0 + 0.25 * 3, abs=0.3)


@pytest.mark.parametrize("current_a", [0.3, 0.6, 1.0, -0.4])
def test_in_balance_what_goes_in_comes_out_of_the_sink(current_a):
    plant = settle(current_a)
    electric = plant.voltage_v(current_a) * current_a
    leak = MODEL.leak_w_per_k * (25.0 - plant.cold_degc)
    shed = (plant.hot_degc - 25.0) / MODEL.sink_fan_k_per_w
    assert shed == pytest.approx(electric + MODEL.load_w + leak, rel=1e-6)


def test_the_module_is_one_that_can_be_bought():
    s, r, k = MODEL.seebeck_v_per_k, MODEL.resistance_ohm, MODEL.conductance_w_per_k
    z = s * s / (r * k)
    coldest = (math.sqrt(1 + 2 * z * 300) - 1) / z
    assert 80 <= 300 - coldest <= 100  # dT_max of two-stage modules
    assert 1.5 <= s * coldest / r <= 2.2  # I_max
    assert PART.max_cool_a < 0.7 * s * coldest / r


def test_small_and_split_steps_agree():
    fine, coarse = TecPlant(MODEL), TecPlant(MODEL)
    for _ in range(20_000):
        fine.step(0.005, 0.7, 25.0)
    coarse.step(100.0, 0.7, 25.0)
    assert coarse.cold_degc == pytest.approx(fine.cold_degc, abs=0.02)


def test_reversed_current_heats_the_cold_side():
    assert settle(-0.6, seconds=60).cold_degc > 60


def test_a_still_fan_makes_the_sink_hotter():
    still = settle(0.6, sink_k_per_w=MODEL.sink_still_k_per_w)
    assert still.hot_degc > settle(0.6).hot_degc + 10


def test_thermistor_lags_by_its_time_constant():
    plant = TecPlant(MODEL)
    for _ in range(2000):
        plant.step(0.005, 0.8, 25.0)
    before = plant.cold_degc
    plant.step(0.005, 0.8, 25.0)
    rate = (plant.cold_degc - before) / 0.005
    lag = (plant.thermistor_degc - plant.cold_degc) / -rate
    assert lag == pytest.approx(MODEL.thermistor_tau_s, rel=0.1)


def test_dead_time_is_a_pure_delay():
    plain, late = TecPlant(MODEL), TecPlant(MODEL, dead_time_s=2.0)
    seen = []
    for _ in range(1000):
        plain.step(0.01, 0.8, 25.0)
        late.step(0.01, 0.8, 25.0)
        seen.append(plain.thermistor_degc)
    assert late.thermistor_degc == pytest.approx(seen[-201], abs=1e-9)


def test_a_driver_gives_no_more_than_its_voltage():
    plant = TecPlant(MODEL)
    plant.hot_degc, plant.cold_degc = 40.0, -20.0
    amps = plant.delivered_a(1.5, PART.max_v)
    assert plant.voltage_v(amps) == pytest.approx(PART.max_v)
    assert plant.delivered_a(0.5, PART.max_v) == 0.5
    assert plant.voltage_v(plant.delivered_a(-9, PART.max_v)) == pytest.approx(-PART.max_v)


def test_a_shorted_module_pumps_nothing():
    plant = TecPlant(MODEL)
    plant.is_short = True
    plant.step(30.0, 1.0, 25.0)
    assert plant.cold_degc > 25.0
    assert plant.voltage_v(1.0) < 0.1
