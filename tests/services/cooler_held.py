# SPDX-License-Identifier: Apache-2.0
"""A cooler that holds its set-point on the simulated board, with the plant as judge."""

from edgeleak import board
from edgeleak.cooler_bench import Bench

PARTS = board.load("el1-a")
ADC, DAC = PARTS.adc.fpa_thermistor.address, PARTS.address.tec_dac


def held(seconds=14.0, **kw):
    return Bench(PARTS, **kw).hold(seconds)


def no_violation(bench):
    assert bench.judge.violations == []
