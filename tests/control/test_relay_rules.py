# SPDX-License-Identifier: Apache-2.0
"""The rules that judge a relay experiment: coolers of all kinds pass, what is broken does not."""

import dataclasses
import random

import pytest

from edgeleak import board, codes
from edgeleak.config import CoolerConfig
from edgeleak.control.electric_rules import Electric, Flipped
from edgeleak.control.interlock import Interlock
from edgeleak.control.observation import PERIOD_S, Observation
from edgeleak.control.relay_rules import DELAY_SAMPLES, HELD_SAMPLES, Answer, Witness
from edgeleak.control.relay_tuner import RelayTuner
from edgeleak.services.closed_loop import interlock_limits, physics_of
from edgeleak.sim.cooler_rig import varied
from edgeleak.sim.loop_gain import working_point
from edgeleak.sim.tec_plant import TecPlant

PARTS = board.load("el1-a")
PART, MODEL = PARTS.tec, PARTS.tec_model
LIMITS = interlock_limits(PART, CoolerConfig(), physics_of(MODEL), True)
TARGET_DEGC, HELD_S, MOST_S = -20.0, 12.0, 640.0
HOLD = Observation(
    fpa_degc=-20.0, hot_degc=28.0, current_a=0.6, voltage_v=2.7, telemetry_v=(1.565, 1.925),
    command_a=0.6, limit_a=1.1, target_degc=TARGET_DEGC, housing_degc=29.0, humidity_percent=10.0,
    supply_v=5.0, fan_on_s=60.0, fan_rpm=3000.0,
)  # fmt: skip


def coolers(count, seed):
    """Those of row T12: every constant +-50 %, two of three with a dead time."""
    rng, found = random.Random(seed), []
    while len(found) < count:
        model = varied(MODEL, rng)
        point = working_point(model, TARGET_DEGC, 25.0)
        if point is not None and point[0] <= 0.95:
            found.append((model, point, rng.uniform(0, 5) if len(found) % 3 else 0.0))
    return found


def tuned_under_watch(model, point, dead_s, *, share, held_s):
    """(trip or None, tuning or None) of one experiment that all rules look at."""
    rng, plant, interlock = random.Random(1), TecPlant(model, dead_time_s=dead_s), Interlock(LIMITS)
    plant.rest_at(TARGET_DEGC)
    plant.hot_degc = point[1]
    amps, tuner, step_a = point[0] * share, None, PART.max_slew_a_per_s * PERIOD_S
    for k in range(round(MOST_S / PERIOD_S)):
        amps = plant.delivered_a(amps, PART.max_v)
        volts, degc = plant.voltage_v(amps), plant.thermistor_degc + rng.gauss(0, 0.003)
        trip = interlock.observe(dataclasses.replace(
            HOLD, fpa_degc=degc, fpa_code=17_000 + round(250 * degc), hot_degc=plant.hot_degc,
            hot_code=k % 2, current_a=amps, voltage_v=volts, command_a=amps,
            telemetry_v=(1.25 + 0.525 * amps, 1.25 + 0.25 * volts), is_relay=tuner is not None,
        ))  # fmt: skip
        if trip is not None:
            return trip, None
        if tuner is None and k * PERIOD_S >= held_s:
            tuner = RelayTuner(TARGET_DEGC, amps, PERIOD_S, low_a=0.0, high_a=PART.max_cool_a)
        if tuner is not None:
            wanted_a = tuner.step(degc, amps)
            if tuner.result is not None:
                return None, tuner.result
            amps = min(amps + step_a, max(amps - step_a, wanted_a))
        plant.step(PERIOD_S, amps, 25.0)
    return None, None


@pytest.mark.parametrize(("share", "held_s"), [(1.0, HELD_S), (0.8, 0.0), (1.1, 0.0)])
def test_coolers_with_dead_time_are_tuned_without_a_trip(share, held_s):
    done = [tuned_under_watch(*cooler, share=share, held_s=held_s) for cooler in coolers(6, 12)]
    assert [trip for trip, _ in done] == [None] * len(done)
    assert sum(tuning.gains is not None for _, tuning in done) >= 5


def held(rule, seconds=2 * HELD_SAMPLES * PERIOD_S):
    """A rule that has seen the plate stand still, from the first ampere on."""
    for k in range(round(seconds / PERIOD_S)):
        amps = min(0.6, 0.5 * k * PERIOD_S)
        volts = amps * MODEL.resistance_ohm + 48 * MODEL.seebeck_v_per_k
        assert not rule.check(dataclasses.replace(HOLD, current_a=amps, voltage_v=volts))
    return rule


def relay(rule, seconds, **courses):
    """(trip or None, seconds to it) of a relay; courses are functions of the time."""
    for k in range(round(seconds / PERIOD_S)):
        now = {name: course(k * PERIOD_S) for name, course in courses.items()}
        if trip := rule.check(dataclasses.replace(HOLD, is_relay=True, **now)):
            return trip, k * PERIOD_S
    return None, seconds


DELAY_S = DELAY_SAMPLES * PERIOD_S


@pytest.mark.parametrize(("sign", "code"), [(1, codes.FPA_DETACHED), (-1, codes.TEC_WRONG_WAY)])
def test_a_plate_that_goes_the_other_way_than_the_current_says(sign, code):
    courses = {"current_a": lambda t: 0.6 + 0.15 * sign,
               "fpa_degc": lambda t: -20 + 0.1 * sign * t}  # fmt: skip
    trip, seconds = relay(held(Answer(LIMITS)), 30, **courses)
    assert (trip.code, trip.is_urgent) == (code, True)
    assert seconds < DELAY_S + 4


@pytest.mark.parametrize("sign", [1, -1])
def test_the_reading_may_follow_the_current_and_be_late(sign):
    turned = lambda t: -1 if t < 6 else 1  # noqa: E731
    courses = {"current_a": lambda t: 0.6 + 0.15 * sign * turned(t),
               "fpa_degc": lambda t: -20 + 0.3 * sign * (t if t < 11 else 22 - t)}  # fmt: skip
    assert relay(held(Answer(LIMITS)), 22, **courses)[0] is None


def test_a_hot_side_that_warms_needs_more_current():
    courses = {"current_a": lambda t: 0.65, "fpa_degc": lambda t: -20 + 0.05 * t}
    assert relay(held(Answer(LIMITS)), 30, **courses)[0] is not None
    assert relay(held(Answer(LIMITS)), 30, hot_degc=lambda t: 28 + 0.3 * t, **courses)[0] is None


def test_nothing_is_judged_without_a_relay():
    rule = held(Answer(LIMITS))
    for k in range(600):
        assert not rule.check(dataclasses.replace(HOLD, current_a=0.8, fpa_degc=-20 + 0.02 * k))


def volts_of(plate_degc, amps):
    return amps * MODEL.resistance_ohm + MODEL.seebeck_v_per_k * (28 - plate_degc)


def test_a_plate_that_leaves_its_reading_shows_in_the_voltage():
    amps, plate = lambda t: 0.75 if t % 8 < 4 else 0.45, lambda t: -20 - 0.15 * t
    trip, seconds = relay(held(Witness(LIMITS)), 30, current_a=amps,
                          voltage_v=lambda t: volts_of(plate(t), amps(t)))  # fmt: skip
    assert trip.code == codes.FPA_DETACHED
    assert 6 < seconds < 20
    assert relay(held(Witness(LIMITS)), 60, current_a=amps,
                 voltage_v=lambda t: volts_of(-20, amps(t)))[0] is None  # fmt: skip


@pytest.mark.parametrize(("v_per_k", "ohm"), [(0.5, 1.5), (1.5, 0.5), (0.5, 0.5), (1.5, 1.5)])
def test_the_voltage_of_any_cooler_is_learnt(v_per_k, ohm):
    rule = Witness(LIMITS)
    amps = lambda t: 0.75 if t % 8 < 4 else 0.45  # noqa: E731
    volts = lambda a: 48 * v_per_k * MODEL.seebeck_v_per_k + a * ohm * MODEL.resistance_ohm  # noqa: E731
    for k in range(600):
        a = min(0.6, 0.025 * k)
        rule.check(dataclasses.replace(HOLD, current_a=a, voltage_v=volts(a)))
    found = relay(rule, 60, current_a=amps, voltage_v=lambda t: volts(amps(t)))
    assert found[0] is None


@pytest.mark.parametrize("is_relay", [True, False])
def test_a_voltage_that_turns_over_is_seen_at_once(is_relay):
    rule, seen = Flipped(LIMITS), []
    for k in range(60):
        sign = 1 if k < 40 else -1
        volts = 0.6 * MODEL.resistance_ohm + sign * 48 * MODEL.seebeck_v_per_k / 2
        seen.append(rule.check(dataclasses.replace(HOLD, voltage_v=volts, is_relay=is_relay)))
    assert not any(seen[:42])
    assert seen[42].code == codes.TEC_REVERSED
    assert codes.TABLE[seen[42].code].what.format(
        measured=seen[42].measured, expected=seen[42].expected
    )


def test_the_current_of_a_relay_does_not_look_turned_over():
    rule = Flipped(LIMITS)
    for k in range(200):
        amps = 0.6 + 0.15 * (1 if k % 40 < 20 else -1)
        seen = rule.check(dataclasses.replace(HOLD, current_a=amps, voltage_v=4.0 * amps))
        assert seen is None


def test_a_voltage_against_the_current_is_no_short():
    rule = Electric(LIMITS)
    for _ in range(10):
        turned = dataclasses.replace(HOLD, current_a=0.4, command_a=0.4, voltage_v=-0.4)
        assert rule.check(turned) is None
