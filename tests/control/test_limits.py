# SPDX-License-Identifier: Apache-2.0
"""Current limits and dew point."""

import math

import pytest

from edgeleak.control.dew import coldest_degc, dew_point_degc, window_degc
from edgeleak.control.limits import FOLD_LEAST, CoolLimit

DT = 0.05


def limit(**changes):
    return CoolLimit(**({"max_a": 1.1, "max_hot_degc": 60.0, "max_power_w": 4.0} | changes))


def test_absolute_and_useful_limit():
    assert limit().limit_a(30.0, 5.0) == 1.1
    assert limit().limit_a(30.0, 0.8) == 0.8


def test_folds_back_before_the_hot_side_trips():
    one = limit()
    values = [one.limit_a(degc, 5.0) for degc in (55, 57, 58, 59, 59.5, 70)]
    assert values == sorted(values, reverse=True)
    assert values[0] == 1.1
    assert values[-2:] == [0.0, 0.0]


def test_power_settles_at_its_limit():
    one, ohm, amps = limit(max_power_w=2.0), 3.0, 1.0
    for _ in range(round(60 / DT)):
        amps = min(1.1, one.limit_a(30.0, 5.0))
        one.note_power(amps * amps * ohm, amps, DT)
    assert amps * amps * ohm == pytest.approx(2.0, rel=0.02)
    assert one.is_power_limited


def test_power_below_the_limit_limits_nothing():
    one = limit()
    for _ in range(1000):
        one.note_power(1.0, 0.6, DT)
    assert one.limit_a(30.0, 5.0) == 1.1
    assert not one.is_power_limited


@pytest.mark.parametrize("power_w", [0.0, -1.0])
def test_no_power_is_no_limit(power_w):
    one = limit()
    one.note_power(20.0, 1.0, DT)
    one.note_power(power_w, 0.01, DT)
    assert one.limit_a(30.0, 5.0) == 1.1


def test_less_current_is_kept_only_where_it_does_not_cool_worse():
    better = limit()
    for _ in range(20):
        better.fold_back(-10.0)  # a flat top: nothing is lost
    assert better.fold == FOLD_LEAST
    worse = limit()
    for k in range(3):
        worse.fold_back(-10.0 + k)
    assert worse.fold == pytest.approx(1.0)


def test_recovers_slowly_when_the_target_is_near():
    one = limit(fold=0.5)
    for _ in range(round(10 / DT)):
        one.recover(DT)
    assert one.fold == pytest.approx(0.7)


@pytest.mark.parametrize(("air", "percent", "dew"), [
    (20.0, 50.0, 9.27), (25.0, 60.0, 16.70), (30.0, 80.0, 26.17), (0.0, 100.0, 0.0),
])  # fmt: skip
def test_dew_point_by_the_psychrometric_table(air, percent, dew):
    assert dew_point_degc(air, percent) == pytest.approx(dew, abs=0.1)


def test_coldest_detector_keeps_the_window_dry():
    coldest = coldest_degc(28.0, 24.0, 2.0, 0.05)
    assert window_degc(28.0, coldest, 0.05) == pytest.approx(24.0 + 2.0)
    assert coldest_degc(28.0, 27.5, 2.0, 0.05) == 28.0
    assert coldest_degc(28.0, 10.0, 2.0, 0.0) == -math.inf
