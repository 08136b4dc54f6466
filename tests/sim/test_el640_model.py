# SPDX-License-Identifier: Apache-2.0
"""The el640 model: packets as the design says, registers, exposures, and faults it counts."""

import dataclasses
import struct

import numpy as np
import pytest
from link_rig import MS, NoiseScene, el640_rig, reduced_board

from edgeleak.drivers import el640_link as chip
from edgeleak.kernels.reference import link
from edgeleak.sim import faults
from edgeleak.sim.chips.chip import Nack
from edgeleak.sim.plant import Plant

NBYTES = chip.packet_bytes(32)


def streaming(ctrl=chip.CTRL_STREAM, period_us=10_000, board=None):
    plant = Plant(board or reduced_board())
    plant.sensor.scene = NoiseScene()
    plant.gpio_set("sensor_power", True)
    plant.advance_to(60 * MS)
    plant.i2c(0x3A, bytes((chip.REG_INTEGRATION_US,)) + struct.pack(">II", 2000, period_us), 0)
    plant.i2c(0x3A, bytes((chip.REG_CTRL, 0, ctrl)), 0)
    return plant


def read(plant, packets, nbytes=NBYTES):
    buffer = memoryview(bytearray(packets * nbytes))
    count = plant.spi_read(buffer)
    return np.frombuffer(buffer[:count], np.uint8).reshape(-1, nbytes)


def lines(rows):
    return [int(row[2]) << 8 | int(row[3]) for row in rows]


def test_silent_and_unreachable_without_supply():
    plant = Plant(reduced_board())
    with pytest.raises(Nack):
        plant.i2c(0x3A, b"\0", 2)
    assert not read(plant, 2).any()
    plant.gpio_set("sensor_power", True)
    with pytest.raises(Nack):
        plant.i2c(0x3A, b"\0", 2)  # not before its power-up time
    plant.advance_to(51 * MS)
    assert plant.i2c(0x3A, b"\0", 2) == bytes.fromhex("454C")


def test_registers_count_on_and_the_id_is_fixed():
    plant = streaming(ctrl=0)
    plant.i2c(0x3A, bytes((0, 1, 2)), 0)
    assert plant.i2c(0x3A, b"\x00", 14) == struct.pack(">HHIIH", 0x454C, 0, 2000, 10_000, 0)
    assert plant.i2c(0x3A, b"\x0c", 4) == b"\0\0\xff\xff"  # nothing behind the last


def test_idle_then_a_frame_in_order_then_idle():
    plant = streaming()
    assert set(lines(read(plant, 4))) == {link.IDLE}
    plant.advance_to(plant.now_ns + 10 * MS)
    rows = read(plant, 30)
    assert lines(rows) == [*range(24), link.TELEMETRY, *[link.IDLE] * 5]
    counts = np.zeros(9, np.uint32)
    assert link.gather_el640(rows[:25].copy(), 32, 0, 25, counts) == 25
    assert [link.crc16(row) for row in rows] == [0] * 30


def test_a_cut_packet_is_lost_and_the_next_message_begins_at_a_packet():
    plant = streaming()
    plant.advance_to(plant.now_ns + 10 * MS)
    buffer = memoryview(bytearray(2 * NBYTES + 5))
    plant.spi_read(buffer)
    assert lines(read(plant, 3)) == [3, 4, 5]


def test_data_ready_rises_with_each_frame_and_falls_with_its_last_line():
    plant = streaming()
    began_ns = plant.now_ns
    plant.advance_to(began_ns + 9 * MS)
    assert plant.take_edges("data_ready") == [began_ns + 2 * MS + chip.READOUT_NS]
    assert plant.gpio_get("data_ready")
    read(plant, 24)
    assert plant.gpio_get("data_ready")
    read(plant, 1)
    assert not plant.gpio_get("data_ready")


def test_four_frames_are_kept_a_fifth_is_lost_with_its_number():
    plant = streaming()
    plant.advance_to(plant.now_ns + 65 * MS)  # exposures every 10 ms from 0: six are ready
    assert plant.sensor.counters["overrun"] == 2
    rows = read(plant, 101)
    frames = [int(row[4]) << 8 | int(row[5]) for row in rows]
    assert frames[0:100:25] == [0, 1, 2, 3]
    assert lines(rows)[100] == link.IDLE
    plant.advance_to(plant.now_ns + 10 * MS)
    assert int(read(plant, 1)[0, 5]) == 6


def test_the_same_memory_keeps_sixteen_binned_frames():
    plant = streaming(ctrl=chip.CTRL_STREAM | chip.CTRL_BIN, board=reduced_board((32, 64)))
    plant.advance_to(plant.now_ns + 165 * MS)  # exposures every 10 ms from 0: sixteen are ready
    assert plant.sensor.counters["overrun"] == 0
    plant.advance_to(plant.now_ns + 10 * MS)
    assert plant.sensor.counters["overrun"] == 1
    frames = read(plant, 17 * 17, chip.packet_bytes(32))[::17, 5]
    assert frames[:16].tolist() == list(range(16))


def test_binning_halves_both_sides():
    plant = streaming(ctrl=chip.CTRL_STREAM | chip.CTRL_BIN, board=reduced_board((32, 64)))
    plant.advance_to(plant.now_ns + 10 * MS)
    rows = read(plant, 17, chip.packet_bytes(32))
    assert lines(rows) == [*range(16), link.TELEMETRY]


def test_reset_forgets_everything():
    plant = streaming()
    plant.advance_to(plant.now_ns + 30 * MS)
    plant.gpio_set("sensor_reset", True)
    with pytest.raises(Nack):
        plant.i2c(0x3A, b"\0", 2)
    plant.gpio_set("sensor_reset", False)
    plant.advance_to(plant.now_ns + 60 * MS)
    assert plant.i2c(0x3A, b"\x02", 2) == b"\0\0"
    assert plant.sensor.frame_number == -1


def test_shutter_shows_the_housing_and_the_stuck_one_stays():
    rig = el640_rig()
    seen = []
    rig.model.scene = lambda exposure: seen.append(exposure) or NoiseScene()(exposure)
    rig.camera.set_shutter(True)
    rig.run(0.1)
    assert seen[-1].cover_degc == pytest.approx(rig.plant.truth.housing_degc, abs=0.01)
    rig.plant.inject(faults.ShutterStuck(closed=False))
    rig.run(0.1)
    assert np.isnan(seen[-1].cover_degc)
    rig.plant.inject(faults.LensCovered(degc=31.0))
    rig.run(0.1)
    assert seen[-1].cover_degc == 31.0


@pytest.mark.parametrize(("mode", "share"), [(0, 0.0), (1, 1.0), (2, 0.5)])
def test_led_gate_is_high_in_the_exposures_meant_to_be_lit(mode, share):
    rig = el640_rig()
    rig.camera.set_led_mode(mode)
    rig.run(0.1)
    high_ns, from_ns = 0, rig.now_ns
    while rig.now_ns < from_ns + 400 * MS:
        before_ns = rig.now_ns
        rig.step()
        high_ns += sum(b - a for a, b in rig.model.led_gate(before_ns, rig.now_ns))
    assert high_ns / (400 * MS) == pytest.approx(share * 2000 / 10_000, abs=0.01)


def test_every_link_fault_is_counted_by_its_hits():
    for kind in (faults.CrcError, faults.DropLine, faults.DuplicateLine, faults.SwapLines,
                 faults.WrongId, faults.Discard, faults.PixelsStuck, faults.SaturatedScene,
                 faults.FrozenFrame, faults.CounterStuck):  # fmt: skip
        rig = el640_rig()
        rig.plant.inject(kind(count=3))
        rig.run(0.2)
        assert rig.hits(kind()) == 3, kind
        assert rig.plant.counters[f"injected.{kind().name}"] == 1


@pytest.mark.parametrize("kind", [
    faults.CrcError, faults.DropLine, faults.DuplicateLine, faults.SwapLines, faults.WrongId,
])  # fmt: skip
def test_line_faults_break_exactly_one_place(kind):
    plant = streaming()
    plant.inject(kind(count=1))
    plant.advance_to(plant.now_ns + 10 * MS)
    found = lines(read(plant, 26))
    bad_crc = 0
    rows = read(streaming_copy(kind), 26)
    bad_crc = sum(link.crc16(row) != 0 for row in rows)
    assert bad_crc == (1 if kind is faults.CrcError else 0)
    whole = [*range(24), link.TELEMETRY, link.IDLE]
    if kind is not faults.CrcError:
        assert found != whole


def streaming_copy(kind):
    plant = streaming()
    plant.inject(kind(count=1))
    plant.advance_to(plant.now_ns + 10 * MS)
    return plant


def test_same_seed_same_bytes():
    def stream():
        board = reduced_board()
        plant = Plant(dataclasses.replace(board), seed=4)
        plant.gpio_set("sensor_power", True)
        plant.advance_to(60 * MS)
        plant.i2c(0x3A, bytes((chip.REG_CTRL, 0, 1)), 0)
        plant.advance_to(300 * MS)
        return read(plant, 50).tobytes()

    assert stream() == stream()
