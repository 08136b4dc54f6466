# SPDX-License-Identifier: Apache-2.0
"""What pauses the cooling: supply, air, a hot side."""

from services.cooler_held import PARTS, held, no_violation

from edgeleak import codes
from edgeleak.services.thermal_status import CoolerState
from edgeleak.sim import faults


def test_brown_out_pauses_and_resumes():
    bench = held()
    bench.plant.inject(faults.BrownOut(volts=4.3))
    assert bench.run_until_off(4) < 4
    assert bench.status.code == codes.BROWN_OUT
    bench.plant.clear("brown-out")
    bench.rig.run(14)
    assert bench.status.state == CoolerState.DRIVE
    no_violation(bench)


def test_old_surroundings_are_a_note_before_they_stop_the_cooler():
    bench = held()
    bench.plant.inject(faults.BusNack(address=PARTS.address.tmp117))
    bench.rig.run(32)
    assert (bench.status.note.code, bench.status.code) == (codes.SURROUNDINGS_OLD, codes.OK)
    bench.plant.clear("bus-nack")
    bench.rig.run(3)
    assert bench.status.note.code == codes.OK


def test_over_its_limit_the_hot_side_stops_the_drive_until_it_is_cool_and_somebody_clears():
    """Chopping at the limit would cycle the module and break the limit each time."""
    bench = held(5)
    bench.plant.tec.hot_degc = PARTS.tec.max_hot_degc + 3
    assert bench.rig.run(0.5, lambda: bench.status.code == codes.HOT_SIDE)
    for _ in range(40):  # no restart by itself: not near the limit, not after it has cooled
        bench.rig.run(1.0)
        assert not bench.plant.truth.tec_enabled
        assert bench.status.code == codes.HOT_SIDE
    for _ in range(3):  # below the limit, but not by the hysteresis, however often it is asked
        bench.plant.tec.hot_degc = PARTS.tec.max_hot_degc - 0.5
        bench.cooler.request("clear")
        bench.rig.run(1)
        assert not bench.plant.truth.tec_enabled
        assert (bench.status.state, bench.status.code) == (CoolerState.OFF, codes.HOT_SIDE)
    bench.plant.tec.hot_degc = PARTS.tec.max_hot_degc - 6
    assert bench.rig.run(12, lambda: bench.plant.truth.tec_enabled)
