# SPDX-License-Identifier: Apache-2.0
"""Every write to something that acts, with its time, and what the enables made of it.

    tec_command_v, led_command_v            the DACs' outputs, repeated codes too
    tec_enable_line, led_enable_line        each edge and repeat the firmware gave: the refresh
    tec_enable, led_enable                  what the monostables behind them let through
    fan, alarm, status_green, sensor_power  every other output, by its name on the board
    shutter, stream, led_mode, integration_us, period_us   the EL-1's registers
    ffc                                     the command that moves a Lepton's shutter
    fault NAME                              1 broken, 0 mended

Refresh edges are kept one by one and not as a count, which would not say what edge came late.
With both outputs on they are 120 of 142 writes a second.  A row is 18 bytes in three arrays, so
an hour is 9 MB; a write takes 0.7 us, in all 0.15 % of a lockstep run with small frames.
"""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple, overload

LOG_MOST = 2_000_000
"""Four hours with everything on, 36 MB; then the older half goes."""


class ActuatorWrite(NamedTuple):
    """One write as the plant saw it."""

    time_ns: int
    what: str
    value: float


class ActuatorLog(Sequence[ActuatorWrite]):
    """Writes in order of time.

    most    : rows kept
    trimmed : rows that went because there were too many
    """

    def __init__(self, most: int = LOG_MOST) -> None:
        self._most = most
        self.trimmed = 0
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._times, self._whats, self._values = array("q"), array("H"), array("d")
        self._newest: dict[str, tuple[int, float]] = {}

    def write(self, time_ns: int, what: str, value: float) -> None:
        """Add a row; one that is told late (an enable that ran out) goes where it belongs."""
        times = self._times
        if len(times) >= self._most:
            self._trim(self._most // 2)
        number = self._numbers.get(what)
        if number is None:
            number = self._numbers[what] = len(self._names)
            self._names.append(what)
        at = len(times)
        while at and times[at - 1] > time_ns:
            at -= 1
        times.insert(at, time_ns)
        self._whats.insert(at, number)
        self._values.insert(at, value)
        self._newest[what] = time_ns, value

    def last(self, what: str) -> ActuatorWrite | None:
        """Newest write of `what`."""
        newest = self._newest.get(what)
        return None if newest is None else ActuatorWrite(newest[0], what, newest[1])

    def since(self, time_ns: int, what: str | None = None) -> list[ActuatorWrite]:
        """Writes from a time on, of `what` or of everything."""
        rows = range(bisect_left(self._times, time_ns), len(self))
        if what is None:
            return [self[row] for row in rows]
        number = self._numbers.get(what)
        return [self[row] for row in rows if self._whats[row] == number]

    def _trim(self, count: int) -> None:
        for column in (self._times, self._whats, self._values):
            del column[:count]
        self.trimmed += count

    def __len__(self) -> int:
        return len(self._times)

    @overload
    def __getitem__(self, row: int) -> ActuatorWrite: ...

    @overload
    def __getitem__(self, row: slice) -> list[ActuatorWrite]: ...

    def __getitem__(self, row: int | slice) -> ActuatorWrite | list[ActuatorWrite]:
        if isinstance(row, slice):
            return [self[at] for at in range(len(self))[row]]
        what = self._names[self._whats[row]]
        return ActuatorWrite(self._times[row], what, self._values[row])
