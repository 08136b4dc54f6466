# SPDX-License-Identifier: Apache-2.0
"""Sensirion SHT40/41/45: temperature and humidity inside the housing, for the dew point.

A command is one byte; the answer is two words, each with its CRC-8.  While it measures the
chip does not acknowledge, so `start` and `read` are apart and `MEASURE_NS` lies between them.

Source: Sensirion datasheet SHT4x.  Checked against published text: commands and their longest
times (table 4), CRC polynomial 31h, start FFh, CRC(BEEFh) = 92h.  From memory: section numbers,
and cropping of humidity to 0..100 (the same formula and crop stand in Sensirion's own driver).
"""

import contextlib

from edgeleak.bus.protocols import I2cBus
from edgeleak.errors import BusError, NotReadyError, WrongDeviceError

MEASURE_HIGH, MEASURE_MEDIUM, MEASURE_LOW = 0xFD, 0xF6, 0xE0
READ_SERIAL, SOFT_RESET = 0x89, 0x94
MEASURE_NS = 8_300_000
"""Longest high-precision measurement."""
RESET_NS = 1_000_000
CRC_POLYNOMIAL, CRC_START = 0x31, 0xFF


class ChecksumError(BusError):
    """The chip answered, and its checksum does not fit."""


def crc8(data: bytes) -> int:
    """Sensirion's checksum, most significant bit first."""
    crc = CRC_START
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ CRC_POLYNOMIAL if crc & 0x80 else crc << 1) & 0xFF
    return crc


def decode_words(answer: bytes) -> tuple[int, int]:
    """Two 16-bit words of 6 bytes (word, CRC, word, CRC); ChecksumError when they do not fit."""
    if len(answer) != 6:
        raise ChecksumError(f"SHT4x answered {len(answer)} bytes, expected 6")
    for start in (0, 3):
        expected, found = crc8(answer[start : start + 2]), answer[start + 2]
        if expected != found:
            raise ChecksumError(
                f"SHT4x answer {answer.hex(' ')}: CRC of word {start // 3} is 0x{found:02x},"
                f" expected 0x{expected:02x}; read it again, then check cable and pull-ups"
            )
    return int.from_bytes(answer[0:2], "big"), int.from_bytes(answer[3:5], "big")


def decode(answer: bytes) -> tuple[float, float]:
    """(degC, relative humidity in percent, cropped to 0..100) of a measurement."""
    temperature, humidity = decode_words(answer)
    percent = -6 + 125 * humidity / 65535
    return -45 + 175 * temperature / 65535, min(max(percent, 0.0), 100.0)


class Sht4x:
    """One sensor at `address` 0x44..0x46 of `bus`."""

    def __init__(self, bus: I2cBus, address: int) -> None:
        self._bus = bus
        self._address = address
        self._measures = False

    def probe(self) -> int:
        """The serial number; WrongDeviceError when what answers is no SHT4x.

        The part has no ID: a serial number with two right CRCs is the evidence.  One wrong
        answer may be the cable, so it is asked a second time.
        """
        with contextlib.suppress(ChecksumError):
            return self.serial_number()
        try:
            return self.serial_number()
        except ChecksumError as error:
            raise WrongDeviceError(
                f"I2C 0x{self._address:02x}: expected an SHT4x, its serial number has no right"
                f" checksum twice ({error}); check which chip is fitted there"
            ) from error

    def serial_number(self) -> int:
        """32 bits; ends a measurement under way."""
        self._measures = False
        self._bus.transfer(self._address, bytes((READ_SERIAL,)))
        high, low = decode_words(self._bus.transfer(self._address, b"", 6))
        return high << 16 | low

    def reset(self) -> None:
        """Soft reset; the chip is deaf for `RESET_NS`."""
        self._measures = False
        self._bus.transfer(self._address, bytes((SOFT_RESET,)))

    def start(self) -> None:
        """Begin a high-precision measurement; `read` is due `MEASURE_NS` later."""
        self._bus.transfer(self._address, bytes((MEASURE_HIGH,)))
        self._measures = True

    def read(self) -> tuple[float, float]:
        """(degC, humidity in percent) of the measurement begun by `start`, once.

        NotReadyError without `start`; BusError (no acknowledge) while it still measures.
        """
        if not self._measures:
            raise NotReadyError(f"SHT4x 0x{self._address:02x}: no measurement was started")
        answer = self._bus.transfer(self._address, b"", 6)
        self._measures = False
        return decode(answer)
