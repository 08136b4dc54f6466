# SPDX-License-Identifier: Apache-2.0
"""The tables of a board file: what is wired, with unit, range and reason of each number."""

import math
from dataclasses import dataclass, field

from edgeleak.schema import number, switch, word

KELVIN = 273.15
RAIL_SHARE = 0.005
"""A divider this close to ground or supply has a broken or shorted thermistor, no temperature."""


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
    refresh_ms: int = number(
        "ms",
        150,
        200,
        "an enable without a rising edge this long is off: three"
        " control periods at least, a killed program's reach at most",
    )
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
    a: float = number("1/K", 1e-5, 1e-2, "Steinhart-Hart")
    b: float = number("1/K", 1e-5, 1e-2, "Steinhart-Hart")
    c: float = number("1/K", 1e-10, 1e-4, "Steinhart-Hart")

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
class SupplyChannel(AdcChannel):
    """The input behind which the board's own supply is measured."""

    divider: float = number("1", 1, 100, "supply over the voltage at the ADC's input", 4.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdcWiring:
    """What the two ADS1115 measure."""

    fpa_thermistor: AdcChannel
    hot_thermistor: AdcChannel
    tec_current: AdcChannel
    tec_voltage: AdcChannel
    led_thermistor: AdcChannel
    led_current: AdcChannel
    supply: SupplyChannel


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
class FanPart:
    """The sink's fan, where a line switches one."""

    pulses_per_turn: int = number("", 1, 12, "of the tacho; two for every common fan", 2)
    full_rpm: float = number("rpm", 100, 20_000, "at full supply, used by the plant", 3000.0)
    spin_up_s: float = number("s", 0.01, 10, "to 63 % of a new speed, used by the plant", 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class HousingModel:
    """What the plant needs to know of the housing."""

    tau_s: float = number("s", 1, 100_000, "to 63 % of a change of the air around it", 600.0)
    rise_k: float = number("K", 0, 40, "what the electronics warm it by", 4.0)


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
    """Everything that is wired on one board.

    Tables with defaults came later than the first recordings, which hold their board's file.
    """

    name: str = word("folder under board/")
    summary: str = word("one sentence")
    spi: SpiWiring
    i2c: I2cWiring
    gpio: GpioWiring
    sensor: SensorPart
    housing_model: HousingModel = HousingModel()
    adc: AdcWiring | None = None
    address: Addresses | None = None
    fpa_thermistor: Thermistor | None = None
    hot_thermistor: Thermistor | None = None
    fan: FanPart = FanPart()
    led_thermistor: Thermistor | None = None
    tec: TecPart | None = None
    tec_model: TecModel | None = None
    led: LedPart | None = None
    led_model: LedModel | None = None
