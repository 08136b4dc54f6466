# SPDX-License-Identifier: Apache-2.0
"""el640 driver: the link's vectors, registers as the plant ends up with them, facts of a frame."""

import dataclasses
import itertools
import math
import struct

import numpy as np
import pytest
from link_rig import MS, Rig, el640_rig, reduced_board

from edgeleak import board as boards
from edgeleak.drivers import el640_link
from edgeleak.drivers.el640 import El640
from edgeleak.drivers.link import FrameNumbers, Progress, Steps
from edgeleak.errors import BusError, UsageError
from edgeleak.frame import FrameFlag
from edgeleak.sim import faults
from edgeleak.sim.sim_clock import SimClock


def registers(rig):
    return bytes(rig.model._registers)


def test_sizes_and_ceilings_of_the_link_definition():
    assert (el640_link.packet_bytes(640), el640_link.packet_bytes(320)) == (1130, 570)
    assert el640_link.frame_bytes((480, 640)) == 481 * 1130
    for hz, clocks, large, small in ((62.5e6, 8, 14.4, 56.9), (62.5e6, 9, 12.8, 50.5),
                                     (50e6, 8, 11.5, 45.5)):  # fmt: skip
        assert el640_link.ceiling_fps((480, 640), hz, clocks) == pytest.approx(large, abs=0.06)
        assert el640_link.ceiling_fps((240, 320), hz, clocks) == pytest.approx(small, abs=0.06)


def test_telemetry_vector():
    packet = np.zeros(570, np.uint8)
    line = struct.pack(">IIHHIHH", 123_456, 0x00012345, 25_315, 9400, 8000, 300, 7)
    packet[8 : 8 + len(line)] = np.frombuffer(line, np.uint8)
    got = el640_link.parse_telemetry(packet)
    assert got.fpa_degc == pytest.approx(-20.0)
    assert got._replace(fpa_degc=0.0) == (123_456, 0x12345, 0.0, 9400, 8000, 300, 7)


def test_bring_up_leaves_the_registers_as_wished():
    rig = el640_rig()
    assert registers(rig) == struct.pack(">HHIIH", 0x454C, 1, 2000, 10_000, 0)
    rig.camera.set_led_mode(2)
    rig.camera.set_shutter(True)
    rig.camera.set_integration_us(1234)
    assert registers(rig) == struct.pack(">HHIIH", 0x454C, 5, 1234, 10_000, 2)
    assert rig.camera.integration_us == 1234


def test_wishes_survive_a_power_cycle():
    rig = el640_rig()
    rig.camera.set_led_mode(1)
    rig.camera.set_shutter(True)
    rig.camera.power_cycle()
    rig.run(0.6)
    assert registers(rig) == struct.pack(">HHIIH", 0x454C, 5, 2000, 10_000, 1)
    powered = [
        (e.what, e.value) for e in rig.plant.log if e.what in ("sensor_power", "sensor_reset")
    ]
    assert powered[-5:] == [("sensor_reset", 1.0), ("sensor_power", 0.0), ("sensor_reset", 1.0),
                            ("sensor_power", 1.0), ("sensor_reset", 0.0)]  # fmt: skip


def test_stop_ends_the_stream_and_the_supply():
    rig = el640_rig()
    rig.acquisition.stop()
    before = len(rig.frames)
    rig.run(0.2)
    assert len(rig.frames) <= before + 1
    assert not rig.plant.gpio_get("sensor_power")


def test_stop_cuts_the_supply_even_when_the_bus_is_dead():
    rig = el640_rig()
    rig.plant.inject(faults.I2cUnplugged())
    rig.acquisition.stop()
    assert not rig.plant.gpio_get("sensor_power")


def test_a_register_that_does_not_hold_is_named():
    rig = el640_rig()
    rig.plant.inject(faults.ReadCorrupted(address=0x3A, mask=0x01))
    with pytest.raises(BusError, match=r"register 0x0c: wrote 0x1, reads 0x101"):
        rig.camera.set_led_mode(1)


def test_one_wrong_id_is_asked_again():
    rig = Rig(reduced_board())
    rig.plant.inject(faults.ReadCorrupted(address=0x3A, mask=0x40, count=2))
    rig.next_frame()
    assert rig.hits(faults.ReadCorrupted()) == 2


@pytest.mark.parametrize(("nacks", "cycles"), [(1, 0), (3, 0), (4, 1)])
def test_a_sensor_that_does_not_answer_is_asked_again_then_power_cycled(nacks, cycles):
    rig = Rig(reduced_board())
    rig.plant.inject(faults.BusNack(address=0x3A, count=nacks))
    rig.next_frame(3.0)
    assert rig.camera.counters.power_cycles == cycles
    assert rig.camera.counters.starts == 1 + min(nacks, 3)


def test_impossible_wishes_are_refused():
    rig = el640_rig()
    for bad in (3, -1):
        with pytest.raises(UsageError, match="led_mode"):
            rig.camera.set_led_mode(bad)
    with pytest.raises(UsageError, match="use 10 to 10000"):
        rig.camera.set_integration_us(10_001)
    board = boards.load("el1-a")
    with pytest.raises(UsageError, match=r"carries 11\.5; lower the frame rate"):
        El640(rig.buses, board, rig.clock, frame_period_us=80_000)
    El640(rig.buses, board, rig.clock, frame_period_us=22_000, binned=True)


def test_messages_keep_to_what_spidev_takes():
    board = boards.load("el1-a")
    rig = el640_rig()
    spi = dataclasses.replace(board.spi, bufsiz_bytes=65_536)
    plant_spi = SpiLog(spi.bufsiz_bytes)
    driver = El640(rig.buses._replace(spi=plant_spi), board, SimClock(), frame_period_us=100_000)
    driver.is_running = True
    packets = np.zeros(driver.packets_shape, np.uint8)
    driver._row = 0
    driver._hunting = 1
    driver.capture(packets)
    assert plant_spi.asked == [57 * 1130]


def test_an_announced_frame_is_one_call():
    """So that between its messages only the kernel runs."""
    rig = el640_rig()
    spi, begun = rig.buses.spi, rig.camera.counters.frames
    log = rig.camera._spi = SpiLog(spi.max_message_bytes, spi)
    rig.next_frame()
    rig.next_frame()
    nbytes = rig.camera.packets_shape[0] * rig.camera.packets_shape[1]
    assert log.asked == [nbytes] * (rig.camera.counters.frames - begun)
    assert set(log.messages) == {rig.camera._chunk * rig.camera.packets_shape[1]}


class SpiLog:
    """Notes lengths; reads zeros, or from another bus."""

    def __init__(self, most, spi=None):
        self.max_message_bytes, self.asked, self.messages = most, [], []
        self._spi = spi

    def read_into(self, buffer, message_bytes=0):
        self.asked.append(len(buffer))
        self.messages.append(message_bytes)
        return len(buffer) if self._spi is None else self._spi.read_into(buffer, message_bytes)

    def reopen(self):
        pass

    def close(self):
        pass


# --- facts of a frame ------------------------------------------------------------------------


def test_facts_come_from_flags_and_telemetry():
    rig = el640_rig()
    rig.plant.truth.cold_degc = -12.34
    rig.camera.set_shutter(True)
    for _ in range(3):
        info = rig.next_frame()
    assert info.flags == FrameFlag.SHUTTER
    assert info.fpa_temp_degc == pytest.approx(rig.plant.truth.cold_degc, abs=0.01)
    assert rig.acquisition.telemetry.integration_us == 2000
    assert not info.led_on


def test_led_phase_is_what_shone_and_not_what_was_told():
    """led_mode alternate without current: no light, so no flag; the wish proves nothing."""
    rig = el640_rig()
    rig.camera.set_led_mode(2)
    assert not any(rig.next_frame().led_on for _ in range(6))
    lit = [light_up(rig) for _ in range(8)]
    assert set(lit[2:]) == {True, False}
    assert all(a != b for a, b in itertools.pairwise(lit[2:]))
    rig.plant.inject(faults.LedFlagWrong())
    flipped = [light_up(rig) for _ in range(4)]
    assert all(a != b for a, b in itertools.pairwise(flipped))


def light_up(rig):
    """The next frame's flag while the LED is driven and its enable refreshed."""
    rig.plant.set_led_command(0.5)
    while True:
        rig.plant.gpio_set("led_enable", False)
        rig.plant.gpio_set("led_enable", True)
        info = rig.step()
        if info is not None:
            return info.led_on


def test_saturation_is_flagged():
    rig = el640_rig()
    rig.plant.inject(faults.SaturatedScene(share=0.3))
    rig.next_frame()
    assert FrameFlag.SATURATED in rig.next_frame().flags


def test_a_frame_that_waited_keeps_its_own_time():
    """Two frames wait in the sensor while nobody reads: their times are those of the exposures."""
    rig = el640_rig()
    rig.run(0.2)
    now_ns = rig.now_ns + 35 * MS
    rig.plant.advance_to(now_ns)
    rig.clock.advance_to(now_ns)
    before = rig.frames[-1]
    first, second = rig.next_frame(), rig.next_frame()
    steps = second.sequence - first.sequence
    assert second.monotonic_ns - first.monotonic_ns == pytest.approx(steps * 10 * MS, abs=1.1 * MS)
    gap = first.sequence - before.sequence
    assert first.monotonic_ns - before.monotonic_ns == pytest.approx(gap * 10 * MS, abs=1.1 * MS)


def test_telemetry_of_another_frame_is_no_frame():
    rig = el640_rig()
    packets = np.zeros(rig.camera.packets_shape, np.uint8)
    assert rig.camera.unpack(packets, rig.counts, 0) is not None  # 0 and 0 agree
    packets[-1, 15] = 1  # telemetry says frame 1
    assert rig.camera.unpack(packets, rig.counts, 0) is None


# --- pure parts ------------------------------------------------------------------------------


def test_frame_numbers_wrap_stand_still_and_start_over():
    numbers = FrameNumbers(16)
    moves = [numbers.note(n) for n in (65_534, 65_535, 0, 3, 3)]
    assert moves == [1, 1, 1, 3, 0]
    assert numbers.sequence == 5
    numbers.restart()
    assert numbers.note(0) == 1
    wide = FrameNumbers(32)
    assert [wide.note(n) for n in (5_000_000, 2)] == [1, 1]  # it was switched off and on
    assert wide.restarts == 1


def test_steps_wait_without_blocking_and_end_with_an_error():
    clock, done = SimClock(), []

    def work():
        done.append(clock.monotonic_ns())
        yield 10 * MS
        done.append(clock.monotonic_ns())
        raise BusError(5, "gone")

    steps = Steps(clock)
    steps.begin(work())
    assert not steps.advance()
    clock.advance_to(9 * MS)
    assert not steps.advance()
    clock.advance_to(10 * MS)
    with pytest.raises(BusError):
        steps.advance()
    assert done == [0, 10 * MS]
    assert steps.advance()


@pytest.mark.parametrize(("is_binned", "frames"), [(False, 3), (True, 15)])
def test_what_sensor_and_bus_can_keep(is_binned, frames):
    rig, board = el640_rig(), reduced_board()
    driver = El640(rig.buses, board, rig.clock, frame_period_us=20_000, binned=is_binned)
    assert driver.memory_ns == frames * 20_000_000
    ceiling = el640_link.ceiling_fps(driver.shape, board.spi.max_hz)
    assert driver.bus_spare == pytest.approx(1 - 50 / ceiling)


def exposures(uptimes_ms, arrivals_ms, most_wait_ms=300):
    """When frames began, ms; 14 ms, exposure and readout, are added to compare with arrivals."""
    clock, made = el640_link.ExposureClock(), []
    for uptime_ms, arrival_ms in zip(uptimes_ms, arrivals_ms, strict=True):
        telemetry = el640_link.Telemetry(uptime_ms, 0, 20.0, 0, 8000, 0, 0)
        made.append(clock.began_ns(telemetry, arrival_ms * MS, most_wait_ms * MS) // MS)
    return [began_ms + 14 for began_ms in made]


def test_a_frame_that_waited_is_dated_by_the_sensors_time():
    assert exposures([0, 100, 200, 300], [1000, 1250, 1260, 1300]) == [1000, 1100, 1200, 1300]


@pytest.mark.parametrize("before_ms", [60_000, 2**32 - 60])
def test_a_sensors_time_that_begins_anew_dates_nothing_back(before_ms):
    """Its own reset, and 49.7 days."""
    uptimes = [before_ms - 100, before_ms, 40, 140]
    assert exposures(uptimes, [900, 1000, 1400, 1500]) == [900, 1000, 1400, 1500]


def test_nothing_is_dated_back_by_more_than_the_memory_holds():
    arrivals = [1000 + 100 * i + i // 10 for i in range(10_000)]  # its clock is slow by 0.1 %
    began = exposures(range(0, 1_000_000, 100), arrivals)
    assert max(a - b for a, b in zip(arrivals, began, strict=True)) <= 301


def test_a_sensor_that_resets_itself_keeps_its_frames_young():
    rig = el640_rig().run(5.0)
    rig.model.power_cycle()
    rig.run(2.0)
    seen = len(rig.frames)
    rig.run(0.2)
    assert len(rig.frames) > seen
    ages_ms = (rig.now_ns - rig.frames[-1].monotonic_ns) / MS
    assert 0 < ages_ms < 50


def test_nothing_is_asked_of_a_driver_that_was_not_started():
    rig = el640_rig()
    driver = El640(rig.buses, reduced_board(), rig.clock, frame_period_us=20_000)
    assert driver.capture(np.zeros(driver.packets_shape, np.uint8)) is Progress.NOTHING
    assert math.isfinite(driver.period_ns)
