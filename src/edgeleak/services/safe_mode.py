# SPDX-License-Identifier: Apache-2.0
"""Safe mode: no actuator moves while it is wished or the board's strap is set."""

from collections.abc import Callable

from edgeleak import codes
from edgeleak.drivers.lines import Strap
from edgeleak.errors import BusError
from edgeleak.services.health import FINE, Trouble


class SafeMode:
    """A strap that was set once holds until somebody leaves safe mode without it.  Until it could
    be read it counts as set: nothing says that it is open.

    strap : None where the board has none
    is_on : wished from the start
    log   : gets a line when the strap cannot be read
    """

    def __init__(self, strap: Strap | None, is_on: bool, log: Callable[[str], None]) -> None:
        self._strap, self._is_wished, self._log = strap, is_on, log
        self._was_read = strap is None

    @property
    def is_on(self) -> bool:
        return self._is_wished or not self._was_read

    def set(self, is_on: bool) -> None:
        """What somebody wishes; the strap cannot be overruled."""
        self._is_wished = is_on
        self.look()

    def look(self) -> None:
        """At the strap; a line that could be read before and now cannot changes nothing."""
        if self._strap is None:
            return
        try:
            self._is_wished |= self._strap.is_set()
            self._was_read = True
        except BusError as error:
            self._log(f"NOTE the safe strap cannot be read: {error}")

    def report(self) -> Trouble:
        return Trouble(codes.SAFE_MODE) if self.is_on else FINE
