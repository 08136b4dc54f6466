# SPDX-License-Identifier: Apache-2.0
"""Which service a board gets: the one place that knows what is not wired.

A board without cooler, LED or climate chips has None in their place and nothing else changes.
"""

import errno
from dataclasses import replace
from math import inf, isnan, nan

from edgeleak import codes
from edgeleak.board import Board
from edgeleak.bus.absent import AbsentI2c, AbsentLines, AbsentSpi
from edgeleak.bus.protocols import Buses
from edgeleak.calibration.model import Calibration
from edgeleak.clock import NS_PER_S, Clock, SystemClock
from edgeleak.config import Config, LedConfig, SensorConfig
from edgeleak.drivers.ad5693r import Ad5693r
from edgeleak.drivers.ads1115 import Ads1115
from edgeleak.drivers.el640 import EDGE_WAIT_S, El640
from edgeleak.drivers.enables import Enable
from edgeleak.drivers.led import Led
from edgeleak.drivers.lepton import Lepton
from edgeleak.drivers.sht4x import Sht4x
from edgeleak.drivers.tmp117 import Tmp117
from edgeleak.errors import BusError, ConfigError, UsageError
from edgeleak.pipeline import load_profile
from edgeleak.services.adc_round import AdcRound
from edgeleak.services.climate import Climate
from edgeleak.services.cooler_parts import cooler_on
from edgeleak.services.fpa_check import FpaCheck
from edgeleak.services.health import State
from edgeleak.services.illumination import ROUND, Illumination
from edgeleak.services.life import LifeCounters
from edgeleak.services.thermal import Cooler

US_PER_S = 1_000_000
LEPTON_FPS = 9.0
"""26.4 Hz on the wire, each frame three times."""
STATES = {
    codes.COOLING: State.COOLING,
    codes.COOLER_OFF: State.COOLING,
    codes.COOLER_STARTS: State.COOLING,
    codes.TUNING: State.COOLING,
}


def check(board: Board, config: Config) -> None:
    """What a start would refuse, found without a bus.  Raises ConfigError."""
    error = BusError(errno.ENODEV, "not opened")
    nowhere = Buses(AbsentSpi(error, board.spi.bufsiz_bytes), AbsentI2c(error), AbsentLines(error))
    clock = SystemClock()
    illumination(board, nowhere, clock, sensor(board, config.sensor, nowhere, clock), config.led)
    load_profile(config.detection.profile)


def sensor(board: Board, config: SensorConfig, buses: Buses, clock: Clock, *,
           wait_s: float = EDGE_WAIT_S) -> El640 | Lepton:  # fmt: skip
    """Driver of the board's sensor; a Lepton has one rate and one exposure.

    wait_s : for the edge of a frame; 0 where one loop does more than read frames

    Raises ConfigError for times that bus or sensor cannot keep.
    """
    if board.sensor.kind == "lepton":
        return Lepton(buses, board, clock)
    try:
        return El640(
            buses, board, clock, integration_us=config.integration_us,
            frame_period_us=round(US_PER_S / config.fps), binned=config.binning,
            wait_s=wait_s,
        )  # fmt: skip
    except UsageError as error:
        raise ConfigError(f"settings [sensor]: {error}") from error


def cooler(board: Board, config: Config, buses: Buses, clock: Clock,
           life: LifeCounters) -> Cooler | None:  # fmt: skip
    """The cooler of a board that has one."""
    if board.tec is None:
        return None
    return cooler_on(board, config.cooler, buses.i2c, buses.lines, clock, life=life)


def fpa_check(part: Cooler | None) -> FpaCheck:
    """Compares the cooler's thermistor with the sensor; never objects where nothing cools."""
    return FpaCheck(lambda: nan if part is None else part.status.cold_degc)


def fps(part: El640 | Lepton, config: SensorConfig) -> float:
    """Frames a second that the pipeline will get."""
    return LEPTON_FPS if isinstance(part, Lepton) else config.fps


def corrects_itself(part: El640 | Lepton) -> bool:
    """The sensor's own shutter and processor do it; we only may ask."""
    return isinstance(part, Lepton)


def as_named(part: El640 | Lepton, base: Calibration) -> Calibration:
    """The calibration for a pipeline: frames of a sensor that corrects itself name its own
    corrections, so a number of the file's would never be theirs."""
    return replace(base, nuc_id=-1) if corrects_itself(part) else base


def illumination(board: Board, buses: Buses, clock: Clock, control: El640 | Lepton,
                 wish: LedConfig | None = None, *, least_supply_v: float = 0.0,
                 life: LifeCounters | None = None) -> Illumination | None:  # fmt: skip
    """The light of a board that has one; ConfigError when `wish` breaks one of its limits."""
    if board.led is None or board.adc is None or board.address is None:
        return None
    if isinstance(control, Lepton):
        raise ConfigError(f"board {board.name}: a Lepton gates no LED; remove [led]")
    gpio = board.gpio
    enable = Enable(buses.lines, "led_enable", clock, gpio.refresh_ms, gpio.bridge_ms)
    led = Led(Ad5693r(buses.i2c, board.address.led_dac), enable, board.led)
    channels = {name: getattr(board.adc, name) for name in ROUND}
    adc = Ads1115(buses.i2c, board.adc.led_thermistor.address)
    light = Illumination(led, AdcRound(adc, channels, clock, ROUND), control, board, clock,
                         least_supply_v=least_supply_v, life=life)  # fmt: skip
    if wish is not None:
        try:
            light.request(wish.mode, wish.current_ma)
        except UsageError as error:
            raise ConfigError(f"settings [led] and [sensor]: {error}") from error
    return light


def climate(board: Board, buses: Buses, clock: Clock,
            light: Illumination | None) -> Climate | None:  # fmt: skip
    """Housing and humidity of a board that has the chips."""
    if (at := board.address) is None:
        return None
    supply = light.supply_v if light is not None else (lambda: nan)
    return Climate(Tmp117(buses.i2c, at.tmp117), Sht4x(buses.i2c, at.sht4x), clock, supply)


def distance_k(part: Cooler | None) -> float:
    """How far the detector is from its set-point; infinite where nobody knows."""
    if part is None:
        return inf
    away_k = abs(part.status.cold_degc - part.status.wish_degc)
    return inf if isnan(away_k) else away_k


def is_stable(part: Cooler | None) -> bool:
    """The detector may be corrected: it is at its temperature, or has none of its own."""
    return part is None or part.status.is_stable


def fresh_s(part: Cooler | None, now_ns: int) -> float:
    """Age of the cooler's last step."""
    return 0.0 if part is None else (now_ns - part.status.time_ns) / NS_PER_S
