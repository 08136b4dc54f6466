# SPDX-License-Identifier: Apache-2.0
"""Lockstep: loops run in order of due time, plant and clock with them."""

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


def test_a_stopped_loop_never_runs_again():
    rig = Rig()
    lockstep = rig.lockstep(rig.loop("a", 10), rig.loop("b", 10))
    lockstep.stop(0)
    lockstep.run_until(50 * MS)
    assert {name for name, _ in rig.seen} == {"b"}


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
