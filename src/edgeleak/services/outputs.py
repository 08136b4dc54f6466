# SPDX-License-Identifier: Apache-2.0
"""The enables of cooler and light as one thing that any thread may put to rest."""

from collections.abc import Sequence

from edgeleak.board import Board
from edgeleak.bus.protocols import Buses
from edgeleak.drivers.enables import Enable
from edgeleak.errors import BusError
from edgeleak.services import bringup


class Outputs:
    """No I2C bus can block these.

    enables : of the actuators that this board has
    """

    def __init__(self, board: Board, buses: Buses, enables: Sequence[Enable]) -> None:
        self._board, self._buses, self._enables = board, buses, tuple(enables)

    def off(self) -> None:
        """Low, now.  A line that fails has no more edges either, so its monostable runs out."""
        for enable in self._enables:
            try:
                enable.off()
            except BusError:
                continue

    def are_off(self) -> bool:
        """They read back low."""
        try:
            return not bringup.enables_on(self._board, self._buses)
        except BusError:
            return False
