# SPDX-License-Identifier: Apache-2.0
"""The LED's four limits: a plan that could break one is refused or lowered."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeleak import board
from edgeleak.drivers.led import ALTERNATE, DARK, LEAST_MA, OFF, ON, plan, window_on_s
from edgeleak.errors import UsageError

PART = board.load("el1-a").led
PERIOD_US = 1e6 / 11


def test_a_usual_wish_is_granted_unchanged():
    drive = plan(PART, ON, 200.0, 8000, PERIOD_US, 25.0)
    assert (drive.mode, drive.current_ma, drive.pulse_ms) == (ON, 200.0, 8.0)


def test_off_needs_nothing():
    assert plan(PART, OFF, math.nan, math.nan, math.nan, math.nan) is DARK


@pytest.mark.parametrize("current_ma", [-1.0, math.nan, math.inf, PART.max_ma * 1.001])
def test_peak_current(current_ma):
    with pytest.raises(UsageError, match="0 to 400 mA"):
        plan(PART, ON, current_ma, 8000, PERIOD_US, 25.0)


def test_pulse_width():
    with pytest.raises(UsageError, match="pulse of 101 ms"):
        plan(PART, ON, 10.0, 101_000, 10e6, 25.0)


def test_duty():
    with pytest.raises(UsageError, match="use alternate"):
        plan(PART, ON, 10.0, 60_000, PERIOD_US, 25.0)
    assert plan(PART, ALTERNATE, 10.0, 60_000, PERIOD_US, 25.0).mode == ALTERNATE


@pytest.mark.parametrize("integration_us", [0, -1, math.nan, PERIOD_US + 1])
def test_times_that_cannot_be(integration_us):
    with pytest.raises(UsageError, match="shorter than the frame period"):
        plan(PART, ON, 10.0, integration_us, PERIOD_US, 25.0)


def test_unknown_mode():
    with pytest.raises(UsageError, match="off, on, alternate"):
        plan(PART, 7, 10.0, 8000, PERIOD_US, 25.0)


def test_energy_falls_with_temperature_to_nothing():
    wish = (PART, ALTERNATE, PART.max_ma, 60_000, PERIOD_US)
    cold, warm, hot = (plan(*wish, degc).current_ma for degc in (25.0, 60.0, PART.max_degc))
    assert cold > warm > hot == 0.0
    assert plan(*wish, math.nan).current_ma == 0.0


def test_what_derating_leaves_below_the_least_is_dark():
    wish = (PART, ALTERNATE, PART.max_ma, 60_000, PERIOD_US)
    span_k = PART.max_degc - PART.derate_from_degc
    drives = [plan(*wish, PART.max_degc - span_k * k / 20_000) for k in range(400)]
    assert any(drive.current_ma >= LEAST_MA for drive in drives)
    assert all(drive is DARK or drive.current_ma >= LEAST_MA for drive in drives)


@given(
    pulse_ms=st.floats(0.01, 90),
    period_ms=st.floats(10, 400),
    phase=st.floats(0, 1),
)
def test_no_window_of_the_pattern_holds_more_than_planned(pulse_ms, period_ms, phase):
    pulse_ms = min(pulse_ms, period_ms)
    start_s = phase * period_ms / 1000
    end_s = start_s + PART.duty_window_s
    on_s = 0.0
    for n in range(int(end_s / (period_ms / 1000)) + 2):
        rise_s = n * period_ms / 1000
        fall_s = rise_s + pulse_ms / 1000
        on_s += max(0.0, min(fall_s, end_s) - max(rise_s, start_s))
    assert on_s <= window_on_s(pulse_ms / 1000, period_ms / 1000, PART.duty_window_s) + 1e-9


@given(
    mode=st.sampled_from([ON, ALTERNATE]),
    current_ma=st.floats(allow_nan=True, allow_infinity=True),
    integration_us=st.floats(allow_nan=True, allow_infinity=True),
    period_us=st.floats(allow_nan=True, allow_infinity=True),
    led_degc=st.floats(allow_nan=True, allow_infinity=False),
)
def test_whatever_is_asked_no_limit_breaks(mode, current_ma, integration_us, period_us, led_degc):
    try:
        drive = plan(PART, mode, current_ma, integration_us, period_us, led_degc)
    except UsageError:
        return
    assert 0 <= drive.current_ma <= PART.max_ma
    assert drive.pulse_ms <= PART.max_pulse_ms
    assert drive.window_s <= PART.max_duty * PART.duty_window_s
    assert drive.energy_j <= PART.max_energy_j * (1 + 1e-12)
