# SPDX-License-Identifier: Apache-2.0
"""Autotune on coolers it was not designed on; the gain margin is that of the true plant."""

import random

import pytest

from edgeleak import board
from edgeleak.control.pid import Gains
from edgeleak.control.relay_tuner import RelayTuner
from edgeleak.sim.cooler_rig import varied
from edgeleak.sim.loop_gain import gain_margin, working_point
from edgeleak.sim.tec_plant import TecPlant

PARTS = board.load("el1-a")
MODEL, PART = PARTS.tec_model, PARTS.tec
DT, TARGET, AMBIENT = 0.05, -20.0, 25.0
SLEW = PART.max_slew_a_per_s * DT


def experiment(model, dead_s, seed, *, noise=0.003, start=1.0, break_at=None, high_a=1.1):
    """(tuner, lowest and highest current, lowest and highest true temperature)."""
    current, hot = working_point(model, TARGET, AMBIENT)
    random_, plant = random.Random(seed), TecPlant(model, dead_time_s=dead_s)
    plant.rest_at(TARGET)
    plant.hot_degc = hot
    amps = current * start
    tuner = RelayTuner(TARGET, amps, DT, low_a=0.0, high_a=high_a)
    amps_seen, degc_seen, last = [amps], [TARGET], TARGET
    for k in range(round(700 / DT)):
        if break_at is None or k * DT < break_at:
            last = plant.thermistor_degc + random_.gauss(0, noise)
        wanted = tuner.step(last, amps)
        if tuner.result is not None:
            break
        amps = min(amps + SLEW, max(amps - SLEW, wanted))
        plant.step(DT, amps, AMBIENT)
        amps_seen.append(amps)
        degc_seen.append(plant.cold_degc)
    return tuner, min(amps_seen), max(amps_seen), min(degc_seen), max(degc_seen)


def plants(count, seed):
    """Coolers that can hold the target with room above."""
    random_ = random.Random(seed)
    while count:
        model = varied(MODEL, random_)
        point = working_point(model, TARGET, AMBIENT)
        if point is not None and point[0] < 0.95:
            count -= 1
            yield model, random_.uniform(0, 5) if count % 3 else 0.0


@pytest.mark.parametrize(("model", "dead_s"), list(plants(8, 21)))
def test_gain_margin_of_two_on_the_true_plant_or_refused(model, dead_s):
    tuner, low, high, coldest, warmest = experiment(model, dead_s, 1)
    assert low >= 0
    assert high <= 1.1
    assert coldest > TARGET - 5.5
    assert warmest < TARGET + 5.5
    gains = tuner.result.gains
    assert gains is not None, tuner.result.reason
    margin = gain_margin(model, (TARGET, AMBIENT), dead_s, gains)
    assert margin >= 2
    assert margin < 20  # and it is not merely timid


def test_finds_its_bias_when_it_starts_wrong():
    tuner, *_ = experiment(MODEL, 1.0, 2, start=0.6)
    assert tuner.result.gains is not None, tuner.result.reason
    assert gain_margin(MODEL, (TARGET, AMBIENT), 1.0, tuner.result.gains) >= 2


@pytest.mark.parametrize(("changes", "reason"), [
    ({"break_at": 20.0}, "no steady oscillation|of room"),
    ({"noise": 2.0}, "no steady oscillation|explains|contradicts|left by|differs|of room"),
    ({"high_a": 0.67}, "of room"),
])  # fmt: skip
def test_refuses_what_it_cannot_be_sure_of(changes, reason):
    tuner, *_ = experiment(MODEL, 0.0, 3, **changes)
    assert tuner.result is not None
    assert tuner.result.gains is None
    import re

    assert re.search(reason, tuner.result.reason)


def test_a_frozen_reading_is_refused_within_ten_minutes():
    tuner = RelayTuner(TARGET, 0.6, DT, low_a=0.0, high_a=1.1)
    periods = 0
    while tuner.result is None:
        tuner.step(TARGET, 0.6)
        periods += 1
        assert periods * DT <= 601
    assert tuner.result.gains is None


def test_the_margin_of_the_default_gains_is_kept_for_the_nominal_cooler():
    assert gain_margin(MODEL, (TARGET, AMBIENT), 0.02, Gains(0.5, 0.05, 0.15)) > 4
