# SPDX-License-Identifier: Apache-2.0
"""Ramp: speed, acceleration, ceiling, waiting."""

import itertools
import random

import pytest

from edgeleak.control.ramp import CEILING_K_PER_S, Ramp
from edgeleak.errors import UsageError

DT = 0.05


def course(ramp, target, seconds, *, follows=True, measured=0.0):
    values = []
    for _ in range(round(seconds / DT)):
        values.append(ramp.step(target, measured, DT))
        if follows:
            measured = values[-1]
    return values


@pytest.mark.parametrize("target", [-45.0, 45.0])
def test_keeps_speed_and_acceleration_and_arrives_exactly(target):
    ramp = Ramp(0.6, accel_k_per_s2=0.15)
    ramp.restart(0.0)
    values, speeds = [0.0], [0.0]
    for _ in range(2400):
        values.append(ramp.step(target, values[-1], DT))
        speeds.append(ramp.rate_k_per_s)
    changes = [abs(b - a) / DT for a, b in itertools.pairwise(speeds)]
    assert max(map(abs, speeds)) <= 0.6 + 1e-9
    assert max(changes) < 0.155
    assert values[-1] == target
    assert max(abs(v) for v in values) <= abs(target) + 1e-6


def test_nobody_gets_above_the_ceiling():
    ramp = Ramp(50.0, accel_k_per_s2=5.0)
    ramp.restart(0.0)
    values = course(ramp, -100.0, 20)
    assert max(abs(b - a) for a, b in itertools.pairwise(values)) <= CEILING_K_PER_S * DT + 1e-9


def test_waits_for_a_plant_that_does_not_follow():
    ramp = Ramp(0.6, lead_k=1.0)
    ramp.restart(25.0)
    values = course(ramp, -20.0, 300, follows=False, measured=25.0)
    assert 23.0 <= values[-1] < 25.0
    assert values[-1] == values[-1000]


def test_turns_round_smoothly():
    random_ = random.Random(1)
    ramp = Ramp(0.6)
    ramp.restart(0.0)
    values = []
    for _ in range(100):
        values += course(ramp, random_.uniform(-10, 10), random_.uniform(0.1, 10),
                         measured=ramp.value)  # fmt: skip
    assert max(abs(b - a) for a, b in itertools.pairwise(values)) <= 0.6 * DT + 1e-9


def test_starts_where_the_plate_is():
    assert Ramp(0.6).step(-20.0, 25.0, DT) == pytest.approx(25.0, abs=0.001)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan")])
def test_refuses_a_speed_that_is_none(bad):
    with pytest.raises(UsageError):
        Ramp(bad)
