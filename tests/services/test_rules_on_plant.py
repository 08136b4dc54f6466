# SPDX-License-Identifier: Apache-2.0
"""Rules of the interlock that few faults reach: each trips on the plant, with its clean twin."""

import math

import pytest
from services.cooler_held import held, no_violation

from edgeleak import codes
from edgeleak.config import CoolerConfig
from edgeleak.services.thermal_status import CoolerState
from edgeleak.sim import faults
from edgeleak.sim.scenario import Change, Scenario, World

AIR_S = 20.0
RAMP_DOWN_S = 2.5


def in_air(humidity):
    """A cooler that holds its set-point when the air in its housing gets so damp.

    On a fast ramp it warms against the current within the ten seconds, and nothing is wrong.
    """
    change = Change(at_s=AIR_S, humidity=humidity)
    return held(AIR_S, config=CoolerConfig(ramp_k_per_s=0.2),
                scenario=Scenario(world=World(humidity=0.3), changes=(change,)))  # fmt: skip


def told_s(bench, code, most_s):
    """Seconds until the service says it; NaN when it does not."""
    begin_s = bench.rig.now_s
    is_told = bench.rig.run(most_s, lambda: bench.status.code == code)
    return bench.rig.now_s - begin_s if is_told else math.nan


def stays_off(bench, code):
    """Off as the plant saw it, within the ramp of the current, and for as long as it is so."""
    assert bench.run_until_off(RAMP_DOWN_S) < RAMP_DOWN_S
    bench.rig.run(0.2)
    since = len(bench.trace.current_a)
    for _ in range(30):
        bench.rig.run(0.5)
        assert not bench.plant.truth.tec_enabled
    assert max(map(abs, bench.trace.current_a[since:])) < 0.001
    assert bench.status.code == code
    no_violation(bench)


def test_a_window_below_the_dew_point_switches_off():
    bench = in_air(0.97)
    seconds = told_s(bench, codes.CONDENSATION, 14)
    assert 10 <= seconds <= 12  # ten seconds of it, and an age of the air
    stays_off(bench, codes.CONDENSATION)


def test_damp_air_above_the_dew_point_does_not():
    bench = in_air(0.8)
    assert math.isnan(told_s(bench, codes.CONDENSATION, 40))
    assert bench.status.state == CoolerState.DRIVE
    no_violation(bench)


@pytest.mark.parametrize(("fault", "code", "least_s", "most_s"), [
    (faults.ThermistorFrozen(which="hot"), codes.HOT_STUCK, 59, 60.1),
    (faults.TecShort(), codes.TEC_SHORT, 0, 0.3),
])  # fmt: skip
def test_a_fault_of_the_hot_side_or_the_module(fault, code, least_s, most_s):
    bench = held()
    bench.plant.inject(fault)
    assert least_s <= told_s(bench, code, most_s + 1) <= most_s + 0.05
    assert bench.status.state == CoolerState.FAULT
    stays_off(bench, code)


def test_the_same_cooler_without_them_goes_on():
    bench = held()
    bench.rig.run(70)
    assert (bench.status.state, bench.status.code) == (CoolerState.DRIVE, codes.OK)
    no_violation(bench)
