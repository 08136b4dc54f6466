# SPDX-License-Identifier: Apache-2.0
"""Channels of one ADS1115 in turn: one conversion a step, nobody waits for it."""

import math
from collections.abc import Sequence

from edgeleak.board import AdcChannel
from edgeleak.clock import Clock
from edgeleak.drivers.ads1115 import Ads1115


class AdcRound:
    """Latest volts of each named channel, and how old they are.

    adc      : the converter
    channels : name -> input; all on this converter
    clock    : ages are measured with it
    order    : names as they take turns, the urgent ones more than once; each once without it
    """

    def __init__(self, adc: Ads1115, channels: dict[str, AdcChannel], clock: Clock,
                 order: Sequence[str] = ()) -> None:  # fmt: skip
        self._adc, self._clock = adc, clock
        self._channels = [(name, channels[name]) for name in order or channels]
        self._volts = dict.fromkeys(channels, math.nan)
        self._taken_ns: dict[str, int] = {}
        self._turn = -1

    def step(self) -> None:
        """Fetch the finished conversion and start the next channel; BusError as it comes."""
        if self._turn >= 0:
            if not self._adc.ready():
                return
            name, _ = self._channels[self._turn]
            self._volts[name] = self._adc.result_volts()
            self._taken_ns[name] = self._clock.monotonic_ns()
        self._turn = (self._turn + 1) % len(self._channels)
        _, channel = self._channels[self._turn]
        self._adc.start(channel.channel, channel.full_scale_v)

    def restart(self) -> None:
        """After a bus error: the conversion under way is nobody's."""
        self._turn = -1

    def volts(self, name: str) -> float:
        """Last value, infinite where it clipped; NaN before the first."""
        return self._volts[name]

    def age_s(self, name: str) -> float:
        """Seconds since the last value; infinite before the first."""
        if name not in self._taken_ns:
            return math.inf
        return (self._clock.monotonic_ns() - self._taken_ns[name]) / 1e9
