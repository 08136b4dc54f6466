# SPDX-License-Identifier: Apache-2.0
"""What clients leave in the log: every order, but only so many refusals of one client a minute,
so that nobody who may do nothing can fill it."""

from collections.abc import Callable

from edgeleak.clock import NS_PER_S

REFUSALS_MOST = 10
WINDOW_NS = 60 * NS_PER_S


class Trail:
    """Lines of all connections.

    log      : of the whole program
    clock_ns : of the instrument
    """

    def __init__(self, log: Callable[[str], None], clock_ns: Callable[[], int]) -> None:
        self._log, self._clock_ns = log, clock_ns
        self._refused: dict[tuple[str, str], tuple[int, int]] = {}

    def order(self, name: str, line: str) -> None:
        """Something that was done, or is worth a line whenever it comes."""
        self._log(f"CONSOLE {name}: {line}")

    def refusal(self, name: str, who: str, line: str, kind: str = "") -> None:
        """Something that was not done.

        name, who : of the connection, and of the client however often it connects
        kind      : what is counted by itself, so that nothing cheap hides it
        """
        self.poll()
        begin_ns, count = self._refused.get((who, kind), (self._clock_ns(), 0))
        self._refused[who, kind] = begin_ns, count + 1
        if count < REFUSALS_MOST:
            self.order(name, line)

    def poll(self) -> None:
        """Count what was left out of the minutes that are over."""
        if not self._refused:
            return
        now_ns = self._clock_ns()
        for (who, kind), (begin_ns, count) in tuple(self._refused.items()):
            if now_ns - begin_ns < WINDOW_NS:
                continue
            self._refused.pop((who, kind), None)  # PINs are refused in the clerk's thread
            if count > REFUSALS_MOST:
                what = f"more {kind}".strip()
                self.order(who, f"{count - REFUSALS_MOST} {what} refused within a minute")
