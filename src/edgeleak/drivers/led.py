# SPDX-License-Identifier: Apache-2.0
"""The 3.3 um LED behind an AD5693R current command: four limits, checked before light.

The gate is wired as (sensor exposure AND LED enable), so a pulse is as long as the sensor
integrates and the only ways to light are the enable, the current and the sensor's led_mode.
A plan that could break a limit in the worst phase of the sliding window is refused; the one
limit that may lower the current instead is energy, because temperature moves it.
"""

import math
from dataclasses import dataclass

from edgeleak.board import LedPart
from edgeleak.drivers.ad5693r import Ad5693r, code_of
from edgeleak.drivers.enables import Enable
from edgeleak.errors import UsageError

OFF, ON, ALTERNATE = 0, 1, 2
MODES = {"off": OFF, "on": ON, "alternate": ALTERNATE}
US_PER_S = 1e6
SHORTEST_US = 1.0
LEAST_MA = 1.0
"""Less is no light: neither the gate nor the telemetry would tell."""


@dataclass(frozen=True, slots=True)
class Drive:
    """A checked plan.

    mode       : OFF, ON or ALTERNATE, as the sensor's led_mode
    current_ma : what the driver will be told, after derating
    pulse_ms   : one exposure
    window_s   : worst-case time on within the board's sliding window
    energy_j   : worst-case energy in the same window
    """

    mode: int
    current_ma: float
    pulse_ms: float
    window_s: float
    energy_j: float


DARK = Drive(OFF, 0.0, 0.0, 0.0, 0.0)


def plan(part: LedPart, mode: int, current_ma: float, integration_us: float, period_us: float,
         led_degc: float) -> Drive:  # fmt: skip
    """The drive for a wish, or UsageError naming the limit that it would break.

    mode           : OFF, ON (every exposure) or ALTERNATE (every second one)
    current_ma     : wished peak current; lowered where energy or temperature ask for it, and
                     dark below LEAST_MA
    integration_us : exposure, which is the pulse width
    period_us      : from frame to frame
    led_degc       : LED temperature; NaN is treated as the hottest
    """
    if mode not in MODES.values():
        raise UsageError(f"LED mode {mode!r}: use {', '.join(MODES)}")
    if mode == OFF or 0 <= current_ma < LEAST_MA:
        return DARK
    _check_numbers(part, current_ma, integration_us, period_us)
    pulse_s = integration_us / US_PER_S
    every_s = period_us / US_PER_S * (2 if mode == ALTERNATE else 1)
    if pulse_s * 1000 > part.max_pulse_ms:
        raise UsageError(
            f"LED pulse of {pulse_s * 1000:g} ms: at most {part.max_pulse_ms:g} ms;"
            " shorten the integration time"
        )
    on_s = window_on_s(pulse_s, every_s, part.duty_window_s)
    if on_s > part.max_duty * part.duty_window_s:
        raise UsageError(
            f"LED on for {on_s:.3f} s of any {part.duty_window_s:g} s: at most"
            f" {part.max_duty * part.duty_window_s:.3f} s; shorten the integration time"
            " or use alternate"
        )
    current_ma = min(current_ma, energy_limit_ma(part, on_s, led_degc))
    if current_ma < LEAST_MA:
        return DARK
    energy_j = current_ma / 1000 * part.forward_v * on_s
    return Drive(mode, current_ma, pulse_s * 1000, on_s, energy_j)


def window_on_s(pulse_s: float, every_s: float, window_s: float) -> float:
    """Longest time on in any window, one pulse more than the pattern has for changes of plan."""
    whole = math.floor(window_s / every_s)
    return whole * pulse_s + min(pulse_s, window_s - whole * every_s) + pulse_s


def energy_limit_ma(part: LedPart, on_s: float, led_degc: float) -> float:
    """Peak current that keeps the window's energy below the limit at this temperature."""
    if math.isnan(led_degc):
        led_degc = part.max_degc
    span = part.max_degc - part.derate_from_degc
    share = min(1.0, max(0.0, (part.max_degc - led_degc) / span))
    return min(part.max_ma, 1000 * part.max_energy_j * share / (part.forward_v * on_s))


def _check_numbers(part: LedPart, current_ma: float, integration_us: float,
                   period_us: float) -> None:  # fmt: skip
    if not 0 <= current_ma <= part.max_ma:  # NaN fails this too
        raise UsageError(f"LED current {current_ma!r} mA: use 0 to {part.max_ma:g} mA")
    if not SHORTEST_US <= integration_us <= period_us < math.inf:
        raise UsageError(
            f"LED pulse of {integration_us!r} us every {period_us!r} us:"
            " the integration time must be 1 us or more and shorter than the frame period"
        )


class Led:
    """Current command and enable; what is lit when is the sensor's led_mode.

    dac    : current command, read back after every write
    enable : needs `refresh` within the board's time, or the light goes out by itself
    part   : limits and scale
    """

    def __init__(self, dac: Ad5693r, enable: Enable, part: LedPart) -> None:
        self._dac, self.enable, self._part = dac, enable, part
        self._is_zero = False
        self.drive = DARK

    def apply(self, drive: Drive) -> None:
        """Send the current, then the first edge of the enable; DARK is `off`.

        Raises BusError, also when the read-back differs.
        """
        if drive.mode == OFF:
            self.off()
            return
        self._is_zero = False
        self._dac.write_code(code_of(drive.current_ma / self._part.ma_per_v))
        if self.drive.mode == OFF:
            self.enable.start()
        self.drive = drive

    def refresh(self) -> bool:
        """Keep an allowed light on; False when it had dropped: it is dark until `apply`.

        Without a call it is off within the board's refresh time.  Raises BusError.
        """
        if self.drive.mode == OFF:
            return True
        if self.enable.refresh():
            return True
        self.drive = DARK
        return False

    def off(self) -> None:
        """Enable first, which no bus can block; then the current command.  Raises BusError."""
        self.drive, self._is_zero = DARK, False
        self.enable.off()
        self.rest()

    def rest(self) -> None:
        """While dark: the command to zero, until it is.  Raises BusError."""
        if self.drive.mode == OFF and not self._is_zero:
            self._dac.write_code(0)
            self._is_zero = True
