# SPDX-License-Identifier: Apache-2.0
"""The instrument without a screen: status LEDs by state, button to actions, alarm output.

What the patterns and presses are is said once, in `drivers.lines`; this joins them to the
instrument.  A line that fails is counted and every other one goes on: no press depends on an LED.
"""

from collections.abc import Callable

from edgeleak import codes
from edgeleak.clock import NS_PER_S
from edgeleak.drivers.lines import Press, Roles
from edgeleak.errors import BusError
from edgeleak.services.health import State

CAP_WORDS = {
    codes.PUT_CAP_ON: "cap-on",
    codes.CONFIRM_CAP: "cap-on",
    codes.TAKE_CAP_OFF: "cap-off",
}
"""In state `nuc`: what only the person can do."""


class Panel:
    """LEDs, button and alarm output of the lines that are wired.

    roles    : lines of this board; None where there is no such line
    hold_s   : an alarm lasts at least this long after the last GAS, also through an INHIBIT
    on_press : called with each press
    """

    def __init__(self, roles: Roles, hold_s: float, on_press: Callable[[Press], None]) -> None:
        self._roles, self._on_press = roles, on_press
        self._hold_ns = round(hold_s * NS_PER_S)
        self._gas_ns: int | None = None
        self.is_alarm = False
        self.alarms = self.presses = self.errors = 0

    def note_gas(self, now_ns: int) -> None:
        """The answer is GAS; the output follows at once, not at the next step."""
        self._gas_ns = now_ns
        self._set_alarm(True)

    def step(self, now_ns: int, state: State, code: int) -> None:
        """Every 20 ms: button, alarm, LEDs."""
        gas_ns = self._gas_ns
        self._set_alarm(gas_ns is not None and now_ns - gas_ns < self._hold_ns)
        self._show(now_ns, state, code)
        press = self._poll(now_ns)
        if press is not None:
            self.presses += 1
            self._on_press(press)

    def dark(self) -> None:
        """Alarm off and LEDs dark, as at the end of the program."""
        self._gas_ns = None
        self._set_alarm(False)
        try:
            if self._roles.leds is not None:
                self._roles.leds.off()
        except BusError:
            self.errors += 1

    def _show(self, now_ns: int, state: State, code: int) -> None:
        if self._roles.leds is None:
            return
        word = CAP_WORDS.get(code, state) if state is State.NUC else state
        try:
            self._roles.leds.show(word, now_ns, code=code, is_gas=self.is_alarm)
        except BusError:
            self.errors += 1

    def _poll(self, now_ns: int) -> Press | None:
        if self._roles.button is None:
            return None
        try:
            return self._roles.button.poll(now_ns)
        except BusError:
            self.errors += 1
            return None

    def _set_alarm(self, is_on: bool) -> None:
        """Also in fault or inhibit: an alarm that was given is not taken back early."""
        self.alarms += is_on and not self.is_alarm
        self.is_alarm = is_on
        if self._roles.alarm is None:
            return
        try:
            self._roles.alarm.set(is_on)
        except BusError:
            self.errors += 1
