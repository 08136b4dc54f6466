# SPDX-License-Identifier: Apache-2.0
"""labgrid: the instrument's console as a driver; SCPI over any port that the target has."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.step import step

from edgeleak.clock import NS_PER_S, SystemClock
from edgeleak.console.client import Client, connect
from edgeleak.errors import EdgeLeakError

QUIET_S = 0.5
"""An answer takes a turn of the console, 20 ms, so this long is no answer."""
PIN_VARIABLE = "HIL_PIN_{}"


class Refused(Exception):
    """The instrument answered a command with errors."""


@target_factory.reg_driver
@attr.s(eq=False)
class EdgeleakConsoleDriver(Driver):
    """Questions and commands; a port that falls silent is an error within `timeout_s`.

    pins        : of the levels; an empty one is taken from HIL_PIN_OPERATE or HIL_PIN_SERVICE,
                  so that a secret needs no file; without that it cannot be logged in to
    choose_pins : choose them where there are none yet, as on a board fresh from the bench
    boot_s      : longest from power to the first answer
    """

    bindings = {"port": {"RawSerialPort", "USBSerialPort", "EmulatedBoard"}}  # noqa: RUF012
    pins: dict[str, str] = attr.ib(factory=dict, validator=attr.validators.instance_of(dict))
    choose_pins: bool = attr.ib(default=False, validator=attr.validators.instance_of(bool))
    timeout_s: float = attr.ib(default=5.0, converter=float)
    boot_s: float = attr.ib(default=60.0, converter=float)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._client: Client | None = None
        self._clock = SystemClock()

    @property
    def client(self) -> Client:
        if self._client is None:
            raise RuntimeError("the console is not open: take the strategy to `console`")
        return self._client

    def on_activate(self) -> None:
        """Until it answers, or `boot_s` are over."""
        last = "no port"
        for _ in self.tries(self.boot_s):
            if not Path(self.port.port).exists():
                continue
            try:
                self._open()
                return
            except EdgeLeakError as error:
                last = str(error)
                self.on_deactivate()
        raise TimeoutError(f"{self.port.port}: no answer within {self.boot_s:g} s ({last})")

    def _open(self) -> None:
        self._client = Client(connect(self.port.port, self.port.speed), QUIET_S)
        self._client.start()
        self._client.timeout_s = self.timeout_s

    def on_deactivate(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None

    def tries(self, limit_s: float, period_s: float = 0.02) -> Iterator[float]:
        """Seconds since the first, at this period, until the limit."""
        begin_ns = now_ns = self._clock.monotonic_ns()
        while now_ns - begin_ns < limit_s * NS_PER_S:
            yield (now_ns - begin_ns) / NS_PER_S
            self._clock.wait_until_ns(now_ns + round(period_s * NS_PER_S))
            now_ns = self._clock.monotonic_ns()

    @Driver.check_active
    @step(args=["line"], result=True)
    def query(self, line: str) -> str:
        """The answer to one line as text."""
        return self.client.query(line)

    @Driver.check_active
    def number(self, line: str) -> float:
        """The answer as a number; 9.91E37, not known, is NaN."""
        value = float(self.client.query(line))
        return float("nan") if value == 9.91e37 else value

    @Driver.check_active
    @step(args=["line"])
    def write(self, line: str) -> None:
        """A command, done when this returns; Refused with the instrument's own words."""
        if errors := self.errors_of(line):
            raise Refused(f"{line}: {errors}")

    @Driver.check_active
    def errors_of(self, line: str) -> list[tuple[int, str]]:
        """Errors of one line."""
        return self.client.ask(line)[1]

    @Driver.check_active
    def send(self, line: str) -> None:
        """A line without waiting for anything."""
        self.client.write(line)

    @Driver.check_active
    def block(self, line: str) -> bytes:
        """Contents of the block that answers."""
        return self.client.block(line)

    @Driver.check_active
    def until(self, is_done: Callable[[], Any], limit_s: float) -> float:
        """Seconds until it holds, asked again and again; NaN when it never did."""
        for at_s in self.tries(limit_s, 0.05):
            if is_done():
                return at_s
        return float("nan")

    def _has_pin(self, level: str) -> bool:
        return self.query(f"SYST:PIN? {level.upper()}") == "1"

    @Driver.check_active
    def log_in(self, level: str) -> bool:
        """False where the environment knows no PIN of this level."""
        pin = self.pins.get(level, "") or os.environ.get(PIN_VARIABLE.format(level.upper()), "")
        if not pin:
            return False
        if self.choose_pins and not self._has_pin(level):
            for other in (name for name in self.pins if name != level and self._has_pin(name)):
                self.log_in(other)  # a further first PIN needs a level
            self.write(f'SYST:PIN {level.upper()},"{pin}"')
        self.write(f'SYST:LEV {level.upper()},"{pin}"')
        return True
