# SPDX-License-Identifier: Apache-2.0
"""SHT4x as it answers: commands of one byte, deaf while it measures, words with CRC.

Sources as in drivers.sht4x.  A result is fetched once; without one the chip does not acknowledge
a read.  That it takes no command while it measures is an assumption.  Heater commands heat, then
measure; the plant may read `heater_w`.
"""

from collections.abc import Callable

from edgeleak.drivers import sht4x as chip
from edgeleak.sim.chips.chip import BUS_IDLE, Nack, NowNs

MEASUREMENTS_NS = {
    chip.MEASURE_HIGH: chip.MEASURE_NS,
    chip.MEASURE_MEDIUM: 4_500_000,
    chip.MEASURE_LOW: 1_600_000,
}
HEATERS = {  # command -> (W, ns)
    0x39: (0.2, 1_000_000_000),
    0x32: (0.2, 100_000_000),
    0x2F: (0.11, 1_000_000_000),
    0x24: (0.11, 100_000_000),
    0x1E: (0.02, 1_000_000_000),
    0x15: (0.02, 100_000_000),
}


class Sht4xModel:
    """One sensor.

    degc, humidity : true values (percent); asked when a measurement ends
    now_ns         : the plant's time
    serial_number  : 32 bits
    """

    def __init__(self, address: int, degc: Callable[[], float], humidity: Callable[[], float],
                 now_ns: NowNs, *, serial_number: int = 0x0E1A_0001) -> None:  # fmt: skip
        self.address = address
        self._degc, self._humidity, self._now_ns = degc, humidity, now_ns
        self._serial_number = serial_number
        self.power_cycle()

    def power_cycle(self) -> None:
        self._answer = b""
        self._heats_w = 0.0
        self._measures = False
        self._busy_until_ns = self._now_ns() + chip.RESET_NS

    @property
    def heater_w(self) -> float:
        """Power that the heater adds now."""
        measuring_ns = self._busy_until_ns - chip.MEASURE_NS
        return self._heats_w if self._now_ns() < measuring_ns else 0.0

    def transfer(self, data: bytes, read_length: int) -> bytes:
        self.tick()
        if self._now_ns() < self._busy_until_ns:
            raise Nack
        if data:
            self._command(data[0])
        if not read_length:
            return b""
        if self._now_ns() < self._busy_until_ns or not self._answer:
            raise Nack
        answer = self._answer + bytes((BUS_IDLE,)) * read_length
        self._answer = b""
        return answer[:read_length]

    def tick(self) -> None:
        if self._measures and self._now_ns() >= self._busy_until_ns:
            self._measures = False
            temperature = _word((self._degc() + 45) / 175)
            humidity = _word((self._humidity() + 6) / 125)
            self._answer = _with_crc(temperature) + _with_crc(humidity)

    def _command(self, command: int) -> None:
        self._answer, self._heats_w = b"", 0.0
        now_ns = self._now_ns()
        if command in MEASUREMENTS_NS:
            self._measures = True
            self._busy_until_ns = now_ns + MEASUREMENTS_NS[command]
        elif command in HEATERS:
            self._measures = True
            self._heats_w, heating_ns = HEATERS[command]
            self._busy_until_ns = now_ns + heating_ns + chip.MEASURE_NS
        elif command == chip.READ_SERIAL:
            serial = self._serial_number
            self._answer = _with_crc(serial >> 16) + _with_crc(serial & 0xFFFF)
        elif command == chip.SOFT_RESET:
            self.power_cycle()
        else:
            raise Nack


def _word(share: float) -> int:
    return max(0, min(0xFFFF, round(share * 65535)))


def _with_crc(word: int) -> bytes:
    data = word.to_bytes(2, "big")
    return data + bytes((chip.crc8(data),))
