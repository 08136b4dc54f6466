# SPDX-License-Identifier: Apache-2.0
"""The LED as it really is: heat, droop with temperature, ageing; numbers in, numbers out."""

import math
from dataclasses import dataclass

from edgeleak.board import LedModel, LedPart

REFERENCE_DEGC = 25.0
"""Junction of the new LED that light is compared with, as in datasheets."""


@dataclass(slots=True)
class LedPlant:
    """One LED on its heat path.

    part, model : limits and constants of the board's table
    led_degc    : junction temperature
    hours       : time lit
    pulses      : exposures lit
    is_open, is_short : broken bond wire, broken junction
    """

    part: LedPart
    model: LedModel
    led_degc: float = REFERENCE_DEGC
    hours: float = 0.0
    pulses: int = 0
    is_open: bool = False
    is_short: bool = False

    def current_ma(self, command_v: float) -> float:
        """What flows while the gate is open; a short takes the driver's own limit."""
        if self.is_open:
            return 0.0
        if self.is_short:
            return self.model.short_ma
        return max(0.0, command_v * self.part.ma_per_v)

    def pulse(self, command_v: float, width_s: float) -> float:
        """One exposure lit: heat and age; returns the current, mA."""
        current_ma = self.current_ma(command_v)
        if current_ma > 0:
            joule = current_ma / 1000 * self.part.forward_v * width_s
            self.led_degc += joule / self.model.heat_j_per_k
            self.hours += width_s / 3600
            self.pulses += 1
        return current_ma

    def rest(self, dt_s: float, ambient_degc: float) -> None:
        """Cool towards the housing for `dt_s`; exact for any step."""
        tau_s = self.model.heat_j_per_k * self.model.rise_k_per_w
        self.led_degc += (ambient_degc - self.led_degc) * -math.expm1(-dt_s / tau_s)

    def light_ma(self, current_ma: float) -> float:
        """Light at a current, told as what a new LED at `REFERENCE_DEGC` needs for the same."""
        droop = math.exp(-(self.led_degc - REFERENCE_DEGC) / self.model.droop_k)
        age = math.exp(-self.hours / self.model.life_hours)
        return 0.0 if self.is_short else current_ma * droop * age
