# SPDX-License-Identifier: Apache-2.0
"""The cooler as it really is: module, cold plate, sink, fan, thermistor; numbers in and out.

One-stage lumped equations (temperatures in K, current above 0 cools):

    pumped   q = S Tc I - I^2 R / 2 - K (Th - Tc)
    cold     C dTc/dt = load + leak (ambient - Tc) - q
    hot      H dTh/dt = q + V I - (Th - ambient) / sink
    voltage  V = S (Th - Tc) + I R

A module that is worked backwards (reversed wires, heating) needs no special case.
"""

import math
from collections import deque
from dataclasses import dataclass, field

from edgeleak.board import KELVIN, TecModel

MAX_STEP_S = 0.05
"""Longer steps are split: the fastest time constant (bead) is resolved eight times."""


@dataclass(slots=True)
class TecPlant:
    """State and defects of one cooler.

    model       : constants of this very specimen
    cold_degc, hot_degc, bead_degc : cold plate, hot side, thermistor on the cold plate
    is_reversed : wires swapped: positive current heats
    is_open, is_short : broken lead, shorted module (no pumping)
    sink_factor : 1 is the sink's nominal resistance
    dead_time_s : transport delay of `bead_degc`
    """

    model: TecModel
    cold_degc: float = 25.0
    hot_degc: float = 25.0
    bead_degc: float = 25.0
    is_reversed: bool = False
    is_open: bool = False
    is_short: bool = False
    sink_factor: float = 1.0
    dead_time_s: float = 0.0
    _lagged_degc: float = math.nan
    _late: deque[float] = field(default_factory=deque)

    def rest_at(self, degc: float) -> None:
        """Everything at one temperature."""
        self.cold_degc = self.hot_degc = self.bead_degc = self._lagged_degc = degc
        self._late.clear()

    def delivered_a(self, command_a: float, max_v: float) -> float:
        """What a driver with `max_v` at most can push through the module."""
        if self.is_open:
            return 0.0
        emf = self._emf_v()
        resistance = self._resistance_ohm()
        return min((max_v - emf) / resistance, max((-max_v - emf) / resistance, command_a))

    def voltage_v(self, current_a: float) -> float:
        """Across the module as the driver sees it."""
        return self._emf_v() + current_a * self._resistance_ohm()

    def step(self, dt_s: float, current_a: float, ambient_degc: float, fan: float = 1.0) -> None:
        """Advance by `dt_s`.

        current_a : through the module; above 0 cools unless it is reversed
        fan       : share of full speed, 0..1
        """
        steps = max(1, math.ceil(dt_s / MAX_STEP_S - 1e-9))
        for _ in range(steps):
            self._step(dt_s / steps, current_a, ambient_degc, fan)

    def sink_k_per_w(self, fan: float) -> float:
        """Resistance from hot side to ambient; conductance grows with the fan's speed."""
        still, full = 1 / self.model.sink_still_k_per_w, 1 / self.model.sink_fan_k_per_w
        return self.sink_factor / (still + (full - still) * fan)

    def _emf_v(self) -> float:
        if self.is_short:
            return 0.0
        emf = self.model.seebeck_v_per_k * (self.hot_degc - self.cold_degc)
        return -emf if self.is_reversed else emf

    def _resistance_ohm(self) -> float:
        return 0.02 if self.is_short else self.model.resistance_ohm

    def _step(self, dt_s: float, current_a: float, ambient_degc: float, fan: float) -> None:
        m = self.model
        cold, hot = self.cold_degc, self.hot_degc
        amps = -current_a if self.is_reversed else current_a
        if self.is_open or self.is_short:
            amps = 0.0
        half_joule = 0.5 * amps * amps * m.resistance_ohm
        through = m.conductance_w_per_k * (hot - cold)
        pumped = m.seebeck_v_per_k * (cold + KELVIN) * amps - half_joule - through
        released = m.seebeck_v_per_k * (hot + KELVIN) * amps + half_joule - through
        warming = m.load_w + m.leak_w_per_k * (ambient_degc - cold) - pumped
        shed = (hot - ambient_degc) / self.sink_k_per_w(fan)
        self.cold_degc = cold + dt_s * warming / m.cold_j_per_k
        self.hot_degc = hot + dt_s * (released - shed) / m.hot_j_per_k
        self._read(dt_s)

    def _read(self, dt_s: float) -> None:
        tau_s = self.model.thermistor_tau_s
        share = -math.expm1(-dt_s / tau_s) if tau_s > 0 else 1.0
        last = self.bead_degc if math.isnan(self._lagged_degc) else self._lagged_degc
        self._lagged_degc = last + (self.cold_degc - last) * share
        self.bead_degc = self._delayed(dt_s)

    def _delayed(self, dt_s: float) -> float:
        if self.dead_time_s <= 0:
            return self._lagged_degc
        self._late.append(self._lagged_degc)
        if len(self._late) > self.dead_time_s / dt_s:
            return self._late.popleft()
        return self.bead_degc
