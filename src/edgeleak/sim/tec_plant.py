# SPDX-License-Identifier: Apache-2.0
"""The cooler as it really is: module, cold plate, sink, thermistor; numbers in, numbers out.

One-stage lumped equations (temperatures in K, current above 0 cools):

    pumped   q = S Tc I - I^2 R / 2 - K (Th - Tc)
    cold     C dTc/dt = load + leak (ambient - Tc) - q
    hot      H dTh/dt = q + V I - (Th - ambient) / sink
    voltage  V = S (Th - Tc) + I R

Reversed wires are a current of the other sign; a module that heats needs no special case.
"""

import math
from collections import deque

from edgeleak.board import KELVIN, TecModel

MAX_STEP_S = 0.05
"""Longer steps are split: the fastest time constant (bead) is resolved eight times."""
SHORT_OHM = 0.02


class TecPlant:
    """State of one specimen.

    model        : its constants
    ambient_degc : everything starts at this temperature
    dead_time_s  : transport delay of `thermistor_degc`
    """

    def __init__(self, model: TecModel, ambient_degc: float = 25.0, *,
                 dead_time_s: float = 0.0) -> None:  # fmt: skip
        self.model = model
        self.dead_time_s = dead_time_s
        self.is_short = False
        self.rest_at(ambient_degc)

    def rest_at(self, degc: float) -> None:
        """Everything at one temperature, as after a night."""
        self.cold_degc = self.hot_degc = self.thermistor_degc = degc
        self._bead_degc = degc
        self._late: deque[float] = deque()

    def chill(self, cold_degc: float) -> None:
        """The cold side alone at a temperature, as after a battery was changed in the field."""
        self.cold_degc = self.thermistor_degc = self._bead_degc = cold_degc

    def voltage_v(self, current_a: float) -> float:
        """Across the module at a current through it."""
        if self.is_short:
            return current_a * SHORT_OHM
        emf_v = self.model.seebeck_v_per_k * (self.hot_degc - self.cold_degc)
        return emf_v + current_a * self.model.resistance_ohm

    def delivered_a(self, command_a: float, max_v: float) -> float:
        """What a driver that has `max_v` at most can push through the module."""
        if self.is_short:
            return command_a
        emf_v = self.model.seebeck_v_per_k * (self.hot_degc - self.cold_degc)
        ohm = self.model.resistance_ohm
        return min((max_v - emf_v) / ohm, max((-max_v - emf_v) / ohm, command_a))

    def step(self, dt_s: float, current_a: float, ambient_degc: float,
             sink_k_per_w: float | None = None) -> None:  # fmt: skip
        """Advance by `dt_s` with a current through the module.

        sink_k_per_w : hot side to ambient; None is the nominal value with the fan on
        """
        sink = self.model.sink_fan_k_per_w if sink_k_per_w is None else sink_k_per_w
        steps = max(1, math.ceil(dt_s / MAX_STEP_S - 1e-9))
        for _ in range(steps):
            self._step(dt_s / steps, current_a, ambient_degc, sink)

    def _step(self, dt_s: float, amps: float, ambient_degc: float, sink_k_per_w: float) -> None:
        m = self.model
        cold, hot = self.cold_degc, self.hot_degc
        if self.is_short:
            amps = 0.0
        half_joule_w = 0.5 * amps * amps * m.resistance_ohm
        through_w = m.conductance_w_per_k * (hot - cold)
        pumped_w = m.seebeck_v_per_k * (cold + KELVIN) * amps - half_joule_w - through_w
        released_w = m.seebeck_v_per_k * (hot + KELVIN) * amps + half_joule_w - through_w
        warming_w = m.load_w + m.leak_w_per_k * (ambient_degc - cold) - pumped_w
        shed_w = (hot - ambient_degc) / sink_k_per_w
        self.cold_degc = cold + dt_s * warming_w / m.cold_j_per_k
        self.hot_degc = hot + dt_s * (released_w - shed_w) / m.hot_j_per_k
        self._read(dt_s)

    def _read(self, dt_s: float) -> None:
        tau_s = self.model.thermistor_tau_s
        share = -math.expm1(-dt_s / tau_s) if tau_s > 0 else 1.0
        self._bead_degc += (self.cold_degc - self._bead_degc) * share
        if self.dead_time_s <= 0:
            self.thermistor_degc = self._bead_degc
            return
        self._late.append(self._bead_degc)
        if len(self._late) > self.dead_time_s / dt_s:
            self.thermistor_degc = self._late.popleft()
