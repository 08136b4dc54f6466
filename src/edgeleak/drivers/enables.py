# SPDX-License-Identifier: Apache-2.0
"""TEC and LED enable: each rising edge keeps the output on for the board's `refresh_ms`.

The line drives a retriggerable monostable (an assumption on the board, emulated by the plant):
a line that stays high or stays low is off, so a hung, stopped or killed process is off too.
"""

from edgeleak.bus.protocols import GpioLines
from edgeleak.errors import BusError


class Enable:
    """One refreshed enable.

    lines : GPIO lines
    name  : `tec_enable` or `led_enable`
    """

    def __init__(self, lines: GpioLines, name: str) -> None:
        self._lines = lines
        self._name = name

    def refresh(self) -> None:
        """On for another refresh time; one failed call is tried again.  Raises BusError."""
        try:
            self._pulse()
        except BusError:
            self._pulse()

    def _pulse(self) -> None:
        self._lines.set(self._name, False)
        self._lines.set(self._name, True)

    def off(self) -> None:
        """Off once the board's bridge time has passed.  Raises BusError."""
        self._lines.set(self._name, False)
