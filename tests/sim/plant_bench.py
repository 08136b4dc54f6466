# SPDX-License-Identifier: Apache-2.0
"""What the tests of the plant share: readings as a driver would ask for them, and a drive."""

from edgeleak import board as boards
from edgeleak.drivers import ads1115

MS = 1_000_000
S = 1000 * MS
EL1 = boards.load("el1-a")
DAC = EL1.address.tec_dac


def adc_volts(plant, part, channel):
    """One conversion as a driver would ask for it, 2 ms later."""
    full_scale = ads1115.FULL_SCALES_V.index(part.full_scale_v)
    config = ads1115.OS | (4 + channel) << ads1115.MUX_SHIFT | full_scale << ads1115.PGA_SHIFT
    config |= ads1115.MODE_SINGLE_SHOT | 7 << ads1115.RATE_SHIFT
    plant.i2c(part.address, b"\x01" + config.to_bytes(2, "big"), 0)
    plant.advance_to(plant.now_ns + 2 * MS)
    raw = plant.i2c(part.address, b"\x00", 2)
    return int.from_bytes(raw, "big", signed=True) / 0x8000 * part.full_scale_v


def fpa_degc(plant):
    return EL1.fpa_thermistor.degc(adc_volts(plant, EL1.adc.fpa_thermistor, 0))


def hot_degc(plant):
    return EL1.hot_thermistor.degc(adc_volts(plant, EL1.adc.hot_thermistor, 1))


def drive(plant, seconds, current_a):
    code = round((EL1.tec.zero_v + current_a / EL1.tec.command_a_per_v) / 2.5 * 65536)
    plant.i2c(DAC, bytes((0x30, *code.to_bytes(2, "big"))), 0)
    for _ in range(round(seconds / 0.1)):
        plant.gpio_set("tec_enable", False)
        plant.gpio_set("tec_enable", True)
        plant.advance_to(plant.now_ns + 100 * MS)
