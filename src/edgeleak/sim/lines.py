# SPDX-License-Identifier: Apache-2.0
"""GPIO lines as the kernel keeps them: levels, and a short queue of edges each."""

from collections import deque
from collections.abc import Callable

from edgeleak.board import GpioWiring
from edgeleak.errors import UsageError

EVENT_BUFFER = 16
"""Edges the kernel keeps for one requested line; beyond, the oldest is lost."""


class Lines:
    """Levels (True is active) and rising edges of the board's lines.

    levels  : of every line, by name
    on_edge : called with (name, time_ns, is_rising) for the edges of inputs
    """

    def __init__(self, wiring: GpioWiring) -> None:
        self._wiring = wiring.lines
        self.levels = dict.fromkeys(wiring.lines, False)
        self._edges: dict[str, deque[int]] = {
            name: deque(maxlen=EVENT_BUFFER)
            for name, line in wiring.lines.items()
            if line.direction == "in"
        }
        self.on_edge: Callable[[str, int, bool], None] | None = None

    def level(self, name: str) -> bool:
        """As active or not; UsageError for a line the board does not have."""
        if name not in self.levels:
            raise UsageError(f"gpio line '{name}' is not on this board")
        return self.levels[name]

    def drive(self, name: str, is_active: bool) -> bool:
        """Set an output; returns whether it changed."""
        self._must_be(name, "out")
        changed = self.levels[name] != is_active
        self.levels[name] = is_active
        return changed

    def move(self, name: str, is_active: bool, now_ns: int) -> None:
        """The world sets an input."""
        self._must_be(name, "in")
        was_active = self.levels[name]
        self.levels[name] = is_active
        if is_active and not was_active:
            self.rise(name, now_ns)
        elif was_active and not is_active and self.on_edge is not None:
            self.on_edge(name, now_ns, False)

    def rise(self, name: str, time_ns: int) -> None:
        """A rising edge of an input; a line that is not wired has none."""
        if name not in self._edges:
            return
        self._edges[name].append(time_ns)
        if self.on_edge is not None:
            self.on_edge(name, time_ns, True)

    def take(self, name: str) -> list[int]:
        """Edges since the last call, oldest first."""
        self._must_be(name, "in")
        taken = list(self._edges[name])
        self._edges[name].clear()
        return taken

    def _must_be(self, name: str, direction: str) -> None:
        line = self._wiring.get(name)
        if line is None or line.direction != direction:
            raise UsageError(f"gpio line '{name}' is no {direction}put of this board")
