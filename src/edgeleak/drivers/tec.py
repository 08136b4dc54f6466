# SPDX-License-Identifier: Apache-2.0
"""The TEC driver (ADN8834 class) behind an AD5693R: current command, enable, telemetry.

0 A is mid-scale of the command; the DAC resets to 0 V, which is full drive, so `start` writes
mid-scale and sees it read back before the first edge of the enable.  Every write is read back,
slew-limited and clamped to the board's limits here, whatever the caller computed.  A command
that no write has renewed in time ends with its enable lowered; a program that does not even get
to that is switched off by the hardware.
"""

import math

from edgeleak.board import GpioWiring, TecPart
from edgeleak.clock import NS_PER_MS, NS_PER_S, Clock
from edgeleak.drivers.ad5693r import CODE_MAX, Ad5693r, ReadBackError, code_of, volts_of
from edgeleak.drivers.enables import Enable
from edgeleak.errors import NotReadyError, UsageError

LONGEST_STEP_S = 0.06
"""Slew allowed in one command: a late control period does not earn a bigger step."""
EXPIRY_NS = 150_000_000
"""A command older than this is nobody's: three control periods."""
EARLY_NS = 10_000_000
"""The third control period may come this much early; what it cannot renew has expired."""


def code_for(part: TecPart, current_a: float) -> int:
    """DAC code of a current; above 0 cools."""
    return min(CODE_MAX, code_of(part.zero_v + current_a / part.command_a_per_v))


def current_of(part: TecPart, code: int) -> float:
    """Current that a DAC code commands."""
    return (volts_of(code) - part.zero_v) * part.command_a_per_v


def decode_current_a(part: TecPart, volts: float) -> float:
    """Measured current of the telemetry voltage."""
    return (volts - part.zero_v) / part.telemetry_v_per_a


def decode_voltage_v(part: TecPart, volts: float) -> float:
    """Voltage across the module of the telemetry voltage."""
    return (volts - part.zero_v) / part.voltage_gain


class Tec:
    """Current command and enable of one cooler.

    dac        : command, mid-scale is 0 A
    enable     : needs an edge within `refresh_ms`
    part       : scale and limits
    gpio       : refresh and bridge time of the board's monostable
    clock      : tells when a write ended: the change that time allows counts from there, because
                 a write may reach the chip at any moment until then

    `fall_ns` is how long the output may last after `off`.
    """

    def __init__(self, dac: Ad5693r, enable: Enable, part: TecPart, gpio: GpioWiring,
                 clock: Clock) -> None:  # fmt: skip
        self._dac, self.enable, self.part, self._clock = dac, enable, part, clock
        self._refresh_ns, self._bridge_ns = gpio.refresh_ms * NS_PER_MS, gpio.bridge_ms * NS_PER_MS
        self.fall_ns, self._rest_from_ns = self._bridge_ns, 0
        self._current_a: float | None = None  # None: the register's content is not known
        self._commanded_ns = self._written_ns = self._refreshed_ns = 0
        self.is_on, self.is_rested = False, True
        self.rewrites = 0

    @property
    def current_a(self) -> float:
        """Commanded current as last read back; 0 while switched off or not known."""
        return self._current_a if self.is_on and self._current_a is not None else 0.0

    def start(self, now_ns: int) -> None:
        """Zero the command, prove it, then enable.  Raises BusError; the enable is then off."""
        self.is_on = False
        self.enable.off()
        self._write(code_for(self.part, 0.0))
        self._commanded_ns = self._refreshed_ns = now_ns
        self.is_on = True
        self.enable.start()

    def set_current_a(self, wanted_a: float, now_ns: int) -> float:
        """Move the command towards `wanted_a` as fast as the limits allow; returns where it is.

        Raises UsageError for NaN, NotReadyError while off, BusError when the write failed (the
        next call asks the register where it is), ReadBackError when it does not hold.
        """
        if math.isnan(wanted_a):
            raise UsageError("TEC current is not a number; the command was not changed")
        if not self.is_on:
            raise NotReadyError("TEC is off; start it first")
        if self._current_a is None:
            self._current_a = current_of(self.part, self._dac.read_code())
        part, last_a = self.part, self._current_a
        passed_s = min(LONGEST_STEP_S, max(0.0, (now_ns - self._written_ns) / NS_PER_S))
        step_a = part.max_slew_a_per_s * passed_s
        target_a = min(part.max_cool_a, max(-part.max_heat_a, wanted_a))
        target_a = min(last_a + step_a, max(last_a - step_a, target_a))
        self._write(code_for(part, target_a))
        self._commanded_ns = now_ns
        return self.current_a

    def is_expired(self, now_ns: int) -> bool:
        """Nobody has renewed the command in time; only a write that was read back renews it."""
        return now_ns - self._commanded_ns >= EXPIRY_NS - EARLY_NS

    def refresh(self, now_ns: int) -> bool:
        """Keep the output on; False when it has dropped or its command expired: start again."""
        if not self.is_on:
            return False
        is_late = now_ns - self._refreshed_ns >= self._refresh_ns
        if is_late or self.is_expired(now_ns) or not self.enable.refresh():
            self.off()
            return False
        self._refreshed_ns = now_ns
        return True

    def off(self) -> None:
        """Off now, without a ramp.  Raises BusError.

        The command stays: the output lasts for the monostable's bridge time, or for all of its
        refresh time when the line cannot be lowered, and a command that jumps meanwhile would
        be a step of the current.  `rest` zeroes it.
        """
        self.is_on = self.is_rested = False
        self._rest_from_ns, self.fall_ns = 0, self._refresh_ns
        self.enable.off()
        self.fall_ns = self._bridge_ns

    def rest(self, now_ns: int) -> None:
        """While off, once the output surely is: the command to zero, once.  Raises BusError."""
        if self.is_on or self.is_rested:
            return
        if not self._rest_from_ns:
            self._rest_from_ns = now_ns + self.fall_ns
        if now_ns >= self._rest_from_ns:
            self._write(code_for(self.part, 0.0))
            self.is_rested = True

    def _write(self, code: int) -> None:
        self._current_a = None
        try:
            self._write_held(code)
        finally:
            self._written_ns = self._clock.monotonic_ns()  # one that failed may have moved it too
        self._current_a = current_of(self.part, code)

    def _write_held(self, code: int) -> None:
        """A second time where the register does not hold it."""
        try:
            self._dac.write_code(code)
        except ReadBackError:
            self.rewrites += 1
            self._dac.write_code(code)
