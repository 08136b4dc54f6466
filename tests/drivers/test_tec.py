# SPDX-License-Identifier: Apache-2.0
"""TEC driver over register models: zero before enable, slew, clamp, read-back, expiry."""

import contextlib
import itertools
import math

import pytest

from edgeleak import board
from edgeleak.drivers import tec as tec_
from edgeleak.drivers.ad5693r import Ad5693r, ReadBackError
from edgeleak.drivers.enables import Enable
from edgeleak.drivers.tec import Tec, code_for, current_of
from edgeleak.errors import BusError, NotReadyError, UsageError
from edgeleak.sim import faults
from edgeleak.sim.bus import open_buses
from edgeleak.sim.plant import Plant

PARTS = board.load("el1-a")
PART, DAC = PARTS.tec, PARTS.address.tec_dac
MS = 1_000_000


class Bench:
    """The driver on a plant, and the clock that both go by.

    late_ms : until the next transfer reaches the chip
    """

    def __init__(self):
        self.plant, self.late_ms = Plant(PARTS), 0
        buses, _ = open_buses(self.plant)
        self._i2c = buses.i2c
        self.tec = Tec(Ad5693r(self, DAC), Enable(buses.lines, "tec_enable"), PART, PARTS.gpio,
                       self)  # fmt: skip

    def monotonic_ns(self):
        return self.plant.now_ns

    def transfer(self, address, data, read_length=0):
        late_ms, self.late_ms = self.late_ms, 0
        self.now(late_ms)
        return self._i2c.transfer(address, data, read_length)

    def now(self, ms):
        self.plant.advance_to(self.plant.now_ns + ms * MS)
        return self.plant.now_ns

    def drive(self, wanted_a, periods, ms=50):
        """Renew command and enable; the true currents."""
        seen = []
        for _ in range(periods):
            now_ns = self.now(ms)
            self.tec.set_current_a(wanted_a, now_ns)
            self.tec.refresh(now_ns)
            self.plant.advance_to(now_ns + 5 * MS)
            seen.append(self.plant.truth.tec_a)
        return seen


@pytest.fixture
def bench():
    made = Bench()
    made.tec.start(made.plant.now_ns)
    return made


def test_vectors_of_the_command():
    assert code_for(PART, 0.0) == 0x8000
    assert code_for(PART, 1.5) == 0xFFFF  # 2.5 V
    assert code_for(PART, -1.5) == 0x0000
    assert current_of(PART, 0x8000) == 0.0
    assert tec_.decode_current_a(PART, 1.25 + 0.525) == pytest.approx(1.0)
    assert tec_.decode_voltage_v(PART, 1.25 - 0.5) == pytest.approx(-2.0)


def test_zero_is_proven_before_the_first_edge():
    made = Bench()
    assert made.plant.tec_command_v == 0.0  # reset: full drive
    made.tec.start(0)
    first = [w.what for w in made.plant.log if w.what in ("tec_command_v", "tec_enable")]
    assert first == ["tec_command_v", "tec_enable"]
    assert made.plant.tec_command_v == pytest.approx(1.25, abs=1e-4)
    assert not made.plant.judge.violations


@pytest.mark.parametrize("fault", [faults.BusNack(address=DAC), faults.ReadCorrupted(address=DAC)])
def test_no_enable_when_zero_cannot_be_proven(fault):
    made = Bench()
    made.plant.inject(fault)
    with pytest.raises(BusError):
        made.tec.start(0)
    made.now(50)
    assert not made.tec.is_on
    assert not made.plant.truth.tec_enabled
    assert made.plant.counters["tec_enable.edges"] == 0


@pytest.mark.parametrize(("wanted", "end"), [(9.0, PART.max_cool_a), (-9.0, -PART.max_heat_a)])
def test_clamped_and_slew_limited_whatever_is_asked(bench, wanted, end):
    seen = [0.0, *bench.drive(wanted, 80)]
    assert seen[-1] == pytest.approx(end, abs=1e-3)
    steps = [abs(b - a) for a, b in itertools.pairwise(seen)]
    assert max(steps) <= PART.max_slew_a_per_s * 0.0601
    assert not bench.plant.judge.violations


@pytest.mark.parametrize("wanted", [math.inf, -math.inf])
def test_infinity_is_the_limit(bench, wanted):
    assert abs(bench.drive(wanted, 100)[-1]) <= PART.max_cool_a + 1e-3


def test_nan_changes_nothing(bench):
    bench.drive(0.3, 20)
    with pytest.raises(UsageError, match="not a number"):
        bench.tec.set_current_a(math.nan, bench.plant.now_ns)
    assert bench.tec.current_a == pytest.approx(0.3, abs=1e-3)


def test_a_late_command_earns_no_bigger_step(bench):
    bench.drive(0.2, 30)
    bench.tec.set_current_a(1.0, bench.now(5000))
    assert bench.tec.current_a - 0.2 <= PART.max_slew_a_per_s * tec_.LONGEST_STEP_S + 1e-3


def test_a_write_that_comes_late_earns_the_next_one_no_step(bench):
    """The period is kept, but every other write waits 40 ms on its way to the chip."""
    for turn in range(40):
        now_ns = bench.now(max(0, 50 * (turn + 1) - bench.plant.now_ns // MS))
        bench.late_ms = 40 * (turn % 2)
        bench.tec.set_current_a(0.4, now_ns)
        bench.tec.refresh(now_ns)
    written = [(entry.time_ns, entry.value * PART.command_a_per_v)
               for entry in bench.plant.log if entry.what == "tec_command_v"]  # fmt: skip
    steps = [(b[1] - a[1], (b[0] - a[0]) / 1e9) for a, b in itertools.pairwise(written)]
    assert max(step for step, _ in steps) > 0.01
    assert all(step <= PART.max_slew_a_per_s * passed_s + 1e-4 for step, passed_s in steps)


def test_refuses_before_start():
    with pytest.raises(NotReadyError):
        Bench().tec.set_current_a(0.1, 0)


def test_a_command_that_is_not_renewed_expires(bench):
    bench.drive(0.3, 20)
    for _ in range(4):
        kept = bench.tec.refresh(bench.now(50))
    assert not kept
    bench.now(30)
    assert not bench.plant.truth.tec_enabled


def test_failed_writes_renew_nothing(bench):
    bench.drive(0.3, 20)
    bench.plant.inject(faults.I2cUnplugged())
    kept = []
    for _ in range(3):
        now_ns = bench.now(50)
        with pytest.raises(BusError):
            bench.tec.set_current_a(0.3, now_ns)
        kept.append(bench.tec.refresh(now_ns))
    assert kept == [True, True, False]
    bench.now(PARTS.gpio.bridge_ms + 5)
    assert not bench.plant.truth.tec_enabled


def test_a_line_that_cannot_be_lowered_keeps_its_command_until_it_ran_out(bench):
    bench.drive(0.3, 20)
    bench.plant.inject(faults.GpioUnplugged())
    with pytest.raises(BusError):
        bench.tec.off()
    for _ in range(6):
        bench.tec.rest(bench.now(50))
    assert bench.tec.is_rested
    assert not bench.plant.truth.tec_enabled
    assert bench.plant.tec_command_v == pytest.approx(1.25, abs=1e-4)
    assert not bench.plant.judge.violations


def test_an_enable_that_dropped_is_not_raised_again_at_full_command(bench):
    bench.drive(0.6, 40)
    now_ns = bench.now(210)  # the process was away; the monostable has run out
    bench.tec.set_current_a(0.6, now_ns)
    assert not bench.tec.refresh(now_ns)
    bench.now(10)
    assert not bench.plant.truth.tec_enabled
    bench.tec.start(bench.now(50))
    bench.now(5)
    assert bench.plant.truth.tec_a == pytest.approx(0.0, abs=1e-3)
    assert not bench.plant.judge.violations


def test_off_is_at_once_and_its_command_follows_after_the_bridge(bench):
    bench.drive(0.6, 40)
    bench.tec.off()
    held_v = bench.plant.tec_command_v
    bench.tec.rest(bench.now(5))
    assert bench.plant.tec_command_v == held_v
    bench.now(PARTS.gpio.bridge_ms)
    assert not bench.plant.truth.tec_enabled
    bench.tec.rest(bench.plant.now_ns)
    assert bench.plant.tec_command_v == pytest.approx(1.25, abs=1e-4)
    assert not bench.plant.judge.violations


def test_one_wrong_read_back_is_written_again(bench):
    bench.drive(0.3, 20)
    bench.plant.inject(faults.ReadCorrupted(address=DAC, count=1))
    bench.drive(0.3, 1)
    assert bench.tec.rewrites == 1
    assert bench.tec.current_a == pytest.approx(0.3, abs=1e-3)


def test_two_wrong_read_backs_are_an_error(bench):
    bench.plant.inject(faults.ReadCorrupted(address=DAC, count=2))
    with pytest.raises(ReadBackError):
        bench.drive(0.3, 1)


def test_a_half_done_write_is_asked_for_before_the_next(bench):
    bench.drive(0.3, 20)
    bench.plant.inject(faults.NackAfterData(address=DAC, count=1))
    with pytest.raises(BusError):
        bench.tec.set_current_a(1.0, bench.now(50))
    half_done = (bench.plant.tec_command_v - PART.zero_v) * PART.command_a_per_v
    assert half_done > 0.31  # the chip took it
    bench.tec.set_current_a(1.0, bench.now(50))
    assert bench.tec.current_a == pytest.approx(half_done + 0.025, abs=0.006)
    assert not bench.plant.judge.violations


@pytest.mark.parametrize("count", [1, 2, 6, 18])
@pytest.mark.parametrize("skip", [0, 1, 3])
def test_a_write_that_was_done_and_refused_is_no_second_step_at_once(bench, skip, count):
    bench.drive(PART.max_cool_a, 6)
    bench.plant.inject(faults.NackAfterData(skip=skip, count=count))
    failed = 0
    for _ in range(14):
        now_ns = bench.now(50)
        for _ in range(2):  # tried again at once, as the control loop does
            try:
                bench.tec.set_current_a(PART.max_cool_a, now_ns)
                break
            except BusError:
                failed += 1
            except NotReadyError:  # expired meanwhile: off
                break
        with contextlib.suppress(BusError):
            bench.tec.refresh(now_ns)
        bench.plant.advance_to(now_ns + 5 * MS)
    assert failed
    assert not bench.plant.judge.violations
