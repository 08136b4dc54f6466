# SPDX-License-Identifier: Apache-2.0
"""TI TMP117 temperature sensor: housing thermometer.

Source: TI datasheet SNOSD82D, checked there: register map and reset values (table 7-3), data
format (table 7-1), -256 degC until the first conversion (7.3.1), device ID 117h in bits 11..0.
The ID of a wrong part at the address decides; TMP119 carries the same ID and format.
"""

from edgeleak.bus.protocols import I2cBus
from edgeleak.errors import NotReadyError, WrongDeviceError

REG_TEMPERATURE, REG_CONFIG, REG_HIGH_LIMIT, REG_LOW_LIMIT, REG_EEPROM_UNLOCK = range(5)
REG_EEPROM1, REG_EEPROM2, REG_OFFSET, REG_EEPROM3 = range(5, 9)
REG_DEVICE_ID = 0x0F
DEVICE_ID = 0x117
"""Bits 11..0; 15..12 are the die revision."""
CONFIG_RESET = 0x0220
"""Continuous, one result a second, each the mean of eight conversions."""
DATA_READY = 0x2000
NO_SAMPLE = -0x8000
"""Content until the first conversion ends."""
DEGC_PER_COUNT = 1 / 128
"""7.8125 mK, exact in binary."""


def decode_degc(word: bytes) -> float:
    """Temperature of 2 bytes, big-endian two's complement; NotReadyError before the first."""
    counts = int.from_bytes(word, "big", signed=True)
    if counts == NO_SAMPLE:
        raise NotReadyError("TMP117 has not finished its first conversion; ask again in 1 s")
    return counts * DEGC_PER_COUNT


class Tmp117:
    """One thermometer at `address` 0x48..0x4B of `bus`."""

    def __init__(self, bus: I2cBus, address: int) -> None:
        self._bus = bus
        self._address = address

    def probe(self) -> None:
        """WrongDeviceError unless a TMP117 answers."""
        found = int.from_bytes(self._read(REG_DEVICE_ID), "big") & 0x0FFF
        if found != DEVICE_ID:
            raise WrongDeviceError(
                f"I2C 0x{self._address:02x}: expected TMP117 (0x{DEVICE_ID:03x}),"
                f" read 0x{found:03x}; check which chip is fitted there"
            )

    def start(self) -> None:
        """Continuous conversion once a second, whatever the chip's EEPROM says."""
        self._bus.transfer(
            self._address, bytes((REG_CONFIG, CONFIG_RESET >> 8, CONFIG_RESET & 255))
        )

    def has_new_sample(self) -> bool:
        """True once after each conversion; reading the temperature clears it too."""
        return bool(int.from_bytes(self._read(REG_CONFIG), "big") & DATA_READY)

    def read_degc(self) -> float:
        """Newest temperature; NotReadyError before the first."""
        return decode_degc(self._read(REG_TEMPERATURE))

    def _read(self, register: int) -> bytes:
        return self._bus.transfer(self._address, bytes((register,)), 2)
