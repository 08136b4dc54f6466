# SPDX-License-Identifier: Apache-2.0
"""Analog Devices AD5693R, 16-bit DAC with 2.5 V reference: commands of TEC and LED driver.

After power-on and after `reset` the output is 0 V.  On EL-1's TEC that is full drive, not off:
write mid-scale and see it read back before the enable.  Every `write_code` is read back.

Source: AD5693R/5692R/5691R/5693 datasheet.  Checked against Linux ad5696-i2c.c, Zephyr
dac_ad569x.c and Adafruit's driver: commands in the high nibble (table 9), control bits 15 reset,
14..13 power-down, 12 reference *off*, 11 gain of 2, a plain 2-byte read for the input register.
From memory: reset values, that a reset may leave its last byte unacknowledged.
"""

import contextlib

from edgeleak.bus.protocols import I2cBus
from edgeleak.errors import BusError, UsageError, WrongDeviceError

CMD_NOP, CMD_WRITE_INPUT, CMD_UPDATE, CMD_WRITE_UPDATE, CMD_CONTROL = 0x00, 0x10, 0x20, 0x30, 0x40
CONTROL_RESET = 0x8000
CONTROL_POWER_DOWN_SHIFT = 13
CONTROL_REFERENCE_OFF = 0x1000
CONTROL_GAIN_2 = 0x0800
REFERENCE_V = 2.5
CODE_MAX = 0xFFFF
CODE_SPAN = 0x10000


class ReadBackError(BusError):
    """The chip acknowledged a write but does not hold it."""


def volts_of(code: int, gain: int = 1, reference_v: float = REFERENCE_V) -> float:
    """Output voltage of a code: reference x gain x code / 65536."""
    return reference_v * gain * code / CODE_SPAN


def code_of(volts: float, gain: int = 1, reference_v: float = REFERENCE_V) -> int:
    """Nearest code; UsageError for a voltage the DAC cannot make (NaN too)."""
    full_v = reference_v * gain
    if not 0 <= volts <= full_v:
        raise UsageError(f"DAC output {volts} V: expected 0 to {full_v:g} V")
    return min(round(volts / full_v * CODE_SPAN), CODE_MAX)


def control_word(gain: int, has_reference: bool) -> int:
    """Control register for normal operation; gain 1 or 2."""
    if gain not in (1, 2):
        raise UsageError(f"AD5693R gain {gain}: expected 1 or 2")
    return (CONTROL_GAIN_2 if gain == 2 else 0) | (0 if has_reference else CONTROL_REFERENCE_OFF)


class Ad5693r:
    """One DAC at `address` 0x4C or 0x4E of `bus`."""

    def __init__(self, bus: I2cBus, address: int) -> None:
        self._bus = bus
        self._address = address

    def probe(self) -> None:
        """WrongDeviceError unless the input register follows a change of its lowest bit.

        The part has no ID.  The command used does not update the output while LDAC is high,
        and one bit (38 uV) where it is low; the bit is put back.
        """
        before = self.read_code()
        self._send(CMD_WRITE_INPUT, before ^ 1)
        changed = self.read_code()
        self._send(CMD_WRITE_INPUT, before)
        if changed != before ^ 1 or self.read_code() != before:
            raise WrongDeviceError(
                f"I2C 0x{self._address:02x}: expected an AD5693R that keeps"
                f" 0x{before ^ 1:04x}, read 0x{changed:04x}; check which chip is fitted there"
            )

    def reset(self) -> None:
        """Software reset: output 0 V, reference on, gain 1; ReadBackError if it did not."""
        with contextlib.suppress(BusError):  # it may be gone before it acknowledges
            self._send(CMD_CONTROL, CONTROL_RESET)
        self._compare(0)

    def configure(self, *, gain: int = 1, has_reference: bool = True) -> None:
        """Normal operation with this gain; has_reference: use the internal 2.5 V."""
        self._send(CMD_CONTROL, control_word(gain, has_reference))

    def write_code(self, code: int) -> None:
        """Set the output, then read the register back; ReadBackError when it differs.

        code : 0..65535
        """
        if not 0 <= code <= CODE_MAX:
            raise UsageError(f"DAC code {code}: expected 0 to {CODE_MAX}")
        self._send(CMD_WRITE_UPDATE, code)
        self._compare(code)

    def read_code(self) -> int:
        """Content of the input register."""
        return int.from_bytes(self._bus.transfer(self._address, b"", 2), "big")

    def _compare(self, code: int) -> None:
        found = self.read_code()
        if found != code:
            raise ReadBackError(
                f"AD5693R 0x{self._address:02x}: wrote 0x{code:04x}, read 0x{found:04x};"
                " write it again, then check cable and supply"
            )

    def _send(self, command: int, value: int) -> None:
        self._bus.transfer(self._address, bytes((command, value >> 8, value & 0xFF)))
