# SPDX-License-Identifier: Apache-2.0
"""labgrid: off, booting, console, ready; each measured, none assumed."""

import enum
from typing import Any

import attr
from labgrid.factory import target_factory
from labgrid.step import step
from labgrid.strategy import Strategy, StrategyError

READY_S = 300.0
"""From the first answer of a warm camera to its first verdict."""


class Status(enum.Enum):
    unknown = 0
    off = 1
    booting = 2
    console = 3
    ready = 4


@target_factory.reg_driver
@attr.s(eq=False)
class EdgeleakStrategy(Strategy):
    """off: no power; booting: power, nothing asked yet; console: it answers; ready: verdicts come.

    A rig without a power switch starts at `console`.
    """

    bindings = {  # noqa: RUF012 - labgrid's form
        "power": {"PowerProtocol", None},
        "console": "EdgeleakConsoleDriver",
    }
    status: Status = attr.ib(default=Status.unknown)

    @step(args=["status"])
    def transition(self, status: Status | str, *, step: Any) -> None:
        """Go there; StrategyError says what stood in the way."""
        wanted = status if isinstance(status, Status) else Status[status]
        if wanted in (Status.off, Status.booting):
            self._power(wanted)
        elif wanted is Status.console:
            self._to_console()
        elif wanted is Status.ready:
            self._to_console()
            self._wait_ready()
        else:
            raise StrategyError(f"cannot go to {wanted.name}")
        self.status = wanted

    def _power(self, wanted: Status) -> None:
        if self.power is None:
            raise StrategyError("no power switch in the environment: add a power driver")
        self.target.deactivate(self.console)
        self.target.activate(self.power)
        self.power.off()
        if wanted is Status.booting:
            self.power.on()

    def _to_console(self) -> None:
        if self.power is not None and self.status in (Status.unknown, Status.off):
            self.transition(Status.booting)
        self.target.activate(self.console)

    def _wait_ready(self) -> None:
        ask, state = self.console.query, ""
        for _ in self.console.tries(READY_S, 0.05):
            state = ask("SYST:STAT?")  # asked again it may be learning anew
            if state in ("DETECTING", "FAULT", "SAFE"):
                break
        if state != "DETECTING":
            raise StrategyError(f"not ready within {READY_S:g} s: {ask('SYST:CODE?')}")
