# SPDX-License-Identifier: Apache-2.0
"""What one part of a board says about another: contradictions are refused, with file and line."""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, fields

from edgeleak import schema
from edgeleak.board_parts import RAIL_SHARE, AdcChannel, AdcWiring, Board
from edgeleak.errors import ConfigError

LINES = {
    "tec_enable": "out", "led_enable": "out", "sensor_power": "out", "sensor_reset": "out",
    "data_ready": "in", "fan": "out", "fan_tacho": "in", "button": "in", "alarm": "out",
    "status_green": "out", "status_red": "out", "safe_strap": "in",
}  # fmt: skip
"""Role of a GPIO line -> direction seen from the processor."""
BUS_PINS = {2: "I2C SDA", 3: "I2C SCL", 8: "SPI CE0", 9: "SPI MISO", 10: "SPI MOSI", 11: "SPI SCLK"}
"""GPIO numbers of a Raspberry Pi's header that i2c-1 and spidev0.0 use."""
DAC_FULL_V = 2.5
Fail = Callable[[str, str, str], None]


@dataclass(frozen=True, slots=True)
class _Sensor:
    """What a kind of sensor fixes about its board."""

    mode: int
    max_hz: int
    shapes: tuple[tuple[int, int], ...]
    sections: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


_COOLER = ("adc", "address", "fpa_thermistor", "hot_thermistor", "tec", "tec_model")
_SENSORS = {
    "el640": _Sensor(3, 62_500_000, ((640, 480), (320, 240)), _COOLER,
                     ("data_ready", "sensor_power", "sensor_reset")),
    "lepton": _Sensor(3, 20_000_000, ((160, 120), (80, 60))),
}  # fmt: skip
_NEEDS = {
    "tec": (_COOLER, ("tec_enable", "fan")),
    "led": (("adc", "address", "led_thermistor", "led_model"), ("led_enable",)),
}


def check(board: Board, path: str, text: str) -> None:
    """ConfigError for the first contradiction, with file and line."""

    def fail(section: str, name: str, problem: str) -> None:
        raise ConfigError(f"{schema.at(path, text, section, name)}: {problem}")

    _check_lines(board, fail)
    _check_addresses(board, fail)
    _check_channels(board, fail)
    _check_sensor(board, fail)
    for part, (sections, lines) in _NEEDS.items():
        if getattr(board, part) is not None:
            _check_presence(board, f"[{part}]", sections, lines, fail)
    _check_nodes(board, fail)
    _check_spans(board, fail)
    _check_seen(board, fail)


def _check_lines(board: Board, fail: Fail) -> None:
    owner: dict[int, str] = {}
    for name, line in board.gpio.lines.items():
        where = ("gpio.lines", name)
        if name not in LINES:
            near = difflib.get_close_matches(name, LINES, 1, 0.5) or [", ".join(LINES)]
            fail(*where, f"gpio line '{name}' is not known; nearest is {near[0]}")
        if line.direction != LINES[name]:
            fail(*where, f"gpio line '{name}' is '{line.direction}'; its role is '{LINES[name]}'")
        if line.line in owner:
            fail(*where, f"gpio lines '{owner[line.line]}' and '{name}' both use {line.line}")
        if line.line in BUS_PINS:
            fail(*where, f"gpio line '{name}' uses {line.line}, which is {BUS_PINS[line.line]}")
        if line.direction == "out" and line.pull != "none":
            fail(*where, f"gpio line '{name}' is an output; a pull is for inputs")
        owner[line.line] = name


def _check_addresses(board: Board, fail: Fail) -> None:
    owner = {board.sensor.i2c_address: "sensor"}
    adcs = {} if board.adc is None else {c.address: f"adc.{n}" for n, c in _channels(board.adc)}
    single = {} if board.address is None else {f.name: getattr(board.address, f.name)
                                               for f in fields(board.address)}  # fmt: skip
    for section, name, address in [
        *(("adc", name.removeprefix("adc."), address) for address, name in adcs.items()),
        *(("address", name, address) for name, address in single.items()),
    ]:
        mine = f"{section}.{name}"
        if address in owner:
            fail(section, name, f"'{owner[address]}' and '{mine}' are both at I2C 0x{address:02x}")
        owner[address] = mine


def _channels(adc: AdcWiring) -> list[tuple[str, AdcChannel]]:
    return [(part.name, getattr(adc, part.name)) for part in fields(adc)]


def _check_channels(board: Board, fail: Fail) -> None:
    owner: dict[tuple[int, int], str] = {}
    for name, channel in [] if board.adc is None else _channels(board.adc):
        key = (channel.address, channel.channel)
        if key in owner:
            fail("adc", name, f"'adc.{owner[key]}' and 'adc.{name}' both use channel"
                 f" {channel.channel} of 0x{channel.address:02x}")  # fmt: skip
        owner[key] = name


def _check_sensor(board: Board, fail: Fail) -> None:
    sensor, rule = board.sensor, _SENSORS[board.sensor.kind]
    if (sensor.width, sensor.height) not in rule.shapes:
        shapes = " or ".join(f"{w}x{h}" for w, h in rule.shapes)
        fail("sensor", "width", f"a {sensor.kind} has {shapes} pixels,"
             f" not {sensor.width}x{sensor.height}")  # fmt: skip
    if board.spi.mode != rule.mode:
        fail("spi", "mode", f"a {sensor.kind} talks SPI mode {rule.mode}, not {board.spi.mode}")
    if board.spi.max_hz > rule.max_hz:
        fail("spi", "max_hz", f"a {sensor.kind} takes at most {rule.max_hz} Hz,"
             f" not {board.spi.max_hz}")  # fmt: skip
    _check_presence(board, f"sensor kind '{sensor.kind}'", rule.sections, rule.lines, fail)


def _check_presence(board: Board, who: str, sections: tuple[str, ...], lines: tuple[str, ...],
                    fail: Fail) -> None:  # fmt: skip
    for section in sections:
        if getattr(board, section) is None:
            fail("", section, f"{who} needs a section [{section}]; add it")
    for line in lines:
        if line not in board.gpio.lines:
            fail("gpio", "lines", f"{who} needs the gpio line '{line}'; add it to [gpio.lines]")


def _check_nodes(board: Board, fail: Fail) -> None:
    """Device nodes by the names that the kernel gives them, in whatever folder."""
    for section, name, node, usual in (
        ("spi", "device", board.spi.device, r"spidev\d+\.\d+"),
        ("i2c", "device", board.i2c.device, r"i2c-\d+"),
        ("gpio", "chip", board.gpio.chip, r"gpiochip\d+"),
    ):
        if not re.fullmatch(rf"/(.*/)?{usual}", node):
            like = usual.replace(r"\d+", "0").replace("\\", "")
            fail(section, name, f"'{node}' is no node of this bus; it looks like /dev/{like}")


def _check_spans(board: Board, fail: Fail) -> None:
    """Limits that the parts between could not even express."""
    tec, led = board.tec, board.led
    if tec is not None:
        low = tec.zero_v - tec.max_heat_a / tec.command_a_per_v
        high = tec.zero_v + tec.max_cool_a / tec.command_a_per_v
        if not 0 <= low <= high <= DAC_FULL_V:
            fail("tec", "command_a_per_v", f"the current limits need {low:.2f} to {high:.2f} V of"
                 f" command; the DAC gives 0 to {DAC_FULL_V} V")  # fmt: skip
    if led is None:
        return
    if led.max_ma > DAC_FULL_V * led.ma_per_v:
        fail("led", "max_ma", f"{led.max_ma:g} mA need {led.max_ma / led.ma_per_v:.2f} V of"
             f" command; the DAC gives 0 to {DAC_FULL_V} V")  # fmt: skip
    if led.derate_from_degc >= led.max_degc:
        fail("led", "derate_from_degc", f"derate_from_degc {led.derate_from_degc:g} must be below"
             f" max_degc {led.max_degc:g}")  # fmt: skip


def _check_seen(board: Board, fail: Fail) -> None:
    """What is measured must fit what measures it: a clipped reading proves no limit."""
    if (adc := board.adc) is None:
        return
    for name in ("fpa_thermistor", "hot_thermistor", "led_thermistor"):
        if (part := getattr(board, name)) is not None:
            _check_seen_to(name, part.supply_v * (1 - RAIL_SHARE), getattr(adc, name), fail)
    if (tec := board.tec) is not None:
        most_a = max(tec.max_cool_a, tec.max_heat_a)
        _check_around(tec.zero_v, most_a * tec.telemetry_v_per_a, "telemetry_v_per_a", fail)
        _check_around(tec.zero_v, tec.max_v * tec.voltage_gain, "voltage_gain", fail)
        _check_seen_to("tec_current", tec.zero_v + most_a * tec.telemetry_v_per_a,
                       adc.tec_current, fail)  # fmt: skip
        _check_seen_to("tec_voltage", tec.zero_v + tec.max_v * tec.voltage_gain,
                       adc.tec_voltage, fail)  # fmt: skip
    if (led := board.led) is not None:
        most_v = led.max_ma / 1000 * led.telemetry_v_per_a
        _check_seen_to("led_current", most_v, adc.led_current, fail)


def _check_around(zero_v: float, span_v: float, name: str, fail: Fail) -> None:
    if span_v > zero_v:
        fail("tec", name, f"the limits are {span_v:.2f} V either side of zero_v {zero_v:g} V: a"
             " telemetry below 0 V is not seen")  # fmt: skip


def _check_seen_to(name: str, most_v: float, channel: AdcChannel, fail: Fail) -> None:
    if most_v > channel.full_scale_v:
        fail("adc", name, f"'{name}' reaches {most_v:.2f} V; its full_scale_v is"
             f" {channel.full_scale_v:g} V")  # fmt: skip
