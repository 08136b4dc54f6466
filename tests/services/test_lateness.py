# SPDX-License-Identifier: Apache-2.0
"""Control periods that come late, and an enable that nobody refreshed."""

import pytest
from services.cooler_held import held, no_violation

from edgeleak import codes
from edgeleak.services.cooler_pause import LATE_CLEAR_S
from edgeleak.services.lateness import MOST_LATE
from edgeleak.services.thermal_status import CoolerState
from edgeleak.sim import faults


def come_late(bench, late_s=0.2):
    """The next control period comes so long after the one before."""
    now_ns = bench.cooler._clock.monotonic_ns()
    bench.cooler._stepped_ns = now_ns - round(late_s * 1e9)
    bench.cooler.step(now_ns)


@pytest.mark.parametrize(("late_s", "code"), [(0.06, codes.OK), (0.2, codes.TEC_LATE)])
def test_a_period_that_comes_late_cuts_the_enable(late_s, code):
    bench = held()
    come_late(bench, late_s)
    assert bench.status.code == code
    assert bench.plant.gpio_get("tec_enable") == (code == codes.OK)


def test_after_a_late_period_it_starts_again_by_itself():
    bench = held()
    come_late(bench)
    bench.rig.run(LATE_CLEAR_S / 2)
    assert not bench.plant.truth.tec_enabled
    bench.rig.run(LATE_CLEAR_S)
    assert bench.status.state == CoolerState.DRIVE
    bench.rig.run(30)
    assert bench.status.code == codes.OK
    no_violation(bench)


@pytest.mark.parametrize(("apart_s", "is_fault"), [(2, True), (20, False)])
def test_too_many_late_periods_within_a_minute_are_a_fault(apart_s, is_fault):
    bench = held()
    for _ in range(MOST_LATE):
        bench.rig.run(apart_s)
        assert bench.status.state == CoolerState.DRIVE
        come_late(bench)
    assert (bench.status.state == CoolerState.FAULT) == is_fault
    assert bench.status.code == (codes.TEC_STALE if is_fault else codes.TEC_LATE)
    assert not bench.plant.gpio_get("tec_enable")
    if is_fault:
        bench.rig.run(5)
        assert not bench.plant.truth.tec_enabled
        bench.cooler.request("clear")
        bench.rig.run(2)
        assert bench.status.state == CoolerState.DRIVE
    no_violation(bench)


def test_an_enable_that_somebody_else_lowered_is_raised_again_from_zero():
    bench = held()
    bench.cooler.enable.off()
    bench.rig.run(0.2)
    assert bench.status.code == codes.ENABLE_DROPPED
    assert not bench.plant.truth.tec_enabled
    bench.rig.run(30)
    assert bench.status.code == codes.OK
    no_violation(bench)


def test_a_late_period_does_not_shorten_another_pause():
    bench = held()
    bench.plant.inject(faults.BrownOut(volts=4.3))
    bench.rig.run(4)
    bench.plant.clear("brown-out")
    come_late(bench)
    bench.rig.run(3 * LATE_CLEAR_S)
    assert bench.status.code == codes.BROWN_OUT
