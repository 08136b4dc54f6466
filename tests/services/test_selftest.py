# SPDX-License-Identifier: Apache-2.0
"""The self-test shows what is there, names what is not, and drives nothing."""

import pytest
from instrument_rig import STILL, small_board, small_config

from edgeleak import board as boards
from edgeleak.drivers.link import Steps
from edgeleak.errors import EdgeLeakError, UnavailableError
from edgeleak.services import selftest
from edgeleak.sim.bus import open_buses
from edgeleak.sim.faults import SensorDead, ThermistorOpen, ThermistorShort
from edgeleak.sim.plant import Plant
from edgeleak.sim.sim_clock import SimClock


def outcome_of(folder, board=None, prepare=None):
    """(proofs, error, plant) of a self-test in lockstep."""
    board = board or small_board()
    plant, clock, proofs = Plant(board, scenario=STILL), SimClock(), []
    if prepare is not None:
        prepare(plant)
    buses, _ = open_buses(plant)
    steps = Steps(clock)
    steps.begin(selftest.steps(board, small_config(folder), buses, clock, proofs.append))
    error = None
    try:
        while not steps.advance():
            plant.advance_to(clock.monotonic_ns() + selftest.POLL_NS)
            clock.advance_to(plant.now_ns)
            assert clock.monotonic_ns() < 60 * 10**9
    except EdgeLeakError as failure:
        error = failure
    return proofs, error, plant


def test_a_whole_board_passes(tmp_path):
    proofs, error, plant = outcome_of(tmp_path)
    assert error is None
    shown = dict(proofs)
    assert shown["detector"] == "25.00 degC" or abs(float(shown["detector"].split()[0]) - 25) < 1
    assert shown["sensor el640"].startswith("160x120, 10.")
    assert [proof.what for proof in proofs][-1] == "enables"
    assert plant.counters["tec_enable.edges"] + plant.counters["led_enable.edges"] == 0
    assert not plant.judge.violations


def test_the_kit_passes(tmp_path):
    proofs, error, _ = outcome_of(tmp_path, boards.load("lepton-pi-a"))
    assert error is None
    assert "sensor lepton" in dict(proofs)


@pytest.mark.parametrize(("prepare", "said"), [
    (lambda plant: plant.inject(ThermistorOpen()), "detector: nan degC"),
    (lambda plant: plant.inject(ThermistorShort(which="hot")), "hot side: "),
    (lambda plant: plant.inject(SensorDead()), "no frame after 3 resynchronisations"),
    (lambda plant: plant.chips.pop(0x4E), "0x4e: expected AD5693R (LED)"),
])  # fmt: skip
def test_the_first_thing_wrong_is_named(tmp_path, prepare, said):
    proofs, error, plant = outcome_of(tmp_path, prepare=prepare)
    assert isinstance(error, UnavailableError), error
    assert said in str(error)
    assert proofs
    assert plant.counters["tec_enable.edges"] == 0
