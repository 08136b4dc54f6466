# SPDX-License-Identifier: Apache-2.0
"""The loop without buses: coarse readings and the probe, recovery, bumps on takeover."""

import random

import pytest

from edgeleak import board, codes
from edgeleak.config import CoolerConfig
from edgeleak.control.observation import Observation
from edgeleak.control.sensor_rules import PROBE_SAMPLES, STUCK_SAMPLES, Stuck
from edgeleak.services.closed_loop import ClosedLoop
from edgeleak.services.thermal_status import Surroundings
from edgeleak.sim.tec_plant import TecPlant

PARTS = board.load("el1-a")
DT, SLEW = 0.05, 0.025
HOUR = 72_000


def longest_run(lsb_k, noise_k, periods, *, has_probe=True):
    """(longest run of identical readings while holding, rms of the true temperature)."""
    noise, plant = random.Random(1), TecPlant(PARTS.tec_model)
    plant.rest_at(-20.0)
    plant.hot_degc = 28.0
    loop = ClosedLoop(PARTS.tec, PARTS.tec_model, CoolerConfig())
    loop.restart(-20.0)
    rule, amps, longest, squares = Stuck("fpa", codes.FPA_STUCK, STUCK_SAMPLES), 0.0, 0, 0.0
    for k in range(periods):
        code = round((plant.thermistor_degc + 40 + noise.gauss(0, noise_k)) / lsb_k)
        cold = code * lsb_k - 40
        wanted = loop.step(-20.0, cold, plant.hot_degc, 25.0, amps)
        wants_probe = has_probe and rule.count >= PROBE_SAMPLES
        wanted += loop.probe_a(wants_probe, cold, amps, lsb_k)
        amps = min(amps + SLEW, max(amps - SLEW, wanted))
        loop.pid.track(amps)
        plant.step(DT, amps, 25.0)
        rule.check(Observation(fpa_degc=cold, fpa_code=code, hot_degc=30.0, current_a=amps))
        longest = max(longest, rule.count + 1)
        squares += (plant.cold_degc + 20) ** 2 if k > periods / 2 else 0.0
    return longest, (squares / (periods / 2)) ** 0.5


@pytest.mark.parametrize(("lsb_k", "noise_k"), [(0.0625, 0.0005), (0.01, 0.0005), (0.003, 0.002)])
def test_a_live_sensor_is_never_taken_for_a_stuck_one(lsb_k, noise_k):
    longest, rms_k = longest_run(lsb_k, noise_k, HOUR // 3)
    assert longest < STUCK_SAMPLES
    assert rms_k < max(0.005, 5 * lsb_k)  # coarse readings are held coarsely


def test_the_probe_is_what_tells_them_apart():
    longest, _ = longest_run(0.0625, 0.0005, HOUR // 6, has_probe=False)
    assert longest >= STUCK_SAMPLES


def test_takes_over_without_a_bump_from_a_plate_that_moved_unseen():
    loop = ClosedLoop(PARTS.tec, PARTS.tec_model, CoolerConfig())
    loop.hold(-12.0, 30.0, 25.0, 0.35)
    loop.hold(-12.0, 30.0, 25.0, 0.35)
    assert loop.step(-12.0, -11.95, 30.0, 25.0, 0.35) == pytest.approx(0.35, abs=0.016)


def test_takes_over_without_a_bump():
    loop = ClosedLoop(PARTS.tec, PARTS.tec_model, CoolerConfig())
    for amps in (-0.4, 0.0, 0.35, 0.9):
        loop.hold(-12.0, 30.0, 25.0, amps)
        assert loop.step(-12.0, -12.0, 30.0, 25.0, amps) == pytest.approx(amps, abs=0.016)


def test_stress_and_humidity_bound_the_aim():
    loop = ClosedLoop(PARTS.tec, PARTS.tec_model, CoolerConfig(max_delta_k=50.0))
    dry = Surroundings(0, 28.0, 20.0, 5.0)
    assert loop.aim(-20.0, 25.0, dry) == -20.0
    assert loop.aim(-20.0, 40.0, dry) == -10.0
    assert loop.aim(-20.0, 25.0, Surroundings(0, 28.0, 95.0, 5.0)) == 28.0
    assert loop.aim(-20.0, 25.0, Surroundings()) == -20.0  # unknown air limits nothing
