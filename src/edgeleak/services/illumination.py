# SPDX-License-Identifier: Apache-2.0
"""Illumination: what the LED shall do, whether it does it, and when it must not.

The sensor gates the light, so its flag bit in each frame is the only proof that a pulse was
lit; current and temperature telemetry tell why it was not.  Every trouble with the light is
an INHIBIT ("no illumination") or a fault of its own code; the answer is always: enable off.
"""

import contextlib
import errno
import math
from collections import deque
from dataclasses import dataclass, replace
from typing import Protocol

from edgeleak import codes
from edgeleak.board import Board, LedPart, Thermistor
from edgeleak.clock import Clock
from edgeleak.drivers.enables import Enable
from edgeleak.drivers.led import ALTERNATE, DARK, LEAST_MA, MODES, OFF, ON, Drive, Led, plan
from edgeleak.errors import BusError, ConfigError, UsageError
from edgeleak.services.adc_round import AdcRound
from edgeleak.services.life import LifeCounters
from edgeleak.services.lit_time import LitTime

PERIOD_MS = 25
ROUND = ("led_current", "led_thermistor", "led_current", "supply")
"""A pulse's current is known two steps after it, so a broken LED is dark within two frames."""
MISMATCHES = 3
"""Frames in a row whose flag contradicts the mode: a fault."""
GRACE_FRAMES = 3
"""After a change of mode frames of the old one are still on their way."""
STALE_S = 1.0
EXPIRY_S = 0.14
"""Without the bus nobody could change the light any more: 150 ms, as its step may come early."""
SUPPLY_S = 2.0
OPEN_SHARE, SHORT_SHARE = 0.5, 1.5
"""Measured over commanded current: below a broken wire, above a short."""
RETRY_S = 10.0
"""After trouble that clears itself the light is tried again this much later."""
MARGIN_K = 3.0
"""The energy limit falls with temperature over a window that is already partly spent: plan for
where a rising temperature will be at its end, and a little more."""
RATE_SAMPLES = 1000 // PERIOD_MS
DERATE_STEP = 0.02
"""A current is written again when derating moved it by this share; not for every hundredth."""


class ExposureControl(Protocol):
    """What of the sensor's control port decides about light."""

    integration_us: int
    frame_period_us: int

    def set_integration_us(self, integration_us: int) -> None: ...

    def set_led_mode(self, mode: int) -> None: ...


@dataclass(frozen=True, slots=True)
class LedStatus:
    """One consistent picture of the light, replaced as a whole.

    mode, current_ma   : what is commanded
    measured_ma        : telemetry of the last pulse; NaN unknown
    led_degc, supply_v : NaN unknown
    code, measured, expected : 0, or why there is no illumination
    """

    mode: int = OFF
    current_ma: float = 0.0
    measured_ma: float = math.nan
    led_degc: float = math.nan
    supply_v: float = math.nan
    code: int = codes.OK
    measured: float = math.nan
    expected: float = math.nan


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asked for."""

    mode: int = OFF
    current_ma: float = 0.0


class FlagWatch:
    """Compares each frame's LED flag with the mode; used by the frames thread only."""

    def __init__(self) -> None:
        self._mode, self._grace, self._last_on = OFF, 0, False
        self.mismatches = 0

    def note(self, mode: int, led_on: bool) -> int:
        """Frames in a row that contradict the mode."""
        if mode != self._mode:
            self._mode, self._grace, self.mismatches = mode, GRACE_FRAMES, 0
        if self._grace:
            self._grace -= 1
        elif self._is_wrong(led_on):
            self.mismatches += 1
        else:
            self.mismatches = 0
        self._last_on = led_on
        return self.mismatches

    def _is_wrong(self, led_on: bool) -> bool:
        if self._mode == ALTERNATE:
            return led_on == self._last_on
        return led_on != (self._mode == ON)


class Illumination:
    """The LED's state machine; `step` runs in the control loop at a fixed rate.

    led     : driver with the four limits
    round_  : ADC channels `led_thermistor`, `led_current`, `supply`
    sensor  : exposure times and led_mode
    board   : limits and thermistor
    clock   : intervals
    least_supply_v : below this the light goes first, so that the processor stays
    life    : hours and pulses are counted here
    """

    least_ma = LEAST_MA

    def __init__(self, led: Led, round_: AdcRound, sensor: ExposureControl, board: Board,
                 clock: Clock, *, least_supply_v: float = 0.0,
                 life: LifeCounters | None = None) -> None:  # fmt: skip
        if board.led is None or board.led_thermistor is None or board.adc is None:
            raise ConfigError(f"board {board.name}: no LED is wired; add [led] or leave it off")
        self._led, self._round, self._sensor, self._clock = led, round_, sensor, clock
        self._part: LedPart = board.led
        self._supply_divider = board.adc.supply.divider
        self._least_supply_v = least_supply_v
        self._lit = LitTime(life or LifeCounters(), board.gpio.refresh_ms)
        self._thermistor: Thermistor = board.led_thermistor
        self._wish, self._retry_ns, self._lit_ns = Wish(), 0, 0
        self._answered_ns = clock.monotonic_ns()
        self._first_ns: int | None = None
        self._exposure_us: int | None = None
        self._latched = codes.OK
        self._is_gating = False  # the sensor's led_mode may be another than OFF
        self.may_light = True
        self._heat: deque[tuple[int, float]] = deque(maxlen=RATE_SAMPLES)
        self.watch = FlagWatch()
        self.status = LedStatus()

    def request(self, mode: str, current_ma: float) -> None:
        """Ask for light; UsageError names the limit that the wish breaks.

        mode       : "off", "on" or "alternate"
        current_ma : peak current
        """
        if mode not in MODES:
            raise UsageError(f"LED mode '{mode}': use {', '.join(MODES)}")
        wish = Wish(MODES[mode], current_ma)
        self._planned(wish, 25.0, self._exposure_us or self._sensor.integration_us)
        self._wish = wish

    def request_exposure(self, integration_us: int) -> None:
        """Ask for another integration time; UsageError when light or sensor forbid it."""
        if not 10 <= integration_us <= self._sensor.frame_period_us:  # NaN fails this too
            raise UsageError(
                f"integration of {integration_us!r} us: use 10 to {self._sensor.frame_period_us} us"
            )
        self._planned(self._wish, 25.0, integration_us)
        self._exposure_us = int(integration_us)

    def clear(self) -> None:
        """Forget a latched fault: the light is tried again."""
        self._latched = codes.OK
        self._retry_ns = 0

    def note_frame(self, led_on: bool) -> None:
        """From the frames thread: the flag bit of a whole frame."""
        self.watch.note(self._led.drive.mode, led_on)

    def step(self, now_ns: int) -> None:
        """Measure, judge, then light or not; never raises."""
        if self._first_ns is None:
            self._first_ns = now_ns
        self._lit.note(now_ns, self._led.drive, self._sensor.frame_period_us)
        try:
            self._round.step()
            self._answered_ns = now_ns
        except BusError:
            self._round.restart()
        self._measure()
        self._change_exposure()
        trouble = self._trouble()
        if trouble[0]:
            self._go_dark(now_ns, *trouble)
        elif not self.may_light:
            self._darken()
        elif now_ns >= self._retry_ns and not self._is_starting():
            self._follow_wish(now_ns)
        self._keep()

    @property
    def enable(self) -> Enable:
        """For whoever must switch off without the control loop."""
        return self._led.enable

    def _keep(self) -> None:
        """The next edge of the enable; a light that dropped begins again with the next step.

        Zero and sensor mode are owed while dark, and tried again until they are written.
        """
        try:
            self._led.refresh()
            self._led.rest()
        except BusError as error:  # no edge is off by itself
            if error.errno == errno.ETIMEDOUT:
                return  # another call would wait as long
        if self._led.drive.mode == OFF:
            self._ungate()

    def off(self) -> None:
        """Dark now, whatever is wished; the enable first."""
        self._wish = Wish()
        self._darken()

    def _change_exposure(self) -> None:
        """Current first where it has to fall, then the time: no frame is lit too long."""
        wanted_us = self._exposure_us
        if wanted_us is None:
            return
        try:
            drive = self._led.drive
            if drive.mode != OFF:
                wish = Wish(drive.mode, drive.current_ma)
                self._led.apply(self._planned(wish, self._lead_degc(), wanted_us))
            self._sensor.set_integration_us(wanted_us)
            self._exposure_us = None
        except UsageError:
            if self._wish.mode == drive.mode:  # it changed in between and wins
                self._exposure_us = None  # another mode is driven first, with the next step
        except BusError:
            return  # tried again with the next step

    def _planned(self, wish: Wish, led_degc: float, integration_us: float) -> Drive:  # fmt: skip
        sensor = self._sensor
        return plan(self._part, wish.mode, wish.current_ma, integration_us,
                    sensor.frame_period_us, led_degc)  # fmt: skip

    def _measure(self) -> None:
        ma = self._round.volts("led_current") / self._part.telemetry_v_per_a * 1000
        self.status = replace(
            self.status,
            mode=self._led.drive.mode,
            current_ma=self._led.drive.current_ma,
            measured_ma=ma,
            led_degc=self._thermistor.degc(self._round.volts("led_thermistor")),
            supply_v=self.supply_v(),
        )
        self._heat.append((self._clock.monotonic_ns(), self.status.led_degc))

    def supply_v(self) -> float:
        """Measured within the last seconds; NaN is not known, lit or dark."""
        is_fresh = self._round.age_s("supply") <= SUPPLY_S
        return self._supply_divider * self._round.volts("supply") if is_fresh else math.nan

    def _trouble(self) -> tuple[int, float, float]:
        """(code, measured, expected) of what forbids light now; 0 when nothing does."""
        if self._latched:
            return self._latched, self.status.measured, self.status.expected
        if self._wish.mode == OFF or self._is_starting():
            return codes.OK, math.nan, math.nan
        silent_s = (self._clock.monotonic_ns() - self._answered_ns) / 1e9
        if self._led.drive.mode != OFF and silent_s >= EXPIRY_S:
            return codes.LED_BUS, silent_s, EXPIRY_S
        age_s = self._round.age_s("led_thermistor")
        if age_s > STALE_S:
            return codes.LED_TELEMETRY, age_s, STALE_S
        if self.status.supply_v < self._least_supply_v:
            return codes.BROWN_OUT, self.status.supply_v, self._least_supply_v
        led_degc = self.status.led_degc
        if math.isnan(led_degc):
            return codes.LED_THERMISTOR, self._round.volts("led_thermistor"), math.nan
        if self._lead_degc() >= self._part.max_degc:
            return codes.LED_HOT, led_degc, self._part.max_degc
        found = self._current_trouble()
        return found if found[0] else self._flag_trouble()

    def _is_starting(self) -> bool:
        """The first round of the converter is still on its way: dark, and no trouble yet."""
        if math.isfinite(self._round.age_s("led_thermistor")) or self._first_ns is None:
            return False
        return (self._clock.monotonic_ns() - self._first_ns) / 1e9 <= STALE_S

    def _flag_trouble(self) -> tuple[int, float, float]:
        """A contradicting flag; a broken LED explains it, so its telemetry is looked at first."""
        wrong = self.watch.mismatches
        since_s = wrong * self._sensor.frame_period_us / 1e6
        if wrong < MISMATCHES or self._round.age_s("led_current") > since_s:
            return codes.OK, math.nan, math.nan
        return codes.LED_FLAG, wrong, MISMATCHES

    def _lead_degc(self) -> float:
        """Temperature to plan for: where a rise of the last second leads, and a margin."""
        now_ns, led_degc = self._heat[-1]
        old_ns, old_degc = self._heat[0]
        passed_s = (now_ns - old_ns) / 1e9
        rate = max(0.0, led_degc - old_degc) / passed_s if passed_s > 0 else 0.0
        return led_degc + MARGIN_K + rate * self._part.duty_window_s

    def _current_trouble(self) -> tuple[int, float, float]:
        commanded, measured = self._led.drive.current_ma, self.status.measured_ma
        if commanded <= 0 or math.isnan(measured) or not self._is_settled():
            return codes.OK, math.nan, math.nan
        if measured > SHORT_SHARE * commanded:
            return codes.LED_SHORT, measured, commanded
        if measured < OPEN_SHARE * commanded:
            return codes.LED_OPEN, measured, commanded
        return codes.OK, math.nan, math.nan

    def _is_settled(self) -> bool:
        """The current sample was taken well after the command, so it belongs to it."""
        since_s = (self._clock.monotonic_ns() - self._lit_ns) / 1e9
        frames_s = 4 * self._sensor.frame_period_us / 1e6
        return since_s > frames_s + self._round.age_s("led_current")

    def _follow_wish(self, now_ns: int) -> None:
        drive = self._led.drive
        try:
            wanted = self._planned(self._wish, self._lead_degc(), self._sensor.integration_us)
            moved = abs(wanted.current_ma - drive.current_ma)
            if wanted.mode == drive.mode and moved <= DERATE_STEP * drive.current_ma:
                if wanted.mode == OFF:
                    self.status = replace(self.status, code=codes.OK)
                return
            self._led.apply(wanted)
            self._gate(wanted.mode)
        except UsageError:  # the exposure changed under a wish that was fine
            self._go_dark(now_ns, codes.LED_LIMIT, self._sensor.integration_us / 1000,
                          self._part.max_pulse_ms)  # fmt: skip
            return
        except BusError:
            self._go_dark(now_ns, codes.LED_BUS, math.nan, math.nan)
            return
        self._lit_ns = now_ns
        self.status = replace(self.status, code=codes.OK, mode=wanted.mode,
                              current_ma=wanted.current_ma, measured=math.nan,
                              expected=math.nan)  # fmt: skip

    def _go_dark(self, now_ns: int, code: int, measured: float, expected: float) -> None:
        if codes.TABLE[code].kind == codes.Kind.FAULT:
            self._latched = code
        self._retry_ns = now_ns + int(RETRY_S * 1e9)
        self.watch = FlagWatch()
        self._darken()
        self.status = replace(self.status, mode=OFF, current_ma=0.0, code=code,
                              measured=measured, expected=expected)  # fmt: skip

    def _darken(self) -> None:
        if self._led.drive is not DARK:
            try:
                self._led.off()
            except BusError as error:  # the enable is off already and does not need the bus
                if error.errno == errno.ETIMEDOUT:
                    return
        self._ungate()

    def _gate(self, mode: int) -> None:
        self._is_gating = True
        self._sensor.set_led_mode(mode)
        self._is_gating = mode != OFF

    def _ungate(self) -> None:
        """The sensor's mode to OFF, unless it surely is."""
        if self._is_gating:
            with contextlib.suppress(BusError):
                self._gate(OFF)
