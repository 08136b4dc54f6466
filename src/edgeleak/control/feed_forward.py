# SPDX-License-Identifier: Apache-2.0
"""Current a nominal cooler needs; what the loop adds is only the difference to the real one."""

import math
from dataclasses import dataclass

KELVIN = 273.15
USEFUL_SHARE = 0.85
"""Of the current of strongest pumping; the last 15 % of it bring 2 % and heat the sink."""


@dataclass(frozen=True, slots=True)
class Physics:
    """Nominal constants of the cooler (units as in the board's [tec_model])."""

    seebeck_v_per_k: float
    resistance_ohm: float
    conductance_w_per_k: float
    cold_j_per_k: float
    leak_w_per_k: float
    load_w: float

    def best_a(self, cold_degc: float) -> float:
        """Useful end of the current scale: beyond it more current heats more than it cools."""
        peak_a = self.seebeck_v_per_k * (cold_degc + KELVIN) / self.resistance_ohm
        return USEFUL_SHARE * peak_a

    def heat_w(self, cold_degc: float, hot_degc: float, ambient_degc: float) -> float:
        """Heat that must be pumped to keep the cold side where it is."""
        through = self.conductance_w_per_k * (hot_degc - cold_degc)
        return self.load_w + self.leak_w_per_k * (ambient_degc - cold_degc) + through

    def warming_k_per_s(self, current_a: float, cold_degc: float, hot_degc: float,
                        ambient_degc: float) -> float:  # fmt: skip
        """How fast the cold side of a nominal cooler warms at a current."""
        pumped = self.seebeck_v_per_k * (cold_degc + KELVIN) * current_a
        pumped -= 0.5 * current_a**2 * self.resistance_ohm
        return (self.heat_w(cold_degc, hot_degc, ambient_degc) - pumped) / self.cold_j_per_k

    def current_a(self, cold_degc: float, hot_degc: float, ambient_degc: float,
                  rate_k_per_s: float = 0.0) -> float:  # fmt: skip
        """Current that changes the cold side by `rate_k_per_s`; above 0 cools.

        Where no current can do it, the useful end of the scale.
        """
        wanted_w = self.heat_w(cold_degc, hot_degc, ambient_degc)
        wanted_w -= self.cold_j_per_k * rate_k_per_s
        slope = self.seebeck_v_per_k * (cold_degc + KELVIN)
        inside = slope**2 - 2 * self.resistance_ohm * wanted_w
        if inside <= 0:
            return self.best_a(cold_degc)
        return min(self.best_a(cold_degc), (slope - math.sqrt(inside)) / self.resistance_ohm)

    def gain_k_per_s_a(self, current_a: float, cold_degc: float) -> float:
        """Cooling rate per ampere at a working point: what the loop's gain scales with."""
        slope = self.seebeck_v_per_k * (cold_degc + KELVIN)
        return (slope - self.resistance_ohm * current_a) / self.cold_j_per_k
