# SPDX-License-Identifier: Apache-2.0
"""TMP117 as its registers answer: averaging, cycle times, limits with alerts, offset, reset.

Sources as in drivers.tmp117: conversion cycles table 7-7, alert and therm mode 7.4.4, flags and
soft reset table 7-6.  The EEPROM is not modelled beyond its unlock register and contents.
"""

from collections.abc import Callable

from edgeleak.drivers import tmp117 as chip
from edgeleak.sim.chips.chip import NowNs, WordRegisters

POWER_UP_NS = 1_500_000
CONVERSION_NS = 15_500_000
AVERAGES = (1, 8, 32, 64)
CYCLES_NS = (15_500_000, 125_000_000, 250_000_000, 500_000_000,
             1_000_000_000, 4_000_000_000, 8_000_000_000, 16_000_000_000)  # fmt: skip
HIGH_ALERT, LOW_ALERT = 0x8000, 0x4000
SOFT_RESET = 0x0002
THERM_MODE = 0x0010
WRITABLE = 0x0FFC
SHUTDOWN, ONE_SHOT = 0x0400, 0x0C00
NO_SAMPLE = chip.NO_SAMPLE & 0xFFFF
DEFAULTS = {
    chip.REG_HIGH_LIMIT: 0x6000,
    chip.REG_LOW_LIMIT: 0x8000,
    chip.REG_EEPROM_UNLOCK: 0,
    chip.REG_EEPROM1: 0,
    chip.REG_EEPROM2: 0,
    chip.REG_OFFSET: 0,
    chip.REG_EEPROM3: 0,
}


class Tmp117Model(WordRegisters):
    """One thermometer.

    degc      : true temperature; asked when a conversion ends
    now_ns    : the plant's time
    device_id : 0x0117, 0x2117 for a TMP119, anything else for a wrong part
    """

    pointer_mask = 0x0F

    def __init__(self, address: int, degc: Callable[[], float], now_ns: NowNs, *,
                 device_id: int = chip.DEVICE_ID) -> None:  # fmt: skip
        super().__init__(address, now_ns)
        self._degc, self._device_id = degc, device_id
        self.power_cycle()

    def power_cycle(self) -> None:
        self._pointer = 0
        self._reset()

    def general_call(self, data: bytes) -> None:
        """06h at address 0 resets the chip."""
        if data[:1] == b"\x06":
            self._reset()

    def _reset(self) -> None:
        self._registers = dict(DEFAULTS)
        self._temperature = NO_SAMPLE
        self._config, self._flags = chip.CONFIG_RESET, 0
        self._ends_ns: int | None = self._now_ns() + POWER_UP_NS + self.active_ns

    @property
    def active_ns(self) -> int:
        """Length of one result: conversions times their time."""
        return CONVERSION_NS * AVERAGES[self._config >> 5 & 3]

    @property
    def cycle_ns(self) -> int:
        """From result to result; averaging stretches it where it is longer (table 7-7)."""
        return max(CYCLES_NS[self._config >> 7 & 7], self.active_ns)

    @property
    def alert_pin(self) -> bool:
        """Level of ALERT."""
        source = chip.DATA_READY if self._config & 0x0004 else HIGH_ALERT | LOW_ALERT
        return bool(self._flags & source) == bool(self._config & 0x0008)

    def tick(self) -> None:
        if self._ends_ns is None or self._now_ns() < self._ends_ns:
            return
        counts = round(self._degc() / chip.DEGC_PER_COUNT)
        counts += _signed(self._registers[chip.REG_OFFSET])
        self._temperature = max(-0x8000, min(0x7FFF, counts)) & 0xFFFF
        self._flags |= chip.DATA_READY
        self._compare()
        if self._config & ONE_SHOT == ONE_SHOT:
            self._config = self._config & ~ONE_SHOT | SHUTDOWN
            self._ends_ns = None
        else:
            missed = (self._now_ns() - self._ends_ns) // self.cycle_ns
            self._ends_ns += (missed + 1) * self.cycle_ns

    def _compare(self) -> None:
        counts = _signed(self._temperature)
        high = _signed(self._registers[chip.REG_HIGH_LIMIT])
        low = _signed(self._registers[chip.REG_LOW_LIMIT])
        if self._config & THERM_MODE:
            if counts > high:
                self._flags |= HIGH_ALERT
            elif counts < low:
                self._flags &= ~HIGH_ALERT
            self._flags &= ~LOW_ALERT
        else:
            self._flags |= HIGH_ALERT * (counts > high) | LOW_ALERT * (counts < low)

    def _get(self, register: int) -> int:
        if register == chip.REG_TEMPERATURE:
            self._flags &= ~chip.DATA_READY
            return self._temperature
        if register == chip.REG_CONFIG:
            word = self._config | self._flags
            self._flags &= HIGH_ALERT if self._config & THERM_MODE else 0
            return word
        if register == chip.REG_DEVICE_ID:
            return self._device_id
        return self._registers.get(register, 0)

    def _set(self, register: int, value: int) -> None:
        if register == chip.REG_CONFIG:
            if value & SOFT_RESET:
                self._reset()
                return
            self._config = value & WRITABLE
            is_off = self._config & ONE_SHOT == SHUTDOWN
            self._ends_ns = None if is_off else self._now_ns() + self.active_ns
        elif register == chip.REG_EEPROM_UNLOCK:
            self._registers[register] = value & 0x8000
        elif register in self._registers:
            self._registers[register] = value


def _signed(word: int) -> int:
    return word - 0x10000 if word & 0x8000 else word
