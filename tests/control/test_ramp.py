# SPDX-License-Identifier: Apache-2.0
"""Ramp: speed, acceleration, ceiling, waiting."""

import itertools
import random

import pytest

from edgeleak.control.ramp import BRAKE_FROM, CEILING_K_PER_S, Pace, Ramp
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


@pytest.mark.parametrize("liveliness", [1.0, 1.3])
def test_a_lively_plant_brakes_its_course(liveliness):
    """It moves further than the course asks; its own speed is what is limited."""
    most = 1.0
    ramp, pace, measured = Ramp(0.85 * most), Pace(most, DT), [0.0]
    ramp.restart(0.0)
    for _ in range(400):
        ramp.step(-40.0, ramp.value, DT, pace.share(measured[-1]))
        measured.append(measured[-1] + liveliness * ramp.rate_k_per_s * DT)
    seconds = [abs(b - a) for a, b in zip(measured, measured[20:], strict=False)]
    assert max(seconds) <= most
    assert seconds[-1] > 0.8 * most
    if liveliness == 1.0:
        assert max(seconds) == pytest.approx(0.85 * most, abs=0.002)  # no brake where none is due


def test_the_pace_says_how_much_is_left():
    pace = Pace(1.0, DT)
    assert pace.share(20.0) == 1.0
    assert [pace.share(20.0 - 0.05 * k) for k in range(1, 16)] == [1.0] * 15
    for k in range(16, 41):
        share = pace.share(20.0 - 0.05 * k)
    assert share == pytest.approx(0.0, abs=1e-9)
    pace.restart()
    assert pace.share(18.0) == 1.0
    assert 0 < BRAKE_FROM < 1


def test_a_slow_course_is_slow_to_start():
    slow = Ramp(0.1, accel_k_per_s2=1.0)
    slow.restart(0.0)
    course(slow, -10.0, 1.0)
    assert abs(slow.rate_k_per_s) < 0.05


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
