# SPDX-License-Identifier: Apache-2.0
"""COOLer:TUNE from the command to gains that are in force, saved, and hold the detector."""

from math import sqrt

import pytest
from console_bench import Bench

from edgeleak import config
from edgeleak.services.thermal_status import CoolerState


def gains_of(answer):
    kp, ki, kd, said = answer.split(",", 3)
    return float(kp), float(ki), float(kd), said


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("tune")).ready()
    before = gains_of(bench.ask("COOL:TUNE?")[0])
    assert bench.ask("COOL:TUNE;*OPC?") == ("1", [])
    bench.run_s(2)
    during = bench.ask("COOL:TUNE?;PHAS?;:VERD?;:SYST:CODE?")[0]
    for _ in range(600):
        bench.run_s(1)
        if bench.instrument.cooler.status.state is not CoolerState.TUNE:
            break
    return bench, before, during


def test_it_says_that_it_runs_and_there_is_no_answer_meanwhile(tuned):
    _, before, during = tuned
    assert before[3] == '"none yet"'
    assert '"running";TUNE;INHIBIT;244,' in during


def test_it_ends_with_gains_of_its_own_in_force(tuned):
    bench, before, _ = tuned
    after = gains_of(bench.ask("COOL:TUNE?")[0])
    assert after[:3] != before[:3]
    in_force = bench.instrument.cooler.gains
    assert after[:3] == pytest.approx((in_force.kp, in_force.ki, in_force.kd), rel=1e-4)
    assert all(gain > 0 for gain in after[:2])
    assert bench.ask("COOL:PHAS?")[0] == "DRIVE"


def test_they_hold_the_detector_and_broke_no_limit(tuned):
    bench, _, _ = tuned
    bench.ready().run_s(20)
    off_k = []
    for _ in range(100):
        bench.run_s(0.1)
        off_k.append(bench.plant.truth.cold_degc - 20.0)
    assert sqrt(sum(k * k for k in off_k) / len(off_k)) < 0.02
    assert bench.plant.judge.violations == []


def test_they_are_saved_and_come_back(tuned):
    bench, _, _ = tuned
    bench.ask("SYST:SAVE;*OPC?")
    kept = config.load([bench.folder / config.TUNED_NAME]).config
    gains = bench.instrument.cooler.gains
    assert (kept.cooler.kp_a_per_k, kept.cooler.ki_a_per_k_s) == (gains.kp, gains.ki)
    again = Bench(bench.folder, config=kept)
    assert again.instrument.cooler.gains.kp == gains.kp
