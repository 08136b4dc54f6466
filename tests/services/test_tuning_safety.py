# SPDX-License-Identifier: Apache-2.0
"""What breaks while the cooler is being tuned: seen by the interlock, off as the plant saw it."""

import random

import pytest
from services.cooler_held import PARTS, held, no_violation

from edgeleak import codes
from edgeleak.cooler_bench import Bench
from edgeleak.services.thermal_status import CoolerState
from edgeleak.sim import faults
from edgeleak.sim.cooler_rig import varied
from edgeleak.sim.loop_gain import working_point

REVERSED = (codes.TEC_REVERSED, codes.TEC_SHORT)
"""Turned over at a small current the module's voltage is next to none."""
RAMP_DOWN_S = 2.5


def tuning(seconds, **kw):
    """A cooler that holds its set-point and has been tuning for some seconds."""
    bench = held(25.0, **kw)
    bench.cooler.request("tune")
    bench.rig.run(seconds)
    assert bench.status.state == CoolerState.TUNE
    return bench


@pytest.mark.parametrize("seconds", [1.0, 5.0])
@pytest.mark.parametrize(("fault", "code", "most_s"), [
    (faults.TecReversed(), REVERSED, 2.0),
    (faults.ThermistorDetached(tau_s=1.0), (codes.FPA_DETACHED,), 3.0),
    (faults.ThermistorDetached(tau_s=20.0), (codes.FPA_DETACHED,), 3.0),
    (faults.ThermistorDetached(tau_s=50.0), (codes.FPA_DETACHED,), 3.0),
    (faults.ThermistorDetached(tau_s=300.0), (codes.FPA_DETACHED,), 13.0),
    (faults.ThermistorFrozen(), (codes.FPA_STUCK, codes.FPA_DETACHED), 10.1),
    (faults.TecOpen(), (codes.TEC_OPEN,), 0.3),
    (faults.TecShort(), (codes.TEC_SHORT,), 0.3),
    (faults.FanDead(), (codes.FAN_LOST,), 3.0),
])  # fmt: skip
def test_a_fault_during_the_experiment_is_told_and_off(fault, code, most_s, seconds):
    bench = tuning(seconds)
    bench.plant.inject(fault)
    told_s = bench.run_until_fault(most_s + 1)
    assert told_s <= most_s + 0.05
    assert bench.status.code in code
    assert bench.run_until_off(RAMP_DOWN_S) < RAMP_DOWN_S
    bench.rig.run(1)
    assert not bench.plant.truth.tec_enabled
    assert min(bench.trace.cold_degc) > -23
    assert max(bench.trace.cold_degc[-round(20 * (told_s + 1)) :]) < 0
    no_violation(bench)


@pytest.mark.parametrize("seed", range(4))
def test_coolers_of_all_kinds_are_tuned_without_a_trip(seed):
    rng, done = random.Random(seed), 0
    while not done:
        model = varied(PARTS.tec_model, rng)
        point = working_point(model, -20.0, 25.0)
        if point is None or point[0] > 0.9:
            continue
        bench = Bench(PARTS, model=model, seed=seed).hold(40)
        bench.cooler.request("tune")
        bench.rig.run(100, lambda: bench.cooler.tuning is not None)  # noqa: B023 - run at once
        assert bench.cooler.tuning is not None
        assert bench.status.state == CoolerState.DRIVE
        no_violation(bench)
        done += 1
