# SPDX-License-Identifier: Apache-2.0
"""ADS1115 as its registers answer: pointer, conversion time, gain, comparator and ALERT pin.

Sources as in drivers.ads1115; the comparator from SBAS444E 7.3.7, the RDY function from 7.3.8.
With `bits=12` it is the ADS1015 somebody may have fitted instead: other rates, low bits fixed.
"""

from collections.abc import Callable, Sequence

from edgeleak.drivers import ads1115 as chip
from edgeleak.sim.chips.chip import NowNs, WordRegisters

Volts = Callable[[], float]
RATES_12_BIT_SPS = (128, 250, 490, 920, 1600, 2400, 3300, 3300)
DIFFERENTIAL = ((0, 1), (0, 3), (1, 3), (2, 3))
"""Inputs of MUX codes 0..3; 4..7 are one input against ground."""


class Ads1115Model(WordRegisters):
    """One converter.

    inputs     : AIN0..AIN3 in volts; asked when a conversion ends
    now_ns     : the plant's time
    supply_v   : inputs are clamped to -0.3 V and this + 0.3 V by the protection diodes
    rate_error : share by which the oscillator is slow; the datasheet allows +-0.1
    bits       : 16, or 12 for an ADS1015
    """

    pointer_mask = 0x03

    def __init__(
        self,
        address: int,
        inputs: Sequence[Volts],
        now_ns: NowNs,
        *,
        supply_v: float = 3.3,
        rate_error: float = 0.0,
        bits: int = 16,
    ) -> None:
        super().__init__(address, now_ns)
        self._inputs, self._supply_v = tuple(inputs), supply_v
        self._rate_error, self._bits = rate_error, bits
        self.power_cycle()

    def power_cycle(self) -> None:
        self._pointer = 0
        self._conversion = 0
        self._config = self._converts = chip.CONFIG_RESET & ~chip.OS
        self._low, self._high = chip.LO_THRESH_RESET, chip.HI_THRESH_RESET
        self._ends_ns: int | None = None
        self._beyond = 0
        self._alerts = False
        self.conversions = 0

    def general_call(self, data: bytes) -> None:
        """06h at address 0 resets the chip (7.5.1.2)."""
        if data[:1] == b"\x06":
            self.power_cycle()

    @property
    def conversion_ns(self) -> int:
        """Of the rate now configured."""
        rates = chip.RATES_SPS if self._bits == 16 else RATES_12_BIT_SPS
        rate_sps = rates[self._config >> chip.RATE_SHIFT & 7]
        return round(1e9 / rate_sps * (1 + self._rate_error))

    @property
    def alert_pin(self) -> bool:
        """Level of ALERT/RDY: high when off (pull-up), else comparator or conversion ready."""
        active_high = bool(self._config & 0x0008)
        if self._config & 3 == 3:
            return True
        if self._is_ready_function:
            return (self._ends_ns is None) == active_high
        return self._alerts == active_high

    @property
    def _is_ready_function(self) -> bool:
        return bool(self._high & 0x8000) and not self._low & 0x8000

    @property
    def _is_single_shot(self) -> bool:
        return bool(self._config & chip.MODE_SINGLE_SHOT)

    def tick(self) -> None:
        while self._ends_ns is not None and self._now_ns() >= self._ends_ns:
            self._conversion = self._measure()
            self.conversions += 1
            self._compare()
            if self._converts & chip.MODE_SINGLE_SHOT:
                self._ends_ns = None
            else:
                period_ns = self.conversion_ns
                missed = (self._now_ns() - self._ends_ns) // period_ns
                self.conversions += missed
                self._ends_ns += (missed + 1) * period_ns

    def _measure(self) -> int:
        mux = self._converts >> chip.MUX_SHIFT & 7
        plus, minus = DIFFERENTIAL[mux] if mux < 4 else (mux - 4, None)
        volts = self._pin(plus) - (0.0 if minus is None else self._pin(minus))
        full_scale_v = chip.FULL_SCALES_V[min(self._converts >> chip.PGA_SHIFT & 7, 5)]
        step = 1 << 16 - self._bits
        counts = round(volts / full_scale_v * 0x8000 / step) * step
        return max(-0x8000, min(0x8000 - step, counts)) & 0xFFFF

    def _pin(self, number: int) -> float:
        volts = self._inputs[number]() if number < len(self._inputs) else 0.0
        return max(-0.3, min(self._supply_v + 0.3, volts))

    def _compare(self) -> None:
        counts, low, high = (_signed(x) for x in (self._conversion, self._low, self._high))
        is_window = bool(self._config & 0x0010)
        is_beyond = counts > high or (is_window and counts < low)
        self._beyond = self._beyond + 1 if is_beyond else 0
        queue = self._config & 3
        if queue == 3:
            self._alerts = False
        elif self._beyond >= (1, 2, 4)[queue]:
            self._alerts = True
        elif not self._config & 0x0004 and not is_beyond and (is_window or counts < low):
            self._alerts = False

    def _get(self, register: int) -> int:
        if register == chip.REG_CONVERSION:
            if self._config & 0x0004:
                self._alerts = False
            return self._conversion
        if register == chip.REG_CONFIG:
            return self._config | (chip.OS if self._ends_ns is None else 0)
        return self._low if register == chip.REG_LO_THRESH else self._high

    def _set(self, register: int, value: int) -> None:
        fixed = (1 << 16 - self._bits) - 1
        if register == chip.REG_LO_THRESH:
            self._low = value & ~fixed
        elif register == chip.REG_HI_THRESH:
            self._high = value | fixed
        elif register == chip.REG_CONFIG:
            self._configure(value)

    def _configure(self, value: int) -> None:
        """A single shot under way is finished as it was begun; anything else starts anew."""
        is_busy = self._ends_ns is not None and self._converts & chip.MODE_SINGLE_SHOT
        self._config = value & ~chip.OS
        if is_busy:
            return
        self._ends_ns = None
        if not self._is_single_shot or value & chip.OS:
            self._converts = self._config
            self._ends_ns = self._now_ns() + chip.WAKE_UP_NS + self.conversion_ns


def _signed(word: int) -> int:
    return word - 0x10000 if word & 0x8000 else word
