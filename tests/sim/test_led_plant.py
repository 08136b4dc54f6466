# SPDX-License-Identifier: Apache-2.0
"""The LED's physics: it heats by its pulses, cools to the housing, droops and ages."""

import math

import pytest

from edgeleak import board
from edgeleak.sim.led_plant import REFERENCE_DEGC, LedPlant

BOARD = board.load("el1-a")


@pytest.fixture
def led():
    return LedPlant(BOARD.led, BOARD.led_model)


def test_settles_where_power_times_resistance_says(led):
    command_v, width_s, period_s = 0.5, 0.008, 1 / 11
    for _ in range(11 * 60):
        current_ma = led.pulse(command_v, width_s)
        led.rest(period_s, 25.0)
    power_w = current_ma / 1000 * BOARD.led.forward_v * width_s / period_s
    assert current_ma == pytest.approx(0.5 * BOARD.led.ma_per_v)
    assert led.led_degc - 25.0 == pytest.approx(power_w * BOARD.led_model.rise_k_per_w, rel=0.05)


def test_resting_in_one_step_or_many_is_the_same(led):
    led.led_degc = 60.0
    other = LedPlant(BOARD.led, BOARD.led_model, led_degc=60.0)
    led.rest(3.0, 25.0)
    for _ in range(300):
        other.rest(0.01, 25.0)
    assert led.led_degc == pytest.approx(other.led_degc)


def test_hot_and_old_is_dimmer(led):
    fresh = led.light_ma(100.0)
    led.led_degc = REFERENCE_DEGC + BOARD.led_model.droop_k
    hot = led.light_ma(100.0)
    led.led_degc, led.hours = REFERENCE_DEGC, BOARD.led_model.life_hours
    old = led.light_ma(100.0)
    assert fresh == 100.0
    assert hot == old == pytest.approx(100.0 / math.e)


def test_broken_parts(led):
    led.is_open = True
    assert led.pulse(0.5, 0.01) == 0.0
    assert led.pulses == 0
    led.is_open, led.is_short = False, True
    assert led.pulse(0.1, 0.01) == BOARD.led_model.short_ma
    assert led.light_ma(BOARD.led_model.short_ma) == 0.0
