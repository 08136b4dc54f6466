# SPDX-License-Identifier: Apache-2.0
"""The log of actuator writes: complete, in order, bounded; through every bus of a plant."""

import struct

import pytest
from sim.plant_bench import EL1, MS, S

from edgeleak import board as boards
from edgeleak.drivers import ad5693r, el640_link, lepton
from edgeleak.sim.actuator_log import ActuatorLog
from edgeleak.sim.plant import Plant

SENSOR = EL1.sensor.i2c_address
OUTPUTS = [name for name, line in EL1.gpio.lines.items() if line.direction == "out"]
ENABLES = ("tec_enable", "led_enable")


@pytest.fixture
def plant():
    made = Plant(EL1)
    made.gpio_set("sensor_power", True)
    made.advance_to(S)
    made.log.clear()
    return made


def write_registers(plant, register, form, *values):
    plant.i2c(SENSOR, bytes((register,)) + struct.pack(form, *values), 0)


# --- the log itself --------------------------------------------------------------------------


def test_what_is_told_late_goes_where_it_belongs():
    log = ActuatorLog()
    for time_ns, what in ((10, "a"), (30, "b"), (20, "c"), (30, "d")):
        log.write(time_ns, what, time_ns / 10)
    assert list(log) == [(10, "a", 1.0), (20, "c", 2.0), (30, "b", 3.0), (30, "d", 3.0)]
    assert [row.what for row in reversed(log)] == ["d", "b", "c", "a"]
    assert log[1:3] == [(20, "c", 2.0), (30, "b", 3.0)]


def test_since_is_a_time_and_a_name():
    log = ActuatorLog()
    for time_ns in range(10):
        log.write(time_ns, "ab"[time_ns % 2], 0.0)
    assert [row.time_ns for row in log.since(7)] == [7, 8, 9]
    assert [row.time_ns for row in log.since(4, "b")] == [5, 7, 9]
    assert log.since(0, "c") == log.since(10) == []


def test_the_older_half_goes_and_the_newest_of_each_is_still_known():
    log = ActuatorLog(most=10)
    log.write(0, "rare", 7.0)
    for time_ns in range(1, 11):
        log.write(time_ns, "often", 0.0)
    assert (len(log), log.trimmed) == (6, 5)
    assert [row.time_ns for row in log] == [5, 6, 7, 8, 9, 10]
    assert log.last("rare") == (0, "rare", 7.0)
    log.clear()
    assert (list(log), log.last("rare")) == ([], None)


# --- what a plant writes into it -------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in OUTPUTS if name not in ENABLES])
def test_every_output_is_logged_and_the_same_level_again_too(plant, name):
    plant.gpio_set(name, True)
    plant.advance_to(plant.now_ns + 3 * MS)
    plant.gpio_set(name, True)
    plant.gpio_set(name, False)
    expected = [(S, name, 1.0), (S + 3 * MS, name, 1.0), (S + 3 * MS, name, 0.0)]
    assert list(plant.log) == expected


@pytest.mark.parametrize("name", ENABLES)
def test_each_refresh_is_logged_beside_what_comes_of_it(plant, name):
    for _ in range(3):
        plant.gpio_set(name, False)
        plant.gpio_set(name, True)
        plant.advance_to(plant.now_ns + 50 * MS)
    plant.gpio_set(name, True)  # no edge
    plant.advance_to(plant.now_ns + S)
    refreshed = [(S + n * 50 * MS, level) for n in range(3) for level in (0.0, 1.0)]
    lines = plant.log.since(0, f"{name}_line")
    assert [(row.time_ns, row.value) for row in lines] == [*refreshed, (S + 150 * MS, 1.0)]
    through = plant.log.since(0, name)
    assert [(row.time_ns, row.value) for row in through] == [(S, 1.0), (S + 300 * MS, 0.0)]
    assert len(plant.log) == len(lines) + len(through)


@pytest.mark.parametrize("which", ["tec", "led"])
def test_each_dac_write_is_logged_and_a_reset(plant, which):
    address = getattr(EL1.address, f"{which}_dac")
    write = bytes((ad5693r.CMD_WRITE_UPDATE, 0x40, 0))
    reset = bytes((ad5693r.CMD_CONTROL, *ad5693r.CONTROL_RESET.to_bytes(2, "big")))
    for data in (write, write, reset):
        plant.i2c(address, data, 0)
    assert list(plant.log) == [(S, f"{which}_command_v", volts) for volts in (0.625, 0.625, 0.0)]


def test_each_write_of_a_sensor_register_is_logged(plant):
    write_registers(plant, el640_link.REG_INTEGRATION_US, ">II", 4000, 50_000)
    for ctrl in (el640_link.CTRL_STREAM, el640_link.CTRL_STREAM | el640_link.CTRL_SHUTTER):
        write_registers(plant, el640_link.REG_CTRL, ">H", ctrl)
    for _ in range(2):
        write_registers(plant, el640_link.REG_LED_MODE, ">H", 2)
    plant.i2c(SENSOR, bytes((el640_link.REG_LED_MODE,)), 2)  # a pointer and a read
    assert [(row.what, row.value) for row in plant.log] == [
        ("integration_us", 4000), ("period_us", 50_000), ("shutter", 0), ("stream", 1),
        ("shutter", 1), ("stream", 1), ("led_mode", 2), ("led_mode", 2),
    ]  # fmt: skip


def test_a_leptons_shutter_command_is_logged():
    board = boards.load("lepton-pi-a")
    plant = Plant(board)
    plant.gpio_set("sensor_power", True)
    plant.advance_to(5 * S)
    command = struct.pack(">HH", lepton.REG_COMMAND, lepton.SYS_RUN_FFC | lepton.RUN)
    plant.i2c(board.sensor.i2c_address, command, 0)
    assert plant.log.last("ffc") == (5 * S, "ffc", 1.0)
