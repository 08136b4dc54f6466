# SPDX-License-Identifier: Apache-2.0
"""TI ADS1115, 16-bit ADC with four inputs: thermistors, telemetry and supply of the board.

Conversions are single shots in three steps (`start`, `ready`, `result_volts`), so that a
control loop never waits.  A chip that lost its supply comes back with its reset configuration,
says "not converting" and holds 0000h: `ready` compares the configuration with what was
written and refuses, so a brown-out cannot pass for a reading of 0 V.

Source: TI datasheet SBAS444E, checked there: register map and reset values (8.1), config bits
(table 8-3), full-scale range and LSB (table 7-1), output codes (table 7-3), 25 us wake-up of a
single shot (7.4.2.1), data rate +-10 % (5.5).  ADS1015 thresholds end in 0h and Fh: SBAS473E.
"""

import math

from edgeleak.bus.protocols import I2cBus
from edgeleak.clock import Clock
from edgeleak.errors import BusError, NotReadyError, UsageError, WrongDeviceError

REG_CONVERSION, REG_CONFIG, REG_LO_THRESH, REG_HI_THRESH = range(4)
CONFIG_RESET = 0x8583
LO_THRESH_RESET, HI_THRESH_RESET = 0x8000, 0x7FFF
OS = 0x8000
MUX_SHIFT, MUX_SINGLE_ENDED = 12, 4
PGA_SHIFT = 9
MODE_SINGLE_SHOT = 0x0100
RATE_SHIFT = 5
COMPARATOR_OFF = 0x0003

FULL_SCALES_V = (6.144, 4.096, 2.048, 1.024, 0.512, 0.256)
"""By PGA code; 110b and 111b repeat the last."""
RATES_SPS = (8, 16, 32, 64, 128, 250, 475, 860)
"""By DR code."""
CODE_MAX, CODE_MIN = 0x7FFF, -0x8000
WAKE_UP_NS = 25_000
RATE_TOLERANCE = 0.1

_PROBE_LO = 0x800A
"""Low threshold with bits that an ADS1015 cannot keep."""


def config_word(channel: int, full_scale_v: float, rate_sps: int) -> int:
    """Configuration that starts a single shot of AINx against ground.

    channel      : 0..3
    full_scale_v : one of `FULL_SCALES_V`
    rate_sps     : one of `RATES_SPS`
    """
    if channel not in range(4):
        raise UsageError(f"ADS1115 channel {channel}: expected 0 to 3")
    if full_scale_v not in FULL_SCALES_V:
        raise UsageError(f"ADS1115 full scale {full_scale_v} V: expected one of {FULL_SCALES_V}")
    if rate_sps not in RATES_SPS:
        raise UsageError(f"ADS1115 rate {rate_sps} SPS: expected one of {RATES_SPS}")
    return (
        OS
        | (MUX_SINGLE_ENDED + channel) << MUX_SHIFT
        | FULL_SCALES_V.index(full_scale_v) << PGA_SHIFT
        | MODE_SINGLE_SHOT
        | RATES_SPS.index(rate_sps) << RATE_SHIFT
        | COMPARATOR_OFF
    )


def decode_volts(word: bytes, full_scale_v: float) -> float:
    """Volts of a conversion register; +-infinity where the converter clipped.

    word : 2 bytes, big-endian two's complement
    """
    counts = int.from_bytes(word, "big", signed=True)
    if counts == CODE_MAX:
        return math.inf
    if counts == CODE_MIN:
        return -math.inf
    return counts * full_scale_v / 0x8000


class Ads1115:
    """One converter.

    bus      : its adapter
    address  : 0x48..0x4B
    clock    : only `read_volts` needs it, to wait
    rate_sps : conversions a second; 860 is 1.3 ms, the others mean over more noise
    """

    def __init__(self, bus: I2cBus, address: int, clock: Clock | None = None, *,
                 rate_sps: int = 860) -> None:  # fmt: skip
        self._bus, self._address, self._clock = bus, address, clock
        self._rate_sps = rate_sps
        self._started = 0
        self._full_scale_v = 0.0
        self._may_convert = True
        config_word(0, FULL_SCALES_V[0], rate_sps)

    @property
    def conversion_ns(self) -> int:
        """Longest time from `start` to `ready`."""
        return WAKE_UP_NS + round(1e9 / self._rate_sps / (1 - RATE_TOLERANCE))

    def probe(self) -> None:
        """WrongDeviceError unless an ADS1115 answers; forgets a conversion under way."""
        self._started, self._may_convert = 0, True
        idle = CONFIG_RESET & ~OS
        self._write(REG_CONFIG, idle)
        self._write(REG_LO_THRESH, _PROBE_LO)
        config = int.from_bytes(self._read(REG_CONFIG), "big") & ~OS
        lo = int.from_bytes(self._read(REG_LO_THRESH), "big")
        self._write(REG_LO_THRESH, LO_THRESH_RESET)
        if (config, lo) != (idle, _PROBE_LO):
            raise WrongDeviceError(
                f"I2C 0x{self._address:02x}: expected an ADS1115 that keeps config"
                f" 0x{idle:04x} and threshold 0x{_PROBE_LO:04x}, read 0x{config:04x} and"
                f" 0x{lo:04x}; check which chip is fitted there"
            )

    def start(self, channel: int, full_scale_v: float) -> None:
        """Begin one conversion of AIN`channel` against ground.

        NotReadyError while another one goes on: the chip would finish that one and its
        channel would pass for this one.
        """
        config = config_word(channel, full_scale_v, self._rate_sps)
        self._started = 0
        if self._may_convert and not self._read(REG_CONFIG)[0] & OS >> 8:
            raise NotReadyError(f"ADS1115 0x{self._address:02x} still converts; start it later")
        self._may_convert = True
        self._write(REG_CONFIG, config)
        self._started, self._full_scale_v = config, full_scale_v

    def ready(self) -> bool:
        """True once the conversion is over.

        Raises NotReadyError without `start`, BusError when the chip forgot its configuration.
        """
        if not self._started:
            raise NotReadyError(f"ADS1115 0x{self._address:02x}: no conversion was started")
        config = int.from_bytes(self._read(REG_CONFIG), "big")
        if (config ^ self._started) & ~OS:
            expected, self._started = self._started, 0
            raise BusError(
                f"ADS1115 0x{self._address:02x} lost its configuration: wrote"
                f" 0x{expected:04x}, read 0x{config:04x}; its supply dropped, start again"
            )
        self._may_convert = not config & OS
        return not self._may_convert

    def result_volts(self) -> float:
        """Volts of the finished conversion, +-infinity where it clipped; ask `ready` first."""
        if not self._started:
            raise NotReadyError(f"ADS1115 0x{self._address:02x}: no conversion was started")
        return decode_volts(self._read(REG_CONVERSION), self._full_scale_v)

    def read_volts(self, channel: int, full_scale_v: float) -> float:
        """Start, wait and fetch: for bring-up and self-test, not for control loops."""
        if self._clock is None:
            raise UsageError("Ads1115.read_volts waits and needs a clock; pass one")
        self.start(channel, full_scale_v)
        self._clock.wait_until_ns(self._clock.monotonic_ns() + self.conversion_ns)
        if not self.ready():
            raise NotReadyError(
                f"ADS1115 0x{self._address:02x} still converts after"
                f" {self.conversion_ns / 1e6:.2f} ms; check its supply"
            )
        return self.result_volts()

    def _write(self, register: int, value: int) -> None:
        self._bus.transfer(self._address, bytes((register, value >> 8, value & 0xFF)))

    def _read(self, register: int) -> bytes:
        return self._bus.transfer(self._address, bytes((register,)), 2)
