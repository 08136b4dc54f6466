# SPDX-License-Identifier: Apache-2.0
"""PID: anti-windup, no bump, no kick, both signs."""

import random

import pytest

from edgeleak.control.pid import Gains, Pid
from edgeleak.control.ramp import Ramp
from edgeleak.errors import UsageError

DT = 0.05
LOW, HIGH = -0.5, 1.1
ONE_PERCENT = 0.01 * (HIGH - LOW)
GAINS = Gains(0.5, 0.05, 0.15)


class Integrator:
    """Cold plate: warms by `load`, cools by `gain` per ampere."""

    def __init__(self, degc=25.0, gain=0.7, load=0.42):
        self.degc, self.gain, self.load = degc, gain, load

    def step(self, amps):
        self.degc += DT * (self.load - self.gain * amps)


def settle(pid, plant, target, seconds=120):
    for _ in range(round(seconds / DT)):
        plant.step(pid.step(target, plant.degc, 0.0, LOW, HIGH))


@pytest.mark.parametrize("start", [3.0, -3.0])
def test_settles_from_both_sides_without_feed_forward(start):
    pid, plant = Pid(GAINS, DT), Integrator(start)
    settle(pid, plant, 0.0)
    assert abs(plant.degc) < 0.01
    assert pid.output == pytest.approx(0.6, abs=0.01)


def test_leaves_saturation_within_a_second_after_300_s():
    pid, plant = Pid(GAINS, DT), Integrator(2.0, gain=0.3)  # at 1.1 A it still warms
    for _ in range(round(300 / DT)):
        output = pid.step(0.0, plant.degc, 0.0, LOW, HIGH)
        plant.degc = 2.0
    assert output == HIGH
    reachable = [pid.step(2.2, 2.0, 0.0, LOW, HIGH) for _ in range(20)]
    assert reachable[-1] < HIGH - 0.1


def test_integral_follows_an_actuator_that_gives_less():
    pid = Pid(GAINS, DT)
    for _ in range(2000):
        pid.step(0.0, 1.0, 0.0, LOW, HIGH)
        pid.track(0.2)
    free = [pid.step(0.0, 0.0, 0.0, LOW, HIGH) for _ in range(2)][-1]
    assert free < 0.2


def test_derivative_sees_the_measurement_only():
    pid = Pid(Gains(0.0, 0.0, 1.0), DT)
    pid.step(0.0, 5.0, 0.0, LOW, HIGH)
    assert pid.step(-20.0, 5.0, 0.0, LOW, HIGH) == 0.0  # a jump of the set-point: nothing
    assert pid.step(-20.0, 5.01, 0.0, LOW, HIGH) > 0.0  # a warmer plate: more current


def test_gain_change_makes_no_bump():
    random_ = random.Random(4)
    for _ in range(1000):
        pid = Pid(GAINS, DT)
        set_point, measured = random_.uniform(-1, 1), random_.uniform(-1, 1)
        for _ in range(5):
            before = pid.step(set_point, measured, 0.3, LOW, HIGH)
        pid.set_gains(Gains(random_.uniform(0, 3), GAINS.ki, random_.uniform(0, 1)))
        after = pid.step(set_point, measured, 0.3, LOW, HIGH)
        assert abs(after - before) <= ONE_PERCENT


def test_manual_to_auto_makes_no_bump():
    random_ = random.Random(5)
    for _ in range(1000):
        pid = Pid(GAINS, DT)
        manual, error, ff = random_.uniform(LOW, HIGH), random_.uniform(-1, 1), random_.random()
        pid.hold(0.0, error, ff, manual)
        assert abs(pid.step(0.0, error, ff, LOW, HIGH) - manual) <= ONE_PERCENT


def test_set_point_steps_through_the_ramp_make_no_bump():
    random_ = random.Random(6)
    pid, ramp, plant = Pid(GAINS, DT), Ramp(0.6), Integrator(0.0)
    last = pid.step(ramp.step(0.0, 0.0, DT), 0.0, 0.6, LOW, HIGH)
    worst = 0.0
    for _ in range(1000):
        target = random_.uniform(-5, 5)
        for _ in range(random_.randrange(1, 60)):
            feed_forward = 0.6 - ramp.rate_k_per_s / plant.gain
            output = pid.step(ramp.step(target, plant.degc, DT), plant.degc, feed_forward,
                              LOW, HIGH)  # fmt: skip
            worst, last = max(worst, abs(output - last)), output
            plant.step(output)
    assert 0 < worst <= ONE_PERCENT


def test_output_stays_within_limits():
    pid = Pid(Gains(50.0, 5.0, 5.0), DT)
    random_ = random.Random(7)
    outputs = [pid.step(0.0, random_.uniform(-50, 50), random_.uniform(-5, 5), LOW, HIGH)
               for _ in range(2000)]  # fmt: skip
    assert min(outputs) == LOW
    assert max(outputs) == HIGH


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_refuses_gains_that_are_none(bad):
    with pytest.raises(UsageError, match="kp"):
        Gains(bad, 0.0, 0.0)


def test_refuses_a_period_of_zero():
    with pytest.raises(UsageError, match="period"):
        Pid(GAINS, 0.0)
