# SPDX-License-Identifier: Apache-2.0
"""What is really so on the board."""

from dataclasses import dataclass
from typing import Self

from edgeleak.sim.scenario import World


@dataclass(slots=True)
class Truth:
    """True physical values; nobody but judge, models and reports may look.

    tec_a, tec_v : through and across the module, above 0 cools
    led_ma       : largest current of the last physics step
    led_light_ma : brightest light of that step, see `led_plant.LedPlant.light_ma`
    led_held_ma  : what the driver's sample-and-hold shows of the last exposure
    humidity     : relative, 0..1
    fan_speed    : share of full speed
    """

    cold_degc: float = 25.0
    hot_degc: float = 25.0
    tec_a: float = 0.0
    tec_v: float = 0.0
    led_ma: float = 0.0
    led_light_ma: float = 0.0
    led_held_ma: float = 0.0
    led_degc: float = 25.0
    housing_degc: float = 25.0
    humidity: float = 0.3
    ambient_degc: float = 25.0
    supply_v: float = 5.0
    tec_enabled: bool = False
    led_enabled: bool = False
    fan_speed: float = 0.0

    @classmethod
    def at_rest(cls, world: World) -> Self:
        """Everything has been switched off for long."""
        air = world.ambient_degc
        return cls(cold_degc=air, hot_degc=air, led_degc=air, housing_degc=air, ambient_degc=air,
                   humidity=world.humidity, supply_v=world.supply_v)  # fmt: skip
