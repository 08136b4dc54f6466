# SPDX-License-Identifier: Apache-2.0
"""When the start is over: what the service manager waits for, and what a start that failed leaves.

READY is the first corrected frame, or fault and safe state with both enables off.  It is also a
start that stands still in good health: frames, control and console all alive, and for a while no
progress.  It waits for a person (cap, cooler, shutter) or for what cannot be had (set-point), and
says so as an INHIBIT with its code.  A restart would only warm the detector and cool it again.
"""

from collections.abc import Callable

from edgeleak.clock import NS_PER_S
from edgeleak.services.health import Health, State
from edgeleak.services.watchdog import EXTENSION_S, Starts, Watchdog

AT_REST = (State.FAULT, State.SAFE)
WAY_UP = (State.BOOT, State.SELFTEST, State.COOLING, State.NUC, State.READY, State.DETECTING)
SETTLED_S = EXTENSION_S - 5.0
"""Without progress this long nothing more is coming; the manager's patience is the extension."""


class Readiness:
    """Belongs to the frames loop; `end_well` to whoever ends it.

    watchdog : tells the manager
    starts   : hears that this start succeeded
    health   : state and answer
    log      : gets one line when READY is said without a corrected frame
    """

    def __init__(self, watchdog: Watchdog, starts: Starts, health: Health,
                 log: Callable[[str], None]) -> None:  # fmt: skip
        self._watchdog, self._starts = watchdog, starts
        self._health, self._log = health, log
        self._progress_ns = health.ticked_ns

    def step(self, distance_k: float, *, has_picture: bool, is_alive: bool) -> None:
        """Look whether the start is over, or ask for more time.

        distance_k  : detector to set-point
        has_picture : a corrected frame was judged
        is_alive    : brought up, and the watchdog was just fed
        """
        if self._watchdog.is_ready:
            return
        state, now_ns = self._health.state, self._health.ticked_ns
        if self._watchdog.progress(WAY_UP.index(state) if state in WAY_UP else 0, distance_k):
            self._progress_ns = now_ns
        if has_picture or (state in AT_REST and self._watchdog.outputs_are_off()):
            self._say(str(state))
        elif is_alive and now_ns - self._progress_ns >= SETTLED_S * NS_PER_S:
            self._say_settled(f"{state}, waits: {self._health.answer.reason}")

    def _say_settled(self, status: str) -> None:
        if self._say(status):
            self._log(f"READY without a corrected frame: {status}")

    def _say(self, status: str) -> bool:
        """True when the manager's queue took it."""
        self._watchdog.ready(status)
        if self._watchdog.is_ready:
            self._starts.ready()
        return self._watchdog.is_ready

    def end_well(self) -> None:
        """A stop that was asked for.  A start that its manager ended before READY still counts."""
        if self._watchdog.is_ready or not self._watchdog.has_manager:
            self._starts.end_well()
