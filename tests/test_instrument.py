# SPDX-License-Identifier: Apache-2.0
"""The instrument as a whole, judged by the plant: states, corrections, answers, time."""

from itertools import pairwise

import pytest
from instrument_rig import NS, STILL, Rig, small_board, small_config, violations

from edgeleak import codes
from edgeleak.frame import FrameFlag, NucState
from edgeleak.services.health import State


def test_the_way_up(tmp_path):
    rig = Rig(tmp_path).run_to(State.DETECTING)
    assert [new for _, new, _ in rig.states()][-1] == "detecting"
    order = list(dict.fromkeys(new for _, new, _ in rig.states()))
    assert order == ["selftest", "cooling", "nuc", "ready", "detecting"]
    assert set(rig.answers[:-1]) == {"INHIBIT"}, "warm-up is never NO GAS"
    rig.run_s(5)
    assert rig.answers[-1] == "NO GAS"
    assert not violations(rig)
    assert rig.plant.truth.tec_enabled
    assert abs(rig.plant.truth.cold_degc - 20) < 0.2
    proofs = [proof.what for proof in rig.instrument.control.proofs]
    assert proofs == ["enables", *(f"I2C 0x{a:02x}" for a in (0x44, 0x48, 0x49, 0x4A, 0x4C, 0x4E))]


def test_every_frame_carries_the_correction_it_was_made_with(running):
    running.run_s(3)
    states = [info.nuc_state for info in running.infos]
    order = [state for state, after in pairwise([*states, None]) if state != after]
    assert order == [NucState.NONE, NucState.RUNNING, NucState.SETTLING, NucState.VALID]
    valid = [info for info in running.infos if info.nuc_state == NucState.VALID]
    assert len({info.nuc_id for info in valid}) == 1
    ages = [info.ms_since_nuc for info in valid]
    assert all(b - a == pytest.approx(100, abs=2) for a, b in pairwise(ages))
    drops = [info.drops for info in running.infos]
    assert drops[-1] == 0


@pytest.mark.parametrize("why", ["request", "button", "timer"])
def test_a_correction_again_and_nothing_is_judged_meanwhile(tmp_path, why):
    config = small_config(tmp_path, nuc={"every_s": 30.0})
    rig = Rig(tmp_path, config=config).run_to(State.DETECTING)
    first = rig.instrument.nuc.status
    if why == "request":
        rig.instrument.nuc.request()
    elif why == "button":
        rig.plant.set_input("button", True)
        rig.run_s(3.5)
        rig.plant.set_input("button", False)
    rig.run_to(State.NUC, most_s=40).run_to(State.DETECTING, most_s=10)
    second = rig.instrument.nuc.status
    assert second.taken == 2
    assert second.nuc_id > first.nuc_id
    assert second.why == ("30 s old" if why == "timer" else why)
    near = [answer for info, answer in zip(rig.infos, rig.answers, strict=True)
            if info.nuc_state in (NucState.RUNNING, NucState.SETTLING)]  # fmt: skip
    assert set(near) == {"INHIBIT"}
    assert len(near) > 20
    age_s = (rig.clock.monotonic_ns() - second.taken_ns) / NS
    assert age_s < 6


def test_drift_of_the_detector_brings_a_correction(running):
    running.instrument.cooler.request(19.0)
    running.run_to(State.COOLING).run_to(State.DETECTING, most_s=60)
    status = running.instrument.nuc.status
    assert (status.taken, status.why[:8]) == (2, "drift of")
    assert status.fpa_degc == pytest.approx(19.0, abs=0.2)


@pytest.mark.parametrize("jump_s", [86_400, -86_400, -50 * 365 * 86_400])
def test_a_clock_that_jumps_changes_labels_only(running, jump_s):
    running.run_s(2)
    running.clock.jump_utc(jump_s * NS)
    before = len(running.infos)
    running.run_s(10)
    assert set(running.answers[before:]) == {"NO GAS"}
    times = [info.monotonic_ns for info in running.infos]
    assert all(b > a for a, b in pairwise(times))
    assert min(info.ms_since_nuc for info in running.infos if info.nuc_id >= 0) >= 0
    assert running.instrument.health.is_degraded
    labels = {info.utc_ns for info in running.infos[before + 20 :]}
    assert labels == {-1} if jump_s < -(10**9) else min(labels) > 0
    assert running.infos[-1].drops == 0


def test_gas_raises_the_alarm_output(tmp_path):
    """The plant's own leak, with the answer judged by the output a relay would see."""
    from edgeleak.sim.scenario import Gas, Scenario

    scenario = Scenario(world=STILL.world, gas=Gas(start_s=35.0, rate_g_per_h=2000.0))
    rig = Rig(tmp_path, scenario=scenario, config=small_config(tmp_path)).run_to(State.DETECTING)
    for _ in range(120):
        rig.run_s(0.5)
        if "GAS" in rig.answers:
            break
    assert "GAS" in rig.answers
    assert rig.now_s > 35, "not before there was any"
    assert rig.plant.gpio_get("alarm")
    assert rig.instrument.status()["alarms"] == 1


def test_status_is_plain_for_json(running):
    import json

    found = json.loads(json.dumps(running.instrument.status(), allow_nan=False))
    assert (found["state"], found["verdict"], found["code"]) == ("detecting", "NO GAS", 0)
    assert found["cooler"]["cold_degc"] == pytest.approx(20, abs=0.2)
    assert found["link"]["drops"] == 0


def test_the_board_of_the_tests_is_el1_but_for_the_pixels():
    board = small_board()
    assert (board.name, board.sensor.width, board.tec is not None) == ("el1-a", 160, True)


def test_the_kit_without_cooler_and_light_shows_a_picture_and_never_says_no_gas(tmp_path):
    from edgeleak import board

    rig = Rig(tmp_path, board=board.load("lepton-pi-a"))
    rig.run_s(20)
    assert (rig.state, rig.answer.trouble.code) == (State.INHIBIT, codes.BLIND_SENSOR)
    assert len(rig.infos) > 100
    assert "NO GAS" not in rig.answers
    assert rig.instrument.watchdog.is_ready
    assert rig.instrument.status()["cooler"] is None
    rig.plant.set_input("button", True)
    rig.run_s(3.5)
    rig.plant.set_input("button", False)
    rig.run_s(3)
    assert any(info.flags & FrameFlag.SHUTTER for info in rig.infos[100:])
    rig.instrument.shutdown()
