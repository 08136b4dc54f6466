# SPDX-License-Identifier: Apache-2.0
"""The cooler alone, as `edgeleak tune` runs it on a board."""

import math
from dataclasses import replace

from edgeleak import board, codes
from edgeleak.cooler_bench import Bench
from edgeleak.sim.faults import BusNack


def test_a_supply_that_is_not_measured_any_more_is_not_known():
    parts = board.load("el1-a")
    bench = Bench(parts).hold(5)
    assert math.isclose(bench.cooler.surroundings.supply_v, 5.0, abs_tol=0.05)
    bench.plant.inject(BusNack(address=parts.adc.supply.address))
    bench.rig.run(3)
    assert math.isnan(bench.cooler.surroundings.supply_v)
    bench.rig.run(7)
    assert bench.status.code == codes.SUPPLY_UNKNOWN


def test_the_fans_speed_is_told_by_the_boards_table():
    parts = board.load("el1-a")
    slow = replace(parts.fan, pulses_per_turn=1, full_rpm=2400.0)
    bench = Bench(replace(parts, fan=slow)).hold(6)
    assert math.isclose(bench.status.fan_rpm, 2400.0, rel_tol=0.01)
