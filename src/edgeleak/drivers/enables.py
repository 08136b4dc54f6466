# SPDX-License-Identifier: Apache-2.0
"""TEC and LED enable: each rising edge keeps the output on for the board's `refresh_ms`.

The line drives a retriggerable monostable (an assumption on the board, emulated by the plant):
a line that stays high or stays low is off, so a hung, stopped or killed process is off too.
An output that has dropped must not come back by an edge alone, because what it drives was set
for another moment: only `start` begins again, and `off` from any thread ends what runs.
"""

from edgeleak.bus.protocols import GpioLines
from edgeleak.clock import NS_PER_MS, NS_PER_S, Clock
from edgeleak.errors import BusError


class Enable:
    """One refreshed enable.

    lines      : GPIO lines
    name       : `tec_enable` or `led_enable`
    clock      : tells a late edge at the edge itself; without one the caller has to
    refresh_ms : the board's monostable time
    bridge_ms  : a line that is low for so long has dropped, too
    """

    def __init__(self, lines: GpioLines, name: str, clock: Clock | None = None,
                 refresh_ms: int = 200, bridge_ms: int = 60) -> None:  # fmt: skip
        self._lines, self._name, self._clock = lines, name, clock
        self._refresh_ns, self._bridge_ns = refresh_ms * NS_PER_MS, bridge_ms * NS_PER_MS
        self._is_running, self._offs, self._edge_ns = False, 0, 0

    @property
    def refresh_s(self) -> float:
        """How long an edge lasts."""
        return self._refresh_ns / NS_PER_S

    def start(self) -> None:
        """The first edge.  Raises BusError."""
        offs = self._offs
        self._is_running = True
        self._edge_ns = self._now_ns()
        if not self._pulse(self._edge_ns) or self._offs != offs:  # another thread: off
            self.off()

    def refresh(self) -> bool:
        """On for another refresh time; False when it has dropped or was switched off.

        One failed call is tried again.  Raises BusError.
        """
        offs, from_ns = self._offs, self._now_ns()
        if not self._is_running or not self._rise() or self._offs != offs:
            self.off()
            return False
        self._edge_ns = from_ns  # an answer that comes late says nothing of when the edge was
        return True

    @property
    def silent_s(self) -> float:
        """Since the last edge, at most."""
        return (self._now_ns() - self._edge_ns) / NS_PER_S

    def off(self) -> None:
        """Off once the board's bridge time has passed; from any thread.  Raises BusError."""
        self._is_running = False
        self._offs += 1
        self._lines.set(self._name, False)

    def _rise(self) -> bool:
        """A rising edge, unless the output has dropped before it, or may have."""
        low_ns = self._now_ns()
        try:
            return self._pulse(low_ns)
        except BusError:
            return self._pulse(low_ns)  # the first try may have left the line low

    def _pulse(self, low_ns: int) -> bool:
        """False unless the output surely lasted until the edge, whichever call took its time.

        low_ns : since then the line may be low
        """
        self._lines.set(self._name, False)
        if self._may_have_dropped(low_ns):
            return False
        self._lines.set(self._name, True)
        return not self._may_have_dropped(low_ns)

    def _now_ns(self) -> int:
        return 0 if self._clock is None else self._clock.monotonic_ns()

    def _may_have_dropped(self, low_ns: int) -> bool:
        """Too long since the last edge, or since the line was lowered."""
        now_ns = self._now_ns()
        return now_ns - self._edge_ns >= self._refresh_ns or now_ns - low_ns >= self._bridge_ns
