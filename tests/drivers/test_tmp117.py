# SPDX-License-Identifier: Apache-2.0
"""TMP117 driver: the datasheet's format table, and behaviour on the register model."""

import pytest
from sim.chips.direct_bus import DirectBus, HandClock

from edgeleak.drivers.tmp117 import Tmp117, decode_degc
from edgeleak.errors import BusError, NotReadyError, WrongDeviceError
from edgeleak.sim.chips.ads1115 import Ads1115Model
from edgeleak.sim.chips.tmp117 import Tmp117Model

SECOND_NS = 1_000_000_000


@pytest.mark.parametrize(
    ("word", "degc"),
    [("F380", -25), ("FFF0", -0.125), ("FFFF", -0.0078125), ("0000", 0), ("0001", 0.0078125),
     ("0010", 0.125), ("0080", 1), ("0C80", 25), ("3200", 100), ("7FFF", 255.9921875)],
)  # fmt: skip
def test_data_format_of_table_7_1(word, degc):
    """SNOSD82D table 7-1, 16-bit temperature data format."""
    assert decode_degc(bytes.fromhex(word)) == degc


def test_minus_256_is_no_sample():
    """SNOSD82D 7.3.1: the register holds 8000h until the first conversion ends."""
    with pytest.raises(NotReadyError, match="first conversion"):
        decode_degc(b"\x80\x00")


def make(degc=31.5, **options):
    clock = HandClock()
    return clock, DirectBus(clock, Tmp117Model(0x49, lambda: degc, clock, **options))


def test_first_sample_and_then_one_a_second():
    clock, bus = make()
    chip = Tmp117(bus, 0x49)
    chip.probe()
    with pytest.raises(NotReadyError):
        chip.read_degc()
    clock.now_ns = 130_000_000
    assert chip.has_new_sample()
    assert chip.read_degc() == 31.5
    assert not chip.has_new_sample()
    clock.now_ns += SECOND_NS
    assert chip.has_new_sample()


def test_start_wakes_a_chip_that_its_eeprom_sends_to_sleep():
    clock, bus = make(degc=-20.0)
    bus.transfer(0x49, b"\x01\x06\x20")  # shutdown
    clock.now_ns = SECOND_NS
    chip = Tmp117(bus, 0x49)
    with pytest.raises(NotReadyError):
        chip.read_degc()
    chip.start()
    clock.now_ns += SECOND_NS
    assert chip.read_degc() == -20.0


@pytest.mark.parametrize(
    ("device_id", "fits"), [(0x0117, 1), (0x2117, 1), (0x0116, 0), (0x0075, 0)]
)
def test_probe_looks_at_the_id_and_not_at_the_revision(device_id, fits):
    _, bus = make(device_id=device_id)
    if fits:
        Tmp117(bus, 0x49).probe()
        return
    with pytest.raises(WrongDeviceError, match=f"expected TMP117 .0x117., read 0x{device_id:03x}"):
        Tmp117(bus, 0x49).probe()


def test_an_adc_at_the_address_is_not_believed():
    clock = HandClock()
    with pytest.raises(WrongDeviceError):
        Tmp117(DirectBus(clock, Ads1115Model(0x49, [], clock)), 0x49).probe()
    with pytest.raises(BusError):
        Tmp117(DirectBus(clock), 0x49).probe()
