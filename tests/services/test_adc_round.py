# SPDX-License-Identifier: Apache-2.0
"""Channels in turn, on the register model of the converter."""

import math

import pytest
from sim.chips.direct_bus import DirectBus, HandClock

from edgeleak.board import AdcChannel
from edgeleak.drivers.ads1115 import Ads1115
from edgeleak.errors import BusError
from edgeleak.services.adc_round import AdcRound
from edgeleak.sim.chips.ads1115 import Ads1115Model

ADDRESS, STEP_NS = 0x48, 10_000_000
INPUTS = {
    name: AdcChannel(address=ADDRESS, channel=channel, full_scale_v=4.096)
    for channel, name in enumerate(("a", "b", "c"))
}


class Bench:
    def __init__(self, order=()):
        self.volts = [0.5, 1.25, 2.0, 0.0]
        self.clock = HandClock()
        self.model = Ads1115Model(
            ADDRESS, [lambda n=n: self.volts[n] for n in range(4)], self.clock
        )
        self.bus = DirectBus(self.clock, self.model)
        self.round = AdcRound(Ads1115(self.bus, ADDRESS), INPUTS, self.clock, order)

    def steps(self, count):
        for _ in range(count):
            self.round.step()
            self.clock.wait_until_ns(self.clock.now_ns + STEP_NS)


def test_each_has_its_turn():
    bench = Bench()
    assert all(math.isnan(bench.round.volts(name)) for name in INPUTS)
    assert bench.round.age_s("a") == math.inf
    bench.steps(4)
    assert [bench.round.volts(name) for name in INPUTS] == pytest.approx([0.5, 1.25, 2.0])
    assert [bench.round.age_s(name) for name in INPUTS] == pytest.approx(
        [0.03, 0.02, 0.01], abs=0.002
    )


def test_what_is_urgent_comes_oftener():
    bench = Bench(order=("b", "a", "b", "c"))
    bench.steps(5)
    for n in range(40):
        bench.volts[1] = 1.0 + n / 100
        bench.steps(3)
        assert bench.round.volts("b") == pytest.approx(1.0 + n / 100, abs=1e-3)
        assert bench.round.age_s("a") <= 0.05


def test_a_conversion_that_a_bus_error_cut_is_nobodys():
    bench = Bench()
    bench.steps(2)
    chips, bench.bus.chips = bench.bus.chips, {}
    with pytest.raises(BusError):
        bench.round.step()
    bench.bus.chips = chips
    bench.round.restart()
    bench.volts[0] = 3.0
    bench.steps(2)
    assert bench.round.volts("a") == pytest.approx(3.0)
    assert math.isnan(bench.round.volts("b"))
