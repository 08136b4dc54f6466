# SPDX-License-Identifier: Apache-2.0
"""Rings of statistics: ten minutes at a row a second, and the last half minute finer, which is
kept when a fault comes."""

from collections.abc import Callable
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np

from edgeleak.clock import NS_PER_MS, NS_PER_S
from edgeleak.services.health import State

COLUMNS = ("t_s", "state", "code", "frame", "fps", "drops", "evidence", "cold_degc", "hot_degc",
           "tec_a", "tec_v", "led_ma", "led_degc", "supply_v", "housing_degc",
           "humidity_percent")  # fmt: skip
STATES = tuple(State)
LONG_MS, LONG_ROWS = 1000, 600
FINE_MS, FINE_ROWS = 200, 150


class Ring:
    """The last rows, float64; takes all its memory at the start."""

    def __init__(self, period_ms: int, rows: int) -> None:
        self._period_ns = period_ms * NS_PER_MS
        self._rows = np.full((rows, len(COLUMNS)), nan)
        self._count, self._due_ns = 0, 0

    def is_due(self, now_ns: int) -> bool:
        """The next row is to be taken."""
        if now_ns < self._due_ns:
            return False
        self._due_ns = now_ns + self._period_ns
        return True

    def add(self, row: list[float]) -> None:
        self._rows[self._count % len(self._rows)] = row
        self._count += 1

    def newest(self, most: int) -> np.ndarray:
        """(N, columns) float64 copy, oldest first."""
        size = len(self._rows)
        count = min(most, self._count, size)
        return self._rows[np.arange(self._count - count, self._count) % size]


@dataclass(frozen=True, slots=True)
class LastFault:
    """A fault and what was before it.

    code, text : as health said it
    at_s       : since the start
    rows       : (N, columns) of COLUMNS
    lines      : end of the log
    """

    code: int
    text: str
    at_s: float
    rows: np.ndarray
    lines: tuple[str, ...]


class History:
    """Watches an instrument; `poll` costs microseconds unless a row is due."""

    KEPT_LINES = 60

    def __init__(self, instrument: Any, lines: Callable[[], list[str]]) -> None:
        self._instrument, self._lines = instrument, lines
        self.long, self.fine = Ring(LONG_MS, LONG_ROWS), Ring(FINE_MS, FINE_ROWS)
        self.last_fault: LastFault | None = None
        self._was_fault = False

    def poll(self, now_ns: int) -> None:
        """Take what is due, notice a fault."""
        wants_long, wants_fine = self.long.is_due(now_ns), self.fine.is_due(now_ns)
        is_fault = self._instrument.health.state is State.FAULT
        begins = is_fault and not self._was_fault
        self._was_fault = is_fault
        if not (wants_long or wants_fine or begins):
            return
        row = self._row(now_ns)
        if wants_long:
            self.long.add(row)
        if wants_fine or begins:
            self.fine.add(row)
        if begins:
            trouble = self._instrument.health.answer.trouble
            self.last_fault = LastFault(trouble.code, trouble.text, row[0],
                                        self.fine.newest(FINE_ROWS),
                                        tuple(self._lines()[-self.KEPT_LINES :]))  # fmt: skip

    def _row(self, now_ns: int) -> list[float]:
        on = self._instrument
        cooler = None if on.cooler is None else on.cooler.status
        light = None if on.light is None else on.light.status
        around = None if on.cooler is None else on.cooler.surroundings
        verdict = on.health.answer.verdict
        return [
            (now_ns - on.start_ns) / NS_PER_S, STATES.index(on.health.state),
            on.health.answer.trouble.code, on.path.frames, on.path.fps, on.acquisition.drops,
            nan if verdict is None else verdict.evidence,
            *((nan,) * 4 if cooler is None else
              (cooler.cold_degc, cooler.hot_degc, cooler.current_a, cooler.voltage_v)),
            *((nan,) * 3 if light is None else
              (light.measured_ma, light.led_degc, light.supply_v)),
            *((nan,) * 2 if around is None else
              (around.housing_degc, around.humidity_percent)),
        ]  # fmt: skip


def as_csv(rows: np.ndarray) -> str:
    """With a head line; what is not known is empty."""
    lines = [",".join(COLUMNS)]
    for row in rows:
        values = ["" if value != value else f"{value:.6g}" for value in row]
        values[1] = str(STATES[int(row[1])])
        lines.append(",".join(values))
    return "\n".join(lines) + "\n"
