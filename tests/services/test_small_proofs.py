# SPDX-License-Identifier: Apache-2.0
"""The small proofs move one thing at a time, far below every limit, and see when it is wrong."""

import pytest
from instrument_rig import STILL, small_board, small_config

from edgeleak import board as boards
from edgeleak.clock import NS_PER_MS
from edgeleak.drivers.link import Steps
from edgeleak.services import selftest, small_proofs
from edgeleak.services.checks import Bench, Verdict
from edgeleak.sim import faults
from edgeleak.sim.bus import open_buses
from edgeleak.sim.plant import Plant
from edgeleak.sim.sim_clock import SimClock


class Rig:
    """Plant, bench and what was noted."""

    def __init__(self, folder, board=None):
        self.plant, self.clock, self.checks = (
            Plant(board or small_board(), scenario=STILL),
            None,
            [],
        )
        self.clock = SimClock()
        buses, _ = open_buses(self.plant)
        self.bench = Bench(self.plant.board, small_config(folder), buses, self.clock,
                           self.checks.append, folder)  # fmt: skip
        self.findings = small_proofs.Findings()
        self.proofs = {proof.name: proof for proof in small_proofs.proofs(self.bench)}

    def give(self, *names):
        """{what: check} of the named proofs; the plant runs on for a second afterwards."""
        for name in names:
            steps = Steps(self.clock)
            steps.begin(self.proofs[name].steps(self.bench, self.findings))
            while not steps.advance():
                self.run_to(self.clock.monotonic_ns() + NS_PER_MS)
        selftest.rest(self.bench)
        self.run_to(self.clock.monotonic_ns() + 1000 * NS_PER_MS)
        return {check.what: check for check in self.checks}

    def run_to(self, time_ns):
        self.plant.advance_to(time_ns)
        self.clock.advance_to(time_ns)
        assert time_ns < 120 * 10**9

    def is_at_rest(self):
        truth = self.plant.truth
        return not (truth.tec_enabled or truth.led_enabled or truth.tec_a or truth.led_ma)


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


def test_a_sound_board_gives_every_proof(rig):
    assert list(rig.proofs) == ["power", "scan", "ids", "sensor", "fan", "led", "tec"]
    checks = rig.give(*rig.proofs)
    assert {check.verdict for check in checks.values()} == {Verdict.OK}
    assert checks["I2C addresses"].value == "0x3a, 0x44, 0x48, 0x49, 0x4a, 0x4c, 0x4e"
    assert rig.findings.counts.shape == (120, 160)
    assert rig.is_at_rest()
    assert not rig.plant.judge.violations


def test_what_moves_nothing_moves_nothing(rig):
    rig.give(*(name for name, proof in rig.proofs.items() if not proof.moves))
    assert not any(name.endswith("edges") for name in rig.plant.counters)
    assert not [entry for entry in rig.plant.log if entry.what == "fan" and entry.value]


def test_the_light_is_one_exposure_long(rig):
    checks = rig.give("led")
    assert rig.plant.counters["led.pulses"] == 1
    assert rig.plant.counters["led.lit_ns"] == 8 * NS_PER_MS
    assert abs(checks["LED current"].measured - 20) < 0.5
    assert rig.is_at_rest()


def test_the_cooler_gets_a_tenth_of_an_ampere_for_two_seconds(rig):
    checks = rig.give("tec")
    assert 0.08 < rig.plant.judge.extremes["max_tec_a"] < 0.12
    on = [entry for entry in rig.plant.log if entry.what == "tec_enable"]
    lit_s = (on[-1].time_ns - on[0].time_ns) / 1e9
    assert 2.0 < lit_s < 3.5
    assert checks["detector fell by"].measured > 0.1
    assert rig.is_at_rest()


@pytest.mark.parametrize(("fault", "proof", "said"), [
    (faults.TecReversed(), "tec", "swap the two wires"),
    (faults.TecOpen(), "tec", "look for a broken wire"),
    (faults.LedOpen(), "led", "open or shorted LED"),
    (faults.LedShort(), "led", "open or shorted LED"),
    (faults.LedFlagWrong(), "led", "exposure AND enable"),
    (faults.FanDead(), "fan", "free the fan"),
    (faults.ThermistorOpen(), "tec", "swap"),
])  # fmt: skip
def test_what_is_wrong_is_seen_and_the_output_off_again(rig, fault, proof, said):
    rig.plant.inject(fault)
    checks = rig.give(proof)
    failed = [check for check in checks.values() if check.verdict is Verdict.FAIL]
    assert any(said in check.next_step for check in failed), failed
    assert rig.is_at_rest()
    shorted = (
        {"led-peak"} if isinstance(fault, faults.LedShort) else set()
    )  # the driver's own limit
    assert {one.limit for one in rig.plant.judge.violations} <= shorted
    assert rig.plant.counters["led.pulses"] <= 1


def test_a_bus_that_goes_in_the_middle_leaves_the_cooler_off(rig):
    rig.plant.inject(faults.BusNack(skip=200))
    checks = rig.give("tec")
    assert checks["cooler"].verdict is Verdict.FAIL
    assert rig.is_at_rest()


def test_the_strap_forbids_light_and_cold(rig):
    rig.plant.set_input("safe_strap", True)
    checks = rig.give("led", "tec")
    assert {check.verdict for check in checks.values()} == {Verdict.SKIPPED}
    assert not any(name.endswith("edges") for name in rig.plant.counters)


def test_an_empty_bus_fails_the_scan(rig):
    rig.plant.chips.clear()
    assert rig.give("scan")["I2C addresses"].verdict is Verdict.FAIL


def test_the_kit_gives_what_it_can(tmp_path):
    rig = Rig(tmp_path, boards.load("lepton-pi-a"))
    assert list(rig.proofs) == ["power", "scan", "ids", "sensor"]
    checks = rig.give(*rig.proofs)
    assert checks["I2C addresses"].value == "0x2a"
    assert Verdict.FAIL not in {check.verdict for check in checks.values()}
