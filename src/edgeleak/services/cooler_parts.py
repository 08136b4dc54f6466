# SPDX-License-Identifier: Apache-2.0
"""The cooler's service with its drivers on a board's buses."""

from edgeleak.board import Board
from edgeleak.bus.protocols import GpioLines, I2cBus
from edgeleak.clock import Clock
from edgeleak.config import CoolerConfig
from edgeleak.drivers.ad5693r import Ad5693r
from edgeleak.drivers.ads1115 import Ads1115
from edgeleak.drivers.enables import Enable
from edgeleak.drivers.lines import Fan
from edgeleak.drivers.tec import Tec
from edgeleak.errors import ConfigError
from edgeleak.services.cooler_inputs import CoolerInputs
from edgeleak.services.cooler_output import CoolerOutput
from edgeleak.services.life import LifeCounters
from edgeleak.services.thermal import Cooler


def cooler_on(board: Board, config: CoolerConfig, i2c: I2cBus, lines: GpioLines, clock: Clock,
              *, life: LifeCounters | None = None) -> Cooler:  # fmt: skip
    """The cooler of this board.  Raises ConfigError when its file wires none."""
    if board.adc is None or board.address is None or board.tec is None:
        raise ConfigError(f"board {board.name}: no cooler is wired; add [adc], [address], [tec]"
                          " or leave the cooler off")  # fmt: skip
    inputs = CoolerInputs(Ads1115(i2c, board.adc.fpa_thermistor.address), board.adc, clock)
    enable = Enable(lines, "tec_enable", clock, board.gpio.refresh_ms, board.gpio.bridge_ms)
    tec = Tec(Ad5693r(i2c, board.address.tec_dac), enable, board.tec, board.gpio, clock)
    fan = None
    if "fan" in (wired := board.gpio.lines):
        has_tacho = "fan_tacho" in wired
        fan = Fan(lines, pulses=board.fan.pulses_per_turn, has_tacho=has_tacho)
    return Cooler(CoolerOutput(tec, inputs), inputs, fan, board, config, clock, life=life, bus=i2c)
