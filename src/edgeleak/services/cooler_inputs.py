# SPDX-License-Identifier: Apache-2.0
"""What the cooler measures: four channels of one ADS1115 in turn, nobody waits for a conversion.

A round is five conversions, one each 10 ms: hot side, current, voltage, and the FPA twice just
before the control step, so that a single corrupted reading can be told from a moving one.
"""

import errno
import math

from edgeleak.board import AdcChannel, AdcWiring, Thermistor
from edgeleak.clock import Clock
from edgeleak.drivers.ads1115 import Ads1115
from edgeleak.errors import BusError, ConfigError, NotReadyError

SAMPLE_PERIOD_MS = 10
ROUND = ("hot_thermistor", "tec_current", "tec_voltage", "fpa_thermistor", "fpa_thermistor")
RETRIES = 2
"""A control period, all transfers together."""
OUTLIER_K = 1.0
OUTLIERS = 2
"""A reading this far from the last one is left out this many times; then it is believed."""


class CoolerInputs:
    """Latest volts of each channel and whether the last period brought a new FPA reading.

    adc    : the converter all four channels are on
    wiring : their inputs
    clock  : for ages
    """

    def __init__(self, adc: Ads1115, wiring: AdcWiring, clock: Clock) -> None:
        self._adc, self._clock = adc, clock
        self._channels: dict[str, AdcChannel] = {n: getattr(wiring, n) for n in set(ROUND)}
        if len({channel.address for channel in self._channels.values()}) != 1:
            raise ConfigError("board adc: the cooler's four channels must be on one ADS1115")
        self._volts = dict.fromkeys(self._channels, math.nan)
        self._taken_ns: dict[str, int] = {}
        self._turn, self._is_pending = 0, False
        self._retries = RETRIES
        self._fresh: list[float] = []
        self.errors = self.timeouts_in_a_row = 0

    def begin_period(self) -> list[float]:
        """FPA volts since the last call, oldest first; a new retry budget."""
        taken, self._fresh = self._fresh, []
        self._retries = RETRIES
        return taken

    def may_retry(self) -> bool:
        """Take one retry of this period's budget."""
        if self._retries <= 0 or self.timeouts_in_a_row:
            return False
        self._retries -= 1
        return True

    def sample(self) -> None:
        """Fetch the finished conversion, start the next; never raises, errors are counted."""
        while True:
            try:
                self._attempt()
                self.timeouts_in_a_row = 0
                return
            except NotReadyError:
                self._is_pending = False
            except BusError as error:
                self.note_error(error)
            if not self.may_retry():
                return

    def note_error(self, error: BusError) -> None:
        """Count an error; a time-out is a bus that holds us, which must not be tried again."""
        self.errors += 1
        is_timeout = error.errno == errno.ETIMEDOUT
        self.timeouts_in_a_row = self.timeouts_in_a_row + 1 if is_timeout else 0

    def volts(self, name: str) -> float:
        """Last value of a channel; NaN before the first."""
        return self._volts[name]

    def code(self, name: str) -> int:
        """Last ADC code of a channel; -1 where there is none."""
        volts, full_v = self._volts[name], self._channels[name].full_scale_v
        return round(volts / full_v * 0x8000) if math.isfinite(volts) else -1

    def age_s(self, name: str) -> float:
        """Seconds since the last value."""
        if name not in self._taken_ns:
            return math.inf
        return (self._clock.monotonic_ns() - self._taken_ns[name]) / 1e9

    def _attempt(self) -> None:
        name = ROUND[self._turn]
        if self._is_pending:
            if not self._adc.ready():
                return
            self._volts[name] = volts = self._adc.result_volts()
            self._taken_ns[name] = self._clock.monotonic_ns()
            self._is_pending = False
            self._turn = (self._turn + 1) % len(ROUND)
            if name == "fpa_thermistor":
                self._fresh.append(volts)
        channel = self._channels[ROUND[self._turn]]
        self._adc.start(channel.channel, channel.full_scale_v)
        self._is_pending = True


class Reading:
    """One thermistor's temperature without single outliers."""

    def __init__(self, part: Thermistor) -> None:
        self._part = part
        self.degc = self.share = math.nan
        self._left_out = 0

    def take(self, volts: float) -> None:
        """A new voltage; infinite where the converter clipped."""
        self.share = min(1.0, max(0.0, volts / self._part.supply_v))
        degc = self._part.degc(volts)
        is_odd = abs(degc - self.degc) > OUTLIER_K or math.isnan(degc) != math.isnan(self.degc)
        if is_odd and not math.isnan(self.degc) and self._left_out < OUTLIERS:
            self._left_out += 1
            return
        self._left_out = 0
        self.degc = degc

    def lsb_k(self, full_scale_v: float) -> float:
        """Kelvin per ADC code here."""
        volts_per_k = self._part.volts(self.degc - 0.5) - self._part.volts(self.degc + 0.5)
        return full_scale_v / 0x8000 / volts_per_k
