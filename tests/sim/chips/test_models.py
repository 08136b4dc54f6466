# SPDX-License-Identifier: Apache-2.0
"""Register models against the datasheets: defaults, pointers, timing, flags."""

import math

import pytest
from sim.chips.direct_bus import HandClock

from edgeleak.drivers import ads1115, sht4x, tmp117
from edgeleak.sim.chips.ad5693r import Ad5693rModel
from edgeleak.sim.chips.ads1115 import Ads1115Model
from edgeleak.sim.chips.chip import Nack
from edgeleak.sim.chips.sht4x import HEATERS, Sht4xModel
from edgeleak.sim.chips.tmp117 import Tmp117Model

MS = 1_000_000


@pytest.fixture
def clock():
    return HandClock()


def word(model, register):
    return int.from_bytes(model.transfer(bytes((register,)), 2), "big")


def write(model, register, value):
    model.transfer(bytes((register,)) + value.to_bytes(2, "big"), 0)


# --- ADS1115 ---------------------------------------------------------------------------------


@pytest.fixture
def world():
    return {"volts": 1.0}


@pytest.fixture
def adc(clock, world):
    return Ads1115Model(0x48, [lambda: world["volts"]] * 4, clock)


def test_ads1115_power_on_defaults(adc):
    """SBAS444E 8.1: 0000h, 8583h, 8000h, 7FFFh; pointer 0."""
    assert adc.transfer(b"", 2) == b"\x00\x00"
    assert [word(adc, register) for register in range(4)] == [0, 0x8583, 0x8000, 0x7FFF]


def test_ads1115_pointer_stays_and_bytes_after_the_register_float(adc):
    adc.transfer(b"\x02", 0)
    assert adc.transfer(b"", 2) == b"\x80\x00"
    assert adc.transfer(b"", 4) == b"\x80\x00\xff\xff"
    assert adc.transfer(b"\x01\x85", 2) == b"\x85\x83"  # an incomplete write changes nothing


def test_ads1115_result_is_of_the_end_of_the_conversion(adc, clock, world):
    write(adc, 1, ads1115.config_word(0, 4.096, 250))
    assert not word(adc, 1) & ads1115.OS
    clock.now_ns = adc.conversion_ns + ads1115.WAKE_UP_NS
    adc.tick()
    world["volts"] = 2.0
    assert word(adc, 0) * 4.096 / 0x8000 == pytest.approx(1.0)
    assert word(adc, 1) & ads1115.OS


def test_ads1115_start_during_a_conversion_has_no_effect(adc, clock):
    write(adc, 1, ads1115.config_word(0, 4.096, 250))
    clock.now_ns += 3 * MS
    write(adc, 1, ads1115.config_word(0, 4.096, 250))
    clock.now_ns += 2 * MS
    assert word(adc, 1) & ads1115.OS
    assert adc.conversions == 1


def test_ads1115_general_call_resets(adc):
    write(adc, 2, 0x1234)
    adc.general_call(b"\x06")
    assert word(adc, 2) == 0x8000


def test_ads1115_clamps_what_its_diodes_clamp(clock):
    model = Ads1115Model(0x48, [lambda: 24.0, lambda: -5.0], clock)
    for channel, volts in ((0, 3.6), (1, -0.3)):
        write(model, 1, ads1115.config_word(channel, 6.144, 860))
        clock.now_ns += 5 * MS
        raw = model.transfer(b"\x00", 2)
        assert ads1115.decode_volts(raw, 6.144) == pytest.approx(volts, abs=2e-4)


def convert(adc, clock, extra=0):
    write(adc, 1, ads1115.config_word(0, 4.096, 860) & ~3 | extra)
    clock.now_ns += 2 * MS
    adc.tick()


def test_ads1115_traditional_comparator_has_hysteresis(adc, clock, world):
    """SBAS444E 7.3.7: on above Hi_thresh, off below Lo_thresh; active low."""
    write(adc, 2, 8000)
    write(adc, 3, 16000)
    for volts, is_low in ((1.5, False), (2.1, True), (1.5, True), (0.9, False)):
        world["volts"] = volts
        convert(adc, clock)
        assert adc.alert_pin != is_low, volts


def test_ads1115_window_latch_and_queue(adc, clock, world):
    write(adc, 2, 8000)
    write(adc, 3, 16000)
    world["volts"] = 0.5
    convert(adc, clock, 0x0010 | 0x0004 | 0x0001)  # window, latch, after two
    assert adc.alert_pin
    convert(adc, clock, 0x0010 | 0x0004 | 0x0001)
    assert not adc.alert_pin
    world["volts"] = 1.5
    convert(adc, clock, 0x0010 | 0x0004 | 0x0001)
    assert not adc.alert_pin  # latched
    word(adc, 0)
    assert adc.alert_pin  # cleared by reading the conversion


def test_ads1115_conversion_ready_function(adc, clock):
    """SBAS444E 7.3.8: Hi_thresh MSB 1 and Lo_thresh MSB 0; the pin shows OS, active low."""
    write(adc, 2, 0x0000)
    write(adc, 3, 0x8000)
    write(adc, 1, ads1115.config_word(0, 4.096, 860) & ~3)
    assert adc.alert_pin
    clock.now_ns += 2 * MS
    adc.tick()
    assert not adc.alert_pin


def test_ads1015_keeps_twelve_bits(clock):
    model = Ads1115Model(0x48, [lambda: 1.2345], clock, bits=12)
    write(model, 1, ads1115.config_word(0, 4.096, 860))
    clock.now_ns += 9 * MS
    assert word(model, 0) & 0x000F == 0
    write(model, 2, 0x1234)
    write(model, 3, 0x4560)
    assert (word(model, 2), word(model, 3)) == (0x1230, 0x456F)


# --- TMP117 ----------------------------------------------------------------------------------


@pytest.fixture
def thermometer(clock):
    return Tmp117Model(0x49, lambda: 25.0, clock)


def test_tmp117_power_on_defaults(thermometer):
    """SNOSD82D table 7-3."""
    expected = {0: 0x8000, 1: 0x0220, 2: 0x6000, 3: 0x8000, 4: 0, 7: 0, 15: 0x0117}
    assert {register: word(thermometer, register) for register in expected} == expected


def test_tmp117_first_result_takes_eight_conversions(thermometer, clock):
    clock.now_ns = 125 * MS
    assert word(thermometer, 0) == 0x8000
    clock.now_ns = 126 * MS
    assert word(thermometer, 0) == 0x0C80


@pytest.mark.parametrize(
    ("averages", "cycle", "cycle_ms"),
    [(0, 0, 15.5), (1, 0, 124), (2, 0, 496), (3, 0, 992), (0, 1, 125), (1, 1, 125),
     (3, 3, 992), (0, 4, 1000), (1, 4, 1000), (3, 7, 16_000)],
)  # fmt: skip
def test_tmp117_conversion_cycles_of_table_7_7(thermometer, averages, cycle, cycle_ms):
    """The datasheet rounds 124, 496 and 992 to 125, 500 and 1000."""
    write(thermometer, 1, cycle << 7 | averages << 5)
    assert thermometer.cycle_ns == round(cycle_ms * 1e6)


def test_tmp117_one_shot_ends_in_shutdown(thermometer, clock):
    write(thermometer, 1, 0x0C00)
    clock.now_ns += 16 * MS
    assert word(thermometer, 1) & 0x2C00 == 0x2400
    assert word(thermometer, 0) == 0x0C80
    clock.now_ns += 60_000 * MS
    assert not word(thermometer, 1) & tmp117.DATA_READY


def test_tmp117_soft_reset_and_read_only_bits(thermometer, clock):
    write(thermometer, 2, 0x1000)
    write(thermometer, 1, 0xF3FD)
    assert word(thermometer, 1) & 0x0FFF == 0x03FC
    write(thermometer, 1, 0x0002)
    assert (word(thermometer, 1), word(thermometer, 2)) == (0x0220, 0x6000)
    write(thermometer, 15, 0xFFFF)
    assert word(thermometer, 15) == 0x0117


def test_tmp117_missed_cycles_are_not_made_up(thermometer, clock):
    clock.now_ns = 10_000 * MS
    word(thermometer, 0)
    assert not word(thermometer, 1) & tmp117.DATA_READY


# --- SHT4x -----------------------------------------------------------------------------------


@pytest.fixture
def humidity(clock):
    model = Sht4xModel(0x44, lambda: 25.0, lambda: 50.0, clock)
    clock.now_ns = sht4x.RESET_NS
    return model


def test_sht4x_command_and_read_in_one_transaction_is_too_early(humidity, clock):
    with pytest.raises(Nack):
        humidity.transfer(bytes((sht4x.MEASURE_HIGH,)), 6)
    clock.now_ns += sht4x.MEASURE_NS
    assert humidity.transfer(b"", 2) == b"\x66\x66"


@pytest.mark.parametrize("command", [0x00, 0x81, 0xFF])
def test_sht4x_unknown_command_is_not_acknowledged(humidity, command):
    with pytest.raises(Nack):
        humidity.transfer(bytes((command,)), 0)


def test_sht4x_takes_no_command_while_it_measures(humidity, clock):
    humidity.transfer(bytes((sht4x.MEASURE_HIGH,)), 0)
    with pytest.raises(Nack):
        humidity.transfer(bytes((sht4x.READ_SERIAL,)), 0)
    clock.now_ns += sht4x.MEASURE_NS
    assert sht4x.decode(humidity.transfer(b"", 6)) == pytest.approx((25, 50), abs=0.003)


def test_sht4x_extremes_do_not_wrap(clock):
    model = Sht4xModel(0x44, lambda: -300.0, lambda: 400.0, clock)
    clock.now_ns = sht4x.RESET_NS
    model.transfer(bytes((sht4x.MEASURE_HIGH,)), 0)
    clock.now_ns += sht4x.MEASURE_NS
    assert sht4x.decode(model.transfer(b"", 6)) == (-45.0, 100.0)


@pytest.mark.parametrize("command", HEATERS)
def test_sht4x_heater_stops_before_it_measures(humidity, clock, command):
    watts, heating_ns = HEATERS[command]
    humidity.transfer(bytes((command,)), 0)
    assert humidity.heater_w == watts
    clock.now_ns += heating_ns
    assert humidity.heater_w == 0
    with pytest.raises(Nack):
        humidity.transfer(b"", 6)
    clock.now_ns += sht4x.MEASURE_NS
    assert len(humidity.transfer(b"", 6)) == 6


# --- AD5693R ---------------------------------------------------------------------------------


def test_ad5693r_input_register_waits_for_the_update(clock):
    seen = []
    dac = Ad5693rModel(0x4C, clock, on_output=lambda ns, volts: seen.append((ns, volts)))
    dac.transfer(b"\x10\x80\x00", 0)
    assert (dac.output_v, dac.transfer(b"", 2)) == (0, b"\x80\x00")
    clock.now_ns = 7
    dac.transfer(b"\x20\x00\x00", 0)
    assert dac.output_v == 1.25
    dac.power_cycle()
    dac.power_cycle()
    assert seen == [(7, 1.25), (7, 0.0)]


def test_ad5693r_tells_every_write_of_its_output(clock):
    seen = []
    dac = Ad5693rModel(0x4C, clock, on_output=lambda ns, volts: seen.append(volts))
    for command in (b"\x30\x80\x00", b"\x30\x80\x00", b"\x10\x90\x00", b"\x40\x08\x00",
                    b"\x40\x80\x00", b"\x40\x80\x00"):  # fmt: skip
        dac.transfer(command, 0)
    assert seen == [1.25, 1.25, 2.5, 0.0, 0.0]


def test_ad5693r_low_ldac_is_transparent(clock):
    dac = Ad5693rModel(0x4C, clock, is_ldac_low=True)
    dac.transfer(b"\x10\x80\x00", 0)
    assert dac.output_v == 1.25


def test_ad5693r_reserved_and_incomplete_commands_do_nothing(clock):
    dac = Ad5693rModel(0x4C, clock)
    dac.transfer(b"\x30\x40\x00", 0)
    for data in (b"\x00\xff\xff", b"\x50\xff\xff", b"\xf0\xff\xff", b"\x30\xff", b"\x30"):
        dac.transfer(data, 0)
    assert (dac.output_v, dac.control) == (0.625, 0)
    assert not math.isnan(dac.output_v)


@pytest.mark.parametrize("mode", [1, 2, 3])
def test_ad5693r_power_down_keeps_the_code(clock, mode):
    dac = Ad5693rModel(0x4C, clock)
    dac.transfer(b"\x30\x80\x00", 0)
    dac.transfer(bytes((0x40, mode << 5, 0)), 0)
    assert dac.output_v == 0
    dac.transfer(b"\x40\x00\x00", 0)
    assert dac.output_v == 1.25


def test_ad5693r_without_reference_there_is_no_output(clock):
    dac = Ad5693rModel(0x4C, clock)
    dac.transfer(b"\x30\x80\x00", 0)
    dac.transfer(b"\x40\x10\x00", 0)
    assert dac.output_v == 0
