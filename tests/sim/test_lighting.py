# SPDX-License-Identifier: Apache-2.0
"""The LED's light in the picture: set by registers, read off the SPI bus."""

import dataclasses
import math
import struct

import numpy as np
import pytest
from link_rig import reduced_board
from sim.plant_bench import MS, adc_volts

from edgeleak.drivers import el640_link as chip
from edgeleak.kernels.reference import link
from edgeleak.sim import faults
from edgeleak.sim.led_plant import REFERENCE_DEGC
from edgeleak.sim.live_scene import LED_COUNTS_PER_MA, NOMINAL_US, LiveScene
from edgeleak.sim.plant import Plant
from edgeleak.sim.scenario import Scenario, World

SHAPE = (48, 64)
PERIOD_MS, ALTERNATE = 20, 2
LED_MA = 200.0
FRAMES = 60
WARM_S = 30.0
"""Six time constants of the LED on its heat path."""
BOARD = reduced_board(SHAPE)
MODEL = BOARD.led_model


class Lit:
    """A yard in which nothing moves, before a plant whose LED alternates."""

    def __init__(self, fault=None, board=BOARD, rest_s=0.0):
        self.plant = Plant(board, seed=2, scenario=Scenario(world=World(movers=False)))
        self.plant.sensor.scene = LiveScene(SHAPE, 2, bad_share=0.0)
        if fault is not None:
            self.plant.inject(fault)
        self.plant.gpio_set("sensor_power", True)
        self.plant.advance_to(60 * MS + round(rest_s * 1e9))
        code = round(LED_MA / board.led.ma_per_v / 2.5 * 65536)
        self.plant.i2c(board.address.led_dac, bytes((0x30, *code.to_bytes(2, "big"))), 0)
        self.write(chip.REG_INTEGRATION_US, ">II", round(NOMINAL_US), PERIOD_MS * 1000)
        self.write(chip.REG_LED_MODE, ">H", ALTERNATE)
        self.write(chip.REG_CTRL, ">H", chip.CTRL_STREAM)

    def write(self, register, form, *values):
        address = self.plant.board.sensor.i2c_address
        self.plant.i2c(address, bytes((register,)) + struct.pack(form, *values), 0)

    def frame(self):
        """(is it called lit, counts) of the next frame."""
        self.plant.gpio_set("led_enable", False)
        self.plant.gpio_set("led_enable", True)
        self.plant.advance_to(self.plant.now_ns + PERIOD_MS * MS)
        rows = np.empty((SHAPE[0] + 1, chip.packet_bytes(SHAPE[1])), np.uint8)
        self.plant.spi_read(memoryview(rows.reshape(-1)))
        counts = np.empty(SHAPE, np.uint16)
        _, flags = link.unpack_el640(rows[:-1], counts)
        return bool(flags & chip.FLAG_LED), counts.astype(float)

    def shown(self):
        """Mean counts of lit frames above those of dark ones."""
        seen = [self.frame() for _ in range(FRAMES)]
        lit, dark = ([counts for is_lit, counts in seen if is_lit == on] for on in (True, False))
        assert len(lit) == len(dark)
        return (np.mean(lit, axis=0) - np.mean(dark, axis=0)).mean()

    def led_degc(self):
        """As the thermistor beside the LED says."""
        part = self.plant.board.led_thermistor
        return part.degc(adc_volts(self.plant, self.plant.board.adc.led_thermistor, 0))


@pytest.fixture(scope="module")
def new():
    """Counts of a new LED at the reference temperature."""
    return Lit().shown()


def test_a_new_led_at_the_reference_shows_what_was_calibrated(new):
    scene = Lit().plant.sensor.scene
    white = (scene._beam * scene.pattern.gain).mean()
    assert new / white == pytest.approx(LED_COUNTS_PER_MA * LED_MA, rel=0.01)


@pytest.mark.parametrize("hours", [2000.0, MODEL.life_hours])
def test_an_aged_led_is_dimmer_by_its_hours(new, hours):
    aged = Lit(faults.LedAged(hours=hours)).shown()
    assert aged / new == pytest.approx(math.exp(-hours / MODEL.life_hours), rel=0.01)


@pytest.mark.parametrize("kelvin", [-30.0, 40.0])
def test_a_hot_led_is_dimmer_and_a_cold_one_brighter(new, kelvin):
    rig = Lit(faults.LedHot(kelvin=kelvin), rest_s=WARM_S)
    shown, above_k = rig.shown(), rig.led_degc() - REFERENCE_DEGC
    assert above_k == pytest.approx(kelvin, abs=1.0)
    assert shown / new == pytest.approx(math.exp(-above_k / MODEL.droop_k), rel=0.01)


def test_it_dims_by_its_own_pulses(new):
    """A heat path fifteen times worse: the same light warms the junction by kelvins."""
    model = dataclasses.replace(MODEL, rise_k_per_w=900.0, heat_j_per_k=0.001)
    rig = Lit(board=dataclasses.replace(BOARD, led_model=model))
    for _ in range(3):  # four time constants
        rig.shown()
    shown, above_k = rig.shown(), rig.led_degc() - REFERENCE_DEGC
    assert above_k > 5.0
    assert shown / new == pytest.approx(math.exp(-above_k / MODEL.droop_k), rel=0.02)


def test_droop_and_life_are_the_boards():
    weak = dataclasses.replace(MODEL, droop_k=20.0, life_hours=1000.0)
    board = dataclasses.replace(BOARD, led_model=weak)
    new = Lit(board=board).shown()
    aged = Lit(faults.LedAged(hours=1000.0), board=board).shown()
    hot = Lit(faults.LedHot(kelvin=20.0), board=board, rest_s=WARM_S).shown()
    assert aged / new == pytest.approx(math.exp(-1), rel=0.01)
    assert hot / new == pytest.approx(math.exp(-1), rel=0.05)


def test_a_shorted_led_takes_current_and_gives_no_light():
    rig = Lit(faults.LedShort())
    assert abs(rig.shown()) < 1.0
    assert rig.plant.truth.led_held_ma == MODEL.short_ma
