# SPDX-License-Identifier: Apache-2.0
"""The Lepton model: segments, threefold repetition, discards, and how it loses step."""

import dataclasses
import itertools

import numpy as np
import pytest
from link_rig import MS, NoiseScene

from edgeleak import board as boards
from edgeleak.drivers import lepton as chip
from edgeleak.kernels.reference import link
from edgeleak.sim import faults
from edgeleak.sim.chips.chip import Nack
from edgeleak.sim.plant import Plant


def awake(shape=(120, 160), telemetry=False):
    board = boards.load("el1-a")
    sensor = dataclasses.replace(board.sensor, kind="lepton", i2c_address=0x2A, height=shape[0],
                                 width=shape[1], power_up_ms=950)  # fmt: skip
    spi = dataclasses.replace(board.spi, max_hz=20_000_000)
    plant = Plant(dataclasses.replace(board, sensor=sensor, spi=spi))
    plant.sensor.scene = NoiseScene()
    plant.gpio_set("sensor_power", True)
    plant.advance_to(1000 * MS)
    if telemetry:
        command(plant, chip.SYS_TELEMETRY | chip.SET, b"\0\1\0\0")
    return plant


def command(plant, number, data=b""):
    if data:
        plant.i2c(0x2A, chip.REG_DATA.to_bytes(2, "big") + data, 0)
    plant.i2c(0x2A, chip.REG_COMMAND.to_bytes(2, "big") + number.to_bytes(2, "big"), 0)


def read(plant, packets):
    buffer = memoryview(bytearray(packets * 164))
    assert plant.spi_read(buffer) == len(buffer)
    return np.frombuffer(buffer, np.uint8).reshape(-1, 164)


def stream(plant, seconds, packets=30, step_ms=2):
    """Everything the camera sends in a while, without discards; every read in time."""
    kept = []
    for _ in range(round(seconds * 1000 / step_ms)):
        plant.advance_to(plant.now_ns + step_ms * MS)
        rows = read(plant, packets)
        kept.append(rows[(rows[:, 0] & 15) != 15])
    return np.concatenate(kept)


def marks(rows):
    """Segment numbers in packets 20, in order."""
    return [int(row[0]) >> 4 & 7 for row in rows if row[1] == 20 and row[0] & 15 == 0]


def test_control_port_appears_after_the_boot():
    plant = awake()
    assert plant.i2c(0x2A, b"\x00\x02", 2) == b"\x00\x06"  # booted, not busy
    plant.gpio_set("sensor_power", False)
    with pytest.raises(Nack):
        plant.i2c(0x2A, b"\x00\x02", 2)


def test_commands_are_busy_for_a_while_and_read_back():
    plant = awake()
    command(plant, chip.OEM_VIDEO_FORMAT | chip.SET, b"\0\7\0\0")
    assert plant.i2c(0x2A, b"\x00\x02", 2)[1] & chip.STATUS_BUSY
    plant.advance_to(plant.now_ns + 3 * MS)
    assert not plant.i2c(0x2A, b"\x00\x02", 2)[1] & chip.STATUS_BUSY
    command(plant, chip.OEM_VIDEO_FORMAT | chip.GET)
    assert plant.i2c(0x2A, b"\x00\x08", 4) == b"\0\7\0\0"


def test_an_unknown_command_fails():
    plant = awake()
    command(plant, 0x02FC)
    assert plant.i2c(0x2A, b"\x00\x02", 1)[0] == 256 - 4


@pytest.mark.parametrize(("telemetry", "per"), [(False, 60), (True, 61)])
def test_lepton_3_numbers_the_first_of_three(telemetry, per):
    plant = awake(telemetry=telemetry)
    rows = stream(plant, 0.5)
    seen = marks(rows)
    start = seen.index(1)
    assert seen[start : start + 12] == [1, 2, 3, 4, *[0] * 8]
    numbers = [(int(row[0]) & 15) << 8 | int(row[1]) for row in rows]
    begins = [k for k, number in enumerate(numbers) if number == 0]
    assert numbers[begins[1] : begins[2]] == list(range(per))
    assert all(link.crc_vospi(row) == (int(row[2]) << 8 | int(row[3])) for row in rows[:80])


@pytest.mark.parametrize(("telemetry", "per"), [(False, 60), (True, 63)])
def test_lepton_2_repeats_the_same_pixels_three_times(telemetry, per):
    plant = awake((60, 80), telemetry)
    rows = stream(plant, 0.5)
    begins = [k for k in range(len(rows) - per) if rows[k, 1] == 0 and rows[k, 0] & 15 == 0]
    pictures = [rows[k : k + 60, 4:].tobytes() for k in begins]
    runs = [1]
    for a, b in itertools.pairwise(pictures):
        runs = [*runs[:-1], runs[-1] + 1] if a == b else [*runs, 1]
    assert set(runs[1:-1]) == {3}


def test_a_segment_left_unread_costs_step_until_185_ms_of_silence():
    plant = awake()
    stream(plant, 0.2)
    plant.advance_to(plant.now_ns + 40 * MS)
    rows = read(plant, 61)
    good = [link.crc_vospi(row) == (int(row[2]) << 8 | int(row[3])) for row in rows]
    assert plant.sensor.counters["missed"] == 1
    assert not any(good)
    plant.advance_to(plant.now_ns + 184 * MS)
    read(plant, 1)
    assert not plant.sensor._is_in_step  # not long enough: the next read began too early
    plant.advance_to(plant.now_ns + 187 * MS)
    read(plant, 1)
    assert plant.sensor._is_in_step
    assert marks(stream(plant, 0.3))


def test_lost_sync_slips_from_a_random_byte_on():
    plant = awake()
    stream(plant, 0.2)
    plant.inject(faults.LostSync(count=1, shift_bytes=5))
    stream(plant, 0.02)
    assert plant.counters["hit.lost-sync"] == 1
    rows = read(plant, 61)
    assert not any(link.crc_vospi(r) == (int(r[2]) << 8 | int(r[3])) and r.any() for r in rows)


def test_correction_takes_its_time_and_shows_the_shutter():
    plant = awake(telemetry=True)
    seen = []
    plant.sensor.scene = lambda exposure: seen.append(exposure) or NoiseScene()(exposure)
    command(plant, chip.SYS_RUN_FFC | chip.RUN)
    stream(plant, 0.3)
    assert seen[-1].cover_degc == pytest.approx(plant.truth.housing_degc, abs=0.01)
    command(plant, chip.SYS_FFC_STATUS | chip.GET)
    assert plant.i2c(0x2A, b"\x00\x08", 4) == b"\0\1\0\0"
    stream(plant, 0.6)
    assert np.isnan(seen[-1].cover_degc)


def late_reads(plant, is_made_up_for):
    """Segments of a second in which the emulator comes to every read 0 to 30 ms late."""
    rng = np.random.default_rng(8)
    asked_ns, kept = plant.now_ns, []
    for _ in range(250):
        asked_ns += 4 * MS
        late_ns = int(rng.integers(30)) * MS
        plant.advance_to(max(plant.now_ns, asked_ns + late_ns))
        plant.spi_begin_ns = asked_ns if is_made_up_for else None
        kept.append(read(plant, 61))
    rows = np.concatenate(kept)
    plant.spi_begin_ns = None
    return marks(rows[(rows[:, 0] & 15) != 15])


def test_an_emulator_that_is_late_costs_no_segment():
    plant = awake(telemetry=True)
    stream(plant, 0.2)
    plant.sensor.counters.clear()
    seen = late_reads(plant, is_made_up_for=True)
    assert plant.sensor.counters["missed"] == 0
    start = seen.index(1)
    firsts = [k for k in range(start, len(seen)) if seen[k] == 1]
    assert {b - a for a, b in itertools.pairwise(firsts)} == {12}  # three times four segments
    assert len(firsts) == 9


def test_a_program_that_is_late_falls_out_of_step():
    plant = awake(telemetry=True)
    stream(plant, 0.2)
    plant.sensor.counters.clear()
    late_reads(plant, is_made_up_for=False)
    assert plant.sensor.counters["missed"] > 0
