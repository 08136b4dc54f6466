# SPDX-License-Identifier: Apache-2.0
"""AD5693R as it answers: input and DAC register, control register, 0 V after reset.

Sources as in drivers.ad5693r.  LDAC is high on our boards: command 10h changes the input
register only; `is_ldac_low` makes it transparent.
"""

from collections.abc import Callable

from edgeleak.drivers import ad5693r as chip
from edgeleak.sim.chips.chip import BUS_IDLE, Nack, NowNs


class Ad5693rModel:
    """One DAC.

    now_ns       : the plant's time, for `on_output`
    on_output    : called with (ns, volts) when the output is written, the same again too
    external_v   : voltage at the REF pin while the internal reference is off
    is_ldac_low  : the LDAC pin is tied low
    nacks_reset  : the last byte of a software reset is not acknowledged
    bits         : 16, or 14 (AD5692R) or 12 (AD5691R); their unused bits read 0, an assumption
    """

    def __init__(self, address: int, now_ns: NowNs, *,
                 on_output: Callable[[int, float], None] | None = None, external_v: float = 0.0,
                 is_ldac_low: bool = False, nacks_reset: bool = False,
                 bits: int = 16) -> None:  # fmt: skip
        self.address = address
        self._now_ns, self._on_output, self._external_v = now_ns, on_output, external_v
        self._is_ldac_low, self._nacks_reset = is_ldac_low, nacks_reset
        self._unused = (1 << 16 - bits) - 1
        self._volts = 0.0
        self.power_cycle()

    def power_cycle(self) -> None:
        self.input_code = self.dac_code = 0
        self.control = 0
        if self.output_v != self._volts:
            self._tell()

    @property
    def output_v(self) -> float:
        """Voltage at the output; 0 through 1 k or 100 k, or floating, while powered down."""
        if self.control >> chip.CONTROL_POWER_DOWN_SHIFT & 3:
            return 0.0
        is_external = bool(self.control & chip.CONTROL_REFERENCE_OFF)
        reference_v = self._external_v if is_external else chip.REFERENCE_V
        return chip.volts_of(
            self.dac_code, 2 if self.control & chip.CONTROL_GAIN_2 else 1, reference_v
        )

    def transfer(self, data: bytes, read_length: int) -> bytes:
        for start in range(0, len(data) - 2, 3):
            self._execute(data[start] & 0xF0, int.from_bytes(data[start + 1 : start + 3], "big"))
        if not read_length:
            return b""
        word = self.input_code.to_bytes(2, "big")
        return (word + bytes((BUS_IDLE,)) * read_length)[:read_length]

    def tick(self) -> None:
        """Nothing here takes time; the output settles in 5 us."""

    def _execute(self, command: int, value: int) -> None:
        if command in (chip.CMD_WRITE_INPUT, chip.CMD_WRITE_UPDATE):
            self.input_code = value & ~self._unused
        is_update = command in (chip.CMD_UPDATE, chip.CMD_WRITE_UPDATE) or self._is_ldac_low
        if is_update:
            self.dac_code = self.input_code
        if command == chip.CMD_CONTROL:
            self._control(value)
        elif is_update:
            self._tell()

    def _control(self, value: int) -> None:
        self.control = value & 0x7800
        if is_reset := bool(value & chip.CONTROL_RESET):
            self.input_code = self.dac_code = self.control = 0
        self._tell()
        if is_reset and self._nacks_reset:
            raise Nack

    def _tell(self) -> None:
        self._volts = self.output_v
        if self._on_output is not None:
            self._on_output(self._now_ns(), self._volts)
