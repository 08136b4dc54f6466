# SPDX-License-Identifier: Apache-2.0
"""When the LED shone: sensor exposure AND enable, in hardware, to the nanosecond."""

from collections import Counter

from edgeleak.sim.judge import Judge
from edgeleak.sim.led_plant import LedPlant

NS_PER_S = 1_000_000_000
Span = tuple[int, int]


def overlap(one: list[Span], other: list[Span]) -> list[Span]:
    """Spans in both lists; each is in order of time."""
    both = [(max(a, c), min(b, d)) for a, b in one for c, d in other]
    return [(start, stop) for start, stop in both if start < stop]


class Lighting:
    """Pulses of one LED; a pulse that crosses physics steps is still one pulse.

    led      : its physics
    judge    : told of every span of light
    counters : `led.pulses` and `led.lit_ns`

    `held_ma` is the board's current telemetry: a sample-and-hold that follows while the gate is
    open and keeps the last exposure's value in between.  `light_ma` is the brightest light of the
    last step, see `LedPlant.light_ma`.
    """

    def __init__(self, led: LedPlant, judge: Judge, counters: "Counter[str]") -> None:
        self.led = led
        self._judge, self._counters = judge, counters
        self._from_ns = self._to_ns = -1
        self._volts = 0.0
        self.held_ma = self.light_ma = 0.0

    def shine(self, spans: list[Span], volts: float, step_end_ns: int) -> float:
        """Light of one step; returns the largest current, mA."""
        largest_ma = self.light_ma = 0.0
        for from_ns, to_ns in spans:
            self.held_ma = self._span(from_ns, to_ns, volts)
            largest_ma = max(largest_ma, self.held_ma)
            self.light_ma = max(self.light_ma, self.led.light_ma(self.held_ma))
        if self._to_ns != step_end_ns:
            self.end_pulse()
        return largest_ma

    def _span(self, from_ns: int, to_ns: int, volts: float) -> float:
        if from_ns != self._to_ns or volts != self._volts:
            self.end_pulse()
            self._from_ns = from_ns
        self._to_ns, self._volts = to_ns, volts
        current_ma = self.led.current_ma(volts)
        if current_ma > 0:
            self._judge.lit(from_ns, to_ns, current_ma, self.led.led_degc)
            self._counters["led.lit_ns"] += to_ns - from_ns
        return current_ma

    def end_pulse(self) -> None:
        """Give the pulse that ended to the LED's heat and age."""
        if self._to_ns > self._from_ns:
            current_ma = self.led.pulse(self._volts, (self._to_ns - self._from_ns) / NS_PER_S)
            self._counters["led.pulses"] += current_ma > 0
        self._from_ns = self._to_ns = -1
