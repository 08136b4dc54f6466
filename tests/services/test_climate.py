# SPDX-License-Identifier: Apache-2.0
"""Housing and humidity once a second, on the register models of both chips."""

import errno
import math

import pytest
from sim.chips.direct_bus import DirectBus, HandClock

from edgeleak.drivers import sht4x
from edgeleak.drivers.sht4x import Sht4x
from edgeleak.drivers.tmp117 import Tmp117
from edgeleak.errors import BusError
from edgeleak.services.climate import Climate
from edgeleak.sim.chips.sht4x import Sht4xModel
from edgeleak.sim.chips.tmp117 import Tmp117Model

SECOND_NS, HELD_NS = 1_000_000_000, 35_000_000


class HeldBus(DirectBus):
    """Something holds the line on request: every call takes 35 ms and times out."""

    is_held = False

    def transfer(self, address, data, read_length=0):
        if not self.is_held:
            return super().transfer(address, data, read_length)
        self.clock.now_ns += HELD_NS
        raise BusError(errno.ETIMEDOUT, f"I2C 0x{address:02x}: timed out")


class Bench:
    def __init__(self):
        self.clock = HandClock()
        housing = Tmp117Model(0x49, lambda: 31.5, self.clock)
        humidity = Sht4xModel(0x44, lambda: 23.0, lambda: 41.0, self.clock)
        self.clock.now_ns = sht4x.RESET_NS
        self.bus = HeldBus(self.clock, housing, humidity)
        self.climate = Climate(
            Tmp117(self.bus, 0x49), Sht4x(self.bus, 0x44), self.clock, lambda: 5.0
        )

    def steps(self, count):
        for _ in range(count):
            self.climate.step(0)
            self.clock.now_ns += SECOND_NS


def test_both_chips_are_known_with_the_second_step():
    bench = Bench()
    assert math.isnan(bench.climate.surroundings().housing_degc)
    bench.steps(2)
    found = bench.climate.surroundings()
    assert (found.housing_degc, found.humidity_percent, found.supply_v) == pytest.approx(
        (31.5, 41.0, 5.0), abs=0.01
    )
    assert bench.clock.now_ns - found.time_ns == pytest.approx(SECOND_NS, rel=0.01)
    assert bench.climate.errors == 0


def test_a_bus_that_holds_us_is_asked_once_a_step():
    bench = Bench()
    bench.steps(2)
    bench.bus.is_held, before_ns = True, bench.clock.now_ns
    bench.climate.step(0)
    assert bench.clock.now_ns - before_ns == HELD_NS
    assert bench.climate.errors == 1
    bench.bus.is_held = False
    bench.steps(3)
    assert bench.climate.surroundings().humidity_percent == pytest.approx(41.0, abs=0.01)
    assert bench.clock.now_ns - bench.climate.surroundings().time_ns < 1.1 * SECOND_NS


@pytest.mark.parametrize(("address", "errors"), [(0x49, 1), (0x44, 1)])
def test_a_chip_that_does_not_answer_leaves_the_other_alone(address, errors):
    bench = Bench()
    bench.steps(2)
    del bench.bus.chips[address]
    bench.steps(1)
    assert bench.climate.errors == errors
    bench.bus.transfers.clear()
    bench.steps(1)
    assert {asked for asked, _, _ in bench.bus.transfers} == {0x49, 0x44}
