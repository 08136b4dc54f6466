# SPDX-License-Identifier: Apache-2.0
"""What is wired: one table of parts, addresses, pins and physical constants per board.

Drivers, services and the simulated plant load the same file, `board/<name>/board.toml`, so a
number cannot differ between what is controlled and what is judged.
"""

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path

from edgeleak import schema
from edgeleak.errors import ConfigError, MissingInputError
from edgeleak.schema import number, switch, word

KELVIN = 273.15
LINES = {
    "tec_enable": "out", "led_enable": "out", "sensor_power": "out", "sensor_reset": "out",
    "data_ready": "in", "fan": "out", "fan_tacho": "in", "button": "in", "alarm": "out",
    "status_green": "out", "status_red": "out", "safe_strap": "in",
}  # fmt: skip
"""Role of a GPIO line -> direction seen from the processor."""
BUS_PINS = {2: "I2C SDA", 3: "I2C SCL", 8: "SPI CE0", 9: "SPI MISO", 10: "SPI MOSI", 11: "SPI SCLK"}
"""GPIO numbers of a Raspberry Pi's header that i2c-1 and spidev0.0 use."""
DAC_FULL_V = 2.5
RAIL_SHARE = 0.005
"""A divider this close to ground or supply has a broken or shorted thermistor, no temperature."""
Fail = Callable[[str, str, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpiWiring:
    """The sensor's SPI device."""

    device: str = word("device node")
    mode: int = number("", 0, 3, "clock polarity and phase of the sensor")
    max_hz: int = number("Hz", 100_000, 62_500_000, "what divider, cable and sensor allow")
    bufsiz_bytes: int = number("bytes", 4096, 1 << 20, "kernel's spidev.bufsiz on this board")


@dataclass(frozen=True, slots=True, kw_only=True)
class I2cWiring:
    """The I2C adapter of all chips."""

    device: str = word("device node")
    hz: int = number("Hz", 10_000, 400_000, "bus clock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One GPIO line."""

    line: int = number("", 0, 57, "offset on the chip")
    direction: str = word("seen from the processor", choices=("in", "out"))
    active_low: bool = switch("True where the wire is low when active", False)
    pull: str = word("bias of an input", "none", ("none", "up", "down"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GpioWiring:
    """The GPIO chip and the lines used of it, by the names of `LINES`."""

    chip: str = word("device node")
    refresh_ms: int = number("ms", 10, 1000, "an enable without a rising edge this long is off")
    bridge_ms: int = number("ms", 1, 100, "a low pulse shorter than this keeps an enable on")
    lines: dict[str, Line] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorPart:
    """The infrared sensor."""

    kind: str = word("driver", choices=("el640", "lepton"))
    i2c_address: int = number("", 8, 0x77, "control port")
    width: int = number("px", 80, 640, "columns of a frame")
    height: int = number("px", 60, 480, "rows of a frame")
    power_up_ms: int = number("ms", 0, 10_000, "from power to the first answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Thermistor:
    """NTC of 1/T = a + b ln R + c (ln R)^3 (T in K, R in ohm) below a pull-up resistor."""

    pull_up_ohm: float = number("ohm", 100, 1e6, "from the supply to the ADC input")
    supply_v: float = number("V", 1, 5.5, "at the top of the divider")
    a: float = number("1/K", 0, 1, "Steinhart-Hart")
    b: float = number("1/K", 0, 1, "Steinhart-Hart")
    c: float = number("1/K", 0, 1, "Steinhart-Hart")

    def degc(self, volts: float) -> float:
        """Temperature for a divider voltage; NaN at the rails (`RAIL_SHARE`), and for NaN."""
        if not RAIL_SHARE < volts / self.supply_v < 1 - RAIL_SHARE:
            return math.nan
        log_r = math.log(self.pull_up_ohm * volts / (self.supply_v - volts))
        inverse = self.a + self.b * log_r + self.c * log_r**3
        return 1 / inverse - KELVIN if inverse > 0 else math.nan

    def volts(self, degc: float) -> float:
        """Divider voltage at a temperature: the exact inverse of `degc`."""
        x = (self.a - 1 / (degc + KELVIN)) / self.c
        y = math.sqrt((self.b / (3 * self.c)) ** 3 + (x / 2) ** 2)
        ohm = math.exp(math.cbrt(y - x / 2) - math.cbrt(y + x / 2))
        return self.supply_v * ohm / (self.pull_up_ohm + ohm)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdcChannel:
    """One ADS1115 input."""

    address: int = number("", 0x48, 0x4B, "ADS1115")
    channel: int = number("", 0, 3, "single-ended input")
    full_scale_v: float = number("V", 0.256, 6.144, "gain setting")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdcWiring:
    """What the two ADS1115 measure."""

    fpa_thermistor: AdcChannel
    hot_thermistor: AdcChannel
    tec_current: AdcChannel
    tec_voltage: AdcChannel
    led_thermistor: AdcChannel
    led_current: AdcChannel
    supply: AdcChannel


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Chips with nothing but an address."""

    tmp117: int = number("", 0x48, 0x4B, "housing thermometer")
    sht4x: int = number("", 0x44, 0x46, "humidity inside the housing")
    tec_dac: int = number("", 0x4C, 0x4F, "AD5693R, TEC command")
    led_dac: int = number("", 0x4C, 0x4F, "AD5693R, LED current")


@dataclass(frozen=True, slots=True, kw_only=True)
class TecPart:
    """Driver of the ADN8834 class and its limits; current above 0 cools."""

    zero_v: float = number("V", 0.5, 2, "command and telemetry at 0 A: mid-scale")
    command_a_per_v: float = number("A/V", 0.1, 10, "current per volt of command")
    telemetry_v_per_a: float = number("V/A", 0.05, 5, "current telemetry")
    voltage_gain: float = number("1", 0.05, 5, "voltage telemetry per volt across the TEC")
    max_v: float = number("V", 0.5, 24, "what its supply leaves for the module")
    max_cool_a: float = number("A", 0, 5, "absolute limit of the part")
    max_heat_a: float = number("A", 0, 5, "absolute limit of the part, as a positive number")
    max_slew_a_per_s: float = number("A/s", 0.01, 10, "thermal shock")
    max_hot_degc: float = number("degC", 30, 90, "hot side, absolute")
    max_ramp_k_per_s: float = number("K/s", 0.05, 2, "cold side, ceiling of the package")


@dataclass(frozen=True, slots=True, kw_only=True)
class TecModel:
    """Nominal constants of cooler, heat sink and fan, used by the plant and for feed-forward."""

    seebeck_v_per_k: float = number("V/K", 0.001, 0.2, "of the whole module")
    resistance_ohm: float = number("ohm", 0.1, 20, "of the whole module")
    conductance_w_per_k: float = number("W/K", 0.001, 1, "of the module from hot to cold side")
    cold_j_per_k: float = number("J/K", 0.5, 500, "detector and cold plate")
    hot_j_per_k: float = number("J/K", 1, 2000, "sink")
    leak_w_per_k: float = number("W/K", 0, 1, "ambient to cold side: wires, gas, radiation")
    load_w: float = number("W", 0, 2, "readout's own heat")
    sink_fan_k_per_w: float = number("K/W", 0.1, 30, "hot side to ambient, fan on")
    sink_still_k_per_w: float = number("K/W", 0.1, 100, "hot side to ambient, fan off")
    thermistor_tau_s: float = number("s", 0, 10, "lag of the FPA thermistor")


@dataclass(frozen=True, slots=True, kw_only=True)
class LedPart:
    """The 3.3 um LED, its driver and its four limits."""

    ma_per_v: float = number("mA/V", 10, 2000, "current per volt of DAC")
    telemetry_v_per_a: float = number("V/A", 0.1, 20, "current telemetry")
    max_ma: float = number("mA", 1, 2000, "peak current")
    max_pulse_ms: float = number("ms", 0.001, 60_000, "longest time on without a pause")
    max_duty: float = number("1", 0.01, 1, "share of `duty_window_s` it may be on")
    duty_window_s: float = number("s", 0.1, 60, "sliding window of the duty limit")
    max_energy_j: float = number("J", 0.001, 1000, "in the same window at 25 degC")
    derate_from_degc: float = number("degC", 0, 100, "energy limit falls from here")
    max_degc: float = number("degC", 20, 150, "to zero here")
    forward_v: float = number("V", 0.1, 5, "at the peak current")


@dataclass(frozen=True, slots=True, kw_only=True)
class LedModel:
    """What the plant needs to know of the LED."""

    rise_k_per_w: float = number("K/W", 1, 1000, "junction to housing")
    heat_j_per_k: float = number("J/K", 0.001, 100, "junction and its small board")
    droop_k: float = number("K", 5, 1000, "output falls to 1/e over this")
    life_hours: float = number("h", 100, 1e6, "output falls to 1/e over this time lit")
    short_ma: float = number("mA", 1, 5000, "what the driver's own limit lets into a short")


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Everything that is wired on one board."""

    name: str = word("folder under board/")
    summary: str = word("one sentence")
    spi: SpiWiring
    i2c: I2cWiring
    gpio: GpioWiring
    sensor: SensorPart
    adc: AdcWiring | None = None
    address: Addresses | None = None
    fpa_thermistor: Thermistor | None = None
    hot_thermistor: Thermistor | None = None
    led_thermistor: Thermistor | None = None
    tec: TecPart | None = None
    tec_model: TecModel | None = None
    led: LedPart | None = None
    led_model: LedModel | None = None


def find(name: str) -> Path:
    """File of a board by its name, or the path itself when it ends in .toml."""
    if name.endswith(".toml"):
        return Path(name)
    here = Path(__file__).resolve()
    for folder in (here.parent / "boards", here.parents[2] / "board"):
        if (path := folder / name / "board.toml").is_file():
            return path
    raise MissingInputError(f"board '{name}' is not known; give its board.toml as a path")


def load(name: str) -> Board:
    """A board by name or path, checked as a whole."""
    path = find(name)
    table, text = schema.read_whole(path)
    board = schema.build(Board, table, str(path), text)
    _check(board, str(path), text)
    return board


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


def _check(board: Board, path: str, text: str) -> None:
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
    _check_spans(board, fail)


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


def _check_spans(board: Board, fail: Fail) -> None:
    """Limits that the parts between could not even express."""
    gpio, tec, led = board.gpio, board.tec, board.led
    if gpio.bridge_ms >= gpio.refresh_ms:
        fail("gpio", "bridge_ms", f"bridge_ms {gpio.bridge_ms} must be below refresh_ms"
             f" {gpio.refresh_ms}")  # fmt: skip
    if tec is not None:
        low = tec.zero_v - tec.max_heat_a / tec.command_a_per_v
        high = tec.zero_v + tec.max_cool_a / tec.command_a_per_v
        if not 0 <= low <= high <= DAC_FULL_V:
            fail("tec", "command_a_per_v", f"the current limits need {low:.2f} to {high:.2f} V of"
                 f" command; the DAC gives 0 to {DAC_FULL_V} V")  # fmt: skip
    if led is not None and led.max_ma > DAC_FULL_V * led.ma_per_v:
        fail("led", "max_ma", f"{led.max_ma:g} mA need {led.max_ma / led.ma_per_v:.2f} V of"
             f" command; the DAC gives 0 to {DAC_FULL_V} V")  # fmt: skip
