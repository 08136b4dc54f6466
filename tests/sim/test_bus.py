# SPDX-License-Identifier: Apache-2.0
"""In-process buses: the same calls and the same errors as on Linux."""

import errno

import pytest

from edgeleak import board as boards
from edgeleak.errors import BusError
from edgeleak.sim import faults
from edgeleak.sim.bus import open_buses
from edgeleak.sim.plant import Plant

EL1 = boards.load("el1-a")


@pytest.fixture
def rig():
    plant = Plant(EL1)
    buses, blocking = open_buses(plant)
    return plant, buses, blocking


def test_registers_answer(rig):
    _, buses, _ = rig
    assert buses.i2c.transfer(EL1.address.tmp117, b"\x0f", 2) == b"\x01\x17"


@pytest.mark.parametrize(
    ("fault", "number"),
    [
        (faults.BusNack(), errno.EREMOTEIO),
        (faults.NackAfterData(), errno.EREMOTEIO),
        (faults.BusStuck(block_ms=35), errno.ETIMEDOUT),
        (faults.I2cUnplugged(), errno.ENODEV),
    ],
)
def test_i2c_failures_are_bus_errors_with_place_and_errno(rig, fault, number):
    plant, buses, _ = rig
    plant.inject(fault)
    with pytest.raises(BusError, match="/dev/i2c-1 0x49: write 1, read 2") as failed:
        buses.i2c.transfer(EL1.address.tmp117, b"\x0f", 2)
    assert failed.value.errno == number


def test_nobody_at_the_address(rig):
    with pytest.raises(BusError) as failed:
        rig[1].i2c.transfer(0x20, b"", 1)
    assert failed.value.errno == errno.EREMOTEIO


def test_stuck_time_is_accounted_for_the_scheduler(rig):
    plant, buses, blocking = rig
    plant.inject(faults.BusStuck(block_ms=35, count=2))
    for _ in range(2):
        with pytest.raises(BusError):
            buses.i2c.transfer(EL1.address.tmp117, b"", 2)
    assert blocking.take() == 70_000_000
    assert blocking.take() == 0


def test_spi_message_is_limited_and_may_be_gone(rig):
    plant, buses, _ = rig
    limit = buses.spi.max_message_bytes
    assert limit == 65536
    assert buses.spi.read_into(memoryview(bytearray(limit))) == limit
    with pytest.raises(BusError) as failed:
        buses.spi.read_into(memoryview(bytearray(limit + 1)))
    assert failed.value.errno == errno.EMSGSIZE
    plant.inject(faults.SpiUnplugged())
    with pytest.raises(BusError) as failed:
        buses.spi.read_into(memoryview(bytearray(4)))
    assert failed.value.errno == errno.ENODEV


def test_messages_of_one_call_end_short_where_one_fails(rig):
    plant, buses, _ = rig
    buffer = memoryview(bytearray(100_000))
    before = plant.counters["spi.reads"]
    assert buses.spi.read_into(buffer, 40_000) == 100_000
    assert plant.counters["spi.reads"] == before + 3
    plant.inject(faults.CallFails(skip=1))
    assert buses.spi.read_into(buffer, 40_000) == 40_000
    with pytest.raises(BusError):
        buses.spi.read_into(buffer, 40_000)


def test_edges_come_one_by_one_and_never_wait(rig):
    plant, buses, _ = rig
    assert buses.lines.wait_edge("fan_tacho", 1e9) is None
    for time_ns in (5, 7):
        plant.edge("fan_tacho", time_ns)
    assert [buses.lines.wait_edge("fan_tacho", 0) for _ in range(3)] == [5, 7, None]


def test_lines_fail_when_the_chip_is_gone(rig):
    plant, buses, _ = rig
    plant.inject(faults.GpioUnplugged())
    for act in (
        lambda: buses.lines.set("fan", True),
        lambda: buses.lines.get("fan"),
        lambda: buses.lines.wait_edge("fan_tacho", 0),
    ):
        with pytest.raises(BusError) as failed:
            act()
        assert failed.value.errno == errno.ENODEV


def test_transfers_take_their_bus_time_where_that_is_asked_for():
    free, timed = Plant(EL1), Plant(EL1)
    for plant, takes_time in ((free, False), (timed, True)):
        buses, blocking = open_buses(plant, takes_time=takes_time)
        buses.spi.read_into(memoryview(bytearray(62_500)))
        assert blocking.take() == (10_000_000 if takes_time else 0)  # 62500 bytes at 50 MHz
        buses.i2c.transfer(EL1.address.tmp117, b"\x0f", 2)
        assert blocking.take() == (round(49 / 400e3 * 1e9) if takes_time else 0)
