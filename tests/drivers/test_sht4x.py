# SPDX-License-Identifier: Apache-2.0
"""SHT4x driver: checksum and conversion of the datasheet, behaviour on the model."""

import pytest
from sim.chips.direct_bus import DirectBus, HandClock

from edgeleak.drivers import sht4x
from edgeleak.drivers.sht4x import ChecksumError, Sht4x, crc8, decode, decode_words
from edgeleak.errors import BusError, NotReadyError, WrongDeviceError
from edgeleak.sim.chips.sht4x import Sht4xModel


def with_crc(*words):
    return b"".join(w.to_bytes(2, "big") + bytes((crc8(w.to_bytes(2, "big")),)) for w in words)


def test_crc_of_the_datasheet():
    """Sensirion, table of CRC properties: 31h, start FFh, CRC(BEEFh) = 92h."""
    assert crc8(bytes.fromhex("BEEF")) == 0x92


@pytest.mark.parametrize(
    ("temperature", "humidity", "degc", "percent"),
    [(0, 0, -45, 0), (65535, 65535, 130, 100), (0x6666, 0x8000, 25, 56.5009537)],
)  # fmt: skip
def test_conversion_formulas(temperature, humidity, degc, percent):
    """T = -45 + 175 S/65535, RH = -6 + 125 S/65535, cropped to 0..100 %."""
    assert decode(with_crc(temperature, humidity)) == pytest.approx((degc, percent))


def test_every_flipped_bit_is_noticed():
    good = with_crc(0x6666, 0x7FFF)
    for bit in range(48):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BusError, match=f"CRC of word {bit // 24}"):
            decode_words(bytes(bad))
    with pytest.raises(BusError, match="5 bytes"):
        decode_words(good[:5])


def make(degc=23.0, humidity=41.0, **options):
    clock = HandClock()
    model = Sht4xModel(0x44, lambda: degc, lambda: humidity, clock, **options)
    clock.now_ns = sht4x.RESET_NS
    return clock, DirectBus(clock, model), model


def test_reads_what_is_true():
    clock, bus, _ = make()
    chip = Sht4x(bus, 0x44)
    assert chip.probe() == 0x0E1A0001
    chip.start()
    clock.now_ns += sht4x.MEASURE_NS
    assert chip.read() == pytest.approx((23.0, 41.0), abs=0.003)


def test_is_deaf_while_it_measures_and_answers_once():
    clock, bus, _ = make()
    chip = Sht4x(bus, 0x44)
    with pytest.raises(NotReadyError, match="no measurement"):
        chip.read()
    chip.start()
    with pytest.raises(BusError, match="no acknowledge"):
        chip.read()
    clock.now_ns += sht4x.MEASURE_NS
    chip.read()
    with pytest.raises(NotReadyError):
        chip.read()
    with pytest.raises(BusError):
        bus.transfer(0x44, b"", 6)


def test_soft_reset_takes_a_millisecond():
    clock, bus, _ = make(serial_number=0xDEADBEEF)
    chip = Sht4x(bus, 0x44)
    chip.reset()
    with pytest.raises(BusError):
        chip.serial_number()
    clock.now_ns += sht4x.RESET_NS
    assert chip.serial_number() == 0xDEADBEEF


def test_probe_forgives_one_broken_answer_and_not_two(monkeypatch):
    _, bus, model = make()
    real, broken = model.transfer, []

    def transfer(data, read_length):
        answer = bytearray(real(data, read_length))
        if read_length and len(broken) < most:
            broken.append(answer)
            answer[0] ^= 0x10
        return bytes(answer)

    monkeypatch.setattr(model, "transfer", transfer)
    most = 1
    assert Sht4x(bus, 0x44).probe() == 0x0E1A0001
    most = 99
    with pytest.raises(WrongDeviceError, match="I2C 0x44: expected an SHT4x"):
        Sht4x(bus, 0x44).probe()


@pytest.mark.parametrize("stuck", [0x00, 0xFF])
def test_a_line_that_is_stuck_is_no_reading(stuck):
    with pytest.raises(ChecksumError):
        decode(bytes((stuck,)) * 6)


def test_nobody_there_is_a_bus_error():
    with pytest.raises(BusError, match="no acknowledge"):
        Sht4x(DirectBus(HandClock()), 0x44).probe()
