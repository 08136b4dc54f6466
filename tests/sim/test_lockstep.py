# SPDX-License-Identifier: Apache-2.0
"""Lockstep: loops run in order of due time, plant and clock with them."""

import contextlib
import errno
import time

import pytest

from edgeleak import board as boards
from edgeleak.drivers.enables import Enable
from edgeleak.errors import BusError, UsageError
from edgeleak.loop import Loop, Task
from edgeleak.sim import faults
from edgeleak.sim.bus import open_buses
from edgeleak.sim.lockstep import Lockstep
from edgeleak.sim.plant import Plant
from edgeleak.sim.sim_clock import SimClock

MS = 1_000_000
S = 1000 * MS
EL1 = boards.load("el1-a")


class Rig:
    def __init__(self):
        self.plant, self.clock = Plant(EL1), SimClock()
        self.buses, self.blocking = open_buses(self.plant)
        self.seen = []

    def loop(self, name, period_ms, act=None):
        def run(due_ns):
            self.seen.append((name, self.clock.monotonic_ns()))
            if act is not None:
                act()

        return Loop(name, self.clock, [Task(name, run, period_ms, 1, "test")])

    def lockstep(self, *loops):
        return Lockstep(self.plant, self.clock, loops, self.blocking)


def test_loops_run_in_order_of_due_time():
    rig = Rig()
    rig.lockstep(rig.loop("a", 20), rig.loop("b", 30)).run_until(61 * MS)
    assert rig.seen == [
        ("a", 0), ("b", 0), ("a", 20 * MS), ("b", 30 * MS), ("a", 40 * MS), ("a", 60 * MS),
        ("b", 60 * MS),
    ]  # fmt: skip
    assert rig.clock.monotonic_ns() == rig.plant.now_ns == 61 * MS


def test_run_until_is_exclusive_and_goes_on_where_it_stopped():
    rig = Rig()
    lockstep = rig.lockstep(rig.loop("a", 20))
    lockstep.run_until(40 * MS)
    assert [at for _, at in rig.seen] == [0, 20 * MS]
    lockstep.run_until(41 * MS)
    assert [at for _, at in rig.seen] == [0, 20 * MS, 40 * MS]


def test_plant_is_at_the_loops_time_when_it_is_called():
    rig = Rig()
    times = []
    loop = rig.loop("a", 7, lambda: times.append(rig.plant.now_ns))
    rig.lockstep(loop).run_until(100 * MS)
    assert times == [at for _, at in rig.seen]


def test_a_stuck_bus_puts_only_its_own_loop_to_sleep_and_the_enable_runs_out():
    rig = Rig()
    rig.buses.i2c.transfer(EL1.address.tec_dac, b"\x30\x80\x00")
    enable = Enable(rig.buses.lines, "tec_enable")
    enable.start()

    def control():
        try:
            rig.buses.i2c.transfer(EL1.address.tec_dac, b"\x30\x80\x00")
            enable.refresh()
        except BusError:
            pass

    lockstep = rig.lockstep(rig.loop("frames", 10), rig.loop("control", 50, control))
    lockstep.run_until(S)
    assert rig.plant.truth.tec_enabled
    rig.plant.inject(faults.BusStuck(block_ms=1000))
    rig.seen.clear()
    lockstep.run_until(2 * S)
    assert [name for name, _ in rig.seen].count("frames") == 100
    assert [name for name, _ in rig.seen].count("control") == 1
    off = rig.plant.log.last("tec_enable")
    assert off.value == 0
    assert off.time_ns <= S + 200 * MS
    rig.plant.clear("bus-stuck")
    lockstep.run_until(3 * S)
    assert rig.plant.truth.tec_enabled
    assert rig.plant.judge.violations == []


def test_time_passes_inside_the_call_as_its_thread_would_measure_it():
    rig = Rig()
    measured = []

    def control():
        begin_ns = rig.clock.monotonic_ns()
        try:
            rig.buses.i2c.transfer(EL1.address.tec_dac, b"\x30\x80\x00")
        except BusError as error:
            measured.append((error.errno, rig.clock.monotonic_ns() - begin_ns, rig.plant.now_ns))

    rig.plant.inject(faults.BusStuck(block_ms=70))
    lockstep = rig.lockstep(rig.loop("frames", 10), rig.loop("control", 200, control))
    lockstep.run_until(30 * MS)
    assert measured == [], "it is still in its call"
    assert rig.clock.monotonic_ns() == 30 * MS
    lockstep.run_until(250 * MS)
    assert measured == [(errno.ETIMEDOUT, 70 * MS, 70 * MS)]
    lockstep.run_until(300 * MS)
    assert measured[1:] == [(errno.ETIMEDOUT, 70 * MS, 270 * MS)]
    assert [at for name, at in rig.seen if name == "frames"] == [n * 10 * MS for n in range(30)]


def test_two_loops_in_their_calls_come_back_each_at_its_own_time():
    rig = Rig()
    back = []

    def asker(name, times):
        def ask():
            for _ in range(times):
                with contextlib.suppress(BusError):
                    rig.buses.i2c.transfer(EL1.address.tec_dac, b"\x30\x80\x00")
                back.append((name, rig.clock.monotonic_ns()))

        return ask

    rig.plant.inject(faults.BusStuck(block_ms=50))
    loops = rig.loop("a", 1000, asker("a", 3)), rig.loop("b", 1000, asker("b", 1))
    rig.lockstep(*loops).run_until(S)
    assert back == [("a", 50 * MS), ("b", 50 * MS), ("a", 100 * MS), ("a", 150 * MS)]


def test_a_call_that_never_ends_ends_when_the_bus_is_mended():
    rig = Rig()
    back = []

    def control():
        with contextlib.suppress(BusError):
            rig.buses.i2c.transfer(EL1.address.tec_dac, b"\x30\x80\x00")
        back.append(rig.clock.monotonic_ns())

    rig.plant.inject(faults.BusStuck(block_ms=float("inf")))
    lockstep = rig.lockstep(rig.loop("control", 100, control))
    lockstep.run_until(10 * S)
    assert back == []
    rig.plant.clear("bus-stuck")
    lockstep.run_until(10 * S + 50 * MS)
    assert back[0] == 10 * S


def test_what_a_waiting_loop_raises_reaches_the_scheduler():
    rig = Rig()

    def control():
        rig.buses.i2c.transfer(EL1.address.tec_dac, b"\x30\x80\x00")

    class Bare:
        next_due_ns = 0

        def run_due(self):
            control()

    rig.plant.inject(faults.BusStuck(block_ms=20))
    with pytest.raises(BusError):
        rig.lockstep(Bare()).run_until(S)
    assert rig.clock.monotonic_ns() == 20 * MS


def test_healthy_transfers_take_their_time_where_it_is_asked_for():
    rig = Rig()
    rig.buses, rig.blocking = open_buses(rig.plant, takes_time=True)
    took = []

    def control():
        begin_ns = rig.clock.monotonic_ns()
        rig.buses.i2c.transfer(EL1.address.tec_dac, b"\x30\x80\x00")
        took.append(rig.clock.monotonic_ns() - begin_ns)

    rig.lockstep(rig.loop("control", 100, control)).run_until(150 * MS)
    assert took == [round(49 / 400e3 * 1e9)] * 2


def test_a_stopped_loop_never_runs_again():
    rig = Rig()
    lockstep = rig.lockstep(rig.loop("a", 10), rig.loop("b", 10))
    lockstep.stop(0)
    lockstep.run_until(50 * MS)
    assert {name for name, _ in rig.seen} == {"b"}


@pytest.mark.parametrize(("edge_ms", "timeout_s", "again_ms"), [
    (25, 0.05, 25), (25, 0.01, 10), (0, 0.05, 1), (25, 0, 1),
])  # fmt: skip
def test_a_loop_that_waits_for_an_edge_rests_to_it_or_to_its_time_out(
    monkeypatch, edge_ms, timeout_s, again_ms
):
    rig = Rig()
    monkeypatch.setattr(rig.plant, "next_edge_ns", lambda name: edge_ms * MS)
    waits = rig.loop("a", 1, lambda: rig.buses.lines.wait_edge("data_ready", timeout_s))
    rig.lockstep(waits, rig.loop("b", 4)).run_until(26 * MS)
    assert [at // MS for name, at in rig.seen if name == "a"][:2] == [0, again_ms]
    assert [at // MS for name, at in rig.seen if name == "b"] == [0, 4, 8, 12, 16, 20, 24]


def test_without_loops_the_plant_still_moves():
    rig = Rig()
    rig.lockstep().run_until(S)
    assert rig.plant.now_ns == rig.clock.monotonic_ns() == S


def test_an_hour_passes_in_far_less_than_one():
    rig = Rig()
    began = time.perf_counter()
    rig.lockstep(rig.loop("control", 50)).run_until(600 * S)
    assert len(rig.seen) == 12_000
    assert time.perf_counter() - began < 60  # ten minutes; a loaded machine needs 3 s


def test_clock_moves_forward_only_and_utc_jumps():
    clock = SimClock(5, utc_ns=1000)
    clock.advance_to(7)
    with pytest.raises(UsageError, match="back"):
        clock.advance_to(6)
    assert (clock.monotonic_ns(), clock.utc_ns()) == (7, 1002)
    clock.jump_utc(-500)
    clock.wait_until_ns(10)
    clock.wait_until_ns(3)
    assert (clock.monotonic_ns(), clock.utc_ns()) == (10, 505)
