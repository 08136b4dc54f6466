# SPDX-License-Identifier: Apache-2.0
"""Board files: what is wired is loaded whole, and what contradicts itself is one clear error."""

import math
import re

import pytest

from edgeleak import board as boards
from edgeleak.errors import ConfigError, MissingInputError

NAMES = ("el1-a", "lepton-pi-a")


@pytest.fixture
def edited(tmp_path):
    """Load a board whose text was changed by (old, new) pairs; each old must be there once."""

    def load(name, *changes):
        text = boards.find(name).read_text()
        for old, new in changes:
            assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {name}"
            text = text.replace(old, new)
        path = tmp_path / "board.toml"
        path.write_text(text)
        return boards.load(str(path))

    return load


def without(section, text):
    return re.sub(rf"\[{section}\]\n(?:[^\[].*\n|\n)*", "", text)


@pytest.mark.parametrize("name", NAMES)
def test_every_board_loads_under_its_own_name(name):
    board = boards.load(name)
    assert board.name == name
    assert boards.load(str(boards.find(name))) == board


def test_unknown_board():
    with pytest.raises(MissingInputError, match=r"board 'el9' is not known; give its board\.toml"):
        boards.load("el9")
    with pytest.raises(MissingInputError):
        boards.load("nowhere/board.toml")


LINE = 'fan = { line = 18, direction = "out" }'
CONTRADICTIONS = {
    "line twice": ("el1-a", [(LINE, 'fan = { line = 17, direction = "out" }')],
                   "line 27: gpio lines 'tec_enable' and 'fan' both use 17"),
    "line of a bus": ("el1-a", [(LINE, 'fan = { line = 10, direction = "out" }')],
                      "gpio line 'fan' uses 10, which is SPI MOSI"),
    "direction": ("el1-a", [(LINE, 'fan = { line = 18, direction = "in" }')],
                  "gpio line 'fan' is 'in'; its role is 'out'"),
    "pull on output": ("el1-a", [(LINE, 'fan = { line = 18, direction = "out", pull = "up" }')],
                       "gpio line 'fan' is an output"),
    "unknown line": ("el1-a", [("\nfan = ", "\nfann = ")], "'fann' is not known; nearest is fan"),
    "chip on sensor": ("el1-a", [("i2c_address = 0x3A", "i2c_address = 0x44")],
                       "'sensor' and 'address.sht4x' are both at I2C 0x44"),
    "chip on ADC": ("el1-a", [("tmp117 = 0x49", "tmp117 = 0x4A")],
                    "'adc.supply' and 'address.tmp117' are both at I2C 0x4a"),
    "two DACs": ("el1-a", [("led_dac = 0x4E", "led_dac = 0x4C")],
                 "'address.tec_dac' and 'address.led_dac' are both at I2C 0x4c"),
    "channel twice": ("el1-a", [("address = 0x48, channel = 3", "address = 0x48, channel = 2")],
                      "'adc.tec_current' and 'adc.tec_voltage' both use channel 2 of 0x48"),
    "wrong shape": ("el1-a", [("width = 640", "width = 160")],
                    "a el640 has 640x480 or 320x240 pixels, not 160x480"),
    "wrong mode": ("lepton-pi-a", [("mode = 3", "mode = 0")],
                   "a lepton talks SPI mode 3, not 0"),
    "too fast": ("lepton-pi-a", [("max_hz = 20_000_000", "max_hz = 25_000_000")],
                 "a lepton takes at most 20000000 Hz, not 25000000"),
    "wrong sensor": ("lepton-pi-a",
                     [('kind = "lepton"', 'kind = "el640"'), ("width = 160", "width = 640"),
                      ("height = 120", "height = 480")],
                     "sensor kind 'el640' needs a section [adc]; add it"),
    "no line for sensor": ("el1-a", [("\nsensor_reset = ", "\n# sensor_reset = ")],
                           "sensor kind 'el640' needs the gpio line 'sensor_reset'"),
    "no enable": ("el1-a", [("\nled_enable = ", "\n# led_enable = ")],
                  "[led] needs the gpio line 'led_enable'"),
    "long refresh": ("el1-a", [("refresh_ms = 200", "refresh_ms = 201")],
                     "gpio.refresh_ms = 201 is out of range; expected 150 to 200 ms"),
    "short refresh": ("el1-a", [("refresh_ms = 200", "refresh_ms = 149")],
                      "gpio.refresh_ms = 149 is out of range; expected 150 to 200 ms"),
    "derating": ("el1-a", [("derate_from_degc = 45", "derate_from_degc = 75")],
                 "derate_from_degc 75 must be below max_degc 75"),
    "NTC of zeros": ("el1-a", [("""a = 1.129148e-3
b = 2.34125e-4
c = 8.76741e-8

[hot""", """a = 0
b = 0
c = 0

[hot""")], "fpa_thermistor.a = 0 is out of range"),
    "thermistor clips": ("el1-a", [("address = 0x48, channel = 0, full_scale_v = 4.096",
                                    "address = 0x48, channel = 0, full_scale_v = 2.048")],
                         "'fpa_thermistor' reaches 3.28 V; its full_scale_v is 2.048 V"),
    "TEC current below 0 V": ("el1-a", [("telemetry_v_per_a = 0.525", "telemetry_v_per_a = 1.2")],
                              "the limits are 1.32 V either side of zero_v 1.25 V"),
    "TEC current clips": ("el1-a", [("address = 0x48, channel = 2, full_scale_v = 4.096",
                                     "address = 0x48, channel = 2, full_scale_v = 1.024")],
                          "'tec_current' reaches 1.83 V; its full_scale_v is 1.024 V"),
    "TEC voltage clips": ("el1-a", [("address = 0x48, channel = 3, full_scale_v = 4.096",
                                     "address = 0x48, channel = 3, full_scale_v = 2.048")],
                          "'tec_voltage' reaches 2.42 V; its full_scale_v is 2.048 V"),
    "TEC voltage below 0 V": ("el1-a", [("voltage_gain = 0.25", "voltage_gain = 0.3")],
                              "the limits are 1.41 V either side of zero_v 1.25 V"),
    "LED current clips": ("el1-a", [("telemetry_v_per_a = 5", "telemetry_v_per_a = 12")],
                          "'led_current' reaches 4.80 V; its full_scale_v is 4.096 V"),
    "SPI node": ("el1-a", [("/dev/spidev0.0", "/dev/foo")],
                 "'/dev/foo' is no node of this bus; it looks like /dev/spidev0.0"),
    "I2C node": ("el1-a", [("/dev/i2c-1", "/dev/i2c1")], "it looks like /dev/i2c-0"),
    "GPIO node": ("el1-a", [("/dev/gpiochip0", "gpiochip0")], "it looks like /dev/gpiochip0"),
    "TEC beyond DAC": ("el1-a", [("zero_v = 1.25", "zero_v = 2")],
                       "V of command; the DAC gives 0 to 2.5 V"),
    "LED beyond DAC": ("el1-a", [("ma_per_v = 400", "ma_per_v = 20")],
                       "V of command; the DAC gives 0 to 2.5 V"),
    "unknown key": ("el1-a", [("bufsiz_bytes = 65536", "bufsize = 65536")],
                    "unknown setting 'spi.bufsize'; nearest is 'bufsiz_bytes'"),
    "out of range": ("el1-a", [("hz = 400_000", "hz = 1_000_000")],
                     "i2c.hz = 1000000 is out of range; expected 10000 to 400000 Hz"),
}  # fmt: skip


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_contradiction_is_one_clear_error(edited, case):
    name, changes, message = CONTRADICTIONS[case]
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        edited(name, *changes)
    text = str(caught.value)
    assert "board.toml" in text
    assert "\n" not in text
    assert caught.value.exit_code == 78


@pytest.mark.parametrize(
    ("section", "who"),
    [("adc", "sensor kind 'el640'"), ("address", "sensor kind 'el640'"),
     ("tec", "sensor kind 'el640'"), ("tec_model", "sensor kind 'el640'"),
     ("fpa_thermistor", "sensor kind 'el640'"), ("hot_thermistor", "sensor kind 'el640'"),
     ("led_thermistor", "[led]"), ("led_model", "[led]")],
)  # fmt: skip
def test_missing_section_names_who_needs_it(tmp_path, section, who):
    path = tmp_path / "board.toml"
    text = boards.find("el1-a").read_text()
    path.write_text(without(section, text))
    assert path.read_text() != text
    with pytest.raises(ConfigError, match=re.escape(f"{who} needs a section [{section}]")):
        boards.load(str(path))


def test_error_names_the_line(edited):
    with pytest.raises(ConfigError) as caught:
        edited("el1-a", ("led_dac = 0x4E", "led_dac = 0x4C"))
    number = int(re.search(r"line (\d+)", str(caught.value))[1])
    lines = boards.find("el1-a").read_text().splitlines()
    assert lines[number - 1].startswith("led_dac")


@pytest.fixture(params=["fpa_thermistor", "hot_thermistor", "led_thermistor"])
def thermistor(request):
    return getattr(boards.load("el1-a"), request.param)


def test_thermistor_is_its_own_inverse(thermistor):
    for degc in range(-45, 106, 5):
        assert thermistor.degc(thermistor.volts(degc)) == pytest.approx(degc, abs=1e-6)


def test_thermistor_meets_the_published_curve():
    """10 kohm NTC: 10 kohm at 25 degC; the three coefficients are the well-known 10k curve."""
    hot = boards.load("el1-a").hot_thermistor
    assert hot.volts(25) == pytest.approx(1.65, rel=2e-3)


def test_thermistor_at_the_rails_is_no_temperature(thermistor):
    for volts in (-0.1, 0, 0.001, 3.29, 3.3, 4.0, math.inf, -math.inf, math.nan):
        assert math.isnan(thermistor.degc(volts)), volts
    assert thermistor.degc(thermistor.volts(-55)) == pytest.approx(-55, abs=1e-6)


def test_steps_of_the_adc_at_minus_20_degc_allow_20_mk():
    board = boards.load("el1-a")
    lsb_v = board.adc.fpa_thermistor.full_scale_v / 2**15
    part = board.fpa_thermistor
    volts = part.volts(-20)
    assert abs(part.degc(volts + lsb_v) - part.degc(volts)) < 0.005
